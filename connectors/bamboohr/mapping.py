"""Map BambooHR's rows to entities. No request is made here."""

from collections.abc import Iterable

from connector_core import (
    Department,
    Employee,
    IdsByName,
    Status,
    WorkerType,
    day,
    department_fields,
    full_name,
    link,
    lookup,
    moment,
)
from connectors.bamboohr.wire import Option, Person

_STATUSES = {"active": Status.ACTIVE, "inactive": Status.INACTIVE}
_WORKERS = {
    **dict.fromkeys(("full time", "part time", "intern"), WorkerType.EMPLOYEE),
    **dict.fromkeys(("contractor", "freelance"), WorkerType.CONTRACTOR),
}


def names_of(options: Iterable[Option]) -> IdsByName:
    """Return the ids of the departments by their names."""
    return IdsByName((one.name, one.id, one.archived != "yes") for one in options if one.name)


def to_department(option: Option) -> Department:
    return Department.of(option, active=option.archived != "yes")


def to_employee(person: Person, departments: IdsByName | None) -> Employee:
    preferred = person.preferred_name and person.last_name and full_name(person.preferred_name, person.last_name)
    return Employee.of(
        person,
        display_name=preferred or person.display_name,
        source_status=person.status,
        status=lookup(_STATUSES, person.status, Status.UNKNOWN),
        # For people who have left it says only that.
        worker_type=lookup(_WORKERS, person.employment_history_status, WorkerType.UNKNOWN),
        start_date=day(person.hire_date),
        end_date=day(person.termination_date),
        manager_source_id=link(person.supervisor_e_id, "0"),
        updated_at=moment(person.last_changed),
        **department_fields(person.department, departments),
    )

"""From BambooHR's rows to entities. Pure: no request is made here."""

from collections.abc import Iterable, Mapping

from connector_core import (
    UNSET,
    Department,
    Employee,
    Maybe,
    Status,
    WorkerType,
    day,
    department_fields,
    ids_by_name,
    lookup,
    moment,
)
from connectors.bamboohr.wire import Option, Person

_STATUSES = {"active": Status.ACTIVE, "inactive": Status.INACTIVE}
_WORKERS = {
    **dict.fromkeys(("full-time", "part-time", "intern"), WorkerType.EMPLOYEE),
    **dict.fromkeys(("contractor", "freelance"), WorkerType.CONTRACTOR),
}


def names_of(options: Iterable[Option]) -> dict[str, str]:
    """The id behind each department's name."""
    return ids_by_name((one.name, one.id, one.archived != "yes") for one in options if one.name)


def to_department(option: Option) -> Department:
    return Department(source_id=option.id, name=(option.name or "").strip(), active=option.archived != "yes")


def to_employee(person: Person, departments: Mapping[str, str] | None) -> Employee:
    preferred = f"{person.preferred_name} {person.last_name}" if person.preferred_name and person.last_name else None
    return Employee.of(
        person,
        display_name=preferred or person.display_name,
        source_status=person.status,
        status=lookup(_STATUSES, person.status, Status.UNKNOWN),
        # Of those who have left it says no more than that.
        worker_type=lookup(_WORKERS, person.employment_history_status, WorkerType.UNKNOWN),
        start_date=day(person.hire_date),
        end_date=day(person.termination_date),
        manager_source_id=_manager(person.supervisor_e_id),
        updated_at=moment(person.last_changed),
        **department_fields(person.department, departments),
    )


def _manager(number: Maybe[str | int]) -> Maybe[str]:
    """0 is nobody's id, and null and blank are nobody."""
    return UNSET if number is UNSET else str(number) if number and number != "0" else None

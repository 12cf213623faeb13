"""From BambooHR's rows to entities. Pure: no request is made here."""

from collections.abc import Iterable, Mapping

from connector_core import Department, Employee, Status, WorkerType, day, lookup, moment, placed
from connectors.bamboohr.wire import Option, Person

_STATUSES = {"active": Status.ACTIVE, "inactive": Status.INACTIVE}
_WORKERS = {
    **dict.fromkeys(("full-time", "part-time", "intern"), WorkerType.EMPLOYEE),
    **dict.fromkeys(("contractor", "freelance"), WorkerType.CONTRACTOR),
}


def names_of(options: Iterable[Option]) -> dict[str, str]:
    """The id behind each department's name. Where an archived one has the name too, the other is meant."""
    ordered = sorted(options, key=lambda one: one.archived != "yes")
    return {one.name.strip(): one.id for one in ordered if one.name}


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
        manager_source_id=person.supervisor_e_id and str(person.supervisor_e_id),
        updated_at=moment(person.last_changed),
        **placed(person.department, departments),
    )

"""Map BambooHR's rows to entities. No request is made here."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from connector_core import (
    UNSET,
    Department,
    Employee,
    IdsByName,
    Maybe,
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


@dataclass(frozen=True, slots=True)
class Ends:
    """Ends of employment as a report with future values tells them."""

    listed: Container[str]
    """The ids of its rows."""
    ahead: Mapping[str, date]
    """The days that lie ahead, by id."""


def names_of(options: Iterable[Option]) -> IdsByName:
    """Return the ids of the departments by their names."""
    return IdsByName((one.name, one.id, one.archived != "yes") for one in options if one.name)


def to_department(option: Option) -> Department:
    return Department.of(option, active=option.archived != "yes")


def to_employee(person: Person, departments: IdsByName | None, ends: Ends | None, today: date) -> Employee:
    start, end = day(person.hire_date), _end_date(person, ends)
    preferred = full_name(person.preferred_name)
    called = preferred and person.last_name and full_name(preferred, person.last_name)
    return Employee.of(
        person,
        display_name=called or person.display_name,
        source_status=person.status,
        status=_status(person.status, start, end, today),
        # For people who have left it says only that.
        worker_type=lookup(_WORKERS, person.employment_history_status, WorkerType.UNKNOWN),
        start_date=start,
        end_date=end,
        manager_source_id=link(person.supervisor_e_id, "0"),
        updated_at=moment(person.last_changed),
        **department_fields(person.department, departments),
    )


def _end_date(person: Person, ends: Ends | None) -> Maybe[date]:
    """Return the end that has come, else the one that is known to come. Where the latter is unknown, ``UNSET``."""
    end = day(person.termination_date)
    if end is not None:
        return end
    return ends.ahead.get(person.id) if ends and person.id in ends.listed else UNSET


def _status(word: Maybe[str], start: Maybe[date], end: Maybe[date], today: date) -> Maybe[Status]:
    """Return the status. BambooHR calls people who have not started yet inactive, as those who have left.

    Where neither an end that has come nor the start tells them apart, it is ``UNSET``.
    """
    status = lookup(_STATUSES, word, Status.UNKNOWN)
    if status is not Status.INACTIVE or (end and end <= today):
        return status
    if start is UNSET:
        return UNSET
    return Status.PENDING if start and start > today else status

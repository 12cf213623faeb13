"""From HiBob's rows to entities. Pure: no request is made here."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from connector_core import UNSET, Department, Employee, Maybe, Status, day, department_fields, ids_by_name, lookup
from connectors.hibob.wire import Internal, Item, Person, ReadableWork, Work

_STATUSES = {"active": Status.ACTIVE, "inactive": Status.INACTIVE}


@dataclass(frozen=True, slots=True)
class Unit:
    """One item of the list of departments, below its parent."""

    id: str
    name: str
    parent: str | None
    archived: bool


def units_in(items: Iterable[Item], parent: str | None = None) -> Iterator[Unit]:
    """Every item of the list's tree."""
    for item in items:
        one = str(item.number)
        yield Unit(one, str(item.value or item.name or "").strip(), parent, bool(item.archived))
        yield from units_in(item.children or (), one)


def names_of(units: Iterable[Unit]) -> dict[str, str]:
    """The id behind each id and each name: rows hold either."""
    found = tuple(units)
    return ids_by_name((one.name, one.id, not one.archived) for one in found) | {one.id: one.id for one in found}


def to_department(unit: Unit) -> Department:
    return Department(source_id=unit.id, name=unit.name, parent_source_id=unit.parent, active=not unit.archived)


def to_employee(person: Person, departments: Mapping[str, str] | None) -> Employee:
    work, internal = person.work or Work(), person.internal or Internal()
    readable = (person.human_readable and person.human_readable.work) or ReadableWork()
    return Employee.of(
        person,
        employee_number=_text(work.employee_id_in_company),
        job_title=readable.title or _text(work.title),
        location_name=work.site,
        source_status=internal.status,
        status=lookup(_STATUSES, internal.status, Status.UNKNOWN),
        start_date=day(work.start_date),
        end_date=day(internal.termination_date),
        manager_source_id=_manager(work),
        **department_fields(_text(work.department), departments),
    )


def _text(value: Maybe[str | int]) -> Maybe[str]:
    return str(value) if isinstance(value, int) else value


def _manager(work: Work) -> Maybe[str]:
    if not work.reports_to:
        return _text(work.manager) if work.reports_to is UNSET else None
    return _text(work.reports_to.id)

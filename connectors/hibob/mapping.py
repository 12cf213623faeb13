"""From HiBob's rows to entities. Pure: no request is made here."""

from collections.abc import Iterable, Mapping

from connector_core import UNSET, Department, Employee, Maybe, Status, day, lookup, placed
from connectors.hibob.wire import Internal, Item, NamedList, Person, ReadableWork, Work

_STATUSES = {"active": Status.ACTIVE, "inactive": Status.INACTIVE}


def departments_in(found: NamedList) -> tuple[Department, ...]:
    """Every item of the list's tree, below its parent."""
    return tuple(_below(found.items or found.values or (), None))


def _below(items: Iterable[Item], parent: str | None) -> Iterable[Department]:
    for item in items:
        one = str(item.number)
        name = str(item.value or item.name or "").strip()
        yield Department(source_id=one, name=name, parent_source_id=parent, active=not item.archived)
        yield from _below(item.children or (), one)


def names_of(departments: Iterable[Department]) -> dict[str, str]:
    """The id behind each id and each name: rows hold either."""
    ordered = sorted(departments, key=lambda one: one.active is True)
    return {one.name: one.source_id for one in ordered} | {one.source_id: one.source_id for one in ordered}


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
        **placed(_text(work.department), departments),
    )


def _text(value: Maybe[str | int]) -> Maybe[str]:
    return str(value) if isinstance(value, int) else value


def _manager(work: Work) -> Maybe[str]:
    if not work.reports_to:
        return _text(work.manager) if work.reports_to is UNSET else None
    return _text(work.reports_to.id)

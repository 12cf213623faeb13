"""Map HiBob's rows to entities. No request is made here."""

from collections.abc import Iterable, Iterator, Mapping

from connector_core import UNSET, Department, Employee, Status, day, department_fields, ids_by_name, link, lookup, text
from connectors.hibob.wire import Internal, Item, Person, ReadableWork, Unit, Work

_STATUSES = {"active": Status.ACTIVE, "inactive": Status.INACTIVE}


def units_in(items: Iterable[Item], parent: str | None = None) -> Iterator[Unit]:
    """Yield every item of the list's tree."""
    for item in items:
        unit = str(item.number)
        yield Unit(id=unit, name=text(item.value or item.name), parent_source_id=parent, active=not item.archived)
        yield from units_in(item.children or (), unit)


def names_of(units: Iterable[Unit]) -> dict[str, str]:
    """Return the id of each department by its name and by its id: rows hold either."""
    found = tuple(units)
    return ids_by_name((one.name or "", one.id, one.active) for one in found) | {one.id: one.id for one in found}


def to_department(unit: Unit) -> Department:
    return Department.of(unit)


def to_employee(person: Person, departments: Mapping[str, str] | None) -> Employee:
    work, internal = person.work or Work(), person.internal or Internal()
    readable = (person.human_readable and person.human_readable.work) or ReadableWork()
    return Employee.of(
        person,
        employee_number=text(work.employee_id_in_company),
        job_title=readable.title or text(work.title),
        location_name=work.site,
        source_status=internal.status,
        status=lookup(_STATUSES, internal.status, Status.UNKNOWN),
        start_date=day(work.start_date),
        end_date=day(internal.termination_date),
        manager_source_id=link(work.manager if work.reports_to is UNSET else work.reports_to and work.reports_to.id),
        **department_fields(text(work.department), departments),
    )

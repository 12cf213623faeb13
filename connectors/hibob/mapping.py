"""Map HiBob's rows to entities. No request is made here."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from connector_core import (
    UNSET,
    Department,
    Employee,
    IdsByName,
    Maybe,
    Status,
    day,
    department_fields,
    link,
    lookup,
    text,
    words,
)
from connectors.hibob.wire import Internal, Item, Person, ReadableWork, Unit, Work

_STAGES = {"hired": Status.PENDING, "employed": Status.ACTIVE, "terminated": Status.INACTIVE}


@dataclass(frozen=True, slots=True)
class Departments:
    """The departments by what a row may hold: an id or a name."""

    ids: frozenset[str]
    names: IdsByName


def units_in(items: Iterable[Item], parent: str | None = None) -> Iterator[Unit]:
    """Yield every item of the list's tree."""
    for item in items:
        unit = str(item.number)
        yield Unit(id=unit, name=text(item.value or item.name), parent_source_id=parent, active=not item.archived)
        yield from units_in(item.children or (), unit)


def departments_of(units: Iterable[Unit]) -> Departments:
    found = tuple(units)
    names = IdsByName((one.name or "", one.id, one.active) for one in found)
    return Departments(frozenset(one.id for one in found), names)


def to_department(unit: Unit) -> Department:
    return Department.of(unit)


def to_employee(person: Person, departments: Departments | None) -> Employee:
    work, internal = person.work or Work(), person.internal or Internal()
    stage = _stage(internal)
    readable = (person.human_readable and person.human_readable.work) or ReadableWork()
    return Employee.of(
        person,
        employee_number=text(work.employee_id_in_company),
        job_title=readable.title or _unless_id(text(work.title)),
        location_name=work.site,
        source_status=stage,
        status=lookup(_STAGES, stage, Status.UNKNOWN),
        start_date=day(work.start_date),
        end_date=day(internal.termination_date),
        manager_source_id=link(work.manager if work.reports_to is UNSET else work.reports_to and work.reports_to.id),
        **_department(text(work.department), departments),
    )


def _stage(internal: Internal) -> Maybe[str]:
    """Return ``hired``, ``employed`` or ``terminated``; ``UNSET`` if the stage did not come.

    People in any other stage are employed and on some kind of leave, which must not be told.
    """
    stage = words(internal.lifecycle_status or None)
    if not stage:
        return UNSET
    return stage if stage in _STAGES else "employed"


def _unless_id(value: Maybe[str]) -> Maybe[str]:
    """Return the text of a list item. Without its readable form, a number is the item's id."""
    return UNSET if value and value.isdigit() else value


def _department(value: Maybe[str], departments: Departments | None) -> dict[str, Any]:
    if departments is None:
        return {}
    if value in departments.ids:
        return {"department_source_ids": (value,), "primary_department_source_id": value}
    # A name may be padded, an id may not: "267 " is not the department 267.
    return department_fields(value, departments.names)

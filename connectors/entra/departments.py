"""Departments, and other units, that users name."""

from typing import Any

from connector_core import UNSET, Department, Maybe, RowRejectedError, named_unit_fields, named_units
from connectors.entra.credentials import EntraOptions
from connectors.entra.wire import Person


def is_left_out(person: Person, options: EntraOptions) -> bool:
    if not options.guests and person.is_guest is UNSET:
        raise RowRejectedError("user_type", "did not come, so this may be a guest")
    return not options.guests and bool(person.is_guest)


def to_units(person: Person, options: EntraOptions) -> tuple[Department, ...]:
    return () if is_left_out(person, options) else named_units(_names_of(person, options))


def unit_fields_of(person: Person, options: EntraOptions) -> dict[str, Any]:
    return named_unit_fields(_names_of(person, options))


def _names_of(person: Person, options: EntraOptions) -> dict[str, Maybe[str]]:
    """Return the names of the units that are read, by their kind: the department comes first, so it is the primary."""
    more = person.employee_org_data
    return {"department": person.department, **{kind: more and getattr(more, kind) for kind in options.units}}

"""Departments, and other units, that users name. They have synthetic ids: the same for names that look the same."""

from connector_core import UNSET, Department, DepartmentKind, Maybe, RowRejectedError, full_name, normal_form
from connectors.entra.credentials import EntraOptions
from connectors.entra.wire import Person


def units_of(person: Person, options: EntraOptions) -> Maybe[tuple[Department, ...]]:
    """Return the units that a row names; ``UNSET`` unless all came that are read."""
    more = person.employee_org_data
    named = {"division": more and more.division, "cost_center": more and more.cost_center}
    wanted = [("department", person.department), *((kind, named[kind]) for kind in options.units)]
    if any(name is UNSET for _, name in wanted):
        return UNSET
    return tuple([_unit(DepartmentKind(kind), name) for kind, written in wanted if (name := full_name(written))])


def is_left_out(person: Person, options: EntraOptions) -> bool:
    if not options.guests and person.is_guest is UNSET:
        raise RowRejectedError("user_type", "did not come, so this may be a guest")
    return not options.guests and bool(person.is_guest)


def to_departments(person: Person, options: EntraOptions) -> tuple[Department, ...]:
    """Return the units that a row names. A row whose department is unknown is rejected: there may be one more."""
    units = () if is_left_out(person, options) else units_of(person, options)
    if not isinstance(units, tuple):
        raise RowRejectedError("department", "did not come: the app must be allowed to read it")
    return units


def _unit(kind: DepartmentKind, name: str) -> Department:
    return Department(source_id=f"{kind}:{normal_form(name)}", name=name, kind=kind, id_is_synthetic=True)

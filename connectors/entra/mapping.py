"""Map Microsoft Graph's rows to entities. No request is made here."""

from datetime import date
from typing import Literal

from pydantic import Field

from connector_core import (
    UNSET,
    Department,
    DepartmentKind,
    Employee,
    Maybe,
    Options,
    RowRejectedError,
    Status,
    WorkerType,
    day,
    full_name,
    link,
    lookup,
    normal_form,
    text,
    words,
)
from connectors.entra.wire import Person, Removed

# Microsoft's own examples of a free text.
_WORKERS = {
    **dict.fromkeys(("contractor", "consultant"), WorkerType.CONTRACTOR),
    "employee": WorkerType.EMPLOYEE,
    "vendor": WorkerType.PARTNER,
}
_GUESTS = "Guests of other organisations: read as `partners`, or `left_out`."
_UNITS = "Units that people belong to besides departments: `division`, `cost_center`, or both."
_LEAVE_DATES = "Read `employeeLeaveDateTime` as the end date. It takes the permission User-LifeCycleInfo.Read.All, too."
_MANAGERS = "`expanded` in the list of people; or `unread` where Graph refuses that, and the stored managers stay."


class EntraOptions(Options):
    guests: Literal["partners", "left_out"] = Field("partners", description=_GUESTS)
    units: tuple[Literal["division", "cost_center"], ...] = Field((), description=_UNITS)
    leave_dates: bool = Field(default=False, description=_LEAVE_DATES)
    managers: Literal["expanded", "unread"] = Field("expanded", description=_MANAGERS)


def to_employee(person: Person, options: EntraOptions, today: date, expanded: bool) -> Employee | None:
    """Return the employee; None for a guest who is left out. ``expanded`` is True if managers were requested."""
    if _is_left_out(person, options):
        return None
    word, status = _status(person, today)
    units = _units(person, options)
    ids = [one.source_id for one in units or ()]
    primary = next((one for one in ids if one.startswith("department:")), None)
    return Employee.of(
        person,
        email=_email(person),
        employee_number=text(person.employee_id),
        source_status=word,
        status=status,
        worker_type=_worker_type(person),
        start_date=day(person.employee_hire_date),
        end_date=day(person.employee_leave_date_time),
        manager_source_id=_manager(person, expanded=expanded),
        department_source_ids=UNSET if units is UNSET else tuple(ids),
        primary_department_source_id=UNSET if units is UNSET else primary,
    )


def to_departments(person: Person, options: EntraOptions) -> tuple[Department, ...]:
    """Return the units that a row names. A row whose department is unknown is rejected: there may be one more."""
    units = () if _is_left_out(person, options) else _units(person, options)
    if not isinstance(units, tuple):
        raise RowRejectedError("department", "did not come: the app must be allowed to read it")
    return units


def _is_guest(person: Person) -> Maybe[bool]:
    kind, name = words(person.user_type or None), person.user_principal_name
    if not kind and name is UNSET:
        return UNSET
    return kind == "guest" or (not kind and "#ext#" in (name or "").lower())


def _is_left_out(person: Person, options: EntraOptions) -> bool:
    is_guest = options.guests == "left_out" and _is_guest(person)
    if is_guest is UNSET:
        raise RowRejectedError("user_type", "did not come, so this may be a guest")
    return bool(is_guest)


def _status(person: Person, today: date) -> tuple[Maybe[str], Maybe[Status]]:
    """Return Graph's word and its meaning. An account is enabled or disabled: null tells as little as no value."""
    if _is_guest(person) and words(person.external_user_state or None) == "pendingacceptance":
        return "PendingAcceptance", Status.PENDING
    if not isinstance(person.account_enabled, bool):
        return UNSET, UNSET
    if person.account_enabled:
        return "enabled", Status.ACTIVE
    hired = day(person.employee_hire_date) or today
    return "disabled", Status.PENDING if hired > today else Status.INACTIVE


def _email(person: Person) -> Maybe[str]:
    """Return the address; without one the name to sign in with, which is no address for guests."""
    if person.mail or person.mail is UNSET:
        return person.mail
    return None if _is_guest(person) else person.user_principal_name


def _worker_type(person: Person) -> Maybe[WorkerType]:
    if person.type == "#microsoft.graph.agentUser":
        return WorkerType.SYSTEM_USER
    if _is_guest(person):
        return WorkerType.PARTNER
    return UNSET if person.user_type is UNSET else lookup(_WORKERS, person.employee_type, WorkerType.UNKNOWN)


def _manager(person: Person, *, expanded: bool) -> Maybe[str]:
    """Return the manager's id. Absent, it means none only in a row that is whole and was to have it."""
    if person.manager_changes:
        present = [one.id for one in person.manager_changes if not isinstance(one.removed, Removed)]
        return link(present[-1]) if present else None
    if person.manager:
        return link(person.manager.id)
    return None if expanded and person.is_whole else UNSET


def _units(person: Person, options: EntraOptions) -> Maybe[tuple[Department, ...]]:
    """Return the units that a row names, by synthetic ids: the same for names that look the same."""
    more = person.employee_org_data
    named = {"division": more and more.division, "cost_center": more and more.cost_center}
    wanted = [("department", person.department), *((kind, named[kind]) for kind in options.units)]
    if any(name is UNSET for _, name in wanted):
        return UNSET
    return tuple([_unit(DepartmentKind(kind), name) for kind, written in wanted if (name := full_name(written))])


def _unit(kind: DepartmentKind, name: str) -> Department:
    return Department(source_id=f"{kind}:{normal_form(name)}", name=name, kind=kind, id_is_synthetic=True)

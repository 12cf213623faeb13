"""Map Microsoft Graph's users to employees. No request is made here."""

from datetime import date

from connector_core import UNSET, Employee, Maybe, Status, Wire, WorkerType, as_tuple, day, link, lookup, text, words
from connectors.entra.credentials import EntraOptions
from connectors.entra.departments import is_left_out, units_of
from connectors.entra.wire import Person, Removed

# Microsoft's own examples of a free text.
_WORKERS = {one.value: one for one in WorkerType} | {"consultant": WorkerType.CONTRACTOR, "vendor": WorkerType.PARTNER}


def to_employee(person: Person, options: EntraOptions, today: date, listed: bool) -> Employee | None:
    """Return the employee; None for a guest who is left out. Not ``listed`` is a row of a delta, with fewer keys."""
    if is_left_out(person, options):
        return None
    word, status = _status(person, today, listed=listed)
    units = units_of(person, options)
    primary = next((one.source_id for one in units or () if one.kind == "department"), None)
    return Employee.of(
        person,
        email=_email(person),
        employee_number=text(person.employee_id),
        source_status=word,
        status=status,
        worker_type=_worker_type(person),
        start_date=day(person.employee_hire_date),
        end_date=day(person.employee_leave_date_time),
        manager_source_id=_manager(person, expanded=listed and options.managers),
        department_source_ids=units and tuple([one.source_id for one in units]),
        primary_department_source_id=UNSET if units is UNSET else primary,
    )


def _status(person: Person, today: date, *, listed: bool) -> tuple[Maybe[str], Maybe[Status]]:
    """Return Graph's word and its meaning. An account is enabled or disabled: null tells as little as no value."""
    if person.is_guest and words(person.external_user_state or None) == "pendingacceptance":
        return "PendingAcceptance", Status.PENDING
    told = not listed or UNSET not in (person.user_type, person.external_user_state, person.employee_hire_date)
    if not (told and isinstance(person.account_enabled, bool)):
        return UNSET, UNSET
    ahead = (day(person.employee_hire_date) or today) > today
    disabled = Status.PENDING if ahead else Status.INACTIVE
    return ("enabled", Status.ACTIVE) if person.account_enabled else ("disabled", disabled)


def _email(person: Person) -> Maybe[str]:
    """Return the address; without one the name to sign in with, which for an outsider is no address."""
    instead = None if "#EXT#" in (person.user_principal_name or "").upper() else person.user_principal_name
    return instead if person.mail is None else person.mail


def _worker_type(person: Person) -> Maybe[WorkerType]:
    if person.type == "#microsoft.graph.agentUser":
        return WorkerType.SYSTEM_USER
    found = WorkerType.PARTNER if person.is_guest else lookup(_WORKERS, person.employee_type, WorkerType.UNKNOWN)
    return UNSET if person.is_guest is UNSET or isinstance(person.type, Wire) else found


def _manager(person: Person, *, expanded: bool) -> Maybe[str]:
    """Return the manager's id. Absent, it means none only where it was requested, and all came that always comes."""
    told = person.manager_changes or as_tuple(person.manager or None)
    present = [one.id for one in told or () if not isinstance(one.removed, Removed)]
    is_whole = UNSET not in (person.first_name, person.mail, person.job_title, person.user_type, person.department)
    return link(present[-1]) if present else None if told or (expanded and is_whole) else UNSET

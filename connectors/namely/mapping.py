"""Map Namely's profiles to employees. No request is made here."""

from connector_core import UNSET, Employee, Maybe, Status, WorkerType, day, first, full_name, link, lookup, moment, text
from connectors.namely.groups import Structure, placement
from connectors.namely.wire import Profile

NO_MANAGER = "no_guid"
"""The id that Namely gives as the manager of people who have none."""

_MONTH_FIRST = "%m/%d/%Y"
"""The format of dates before 2015."""
_STATUSES = {"active": Status.ACTIVE, "inactive": Status.INACTIVE, "pending": Status.PENDING}
_WORKERS = {
    **dict.fromkeys(("full time", "part time", "intern"), WorkerType.EMPLOYEE),
    **dict.fromkeys(("contractor", "freelance"), WorkerType.CONTRACTOR),
}


def to_employee(profile: Profile, structure: Structure | None) -> Employee:
    manager = first(profile.reports_to)
    departments, primary, office = placement(profile.links and profile.links.groups, structure)
    return Employee.of(
        profile,
        display_name=_display_name(profile),
        employee_number=text(profile.employee_id),
        job_title=text(profile.job_title),
        source_status=profile.user_status,
        status=lookup(_STATUSES, profile.user_status, Status.UNKNOWN),
        worker_type=lookup(_WORKERS, text(profile.employee_type), WorkerType.UNKNOWN),
        start_date=day(profile.start_date, _MONTH_FIRST),
        end_date=day(profile.departure_date, _MONTH_FIRST),
        manager_source_id=link(manager and manager.id, NO_MANAGER),
        department_source_ids=departments,
        primary_department_source_id=primary,
        location_name=office,
        country_code=profile.office.country_id if profile.office else UNSET,
        updated_at=moment(profile.updated_at),
    )


def _display_name(profile: Profile) -> Maybe[str]:
    """Return the preferred name before the last name, else the full name, else the first and the last name."""
    given, last, full = profile.first_name, profile.last_name, profile.full_name
    if given is last is full is UNSET:
        return UNSET
    if preferred := full_name(profile.preferred_name):
        return full_name(preferred, last)
    return full_name(full) or full_name(given, last)

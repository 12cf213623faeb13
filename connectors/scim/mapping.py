"""Map SCIM's rows to employees. No request is made here."""

from connector_core import UNSET, Employee, Status, WorkerType, full_name, lookup, moment
from connectors.scim.departments import department_fields_of
from connectors.scim.wire import Reference, User

_STATUSES = {True: Status.ACTIVE, False: Status.INACTIVE, UNSET: UNSET}
_WORKERS = {"employee": WorkerType.EMPLOYEE, "intern": WorkerType.EMPLOYEE, "contractor": WorkerType.CONTRACTOR}


def to_employee(user: User, source: str, groups: dict[str, list[str]]) -> Employee:
    """Return the employee, in the department that the row names, or in the groups that have it as a member."""
    name, extension, manager = user.name, user.extension, user.extension and user.extension.manager
    emails = sorted(user.emails or (), key=lambda one: not one.primary)
    return Employee.of(
        user,
        display_name=user.display_name or (name and full_name(name.given_name, name.family_name)),
        first_name=name and name.given_name,
        last_name=name and name.family_name,
        email=UNSET if user.emails is UNSET else next((one.value for one in emails if one.value), None),
        employee_number=extension and extension.employee_number,
        status=_STATUSES.get(user.active, Status.UNKNOWN),
        worker_type=lookup(_WORKERS, user.user_type, WorkerType.UNKNOWN),
        manager_source_id=manager.value if isinstance(manager, Reference) else manager,
        updated_at=moment(user.meta and user.meta.last_modified),
        **department_fields_of(user, source, groups),
    )

"""Map SCIM's rows to the departments that they name. No request is made here."""

from connector_core import UNSET, Department, DepartmentKind, Maybe, RowRejectedError, full_name, normal_form
from connectors.scim.wire import User


def department_id(user: User, kind: str) -> Maybe[str]:
    """Return the id of the department, division or cost centre that a row names: SCIM has none, so one is made."""
    name = user.extension and full_name(getattr(user.extension, kind))
    return f"{kind}:{normal_form(name)}" if name else None if user.extension else UNSET


def to_departments(user: User, kind: str) -> tuple[Department, ...]:
    """Return the department that a row names. A row that cannot be read is rejected: it may name one more."""
    source_id, extension = department_id(user, kind), user.extension
    if not extension:
        raise RowRejectedError(kind, "did not come, or cannot be read")
    named = {"source_id": source_id, "name": getattr(extension, kind), "kind": DepartmentKind(kind)}
    return (Department.of(extension, **named, id_is_synthetic=True),) if source_id else ()

"""Departments that users name, or groups that they are in."""

from typing import Any

from connector_core import Department, Maybe, named_unit_fields, named_units
from connectors.scim.wire import User


def to_departments(user: User, kind: str) -> tuple[Department, ...]:
    return named_units(_name_of(user, kind))


def department_fields_of(user: User, source: str, groups: dict[str, list[str]]) -> dict[str, Any]:
    """Return an employee's fields for the department that the row names, or for the groups that have it as a member."""
    if source != "groups":
        return named_unit_fields(_name_of(user, source))
    ids = tuple(groups.get(user.id, ()))
    # Of several groups none is known to be the primary one.
    return {"department_source_ids": ids, "primary_department_source_id": ids[0] if len(ids) == 1 else None}


def _name_of(user: User, kind: str) -> dict[str, Maybe[str]]:
    return {kind: user.extension and getattr(user.extension, kind)}

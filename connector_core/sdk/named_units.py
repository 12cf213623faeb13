"""Units of an organisation that a provider knows by their names only: their ids are made of these."""

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET

from connector_core.sdk.entities import Department, DepartmentKind
from connector_core.sdk.rejection import RowRejectedError
from connector_core.sdk.texts import clean, normal_form
from connector_core.sdk.wire import Maybe

Names = Mapping[str, Maybe[str]]
"""The name that a row has for each kind of unit, by a ``DepartmentKind`` or its text."""


def named_units(names: Names) -> tuple[Department, ...]:
    """Return the units that a row names, for ``Page.derive``. Names that look the same are one unit.

    A row of which a name did not come is rejected: there may be one more unit.

    Example: ``page.derive(lambda one: named_units({"department": one.department}))``.
    """
    if missing := [kind for kind, name in names.items() if name is UNSET]:
        raise RowRejectedError(missing[0], "did not come, or could not be read")
    return tuple(
        Department(source_id=source_id, name=clean(name), kind=DepartmentKind(kind), id_is_synthetic=True)
        for kind, name in names.items()
        if name and (source_id := _id_of(kind, name))
    )


def named_unit_fields(names: Names) -> dict[str, Any]:
    """Return the fields of an Employee for the units that its row names, of which the first is the primary one.

    Where a name did not come the fields are left out, so that the stored values stay.

    Example: ``Employee.of(person, **named_unit_fields({"department": person.department}))``.
    """
    if UNSET in names.values():
        return {}
    ids = [name and _id_of(kind, name) for kind, name in names.items()]
    return {
        "department_source_ids": tuple(filter(None, ids)),
        "primary_department_source_id": (ids[0] or None) if ids else None,
    }


def _id_of(kind: str, name: str) -> str | None:
    return f"{kind}:{normal}" if (normal := normal_form(name)) else None

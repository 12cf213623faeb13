"""Map Okta's rows to entities. No request is made here."""

from collections.abc import Collection, Iterator
from typing import Any, Literal, TypeAlias

from msgspec.structs import replace

from connector_core import (
    UNSET,
    Department,
    DepartmentKind,
    Employee,
    ExpectedIds,
    Maybe,
    Page,
    References,
    RowRejectedError,
    Status,
    WorkerType,
    full_name,
    lookup,
    moment,
    normal_form,
    text,
)
from connectors.okta.wire import Profile, User

UnitKind: TypeAlias = Literal["department", "division", "cost_center"]

_STATUSES = {
    **dict.fromkeys(("active", "password expired", "locked out", "recovery"), Status.ACTIVE),
    **dict.fromkeys(("staged", "provisioned", "activating"), Status.PENDING),
    **dict.fromkeys(("deprovisioned", "suspended"), Status.INACTIVE),
}
_WORKERS = {
    "employee": WorkerType.EMPLOYEE,
    "contractor": WorkerType.CONTRACTOR,
    "partner": WorkerType.PARTNER,
}


class Known:
    """The people who must be listed, and what may name one of them as a manager."""

    def __init__(self) -> None:
        self.ids = ExpectedIds()
        self.people = References()

    def add(self, page: Page[User]) -> None:
        self.ids.add(page.ids)
        for user in page.rows:
            of = user.profile
            self.people.add(user.id, of.login, of.email, text(of.employee_number))


def unreadable_in(page: Page[User]) -> frozenset[str]:
    """Return the attributes that could not be read in some row of a page."""
    names = zip(Profile.__struct_fields__, Profile.keys(), strict=True)
    return frozenset(name for name, key in names if f"profile.{key}" in page.unreadable)


def attributes_of(page: Page[User]) -> frozenset[str]:
    """Return the attributes that are null in the rows of a page that lack them: other rows have them."""
    names = frozenset(Profile.__struct_fields__) - unreadable_in(page)
    return frozenset(name for name in names if any(getattr(row.profile, name) is not UNSET for row in page.rows))


def to_employee(
    user: User,
    attributes: Collection[str],
    known: Known,
    units: Collection[UnitKind],
    suspended: Status,
) -> Employee:
    nulls = {name: None for name in attributes if getattr(user.profile, name) is UNSET}
    profile = replace(user.profile, **nulls)
    named = full_name(profile.first_name or None, profile.last_name or None)
    return Employee.of(
        profile,
        source_id=user.id,
        display_name=profile.display_name or named or profile.display_name,
        employee_number=text(profile.employee_number),
        job_title=profile.title,
        source_status=user.status,
        status=lookup(_STATUSES | {"suspended": suspended}, user.status, Status.UNKNOWN),
        worker_type=lookup(_WORKERS, profile.user_type, WorkerType.UNKNOWN),
        manager_source_id=_manager(text(profile.manager_id), known),
        updated_at=moment(user.last_updated),
        **_unit_fields(profile, units),
    )


def to_units(user: User, units: Collection[UnitKind], unreadable: Collection[str]) -> Iterator[Department]:
    """Yield the units that a row names. A row whose unit may be unreadable is rejected: there may be one more."""
    for kind in units:
        name = getattr(user.profile, kind)
        if name is UNSET and kind in unreadable:
            raise RowRejectedError(kind, "could not be read")
        if source_id := _unit_id(kind, name):
            yield Department(
                source_id=source_id, name=full_name(name) or name, kind=DepartmentKind(kind), id_is_synthetic=True
            )


def _manager(named: Maybe[str], known: Known) -> Maybe[str]:
    """Return the manager's id. Where it cannot be told, the stored one stays."""
    if not (named and full_name(named)):
        return named and None
    return known.people.find(named) or UNSET


def _unit_id(kind: str, name: Maybe[str]) -> Maybe[str]:
    """Return an id that is made of the name: the same for names that look the same."""
    return f"{kind}:{normal_form(name)}" if name and full_name(name) else name and None


def _unit_fields(profile: Profile, units: Collection[UnitKind]) -> dict[str, Any]:
    ids = {kind: _unit_id(kind, getattr(profile, kind)) for kind in units}
    if UNSET in ids.values():
        return {}
    found = tuple(filter(None, ids.values()))
    return {"department_source_ids": found, "primary_department_source_id": ids.get("department")}

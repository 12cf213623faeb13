"""Map Okta's rows to entities. No request is made here."""

from typing import Literal

from pydantic import Field

from connector_core import (
    UNSET,
    Department,
    Employee,
    Maybe,
    Options,
    References,
    Status,
    WorkerType,
    full_name,
    lookup,
    moment,
    named_unit_fields,
    named_units,
    text,
)
from connectors.okta.wire import User

_ACTIVE = dict.fromkeys(("active", "password expired", "locked out", "recovery"), Status.ACTIVE)
_PENDING = dict.fromkeys(("staged", "provisioned", "activating"), Status.PENDING)
_STATUSES = {**_ACTIVE, **_PENDING, "deprovisioned": Status.INACTIVE}
_WORKERS = {"employee": WorkerType.EMPLOYEE, "contractor": WorkerType.CONTRACTOR, "partner": WorkerType.PARTNER}


class OktaOptions(Options):
    units: tuple[Literal["department", "division", "cost_center"], ...] = Field(
        ("department",), description="Attributes that name units of the organisation, the primary one first."
    )
    suspended: Status = Field(
        Status.INACTIVE, description="Status of suspended users, who may be on a leave of absence."
    )


def names_of(user: User) -> tuple[str, Maybe[str], Maybe[str], Maybe[str]]:
    """Return what may name the user as a manager, in this order."""
    return user.id, user.profile.login, user.profile.email, text(user.profile.employee_number)


def to_employee(user: User, known: References, options: OktaOptions) -> Employee:
    profile = user.profile
    names = (profile.first_name, profile.last_name)
    return Employee.of(
        profile,
        source_id=user.id,
        display_name=profile.display_name or (UNSET if UNSET in names else full_name(*names)),
        employee_number=text(profile.employee_number),
        source_status=user.status,
        status=lookup(_STATUSES | {"suspended": options.suspended}, user.status, Status.UNKNOWN),
        worker_type=lookup(_WORKERS, profile.user_type, WorkerType.UNKNOWN),
        manager_source_id=_manager(text(profile.manager_id), known),
        updated_at=moment(user.last_updated),
        **named_unit_fields(_units(user, options)),
    )


def to_units(user: User, options: OktaOptions, *unreadable: str) -> tuple[Department, ...]:
    """Return the units that a user names. One that did not come is none, unless some of the page could not be read."""
    return named_units({kind: name if unreadable else name or None for kind, name in _units(user, options).items()})


def _units(user: User, options: OktaOptions) -> dict[str, Maybe[str]]:
    return {kind: getattr(user.profile, kind) for kind in options.units}


def _manager(named: Maybe[str], known: References) -> Maybe[str]:
    """Return the manager's id. Where it cannot be told, the stored one stays."""
    return known.find(named) or UNSET if named and full_name(named) else named and None

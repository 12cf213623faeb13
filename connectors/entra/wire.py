"""The parts of Microsoft Graph's responses that are read. The parser skips all others."""

from connector_core import UNSET, Listing, Maybe, Row, Wire, field, words


class Removed(Wire):
    """Its ``reason`` is ``changed`` for what can be restored, or ``deleted``: both are gone."""


class Manager(Wire):
    id: Maybe[str] = UNSET
    removed: Maybe[Removed] = field(name="@removed", default=UNSET)


class OrgData(Wire, rename="camel"):
    division: Maybe[str] = UNSET
    cost_center: Maybe[str] = UNSET


class Person(Row, rename="camel"):
    type: Maybe[str | Wire] = field(name="@odata.type", default=UNSET)
    """A text, for a user of a special kind. Most have none, so one that cannot be read must not look like none."""
    display_name: Maybe[str] = UNSET
    first_name: Maybe[str] = field(name="givenName", default=UNSET)
    last_name: Maybe[str] = field(name="surname", default=UNSET)
    mail: Maybe[str] = UNSET
    user_principal_name: Maybe[str] = UNSET
    employee_id: Maybe[str | int] = UNSET
    employee_type: Maybe[str] = UNSET
    employee_hire_date: Maybe[str] = UNSET
    employee_leave_date_time: Maybe[str] = UNSET
    employee_org_data: Maybe[OrgData] = UNSET
    account_enabled: Maybe[bool] = UNSET
    user_type: Maybe[str] = UNSET
    external_user_state: Maybe[str] = UNSET
    job_title: Maybe[str] = UNSET
    department: Maybe[str] = UNSET
    location_name: Maybe[str] = field(name="officeLocation", default=UNSET)
    manager: Maybe[Manager] = UNSET
    """In a listing. The key of those who have none is absent."""
    manager_changes: Maybe[tuple[Manager, ...]] = field(name="manager@delta", default=UNSET)
    """In a delta."""
    removal: Maybe[Removed] = field(name="@removed", default=UNSET)

    @property
    def is_guest(self) -> Maybe[bool]:
        """True for a user of another organisation; ``UNSET`` if the type did not come."""
        return UNSET if self.user_type is UNSET else words(self.user_type) == "guest"


class People(Listing[Person]):
    rows: list[Person] = field(name="value")
    next_url: str | None = field(name="@odata.nextLink", default=None)
    delta_token: str | None = field(name="@odata.deltaLink", default=None)

    def removed(self, row: Person) -> bool:
        return isinstance(row.removal, Removed)

"""The parts of Okta's responses that are read. The parser skips all others."""

from connector_core import UNSET, ArrayListing, Maybe, Row, Wire, field


class Profile(Wire, rename="camel"):
    """Attributes that are null may be absent. Neither second e-mail nor mobile phone is read: both are private."""

    login: Maybe[str] = UNSET
    email: Maybe[str] = UNSET
    first_name: Maybe[str] = UNSET
    last_name: Maybe[str] = UNSET
    display_name: Maybe[str] = UNSET
    job_title: Maybe[str] = field(name="title", default=UNSET)
    user_type: Maybe[str] = UNSET
    employee_number: Maybe[str | int] = UNSET
    department: Maybe[str] = UNSET
    division: Maybe[str] = UNSET
    cost_center: Maybe[str] = UNSET
    manager_id: Maybe[str | int] = UNSET
    """Documented as an id. It is whatever an administrator maps to it."""


class User(Row, rename="camel"):
    profile: Profile
    status: Maybe[str] = UNSET
    last_updated: Maybe[str] = UNSET


class Users(ArrayListing[User]):
    """Users in an array. The header ``Link`` tells the next page."""

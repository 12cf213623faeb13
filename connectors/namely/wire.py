"""The parts of Namely's responses that are read. The parser skips all others."""

from connector_core import UNSET, Listing, Maybe, Row, Titled, Wire, field


class Reference(Wire):
    id: Maybe[str] = UNSET


class Office(Wire):
    """The place of work, never ``home``."""

    country_id: Maybe[str] = UNSET


class ProfileLinks(Wire):
    """``{}`` for a token with few permissions."""

    groups: Maybe[list[Reference]] = UNSET


class Profile(Row):
    email: Maybe[str] = UNSET
    first_name: Maybe[str] = UNSET
    last_name: Maybe[str] = UNSET
    preferred_name: Maybe[str] = UNSET
    full_name: Maybe[str] = UNSET
    user_status: Maybe[str] = UNSET
    created_at: Maybe[int] = UNSET
    updated_at: Maybe[int] = UNSET
    """Epoch seconds, like ``created_at``."""
    job_title: Maybe[Titled | str] = UNSET
    """``{"title": "Intern"}`` is the documented form; some tenants send the plain string."""
    reports_to: Maybe[list[Reference]] = UNSET
    employee_type: Maybe[Titled | str] = UNSET
    employee_id: Maybe[str | int | float] = UNSET
    start_date: Maybe[str] = UNSET
    departure_date: Maybe[str] = UNSET
    office: Maybe[Office] = UNSET
    links: Maybe[ProfileLinks] = UNSET


class Meta(Wire):
    count: Maybe[int] = UNSET
    total_count: Maybe[int] = UNSET


class Profiles(Listing[Profile]):
    rows: list[Profile] = field(name="profiles")
    meta: Maybe[Meta] = UNSET

    @property
    def announced(self) -> int | None:
        """The ``total_count``, or a ``count`` that is the total, as it was before August 2017.

        A ``count`` that equals the rows of its page may mean either, so it announces nothing.
        """
        if not self.meta:
            return None
        if isinstance(self.meta.total_count, int):
            return self.meta.total_count
        return self.meta.count if isinstance(self.meta.count, int) and self.meta.count != len(self.rows) else None

    def created(self, row: Profile) -> Maybe[float]:
        return row.created_at


class Owner(Wire):
    """The user of the token. No other part of their profile is read: a check needs none."""

    profiles: list[Row]


class GroupLinks(Wire):
    group_type: str | None = None


class Group(Row):
    title: str | None = None
    name: str | None = None
    """The title, in a profile that links to the group."""
    type: str | None = None
    """The title of its type."""
    links: GroupLinks | None = None


class Groups(Listing[Group]):
    rows: list[Group] = field(name="groups")
    meta: Maybe[Meta] = UNSET

    @property
    def announced(self) -> int | None:
        """The ``count``, which all known clients take for the total. /groups has no other."""
        return self.meta.count if self.meta and isinstance(self.meta.count, int) else None


class GroupType(Row):
    title: str | None = None
    type: str | None = None
    """Office location, department or custom. The exact words are not published."""


class GroupTypes(Listing[GroupType]):
    rows: list[GroupType] = field(name="group_types")
    meta: Meta | None = None

    @property
    def announced(self) -> int | None:
        return self.meta.count if self.meta and isinstance(self.meta.count, int) else None


class Authentication(Wire):
    type: str | None = None


class CompanyInfo(Wire):
    name: str | None = None
    permalink: str | None = None
    """The first label of its domain."""
    authentications: tuple[Authentication, ...] = ()

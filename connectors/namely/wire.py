"""The parts of Namely's answers that are read. What is not named here is dropped by the parser."""

from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field

from connector_core import Listing, Row, Wire


def _title(value: object) -> object:
    """``{"title": "Intern"}`` is the documented form; some tenants send the plain string."""
    return {"title": value} if isinstance(value, str) else value


class Titled(Wire):
    title: str | None = None


class Reference(Wire):
    id: str | None = None


class Office(Wire):
    """The place of work. Never ``home``."""

    country_id: str | None = None


class ProfileLinks(Wire):
    """``{}`` for a token with few rights."""

    groups: list[Reference] | None = None


class Profile(Row):
    model_config = ConfigDict(coerce_numbers_to_str=True)

    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    preferred_name: str | None = None
    full_name: str | None = None
    user_status: str | None = None
    updated_at: int | None = None
    """Epoch seconds."""
    job_title: Annotated[Titled | None, BeforeValidator(_title)] = None
    reports_to: list[Reference] | None = None
    employee_type: Annotated[Titled | None, BeforeValidator(_title)] = None
    employee_id: str | None = None
    start_date: str | None = None
    departure_date: str | None = None
    office: Office | None = None
    links: ProfileLinks | None = None


class Meta(Wire):
    count: int | None = None
    total_count: int | None = None


class Profiles(Listing[Profile]):
    rows: list[Profile] = Field(alias="profiles")
    meta: Meta | None = None

    @property
    def announced(self) -> int | None:
        """``total_count``; or ``count``, where it holds the total, as it did before August 2017.

        A ``count`` that equals the rows of its page may mean either, so it announces nothing.
        """
        if self.meta is None:
            return None
        if self.meta.total_count is not None:
            return self.meta.total_count
        return self.meta.count if self.meta.count != len(self.rows) else None


class GroupLinks(Wire):
    group_type: str | None = None


class Group(Row):
    title: str | None = None
    name: str | None = None
    """``title`` in /groups, ``name`` where a profile links to it."""
    type: str | None = None
    """The title of its type."""
    links: GroupLinks | None = None


class Groups(Listing[Group]):
    rows: list[Group] = Field(alias="groups")
    meta: Meta | None = None

    @property
    def announced(self) -> int | None:
        """``count``: the whole, as every client takes it; /groups has no other total."""
        return self.meta.count if self.meta else None


class GroupType(Row):
    title: str | None = None
    type: str | None = None
    """Office location, department or custom; the exact words are not published."""


class GroupTypes(Listing[GroupType]):
    rows: list[GroupType] = Field(alias="group_types")
    meta: Meta | None = None

    @property
    def announced(self) -> int | None:
        return self.meta.count if self.meta else None


class Authentication(Wire):
    type: str | None = None


class CompanyInfo(Wire):
    name: str | None = None
    authentications: tuple[Authentication, ...] = ()

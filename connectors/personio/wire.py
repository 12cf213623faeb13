"""The parts of Personio's responses that are read. The parser skips all others."""

from typing import Annotated, Generic, TypeVar
from urllib.parse import parse_qs, urlsplit

from msgspec import Meta

from connector_core import UNSET, Listing, Maybe, Row, Wire, field

T_co = TypeVar("T_co", covariant=True)


class Labelled(Wire, Generic[T_co]):
    """An attribute: ``{"label": "Email", "value": "ada@example.org", "type": "standard"}``."""

    value: T_co | None


class Linked(Wire, Generic[T_co]):
    """A reference: ``{"type": "Department", "attributes": {"id": 281521, "name": "Sales"}}``."""

    attributes: T_co


class Number(Wire):
    value: int


class Unit(Wire):
    """A department or an office. Older ones may have only a name."""

    id: int | str | None = None
    name: str | None = None


class Supervisor(Wire):
    """Their attributes are labelled again, unlike those of a unit."""

    id: Maybe[Number] = UNSET


class Attributes(Wire):
    """An attribute that was not requested, or that the integration may not read, is absent."""

    withheld = frozenset({"status"})
    """People may be on leave, which could tell of an illness."""

    id: Number
    first_name: Maybe[Labelled[str]] = UNSET
    last_name: Maybe[Labelled[str]] = UNSET
    preferred_name: Maybe[Labelled[str]] = UNSET
    email: Maybe[Labelled[str]] = UNSET
    position: Maybe[Labelled[str]] = UNSET
    status: Maybe[Labelled[str]] = UNSET
    employment_type: Maybe[Labelled[str]] = UNSET
    hire_date: Maybe[Labelled[str]] = UNSET
    """Like all dates, midnight in the company's time zone: ``2014-11-09T00:00:00+01:00``."""
    termination_date: Maybe[Labelled[str]] = UNSET
    supervisor: Maybe[Labelled[Linked[Supervisor]]] = UNSET
    department: Maybe[Labelled[Linked[Unit]]] = UNSET
    office: Maybe[Labelled[Linked[Unit]]] = UNSET
    created_at: Maybe[Labelled[str]] = UNSET
    last_modified_at: Maybe[Labelled[str]] = UNSET


class Person(Wire):
    """One row. Its id is an attribute, labelled like all others."""

    attributes: Attributes

    @property
    def id(self) -> str:
        return str(self.attributes.id.value)


class Found(Wire):
    """The response for one employee, with every attribute that the integration may read."""

    data: Person


class Metadata(Wire):
    total_elements: Maybe[int] = UNSET


class People(Listing[Person]):
    rows: list[Person] = field(name="data")
    metadata: Maybe[Metadata] = UNSET
    """Responses from before there were pages have none; whether all rows came cannot be known then."""

    @property
    def announced(self) -> int | None:
        total = self.metadata and self.metadata.total_elements
        return total if isinstance(total, int) else None

    def created(self, row: Person) -> Maybe[str]:
        created = row.attributes.created_at
        return created.value if isinstance(created, Labelled) else None


class OrgUnit(Row):
    name: Maybe[str] = UNSET
    parent_id: Maybe[str | int] = UNSET


class Link(Wire):
    href: Annotated[str, Meta(pattern=r"[?&]cursor=[^&]")]


class Links(Wire):
    next: Link | None = None


class Navigation(Wire):
    links: Links
    """Required: a response without any would seem to be the last one."""


class OrgUnits(Listing[OrgUnit]):
    """A response of version 2 of the API."""

    rows: list[OrgUnit] = field(name="_data")
    navigation: Navigation = field(name="_meta")

    @property
    def next_cursor(self) -> str | None:
        following = self.navigation.links.next
        return parse_qs(urlsplit(following.href).query)["cursor"][0] if following else None

"""The parts of Personio's answers that are read. What is not named here is skipped by the parser."""

from typing import Generic, TypeVar

from connector_core import UNSET, Listing, Maybe, Wire, field

T_co = TypeVar("T_co", covariant=True)


class Labelled(Wire, Generic[T_co]):
    """How every attribute comes: ``{"label": "Email", "value": "ada@example.org", "type": "standard"}``."""

    value: T_co | None


class Linked(Wire, Generic[T_co]):
    """How something else is mentioned: ``{"type": "Department", "attributes": {"id": 281521, "name": "Sales"}}``."""

    attributes: T_co


class Number(Wire):
    value: int


class Unit(Wire):
    """A department or an office. Older ones may have a name only."""

    id: int | str | None = None
    name: str | None = None


class Supervisor(Wire):
    """Unlike a unit's, their attributes are labelled again."""

    id: Maybe[Number] = UNSET


class Attributes(Wire):
    """One that was not asked for, or that the integration may not read, is absent."""

    id: Number
    first_name: Maybe[Labelled[str]] = UNSET
    last_name: Maybe[Labelled[str]] = UNSET
    preferred_name: Maybe[Labelled[str]] = UNSET
    email: Maybe[Labelled[str]] = UNSET
    position: Maybe[Labelled[str]] = UNSET
    status: Maybe[Labelled[str]] = UNSET
    employment_type: Maybe[Labelled[str]] = UNSET
    hire_date: Maybe[Labelled[str]] = UNSET
    """Midnight where the company is, as are all dates: ``2014-11-09T00:00:00+01:00``."""
    termination_date: Maybe[Labelled[str]] = UNSET
    supervisor: Maybe[Labelled[Linked[Supervisor]]] = UNSET
    department: Maybe[Labelled[Linked[Unit]]] = UNSET
    office: Maybe[Labelled[Linked[Unit]]] = UNSET
    last_modified_at: Maybe[Labelled[str]] = UNSET


class Person(Wire):
    """One row. Its id is an attribute, labelled as all are."""

    attributes: Attributes

    @property
    def id(self) -> str:
        return str(self.attributes.id.value)


class Metadata(Wire):
    total_elements: int | None = None


class People(Listing[Person]):
    rows: list[Person] = field(name="data")
    metadata: Metadata = Metadata()
    """Answers from before there were pages have none, and then nobody can tell whether all came."""

    @property
    def announced(self) -> int | None:
        return self.metadata.total_elements

"""The parts of HiBob's responses that are read. The parser skips all others.

A row has each value up to three times: under a key that joins its path by slashes, unless it is null; nested; and as
text under ``humanReadable``. The nested value is null where there is none, and absent where the user may not see it.
"""

from connector_core import UNSET, Listing, Maybe, Row, Wire, field

FIELDS = (
    *("root.id", "root.displayName", "root.firstName", "root.surname", "root.email"),
    *("work.title", "work.department", "work.site", "work.startDate", "work.employeeIdInCompany"),
    *("work.reportsTo", "work.manager"),
    *("internal.lifecycleStatus", "internal.terminationDate"),
)
"""The requested fields. HiBob leaves out unknown ones, and those that the user may not see, without an error."""


class Reference(Wire):
    id: Maybe[str | int] = UNSET


class Work(Wire, rename="camel"):
    title: Maybe[str | int] = UNSET
    """The id of an item of a list, or its text."""
    department: Maybe[str | int] = UNSET
    """The same."""
    site: Maybe[str] = UNSET
    start_date: Maybe[str] = UNSET
    employee_id_in_company: Maybe[str | int] = UNSET
    reports_to: Maybe[Reference] = UNSET
    manager: Maybe[str | int] = UNSET
    """The id in ``reports_to``."""


class Internal(Wire, rename="camel"):
    withheld = frozenset({"lifecycle_status"})

    lifecycle_status: Maybe[str] = UNSET
    """The stage of employment. Its words for leave are private: the mapping drops them."""
    termination_date: Maybe[str] = UNSET


class ReadableWork(Wire):
    title: Maybe[str] = UNSET


class Readable(Wire):
    work: Maybe[ReadableWork] = UNSET


class Person(Row, rename="camel"):
    display_name: Maybe[str] = UNSET
    first_name: Maybe[str] = UNSET
    last_name: Maybe[str] = field(name="surname", default=UNSET)
    email: Maybe[str] = UNSET
    work: Maybe[Work] = UNSET
    internal: Maybe[Internal] = UNSET
    human_readable: Maybe[Readable] = UNSET


class People(Listing[Person]):
    rows: list[Person] = field(name="employees")


class Named(Listing[Row]):
    """A search for ids only."""

    rows: list[Row] = field(name="employees")


class Item(Wire):
    """One item of a list, and the items below it."""

    number: str | int = field(name="id")
    value: Maybe[str | int] = UNSET
    name: Maybe[str] = UNSET
    archived: Maybe[bool] = UNSET
    children: "Maybe[tuple[Item, ...]]" = UNSET


class Unit(Wire):
    """One item of the list of departments, out of its tree."""

    id: str
    name: Maybe[str]
    parent_source_id: str | None
    active: bool


class NamedList(Wire):
    """``items`` is documented; ``values`` holds the same, and older responses have only that."""

    items: tuple[Item, ...] | None = None
    values: tuple[Item, ...] | None = None

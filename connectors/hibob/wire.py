"""The parts of HiBob's answers that are read. What is not named here is skipped by the parser.

A row has each value up to three times: under a key that joins its path by slashes, where it is not null; nested; and
as text under ``humanReadable``. The nested one is null where there is nothing, and absent where the user may not see
it.
"""

from connector_core import UNSET, Listing, Maybe, Row, Wire, field

FIELDS = (
    *("root.id", "root.displayName", "root.firstName", "root.surname", "root.email"),
    *("work.title", "work.department", "work.site", "work.startDate", "work.employeeIdInCompany"),
    *("work.reportsTo", "work.manager", "internal.status", "internal.terminationDate"),
)
"""What is asked for. Unknown fields, and those that the user may not see, are left out without an error."""


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
    status: Maybe[str] = UNSET
    termination_date: Maybe[str] = UNSET


class ReadableWork(Wire):
    title: Maybe[str] = UNSET


class Readable(Wire):
    work: ReadableWork | None = None


class Person(Row, rename="camel"):
    display_name: Maybe[str] = UNSET
    first_name: Maybe[str] = UNSET
    last_name: Maybe[str] = field(name="surname", default=UNSET)
    email: Maybe[str] = UNSET
    work: Work | None = None
    internal: Internal | None = None
    human_readable: Readable | None = None


class People(Listing[Person]):
    rows: list[Person] = field(name="employees")


class Named(Listing[Row]):
    """The same, where only ids were asked for."""

    rows: list[Row] = field(name="employees")


class Item(Wire):
    """One item of a list, and those below it."""

    number: str | int = field(name="id")
    value: str | int | None = None
    name: str | None = None
    archived: bool | None = None
    children: "tuple[Item, ...] | None" = None


class NamedList(Wire):
    """``items`` as documented; ``values`` holds the same, and in older answers alone."""

    items: tuple[Item, ...] | None = None
    values: tuple[Item, ...] | None = None

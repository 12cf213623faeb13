"""The parts of the responses that are read. The parser skips all others."""

from connector_core import UNSET, Listing, Maybe, Row, Titled, Wire, field


class Reference(Wire):
    id: str


class Person(Row):
    """One employee; of one that was deleted, only the id and ``deleted`` come."""

    display_name: Maybe[str] = field(name="name", default=UNSET)
    first_name: Maybe[str] = UNSET
    last_name: Maybe[str] = UNSET
    email: Maybe[str] = field(name="work_email", default=UNSET)
    employee_number: Maybe[str] = field(name="staff_number", default=UNSET)
    job: Maybe[Titled] = UNSET
    status: Maybe[str] = UNSET
    contract: Maybe[str] = UNSET
    starts: Maybe[str] = UNSET
    ends: Maybe[str] = UNSET
    manager: Maybe[Reference] = UNSET
    department: Maybe[Reference] = UNSET
    location_name: Maybe[str] = field(name="site", default=UNSET)
    modified: Maybe[str] = UNSET
    deleted: Maybe[bool] = UNSET


class Next(Wire):
    after: str | None


class People(Listing[Person]):
    rows: list[Person] = field(name="items")
    paging: Next
    sync_token: Maybe[str] = UNSET

    @property
    def next_cursor(self) -> str | None:
        return self.paging.after

    @property
    def delta_token(self) -> str | None:
        return self.sync_token or None

    def removed(self, row: Person) -> bool:
        return bool(row.deleted)


class Unit(Row):
    name: str
    parent: Maybe[Reference] = UNSET


class Units(Listing[Unit]):
    rows: list[Unit] = field(name="items")


class Me(Wire):
    """The user who has signed in."""

    id: str
    company: Reference
    company_name: str

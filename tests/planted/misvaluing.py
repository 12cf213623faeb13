"""Planted connectors that take values for what they are not: absent ones for empty, unknown words for none."""

from collections.abc import AsyncIterator

import msgspec

from connector_core import UNSET, Employee, Listing, Maybe, Page, Status, field
from planted.example import Example, People, Person, status_of, to_employee
from planted.misreading import PAGING, PATH, declared


def _value_or_none(value: Maybe[str]) -> str | None:
    return None if value is UNSET else value


def to_emptied_employee(person: Person) -> Employee:
    return Employee.of(
        person,
        display_name=person.name,
        status=status_of(person),
        email=_value_or_none(person.email),
        job_title=_value_or_none(person.title),
        manager_source_id=_value_or_none(person.manager),
    )


class EmptiesAbsentFields(Example):
    """Sets each field, even if its key is absent."""

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages(PATH, People, paging=PAGING):
            yield page.map(to_emptied_employee)


def to_unknown_employee(person: Person) -> Employee:
    return Employee.of(
        person,
        display_name=person.name,
        job_title=person.title,
        manager_source_id=person.manager,
        status=status_of(person) or Status.UNKNOWN,
    )


class StrictPerson(Person):
    name: str


class StrictPeople(Listing[StrictPerson]):
    rows: list[StrictPerson] = field(name="people")
    total: int

    @property
    def announced(self) -> int:
        return self.total

    def created(self, row: StrictPerson) -> Maybe[str]:
        return row.created


class RequiresAName(Example):
    """Declares a value as required, so that a row is lost where the value cannot be read."""

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages(PATH, StrictPeople, paging=PAGING):
            yield page.map(to_employee)


def to_known_employee(person: Person) -> Employee:
    known = {"Engineer", "Designer", "Director", " Engineer ", " Designer "}
    title = person.title if person.title is UNSET or person.title in known else None
    return to_employee(msgspec.structs.replace(person, title=title))


class ComparesWordsExactly(Example):
    """Knows the provider's words in one spelling only."""

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages(PATH, People, paging=PAGING):
            yield page.map(to_known_employee)


class TakesAbsentForUnknown(Example):
    """Makes a status UNKNOWN where its key is absent, instead of leaving it out."""

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages(PATH, People, paging=PAGING):
            yield page.map(to_unknown_employee)


def to_untidy_employee(person: Person) -> Employee:
    fields = {
        "display_name": person.name,
        "status": status_of(person),
        "email": person.email,
        "job_title": person.title,
        "manager_source_id": person.manager,
    }
    return Employee(
        source_id=person.id,
        **{name: value for name, value in fields.items() if value is not UNSET},  # type: ignore[arg-type]
    )


class KeepsUntidyTexts(Example):
    """Makes its entities without ``Employee.of``, which strips texts and turns blank ones into null."""

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages(PATH, People, paging=PAGING):
            yield page.map(to_untidy_employee)


class AssumesRows(Example):
    """Assumes that every page but the last has a valid row, and requires a name of each."""

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages(PATH, StrictPeople, paging=PAGING):
            if not page.place.last:
                self.log.debug("page", first=page.rows[0].id)
            yield page.map(to_employee)

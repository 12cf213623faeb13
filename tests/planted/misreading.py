"""Planted connectors that misread the provider: rows are missed, invented, emptied or kept too long."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, ClassVar

from connector_core import (
    Call,
    Employee,
    Listing,
    Maybe,
    Page,
    PageNumber,
    ProtocolError,
    ProviderError,
    discovers,
    fetches,
    field,
    witnesses,
)
from connector_core.sdk.position import PageQuery, Position
from planted.example import Example, People, Person, to_employee

PATH, PAGING = "/people", PageNumber(size=25, appends=True)
EXAMPLE = Example.declarations["Employee"]
DECLARATION: dict[str, Any] = {
    "products": EXAMPLE.products,
    "resource": EXAMPLE.resource,
    "description": EXAMPLE.description,
    "permission": EXAMPLE.permission,
    "lists_inactive": True,
}
declared = discovers(Employee, **DECLARATION, provides=EXAMPLE.provides)


class WithoutTotal(Listing[Person]):
    rows: list[Person] = field(name="people")


class IgnoresTheTotal(Example):
    """Omits the total from its wire model, so that missing rows are not noticed."""

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages(PATH, WithoutTotal, paging=PAGING):
            yield page.map(to_employee)


class HiredPeople(People):
    def created(self, row: Person) -> Maybe[str]:  # noqa: ARG002 - that is its mistake
        return "2020-01-01T00:00:00Z"


class TakesTheHireDate(Example):
    """Declares a date as the creation time that may lie before the creation, so that new rows look old."""

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages(PATH, HiredPeople, paging=PAGING):
            yield page.map(to_employee)


class Lenient(Listing[Person]):
    rows: list[Person] = field(name="people", default_factory=list)
    total: int | None = None

    @property
    def announced(self) -> int | None:
        return self.total


class AcceptsAMissingList(Example):
    """Takes an absent key for an empty list."""

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages(PATH, Lenient, paging=PAGING):
            yield page.map(to_employee)


class GivesUpOnARejectedRow(Example):
    """Refuses a page of which one row was rejected."""

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages(PATH, People, paging=PAGING):
            if page.rejected:
                raise ProtocolError("a row was rejected", call=Call("GET", PATH))
            yield page.map(to_employee)


class SwallowsErrors(Example):
    """Takes an error for the end of the listing."""

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        try:
            async for page in self.api.pages(PATH, People, paging=PAGING):
                yield page.map(to_employee)
        except ProviderError:
            return


@dataclass(frozen=True, slots=True)
class UntilShort:
    resumable: ClassVar[bool] = True
    size: int

    def query(self, position: Position) -> PageQuery | None:
        if position.pages and position.last_rows < self.size:
            return None
        return PageQuery({"page": position.pages + 1, "per_page": self.size})


class StopsOnAShortPage(Example):
    """Takes a short page for the last one."""

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages(PATH, People, paging=UntilShort(25)):
            yield page.map(to_employee)


class DeniesEveryRow(Example):
    """Has a witness that denies the rows which exist."""

    @witnesses(Employee)
    async def has_person(self, source_id: str) -> bool:  # noqa: ARG002 - that is its mistake
        return False


class AsksTheListingAgain(Example):
    """Has a witness that looks for the row in the listing which lacked it."""

    @witnesses(Employee)
    async def has_person(self, source_id: str) -> bool:
        return any([source_id in page.ids async for page in self.api.pages(PATH, People, paging=PAGING)])


def without_manager(person: Person) -> Employee:
    return to_employee(person).model_copy(update={"manager_source_id": None})


class MapsASingleRowOtherwise(Example):
    """Maps a row that is requested by its id by another function than those of the listing."""

    @fetches(Employee)
    async def person(self, source_id: str) -> Page[Employee] | None:
        person = await self.api.find(PATH, source_id, Person)
        return None if person is None else Page.single((person,)).map(without_manager)


class HidesThatLeaversStay(Example):
    """Does not declare that the provider keeps listing those who have left."""

    @discovers(Employee, **{**DECLARATION, "lists_inactive": False}, provides=EXAMPLE.provides)
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages(PATH, People, paging=PAGING):
            yield page.map(to_employee)


async def numbered(pages: AsyncIterator[Page[Person]], **changed: Any) -> AsyncIterator[Page[Employee]]:
    """Yield the pages with places in the listing as ids, and other fields that are the same for all."""
    numbers = count(1)
    async for page in pages:
        changes = [{"source_id": str(next(numbers)), **changed} for _ in page.rows]
        rows = [to_employee(one).model_copy(update=change) for one, change in zip(page.rows, changes, strict=True)]
        yield replace(page, rows=tuple(rows), ids=tuple([row.source_id for row in rows]))  # type: ignore[arg-type, misc]


class MakesEverybodyAlike(Example):
    """Uses places in the listing as ids, and names nobody, so that no two companies differ."""

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        pages = self.api.pages(PATH, People, paging=PAGING)
        async for page in numbered(pages, display_name="Somebody", email=None):
            yield page


class NumbersItsRows(Example):
    """Uses places in the listing as ids."""

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in numbered(self.api.pages(PATH, People, paging=PAGING)):
            yield page


def to_cached_employee(person: Person, cache: dict[str, Employee]) -> Employee:
    return cache.setdefault(person.id, to_employee(person))


class CachesRows(Example):
    """Uses the rows of an earlier run again."""

    cache: ClassVar[dict[str, Employee]] = {}

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages(PATH, People, paging=PAGING):
            yield page.map(to_cached_employee, self.cache)


class PromisesAField(Example):
    """Declares that it provides a field which the provider does not send."""

    @discovers(Employee, **DECLARATION, provides=(*EXAMPLE.provides, "start_date"))
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages(PATH, People, paging=PAGING):
            yield page.map(to_employee)

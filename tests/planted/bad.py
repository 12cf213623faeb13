"""Planted connectors: each does one thing that must not be done, and must fail at the rule that forbids it."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, ClassVar

import aiohttp
from pydantic import Field

from connector_core import (
    UNSET,
    Account,
    Connector,
    Credentials,
    Employee,
    Listing,
    Maybe,
    Page,
    PageNumber,
    ProviderError,
    Status,
    TenantDomain,
    discovers,
    field,
    witnesses,
)
from connector_core.sdk.connector import AnyConnector
from connector_core.sdk.paging import Position
from planted.example import Example, ExampleCredentials, People, Person, to_employee

PATH, SIZE = "/people", PageNumber(size=25)
SAYS = Example.declarations["Employee"]
declared = discovers(
    Employee,
    products=SAYS.products,
    resource=SAYS.resource,
    description=SAYS.description,
    permission=SAYS.permission,
    provides=SAYS.provides,
)


class Untold(Listing[Person]):
    rows: list[Person] = field(name="people")


class IgnoresTheTotal(Example):
    """Its wire model leaves the total out, so that nothing is missed when rows are."""

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages(PATH, Untold, paging=SIZE):
            yield page.map(to_employee)


class Lenient(Listing[Person]):
    rows: list[Person] = field(name="people", default_factory=list)
    total: int | None = None

    @property
    def announced(self) -> int | None:
        return self.total


class TakesNothingForEmpty(Example):
    """A key that is absent is an empty list."""

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages(PATH, Lenient, paging=SIZE):
            yield page.map(to_employee)


class SwallowsErrors(Example):
    """Takes an error for the end."""

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        try:
            async for page in self.api.pages(PATH, People, paging=SIZE):
                yield page.map(to_employee)
        except ProviderError:
            return


@dataclass(frozen=True, slots=True)
class UntilShort:
    resumable: ClassVar[bool] = True
    size: int

    def query(self, position: Position) -> Mapping[str, str] | None:
        if position.pages and position.last_rows < self.size:
            return None
        return {"page": str(position.pages + 1), "per_page": str(self.size)}


class StopsOnAShortPage(Example):
    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages(PATH, People, paging=UntilShort(25)):
            yield page.map(to_employee)


class AsksForLargePages(Example):
    """``per_page=100``, of which the provider sends 25."""

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages(PATH, People, paging=PageNumber(size=100)):
            yield page.map(to_employee)


class WholePerson(Person):
    pay: dict[str, str] = field(default_factory=dict)


class WholePeople(Listing[WholePerson]):
    rows: list[WholePerson] = field(name="people")
    total: int

    @property
    def announced(self) -> int:
        return self.total


class KeepsTheRawBody(Example):
    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages(PATH, WholePeople, paging=SIZE):
            yield page.map(to_employee)


class LogsTheToken(Example):
    async def check(self) -> Account:
        self.log.info("checking", key=self.credentials.api_key.get_secret_value())
        return await super().check()


class OpensItsOwnSession(Example):
    async def check(self) -> Account:
        async with aiohttp.ClientSession() as session:
            try:
                await session.get(f"https://{self.credentials.domain}/v1/me", timeout=aiohttp.ClientTimeout(1))
            except (aiohttp.ClientError, TimeoutError):
                self.log.debug("no luck")
        return await super().check()


class Sleeps(Example):
    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages(PATH, People, paging=SIZE):
            await asyncio.sleep(2)
            yield page.map(to_employee)


class RetriesByItself(Example):
    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        for last in (False, True):
            try:
                async for page in self.api.pages(PATH, People, paging=SIZE):
                    yield page.map(to_employee)
            except ProviderError:
                if last:
                    raise
            else:
                return


class Blocks(Example):
    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages(PATH, People, paging=SIZE):
            until = time.thread_time() + 0.15 * (page.place.number == 1)
            while time.thread_time() < until:
                pass
            yield page.map(to_employee)


class WritesAFile(Example):
    async def check(self) -> Account:
        Path(tempfile.gettempdir(), "example-checked").write_text("yes")
        return await super().check()


def _told(value: Maybe[str]) -> str | None:
    return None if value is UNSET else value


def emptied(person: Person) -> Employee:
    status = Status.ACTIVE if person.active else Status.INACTIVE
    return Employee(
        source_id=person.id,
        display_name=person.name,
        status=status,
        email=_told(person.email),
        job_title=_told(person.title),
        manager_source_id=_told(person.manager),
    )


class EmptiesWhatDidNotCome(Example):
    """Every field is set, whether its key came or not."""

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages(PATH, People, paging=SIZE):
            yield page.map(emptied)


class DeniesEverybody(Example):
    """A witness that nobody can rely on."""

    @witnesses(Employee)
    async def has_person(self, source_id: str) -> bool:  # noqa: ARG002 - that is what is wrong with it
        return False


class KeepsEveryPage(Example):
    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        pages = [page async for page in self.api.pages(PATH, People, paging=SIZE)]
        for page in pages:
            yield page.map(to_employee)


class AsksOneByOne(Example):
    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages(PATH, People, paging=SIZE):
            for person in page.rows:
                await self.api.get(f"/people/{person.id}", Person)
            yield page.map(to_employee)


class NumbersItsRows(Example):
    """Ids that are places in the list."""

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        number = 0
        async for page in self.api.pages(PATH, People, paging=SIZE):
            rows = []
            for person in page.rows:
                number += 1
                rows.append(to_employee(person).model_copy(update={"source_id": str(number)}))
            yield replace(page, rows=tuple(rows), ids=tuple(row.source_id for row in rows))  # type: ignore[arg-type, misc]


class Remembers(Example):
    """What one run has read, the next takes for its own."""

    seen: ClassVar[dict[str, Employee]] = {}

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages(PATH, People, paging=SIZE):
            yield page.map(lambda person: self.seen.setdefault(person.id, to_employee(person)))


class Stumbles(Example):
    """Takes for granted that every page has a row."""

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages(PATH, People, paging=SIZE):
            if not page.place.last:
                self.log.debug("page", first=page.rows[0].id)
            yield page.map(to_employee)


class HasNoWitness(Connector[ExampleCredentials]):
    manifest = Example.manifest
    check = Example.check
    employees = Example.employees


class OpenCredentials(Credentials):
    domain: Annotated[str, TenantDomain("hr.example")] = Field(title="Domain", description="Your company's address.")
    api_key: Example.credentials_type.model_fields["api_key"].annotation = Field(title="API key")  # type: ignore[valid-type]


class AsksWithoutAWord(Example, Connector[OpenCredentials]):
    """A field without a help text."""


class Promises(Example):
    """Provides a field that never comes."""

    @discovers(
        Employee,
        products=SAYS.products,
        resource=SAYS.resource,
        description=SAYS.description,
        permission=SAYS.permission,
        provides=(*SAYS.provides, "start_date"),
    )
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages(PATH, People, paging=SIZE):
            yield page.map(to_employee)


PLANTED: Mapping[type[AnyConnector], tuple[str, ...]] = {
    IgnoresTheTotal: ("faults.certificate",),
    TakesNothingForEmpty: ("faults.shape",),
    SwallowsErrors: ("faults.said",),
    StopsOnAShortPage: ("faults.clamped", "faults.lost", "interruption.resumed", "interruption.cancelled"),
    AsksForLargePages: ("manners.page_size",),
    KeepsTheRawBody: ("secrecy.people",),
    LogsTheToken: ("secrecy.token",),
    OpensItsOwnSession: ("manners.client",),
    Sleeps: ("manners.waits",),
    RetriesByItself: ("manners.waits", "faults.said"),
    Blocks: ("scale.blocking",),
    WritesAFile: ("manners.files",),
    EmptiesWhatDidNotCome: ("faults.emptied",),
    DeniesEverybody: ("faults.removal",),
    KeepsEveryPage: ("scale.memory", "faults.bug"),
    AsksOneByOne: ("scale.requests", "scale.memory", "scale.blocking"),
    NumbersItsRows: ("reading.whole", "faults.certificate", "faults.lost", "faults.clamped", "faults.bug"),
    Remembers: ("reading.follows", "scale.memory"),
    Stumbles: ("faults.bug",),
    HasNoWitness: ("declaration.witness",),
    AsksWithoutAWord: ("declaration.form", "declaration.page"),
    Promises: ("reading.fill",),
}
"""Each with the rule that it must fail at, and those that cannot be kept either where that one is broken."""

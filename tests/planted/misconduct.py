"""Planted connectors that misbehave: they leak, block, bypass the host, or cost too much."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import aiohttp
from pydantic import Field

from connector_core import (
    Account,
    Connector,
    Credentials,
    Employee,
    Listing,
    Maybe,
    Page,
    PageNumber,
    ProtocolError,
    ProviderError,
    TenantDomain,
    field,
)
from planted.example import Example, ExampleCredentials, People, Person, to_employee
from planted.misreading import PAGING, PATH, declared


class RequestsLargePages(Example):
    """Requests 100 rows a page, of which the provider sends 25."""

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages(PATH, People, paging=PageNumber(size=100)):
            yield page.map(to_employee)


class PersonWithPay(Person):
    pay: dict[str, str] = field(default_factory=dict)


class PeopleWithPay(Listing[PersonWithPay]):
    rows: list[PersonWithPay] = field(name="people")
    total: int

    @property
    def announced(self) -> int:
        return self.total

    def created(self, row: PersonWithPay) -> Maybe[str]:
        return row.created


class ParsesPrivateFields(Example):
    """Declares a private key in its wire model."""

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages(PATH, PeopleWithPay, paging=PAGING):
            yield page.map(to_employee)


class LogsTheToken(Example):
    async def check(self) -> Account:
        self.log.info("checking", key=self.credentials.api_key.get_secret_value())
        return await super().check()


class LogsATraceback(Example):
    """Logs an exception whose message quotes the token."""

    async def check(self) -> Account:
        try:
            int(self.credentials.api_key.get_secret_value())
        except ValueError:
            self.log.debug("not a number", exc_info=True)
        return await super().check()


class KeepsTheProvidersWords(Example):
    """Puts what the provider says, which may quote anybody, into messages that are stored."""

    manifest = Example.manifest.model_copy(update={"reason_header": "X-Reason"})

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        try:
            async for page in self.api.pages(PATH, People, paging=PAGING):
                yield page.map(to_employee)
        except ProtocolError as error:
            raise ProtocolError(f"the provider says: {error.said}", call=error.call) from None


class ForgetsAThrottleStatus(Example):
    """Does not declare the status that the provider throttles with."""

    manifest = Example.manifest.model_copy(update={"throttled_by": frozenset({420})})


class NamesNoResetHeader(Example):
    """Does not name the header in which the provider says when it accepts requests again."""

    manifest = Example.manifest.model_copy(update={"simulator": "planted.resets"})


class DeclaresNoConcurrencyLimit(Example):
    """Does not declare how many requests the provider accepts at once."""

    manifest = Example.manifest.model_copy(update={"simulator": "planted.crowded"})


class OpensItsOwnSession(Example):
    async def check(self) -> Account:
        async with aiohttp.ClientSession() as session:
            try:
                await session.get(f"https://{self.credentials.domain}/v1/me", timeout=aiohttp.ClientTimeout(1))
            except (aiohttp.ClientError, TimeoutError):
                self.log.debug("no answer")
        return await super().check()


class Sleeps(Example):
    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages(PATH, People, paging=PAGING):
            await asyncio.sleep(2)
            yield page.map(to_employee)


class RetriesByItself(Example):
    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        for last in (False, True):
            try:
                async for page in self.api.pages(PATH, People, paging=PAGING):
                    yield page.map(to_employee)
            except ProviderError:
                if last:
                    raise
            else:
                return


class Blocks(Example):
    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages(PATH, People, paging=PAGING):
            until = time.thread_time() + 0.15 * (page.place.number == 1)
            while time.thread_time() < until:
                pass
            yield page.map(to_employee)


class IgnoresCancellation(Example):
    """Goes on with its check when it is cancelled."""

    async def check(self) -> Account:
        while True:
            with suppress(asyncio.CancelledError):
                return await super().check()


class WritesAFile(Example):
    async def check(self) -> Account:
        Path(tempfile.gettempdir(), "example-checked").write_text("yes")
        return await super().check()


class KeepsEveryPage(Example):
    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        pages = [page async for page in self.api.pages(PATH, People, paging=PAGING)]
        for page in pages:
            yield page.map(to_employee)


class FetchesRowsOneByOne(Example):
    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages(PATH, People, paging=PAGING):
            for person in page.rows:
                await self.api.get(f"/people/{person.id}", Person)
            yield page.map(to_employee)


class HasNoWitness(Connector[ExampleCredentials]):
    manifest = Example.manifest
    check = Example.check
    employees = Example.employees


class CredentialsWithoutHelp(Credentials):
    domain: Annotated[str, TenantDomain("hr.example")] = Field(title="Domain", description="Your company's address.")
    api_key: Example.credentials_type.model_fields["api_key"].annotation = Field(title="API key")  # type: ignore[valid-type]


class HasNoHelpText(Example, Connector[CredentialsWithoutHelp]):
    """Has a field of the form without a help text."""

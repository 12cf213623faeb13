"""A connector that keeps every rule and reads what has changed since a token; and some that read it wrongly."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

from connector_core import (
    Call,
    CursorExpiredError,
    Employee,
    Page,
    PageNumber,
    PlaceInListing,
    Wire,
    changes_since,
)
from planted.example import Example, People, Person, to_employee
from planted.misreading import declared
from planted.token_simulator import CHANGES

LIFETIME = timedelta(days=30)


class Token(Wire):
    token: str


class Changes(Wire):
    people: list[Person]
    removed: list[str]
    expired: bool = False
    next: str | None = None
    token: str | None = None


class Tokened(Example):
    manifest = Example.manifest.model_copy(update={"simulator": "planted.token_simulator"})

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        token = (await self.api.get("/people/token", Token)).token
        async for page in self.api.pages("/people", People, paging=PageNumber(size=25, appends=True)):
            yield page.map(to_employee).with_delta_token(token)

    @changes_since(Employee, lifetime=LIFETIME)
    async def employees_since(self, token: str) -> AsyncIterator[Page[Employee]]:
        following: str | None = token
        number = 0
        while following:
            number += 1
            answer = await self.api.get(CHANGES, Changes, params={"since": following})
            if answer.expired:
                raise CursorExpiredError("the token has expired", call=Call("GET", CHANGES))
            following = answer.next
            page = Page(
                tuple(answer.people),
                tuple([one.id for one in answer.people]),
                removed=tuple(answer.removed),
                delta_token=answer.token,
                place=PlaceInListing(number=number, last=following is None),
            )
            yield page.map(to_employee)


def unwitnessed(connector: type[Tokened]) -> type[Tokened]:
    """Let a connector ask for no row by its id, so that a tombstone is all that the provider says."""
    connector.declarations = {
        kind: replace(one, witness=None, fetch=None) for kind, one in connector.declarations.items()
    }
    return connector


@unwitnessed
class Unwitnessed(Tokened):
    """Cannot ask for a row by its id."""


class DropsTombstones(Tokened):
    """Overlooks the ids of rows that were removed."""

    @changes_since(Employee)
    async def employees_since(self, token: str) -> AsyncIterator[Page[Employee]]:
        async for page in super().employees_since(token):
            yield replace(page, removed=())


class TakesAnExpiredTokenForNoChange(Tokened):
    """Answers an expired token with a page without changes."""

    @changes_since(Employee)
    async def employees_since(self, token: str) -> AsyncIterator[Page[Employee]]:
        try:
            async for page in super().employees_since(token):
                yield page
        except CursorExpiredError:
            yield Page((), (), delta_token=token)


class GivesTheTokenOfTheEnd(Tokened):
    """Requests the token behind the listing, so that changes during the reading are never known."""

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages("/people", People, paging=PageNumber(size=25, appends=True)):
            token = (await self.api.get("/people/token", Token)).token if page.place.last else None
            yield page.map(to_employee).with_delta_token(token)


class ReadsHalfOfTheChanges(Tokened):
    """Ends with the first page of changes, and takes the next token from the provider by itself."""

    @changes_since(Employee)
    async def employees_since(self, token: str) -> AsyncIterator[Page[Employee]]:
        async for page in super().employees_since(token):
            given = (await self.api.get("/people/token", Token)).token
            yield replace(page, delta_token=given, place=PlaceInListing())
            return

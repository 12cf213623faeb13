"""Connectors that keep every rule, whose listings are chains: by cursor, by address, by Link header, and by hand."""

import json
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

from aiohttp import web

from connector_core import (
    UNSET,
    ArrayListing,
    Body,
    Cursor,
    Employee,
    LinkHeader,
    Listing,
    Maybe,
    NextUrl,
    Page,
    Wire,
    field,
    from_header,
)
from connector_core.testing import BODY, Answer, Listed, SimulatorOptions, json_answer
from planted.example import Example, Person, to_employee
from planted.misreading import declared
from planted.simulator import JSON, ExampleSimulator

SIZE = 25
MANIFEST = Example.manifest.model_copy(update={"simulator": "planted.chained"})


class ByCursor(Listing[Person]):
    rows: list[Person] = field(name="people")
    total: Maybe[int] = UNSET
    after: Maybe[str] = UNSET

    @property
    def announced(self) -> int | None:
        return self.total if isinstance(self.total, int) else None

    @property
    def next_cursor(self) -> str | None:
        return self.after or None

    def created(self, row: Person) -> Maybe[str]:
        return row.created


class ByAddress(Listing[Person]):
    rows: list[Person] = field(name="people")
    next: Maybe[str] = field(default=UNSET, name="@next")

    @property
    def next_url(self) -> str | None:
        return self.next or None


class ByLink(ArrayListing[Person]):
    total: Maybe[int] = from_header("X-Total-Count")

    @property
    def announced(self) -> int | None:
        return self.total if isinstance(self.total, int) else None


class PageInfo(Wire):
    more: bool = field(name="hasNextPage")
    end: Maybe[str] = field(default=UNSET, name="endCursor")


class ByGraph(Listing[Person]):
    within = "data.company.people"
    errors = "errors"
    rows: list[Person] = field(name="nodes")
    total: int = field(name="totalCount")
    page: PageInfo = field(name="pageInfo")

    @property
    def announced(self) -> int:
        return self.total

    @property
    def next_cursor(self) -> str | None:
        return (self.page.end or None) if self.page.more else None


class Batch(Wire):
    people: list[Person]
    total: int
    more: bool


class Cursors(Example):
    """Reads a listing by cursors, with a total."""

    manifest = MANIFEST

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages("/cursors", ByCursor, paging=Cursor(SIZE)):
            yield page.map(to_employee)


class Addresses(Example):
    """Reads a listing in which each page tells the address of the next one. It announces no total."""

    manifest = MANIFEST

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages("/addresses", ByAddress, paging=NextUrl(), params={"limit": str(SIZE)}):
            yield page.map(to_employee)


class Links(Example):
    """Reads bare arrays, with the total and the next address in headers."""

    manifest = MANIFEST

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages("/links", ByLink, paging=LinkHeader(), params={"limit": str(SIZE)}):
            yield page.map(to_employee)


class Graph(Example):
    """Reads a GraphQL connection."""

    manifest = MANIFEST

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        paging = Cursor(SIZE, cursor="after", limit="first", sent_in=Body("variables"))
        async for page in self.api.pages("/graph", ByGraph, paging=paging, body={"query": "people"}):
            yield page.map(to_employee)


class ByHand(Example):
    """Makes its pages by hand: each is the batch of people behind the last number of the one before."""

    manifest = MANIFEST

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        pages = self.api.by_hand("people", Person)
        after: str | None = pages.position or "0"
        while after is not None:
            batch = await self.api.get("/batches", Batch, params={"after": after})
            page = pages.page(batch.people, position=after, last=not batch.more, announced=batch.total)
            after = str(int(after) + SIZE) if batch.more else None
            yield page.map(to_employee)


CHAINED = (Cursors, Addresses, Links, Graph)


class ChainedSimulator(ExampleSimulator):
    """Lists its people in the order in which they came. A cursor is the number of the last one that was sent."""

    listings = (
        Listed("/cursors", "people", "total", cursor="cursor"),
        Listed("/addresses", "people", cursor="cursor", addresses=True),
        Listed("/links", "", total_header="X-Total-Count", cursor="cursor", addresses=True),
        Listed("/graph", "data.company.people.nodes", "data.company.people.totalCount"),
        Listed("/batches", "people", "total"),
    )

    def __init__(self, people: int, seed: int) -> None:
        self._numbers = count(1)
        super().__init__(people, seed)

    def _append(self, created: str) -> None:
        super()._append(created)
        self.people[-1]["number"] = next(self._numbers)

    def answer(self, request: web.Request) -> Answer:
        path, query, found = self.path_of(request), request.query, super().answer(request)
        if found.status == 401 or path not in {one.path for one in self.listings}:
            return found
        if path == "/batches":
            return self._batch(int(query["after"]))
        if path == "/graph":
            variables = json.loads(request[BODY])["variables"]
            return self._graph(*self._after(variables.get("after"), variables["first"]))
        rows, cursor = self._after(query.get("cursor"), int(query["limit"]))
        address = f"https://{self.host}/v1{path}?limit={query['limit']}&cursor={cursor}" if cursor else None
        if path == "/cursors":
            return json_answer({"people": rows, "total": len(self.people), "after": cursor}, 200, JSON)
        if path == "/addresses":
            return json_answer({"people": rows, "@next": address}, 200, JSON)
        links = [("Link", f'<https://{self.host}/v1/links?limit=1>; rel="self"')]
        if address:
            links.append(("Link", f'<{address}>; rel="next"'))
        return json_answer(rows, 200, (*JSON, *links, ("X-Total-Count", str(len(self.people)))))

    def _after(self, cursor: str | None, limit: int) -> tuple[list[dict[str, Any]], str | None]:
        """Return the rows behind a cursor, and the cursor behind them if there are more."""
        behind = sorted(
            (one for one in self.people if one["number"] > int(cursor or 0)), key=lambda one: int(one["number"])
        )
        rows = behind[: min(limit, self.largest_page or limit)]
        return rows, str(rows[-1]["number"]) if len(rows) < len(behind) else None

    def _graph(self, rows: list[dict[str, Any]], cursor: str | None) -> Answer:
        page = {"endCursor": cursor, "hasNextPage": cursor is not None}
        people = {"nodes": rows, "totalCount": len(self.people), "pageInfo": page}
        return json_answer({"data": {"company": {"people": people}}}, 200, JSON)

    def _batch(self, after: int) -> Answer:
        rows = [one for one in self.people if after < one["number"] <= after + SIZE]
        more = any(one["number"] > after + SIZE for one in self.people)
        return json_answer({"people": rows, "total": len(self.people), "more": more}, 200, JSON)


def simulator(options: SimulatorOptions) -> ChainedSimulator:
    return ChainedSimulator(options.people, options.seed)

"""Listings that are cut by row: every row is read, however the server cuts its pages."""

from typing import Any

import pytest
from aiohttp import web

from connector_core import Cursor, Offset, PageNumber, Paging, SinglePage, Streamed
from connector_core.sdk.paging import Sliced
from connector_core.sdk.position import PageQuery, Position
from connector_core.testing import Answer, json_answer
from planted.example import Example, ExampleCredentials, People
from planted.misreading import WithoutTotal
from planted.simulator import JSON, ExampleSimulator
from world import reached

pytestmark = pytest.mark.jumping

SIZE = 25
BY_ROW = Offset(size=SIZE, offset="from", limit="count")


class Ledger(ExampleSimulator):
    """Cuts its listing by row: ``?from=25&count=25``."""

    largest_page = SIZE

    def answer(self, request: web.Request) -> Answer:
        if self.path_of(request) != "/people":
            return super().answer(request)
        start, count = int(request.query["from"]), int(request.query["count"])
        rows = self.people[start : start + min(count, self.largest_page or count)]
        return json_answer({"people": rows, "total": len(self.people)}, 200, JSON)


async def asked(ledger: Ledger, listing: Any, script: str = "", **http: Any) -> tuple[list[str], list[str], list[bool]]:
    """Return the ids that came, what was requested, and which page was the last."""
    ledger.script(script)
    credentials = ExampleCredentials.parse(ledger.credentials)
    async with reached(ledger, Example.manifest, credentials, **{"first_wait": 0.01, **http}) as api:
        pages = [page async for page in api.pages("/people", listing, paging=BY_ROW)]
    ids = [one for page in pages for one in page.ids]
    return ids, [one.query for one in ledger.requests], [page.place.last for page in pages]


@pytest.mark.parametrize("people", [0, 1, 24, 25, 26, 120])
@pytest.mark.parametrize("listing", [People, WithoutTotal], ids=["with a total", "without"])
async def test_every_row_is_read_once_and_the_empty_page_ends_the_listing(people: int, listing: Any) -> None:
    ledger = Ledger(people, 1)
    ids, queries, last = await asked(ledger, listing)
    assert ids == [one["id"] for one in ledger.people]
    assert last == [False] * (len(last) - 1) + [True]
    assert queries[0] == "from=0&count=25"
    assert len(queries) == -(-people // SIZE) + 1


@pytest.mark.parametrize("listing", [People, WithoutTotal], ids=["with a total", "without"])
async def test_a_server_that_sends_fewer_rows_than_were_requested_loses_none(listing: Any) -> None:
    ledger = Ledger(60, 1)
    ledger.largest_page = 7
    ids, queries, _ = await asked(ledger, listing)
    assert ids == [one["id"] for one in ledger.people]
    assert queries[1].startswith("from=7&")
    assert len(queries) == 10


async def test_pages_that_become_shorter_in_the_middle_lose_no_row_where_there_is_no_total() -> None:
    ledger = Ledger(120, 1)
    ids, _, _ = await asked(ledger, WithoutTotal, "clamp@2")
    assert ids == [one["id"] for one in ledger.people]


async def test_smaller_pages_are_requested_where_the_gateway_gives_up() -> None:
    ledger = Ledger(60, 1)
    ids, queries, _ = await asked(ledger, People, "502@2x2", at_once=1)
    assert ids == [one["id"] for one in ledger.people]
    assert queries[1:5] == ["from=25&count=25", "from=25&count=25", "from=25&count=5", "from=30&count=5"]


@pytest.mark.parametrize(
    ("paging", "sliced", "resumable"),
    [
        (Offset(50), True, False),
        (PageNumber(50), True, False),
        (Offset(50, appends=True), True, True),
        (PageNumber(50, appends=True), True, True),
        (Cursor(50), False, True),
        (SinglePage(), False, False),
        (Streamed(), False, False),
    ],
)
def test_only_pages_of_equal_size_can_be_read_at_once_and_resumed_if_new_rows_come_last(
    paging: Paging, *, sliced: bool, resumable: bool
) -> None:
    assert isinstance(paging, Sliced) is sliced
    assert paging.resumable is resumable


def test_an_offset_counts_the_rows_that_came() -> None:
    assert BY_ROW.query(Position()) == PageQuery({"from": 0, "count": 25})
    assert BY_ROW.query(Position().after(7, 60)) == PageQuery({"from": 7, "count": 25})
    assert BY_ROW.query(Position().after(25, 60).after(0, 60)) is None


def test_the_first_page_has_a_cursor_where_the_provider_wants_one() -> None:
    asked = [Cursor(size=50, first=one).query(Position()) for one in (None, "")]
    assert [one and one.params for one in asked] == [{"limit": 50}, {"limit": 50, "cursor": ""}]


def test_the_page_without_a_cursor_ends_the_listing_and_an_empty_one_does_not() -> None:
    paging = Cursor(size=50, cursor="after", limit="count")
    assert paging.query(Position()) == PageQuery({"count": 50})
    assert paging.query(Position().after(50, None, "c1")) == PageQuery({"count": 50, "after": "c1"})
    assert paging.query(Position().after(50, None, "c1").after(0, None, "c2")) == PageQuery(
        {"count": 50, "after": "c2"}
    )
    assert paging.query(Position().after(50, None, "c1").after(50, None)) is None


async def test_a_listing_that_tells_no_cursor_is_not_taken_for_one_page() -> None:
    ledger = Ledger(60, 1)
    async with reached(ledger, Example.manifest, ExampleCredentials.parse(ledger.credentials)) as api:
        with pytest.raises(TypeError, match="WithoutTotal tells no next_cursor"):
            api.pages("/people", WithoutTotal, paging=Cursor(SIZE))

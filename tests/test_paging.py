"""Listings that are cut by row: whoever is there is read, however the server cuts its pages; and what is derived."""

from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

from connector_core import (
    Department,
    Offset,
    Page,
    PageNumber,
    Paging,
    PlaceInListing,
    RowRejectedError,
    SinglePage,
    Streamed,
)
from connector_core.discovery.reading import Reading
from connector_core.sdk.connector import Declaration
from connector_core.sdk.paging import Position, Sliced
from connector_core.testing import Answer, json_answer
from planted.bad import Untold
from planted.example import Example, ExampleCredentials, People, Person
from planted.simulator import JSON, ExampleSimulator
from world import reached

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
    """The ids that came, what was asked for, and which page was called the last."""
    ledger.script(script)
    credentials = ExampleCredentials.parse(ledger.credentials)
    async with reached(ledger, Example.manifest, credentials, **{"first_wait": 0.01, **http}) as api:
        pages = [page async for page in api.pages("/people", listing, paging=BY_ROW)]
    ids = [one for page in pages for one in page.ids]
    return ids, [one.query for one in ledger.requests], [page.place.last for page in pages]


@pytest.mark.parametrize("people", [0, 1, 24, 25, 26, 120])
@pytest.mark.parametrize("listing", [People, Untold], ids=["with a total", "without"])
async def test_every_row_is_read_once_and_the_empty_page_ends_it(people: int, listing: Any) -> None:
    ledger = Ledger(people, 1)
    ids, queries, last = await asked(ledger, listing)
    assert ids == [one["id"] for one in ledger.people]
    assert last == [False] * (len(last) - 1) + [True]
    assert queries[0] == "from=0&count=25"
    assert len(queries) == -(-people // SIZE) + 1


@pytest.mark.parametrize("listing", [People, Untold], ids=["with a total", "without"])
async def test_a_server_that_sends_fewer_rows_than_were_asked_for_loses_nobody(listing: Any) -> None:
    ledger = Ledger(60, 1)
    ledger.largest_page = 7
    ids, queries, _ = await asked(ledger, listing)
    assert ids == [one["id"] for one in ledger.people]
    assert queries[1].startswith("from=7&")
    assert len(queries) == 10


async def test_pages_that_become_shorter_in_the_middle_are_followed_where_there_is_no_total() -> None:
    ledger = Ledger(120, 1)
    ids, _, _ = await asked(ledger, Untold, "clamp@2")
    assert ids == [one["id"] for one in ledger.people]


async def test_smaller_pages_are_asked_for_where_the_gateway_gives_up() -> None:
    ledger = Ledger(60, 1)
    ids, queries, _ = await asked(ledger, People, "502@2x2", at_once=1)
    assert ids == [one["id"] for one in ledger.people]
    assert queries[1:5] == ["from=25&count=25", "from=25&count=25", "from=25&count=5", "from=30&count=5"]


@pytest.mark.parametrize(
    ("paging", "sliced", "resumable"),
    [(Offset(50), True, True), (PageNumber(50), True, True), (SinglePage(), False, False), (Streamed(), False, False)],
)
def test_only_what_is_cut_in_equal_parts_is_read_at_once(paging: Paging, *, sliced: bool, resumable: bool) -> None:
    assert isinstance(paging, Sliced) is sliced
    assert paging.resumable is resumable


def test_an_offset_counts_the_rows_that_came() -> None:
    assert BY_ROW.query(Position()) == {"from": "0", "count": "25"}
    assert BY_ROW.query(Position().after(7, 60)) == {"from": "7", "count": "25"}
    assert BY_ROW.query(Position().after(25, 60).after(0, 60)) is None


# ---- what rows mention


def teams(person: Person) -> Iterator[Department]:
    if person.name == "nobody knows":
        raise RowRejectedError("team", "did not come")
    for name in person.name.split():
        yield Department(source_id=name, name=name)


def page(*names: str, number: int = 1, last: bool = False, **more: Any) -> Page[Person]:
    rows = tuple(Person(id=f"{number}-{place}", name=name, active=True) for place, name in enumerate(names))
    place = PlaceInListing(listing="/people", number=number, last=last)
    return Page(rows, tuple(row.id for row in rows), place=place, **more)


def reading(*pages: Page[Person]) -> Reading:
    made = Reading(Declaration(Department, frozenset(), "", "", "", (), "departments"))
    for one in pages:
        assert made.take(made.once(one.derive(teams)))
    return made


def test_what_many_rows_mention_is_found_once_also_over_pages() -> None:
    first = page("sales legal", "sales", "").derive(teams)
    assert first.ids == ("sales", "legal")
    found = reading(page("sales legal", "sales", announced=4), page("legal", "ops", number=2, announced=4, last=True))
    assert (found.entities, found.derived) == (3, {"sales", "legal", "ops"})


def test_whether_all_was_derived_is_judged_by_the_rows() -> None:
    whole = reading(page("sales", "sales", announced=3), page("ops", number=2, announced=3, last=True))
    assert whole.reasons("Example", staged=2, stored=0) == ()
    short = reading(page("sales", "sales", announced=3, last=True))
    assert short.reasons("Example", staged=1, stored=0) == ("2 rows were read and Example announced 3",)
    twice = reading(page("sales", announced=1), page("sales", "ops", announced=1, last=True))
    assert "1 rows came twice, so others may have been missed" in twice.reasons("Example", staged=2, stored=0)


def test_a_row_that_cannot_tell_what_it_mentions_leaves_the_reading_incomplete() -> None:
    found = reading(page("sales", "nobody knows", announced=2, last=True))
    (reason,) = found.reasons("Example", staged=1, stored=0)
    assert reason == "1 rows could not be used (1-1: team did not come)"


def test_rows_that_were_skipped_before_are_counted_too() -> None:
    first = page("sales", "", announced=2, last=True).map(lambda one: one if one.name else None)
    derived = first.derive(teams)
    assert derived.listed == ("1-0", "1-1")


def test_nobody_goes_on_in_the_middle_of_what_is_derived() -> None:
    assert page("sales").derive(teams).place.listing == ""

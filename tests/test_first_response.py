"""The first response of a listing: what tells the rows that were there from those that came later."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from connector_core import Call, Listing, Maybe, PlaceInListing, Row, TotalSource, field
from connector_core.http.first_response import FirstResponse
from connector_core.http.parsing import ParsedPage, parse_page
from connector_core.http.waits import clock_of
from connector_core.sdk.position import Position

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
MIDDLE, LAST = PlaceInListing(number=2, last=False), PlaceInListing(number=2)
START = Position()


def page(*ids: str, created: tuple[float | None, ...] | None = None, total: int | None = 3) -> ParsedPage[Row]:
    return ParsedPage(tuple(Row(id=one) for one in ids), ids, total, TotalSource.LISTING, created=created)


def recent(first: FirstResponse, later: ParsedPage[Any], start: Position = START) -> tuple[str, ...] | None:
    return first.placed(later, MIDDLE, start, Position(2, later.size, 4)).recent


@pytest.mark.parametrize(
    ("created", "found"),
    [
        (NOON - 60, ()),
        # The request took five seconds, and the clocks of two machines tell whole seconds.
        (NOON - 7.5, ()),
        (NOON - 6.5, ("c",)),
        (NOON, ("c",)),
        (None, None),
    ],
)
def test_a_row_is_older_if_it_was_created_before_the_first_response_was_made(
    created: float | None, found: tuple[str, ...] | None
) -> None:
    assert recent(FirstResponse.of(page("a", "b"), 5.0, NOON), page("c", created=(created,))) == found


def test_rows_of_the_first_response_were_there_whatever_their_creation_times_say() -> None:
    first = page("a", "b")
    assert recent(FirstResponse.of(first), first) == ()
    # The first page was divided, and its second part came later.
    assert recent(FirstResponse.of(page("a")), page("a", "b")) is None


def test_without_a_date_or_creation_times_nothing_is_known() -> None:
    assert recent(FirstResponse.of(page("a"), 1.0, None), page("b", created=(1.0,))) is None
    assert recent(FirstResponse.of(page("a"), 1.0, NOON), page("b")) is None


def test_a_reading_that_resumes_began_in_an_earlier_run() -> None:
    first, start = FirstResponse.of(page("b"), 1.0, NOON), Position(1, 1, 1, 3, began=NOON - 600)
    placed = first.placed(page("c", created=(NOON - 300,)), MIDDLE, start, Position(2, 1, 2))
    assert placed.recent == ("c",)
    assert (placed.place.beginning.total, placed.place.beginning.moment) == (3, NOON - 600)


@pytest.mark.parametrize(
    ("total", "end", "place", "one_response"),
    [
        (2, Position(2, 0, 2), LAST, True),
        (3, Position(2, 1, 3), LAST, False),
        # Without a total the server may have cut the page.
        (None, Position(2, 0, 2), LAST, False),
        (None, Position(1, 2, 2), LAST, True),
    ],
)
def test_all_rows_came_in_one_response_if_it_has_as_many_as_it_announced(
    total: int | None, end: Position, place: PlaceInListing, *, one_response: bool
) -> None:
    first = FirstResponse.of(page("a", "b", total=total))
    assert first.placed(page(total=total), place, START, end).place.one_response is one_response


class Dated(Row):
    made: Maybe[str] = None


class People(Listing[Dated]):
    rows: list[Dated] = field(name="people")

    def created(self, row: Dated) -> Maybe[str]:
        return row.made


@pytest.mark.parametrize(
    ("made", "found"),
    [
        ("2026-03-01T12:59:00+01:00", ()),
        ("2026-03-01T12:00:00Z", ("a",)),
        # Of which time zone, it does not say.
        ("2020-03-01T12:00:00", None),
        ("yesterday", None),
        (None, None),
    ],
)
def test_a_creation_time_is_a_moment_or_unknown(made: Any, found: tuple[str, ...] | None) -> None:
    body = json.dumps({"people": [{"id": "a", "made": made}]}).encode()
    later = parse_page(Call("GET", "/people"), People, body)
    assert recent(FirstResponse.of(page("b"), 0.0, NOON), later) == found


@pytest.mark.parametrize(
    ("date", "clock"), [("Sun, 01 Mar 2026 12:00:00 GMT", NOON), ("soon", None), ("", None), (None, None)]
)
def test_the_providers_time_is_that_of_its_date_header(date: str | None, clock: float | None) -> None:
    assert clock_of({} if date is None else {"Date": date}) == clock

"""Pages that a connector makes by hand: placed, bounded, rejected by their texts and counted as those of a listing."""

from functools import partial
from typing import Any

import pytest

from connector_core import Page, ProtocolError
from connector_core.http.by_hand import HandPagedListing, listing_by_hand
from connector_core.sdk.api import HandPages
from connector_core.sdk.connector import AnyConnector
from connector_core.sdk.invalid_text import INVALID_TEXT
from connector_core.sdk.page import TotalSource
from connector_core.sdk.position import Position
from connector_core.testing.kit import fault_injection, run_examiner, run_job, scale
from planted.chained import Addresses, ByHand, Links
from planted.example import Person


def people(*ids: str) -> list[Person]:
    return [Person(id=one) for one in ids]


def by_hand(start: Position = Position(), most: int = 100) -> HandPages[Person]:  # noqa: B008 - it is frozen
    return HandPagedListing("people", start, most)


def test_pages_have_their_places() -> None:
    pages = by_hand()
    assert pages.position is None
    first = pages.page(people("a", "b"), position="x", last=False, announced=3)
    second = pages.page(people("c"), position="y", last=True, announced=3)
    assert [one.place.number for one in (first, second)] == [1, 2]
    assert [one.place.last for one in (first, second)] == [False, True]
    assert [one.place.cursor for one in (first, second)] == ["x", "y"]
    assert {one.place.listing for one in (first, second)} == {"by hand: people"}
    assert {one.total_source for one in (first, second)} == {TotalSource.LISTING}
    # Creation times are unknown, so rows behind the first response may have come since.
    assert [one.recent for one in (first, second)] == [(), None]
    assert first.place.beginning.total == second.place.beginning.total == 3
    assert not first.place.one_response


def test_all_rows_in_one_page_came_in_one_response() -> None:
    page = by_hand().page(people("a", "b"), position="x", last=True)
    assert page.place.one_response
    assert page.total_source is TotalSource.NONE


def test_a_total_that_falls_is_noted() -> None:
    pages = by_hand()
    found = [pages.page(people(one), position=one, last=False, announced=int(one)) for one in "232"]
    assert [one.place.total_fell for one in found] == [False, False, True]


def test_pages_go_on_where_an_interrupted_run_had_come_to() -> None:
    pages = by_hand(Position(pages=2, rows=50, last_rows=1, announced=70, began=1.0, next_cursor="y"))
    assert pages.position == "y"
    page = pages.page(people("c"), position="y", last=False, announced=70)
    assert (page.place.number, page.place.cursor, page.place.beginning.moment) == (3, "y", 1.0)


def test_a_row_with_a_bad_text_is_rejected_by_its_id() -> None:
    rows = [Person(id="a", name=INVALID_TEXT), *people("b")]
    page: Page[Any] = by_hand().page(rows, position="x", last=True)
    assert page.ids == ("b",)
    assert [one.source_id for one in page.rejected] == ["a"]


@pytest.mark.parametrize("rows", [["a"], []])
def test_a_listing_without_an_end_is_bounded(rows: list[str]) -> None:
    pages = by_hand(most=5)
    with pytest.raises(ProtocolError, match=r"the listing has more than \[host.bounds\] rows = 5"):
        for number in range(99):
            pages.page(people(*rows), position=str(number), last=False)


def test_its_key_is_that_of_no_request() -> None:
    assert not listing_by_hand("/people?").startswith("/")


# ---- the kit


@pytest.mark.timeout(120)
@pytest.mark.parametrize("job", ["reading", "interruption", "manners"])
def test_a_connector_that_makes_its_pages_by_hand_keeps_the_rules(job: str) -> None:
    findings = run_job(ByHand, job)
    assert findings.problems == {}
    if job == "interruption":
        assert findings.measures["runs resumed at a page"] == "3"


def test_pages_by_hand_are_counted_as_pages() -> None:
    findings = run_examiner(ByHand, partial(scale.examine, sizes=(1, 120), traced=()))
    assert findings.problems == {}
    # The check, and two passes, since there are no creation times.
    assert findings.measures["120 people"].startswith("11 requests, 10 of them pages")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("connector", [Addresses, Links], ids=lambda one: one.__name__)
def test_chains_keep_the_rules_when_cursors_expire_and_addresses_lead_elsewhere(connector: type[AnyConnector]) -> None:
    findings = run_examiner(connector, partial(fault_injection.examine, kinds=("expired_cursor", "other_host")))
    assert findings.problems == {}
    assert findings.counts["faults fired"] == findings.counts["faults tried"] > 10
    assert run_job(connector, "interruption").problems == {}

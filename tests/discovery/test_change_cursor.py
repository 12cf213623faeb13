"""The cursor of a delta: down the listing, the last changed first, to what is stored already."""

from datetime import timedelta
from typing import Any

import pytest

from builders import NOON, changed, last_scan, page, person
from connector_core.discovery.delta import ChangeCursor
from connector_core.reasons import Code
from connector_core.settings import DeltaSettings

DAY = timedelta(days=1)


def test_a_cursor_starts_at_the_watermark_with_the_overlap() -> None:
    settings = DeltaSettings(overlap=60)
    assert ChangeCursor.behind(last_scan(), settings).since == NOON - timedelta(minutes=1)
    older = last_scan(watermark=None, full_at=NOON - DAY)
    assert ChangeCursor.behind(older, settings).since == NOON - DAY - timedelta(minutes=1)


def test_a_cursor_follows_the_listing_down_to_what_is_stored() -> None:
    cursor = ChangeCursor(NOON)
    assert not cursor.reached(page(changed("a", 3), changed("b", 2)))
    # Exactly at the watermark: another row of the same moment may follow.
    assert not cursor.reached(page(changed("c", 0), number=2))
    assert cursor.reached(page(changed("d", -1), number=3))
    assert cursor.done
    assert cursor.problem is None


@pytest.mark.parametrize("rows", [(), (changed("a", 5),)])
def test_the_last_page_ends_a_delta(rows: tuple[Any, ...]) -> None:
    cursor = ChangeCursor(NOON)
    assert cursor.reached(page(*rows, last=True))
    assert cursor.done


def test_an_empty_page_in_the_middle_does_not_end_the_reading() -> None:
    cursor = ChangeCursor(NOON)
    assert not cursor.reached(page())
    assert not cursor.done


def test_rows_pushed_onto_the_next_page_are_in_order() -> None:
    cursor = ChangeCursor(NOON)
    assert not cursor.reached(page(changed("a", 9), changed("b", 8)))
    assert not cursor.reached(page(changed("b", 8), changed("c", 7), number=2))
    assert cursor.problem is None


@pytest.mark.parametrize(
    ("pages", "code"),
    [
        ([page(changed("a", 1), changed("b", 2))], Code.ORDER_BROKEN),
        ([page(changed("a", 1)), page(changed("b", 2), number=2)], Code.ORDER_BROKEN),
        ([page(changed("a", None))], Code.CHANGE_TIMES_MISSING),
        # A row that was sent before and has moved up since is not out of order by itself.
        ([page(changed("a", 2), changed("b", 1)), page(changed("a", 3), number=2)], None),
        # One row without a moment among others says nothing.
        ([page(changed("a", 2), changed("b", None), changed("c", 1))], None),
        # Equal moments are in order.
        ([page(changed("a", 1), changed("b", 1))], None),
    ],
)
def test_a_listing_out_of_order_ends_it_with_a_problem(pages: list[Any], code: Code | None) -> None:
    cursor = ChangeCursor(NOON - 9 * DAY)
    reached = [cursor.reached(one) for one in pages]
    assert reached[-1] is (code is not None)
    assert (cursor.problem and cursor.problem.code) == code
    assert not cursor.done


def test_naive_moments_are_in_utc() -> None:
    naive = person("b", updated_at=(NOON - DAY).replace(tzinfo=None))
    cursor = ChangeCursor(NOON)
    assert cursor.reached(page(changed("a", 1), naive))
    assert (cursor.done, cursor.problem) == (True, None)

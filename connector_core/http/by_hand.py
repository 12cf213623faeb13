"""Pages of a listing that its connector requests itself, placed and counted as those of any other listing."""

from collections.abc import Iterable
from typing import Generic

from connector_core.http.bounds import Bound
from connector_core.http.first_response import FirstResponse
from connector_core.http.parsing import ParsedPage
from connector_core.sdk.page import Page, PlaceInListing, TotalSource
from connector_core.sdk.position import Position
from connector_core.sdk.wire import R


def listing_by_hand(name: str) -> str:
    """Return the key of a listing by hand: that of no request."""
    return f"by hand: {name}"


class HandPagedListing(Generic[R]):
    """Makes the pages of one listing, in order. ``start`` is where an interrupted run had come to."""

    def __init__(self, name: str, start: Position, most: int) -> None:
        self._listing = listing_by_hand(name)
        self._start = self._end = start
        self._bound = Bound(start, most, None)
        self._first: FirstResponse | None = None
        self._highest_total = 0

    @property
    def position(self) -> str | None:
        return self._start.next_cursor

    def page(self, rows: Iterable[R], *, position: str, last: bool, announced: int | None = None) -> Page[R]:
        good = Page.single(rows)
        source = TotalSource.NONE if announced is None else TotalSource.LISTING
        page = ParsedPage(good.rows, good.ids, announced, source, good.rejected)
        self._bound.check(page.size)
        self._end = self._end.after(page.size, announced)
        self._first = self._first or FirstResponse.of(page)
        fell = announced is not None and announced < self._highest_total
        self._highest_total = max(self._highest_total, announced or 0)
        place = PlaceInListing(self._listing, self._end.pages, last, fell, cursor=position)
        return self._first.placed(page, place, self._start, self._end)

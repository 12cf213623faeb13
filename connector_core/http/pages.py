"""A listing read ahead: pages are requested before they are wanted, and delivered in order.

The first page is requested at once. Where pages are numbered, it tells the total, and so how many pages there are: of
these, as many are requested at once as the pace allows. Where each page tells where the next one is, that is requested
as soon as it is known, so that the network and the caller work at the same time. Where a page begins behind the rows
that came before it, pages are requested one by one.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable
from dataclasses import replace
from math import ceil
from typing import Any, Generic, Protocol

from connector_core.errors import ProtocolError
from connector_core.http.first_response import FirstResponse
from connector_core.http.listener import RequestListener
from connector_core.http.pace import Pace, PageSizes
from connector_core.http.page_request import AnnouncedTotal, PageRequest, RequestState
from connector_core.http.parsing import ParsedPage
from connector_core.http.request import Request
from connector_core.sdk.page import Page, PlaceInListing
from connector_core.sdk.paging import Chained, Paging, RowRange, Sliced
from connector_core.sdk.position import PageQuery, Position
from connector_core.sdk.wire import R

_AHEAD = 2
"""Pages requested ahead of the one to be delivered next, as a multiple of the requests at once …"""
_AHEAD_OF_LATE = 4
"""… and while that one is late, so that the others need not wait for it."""
_AHEAD_IN_CHAIN = 2
"""Pages requested ahead where each tells where the next one is."""


class Fetch(Protocol[R]):
    def __call__(self, page: PageQuery, /, *, listener: RequestListener, divisible: bool) -> Awaitable[ParsedPage[R]]:
        """Request one page. With ``divisible``, a smaller one could be requested instead."""
        ...


class PagedListing(Generic[R]):
    """Delivers the pages of one listing in order."""

    def __init__(self, fetch: Fetch[R], request: Request, paging: Paging, start: Position, pace: Pace) -> None:
        # Cached: isinstance() against a protocol costs more than handling a page.
        self._sliced = paging if isinstance(paging, Sliced) else None
        self._chained = isinstance(paging, Chained)
        self._chain: dict[str, Any] = (
            {"chained": True, "keeps_place": paging.keeps_place} if isinstance(paging, Chained) else {}
        )
        self.fetch = fetch
        self.request = request
        self.pace = pace
        self.sizes = PageSizes(self._sliced.size if self._sliced else 1)
        self.highest_total = 0
        """The highest total that a response has announced."""
        self.over = False
        """True when no more pages will be delivered."""
        self._first: FirstResponse | None = None
        self._start = start
        self._paging = paging
        self._position = start
        """Position behind the delivered pages."""
        self._told = start
        """In a chain, the position behind the last page that has told where the next one is."""
        self._next = start.pages + 1
        """Number of the page to request next."""
        self._page_rows = 0
        """Rows of a full page: fewer than were requested where the server limits them. 0 before the first page."""
        self._read_ahead = False
        self._requests: deque[PageRequest[R]] = deque()
        """One for each page that is not delivered yet, in order."""
        if paging.query(start) is not None:
            self._request_next()

    async def deliver(self) -> AsyncGenerator[Page[R], None]:
        """Yield every page, in order; the last is the one that ends the listing."""
        cursor: str | None = None
        try:
            while self._requests:
                due = self._requests[0]
                page = await due.task
                del self._requests[0]
                before, cursor = cursor, self._position.next_cursor
                self._position = self._position.after(page.size, page.announced, page.next_cursor)
                last = self._paging.query(self._position) is None
                if last and page.announced is not None:
                    # It may have been answered before a page that knew of one more row.
                    page = replace(page, announced=max(page.announced, self.highest_total))
                self._measure(page.size)
                if not last:
                    self.use_free_slots()
                listing = self.request.listing if self._paging.resumable else ""
                number, fell = self._position.pages, due.total_fell
                place = PlaceInListing(listing, number, last, fell, cursor=cursor, **self._chain)
                yield (self._first or FirstResponse.of(page)).placed(page, place, self._start, self._position)
                if last:
                    return
                if cursor is not None and cursor == before:
                    raise ProtocolError("the page says that it is itself the next one", call=self.request.call)
                # Only now: a caller that wants the first page alone costs one request.
                self._read_ahead = True
                if not self._requests:
                    self._request_next()
                self.use_free_slots()
        finally:
            self.cancel()

    def cancel(self) -> None:
        """Give up the pages that are not delivered yet."""
        self._read_ahead, self.over = False, True
        for request in self._requests:
            request.task.cancel()

    @property
    def tasks(self) -> tuple[asyncio.Task[ParsedPage[R]], ...]:
        return tuple(request.task for request in self._requests)

    @property
    def left(self) -> int:
        """Number of requests to come, as far as the total tells."""
        return max(0, self._last_page - self._position.pages) if self._total_known else 0

    def use_free_slots(self) -> None:
        """Send the requests that are queued, then those for the next pages."""
        states = [request.state for request in self._requests]
        free = self.pace.width - states.count(RequestState.SENT) - states.count(RequestState.DIVIDING)
        queued = [request for request in self._requests if request.state is RequestState.QUEUED]
        for request in queued[: max(0, free)]:
            request.send_again()
            free -= 1
        if not self._read_ahead or RequestState.FAILED in states:
            return
        while free > 0 and len(self._requests) < self._most_ahead and self._next_is_known:
            self._request_next()
            free -= 1

    def responses_so_far(self) -> list[AnnouncedTotal]:
        """Return the responses that a request sent now must not fall behind: those parsed, as one, and the others."""
        return [AnnouncedTotal(self.highest_total), *(one.unparsed for one in self._requests if one.unparsed)]

    def note_response(self, page: ParsedPage[R], seconds: float, clock: float | None) -> None:
        """Keep the first response: until it is delivered, no other page is requested. Follow a chain."""
        self._first = self._first or FirstResponse.of(page, seconds, clock)
        if self._chained:
            self._told = self._told.after(page.size, page.announced, page.next_cursor)
            self.use_free_slots()

    def _request_next(self) -> None:
        self._requests.append(PageRequest(self, self._wanted(self._next)))
        self._next += 1

    def _wanted(self, number: int) -> PageQuery | RowRange:
        """Return the query of this page, or its rows if it may be divided."""
        position, sliced = self._told if self._chained else self._position, self._sliced
        first = not position.pages
        if sliced is None or not (sliced.numbered or first or position.announced is not None):
            # A short page in the middle would go unnoticed, so each page begins where the one before it ended.
            return self._paging.query(position) or PageQuery()
        if self._page_rows in {0, sliced.size}:
            return RowRange(sliced, (number - 1) * sliced.size, sliced.size)
        # Where the server limits the rows of a page and pages are numbered, only it knows where each begins.
        size = sliced.size if sliced.numbered else self._page_rows
        return sliced.slice((number - 1) * size, size)

    def _measure(self, rows: int) -> None:
        """Find out from the first page how many rows a page has."""
        if not self._page_rows and self._sliced:
            size, first = self._sliced.size, self._position.pages == 1
            limited = first and 0 < rows < min(size, self._position.announced or 0)
            self._page_rows = rows if limited else size
        elif not self._page_rows and self._chained:
            self._page_rows = rows

    @property
    def _most_ahead(self) -> int:
        """Number of pages that may be requested and not delivered yet."""
        if self._chained:
            return _AHEAD_IN_CHAIN
        late = bool(self._requests) and self._requests[0].holds_slot
        return (_AHEAD_OF_LATE if late else _AHEAD) * self.pace.limit

    @property
    def _next_is_known(self) -> bool:
        """True if there is a next page, and it is known where it begins."""
        if self._chained:
            return self._told.pages == self._next - 1 and self._paging.query(self._told) is not None
        return self._total_known and self._next <= self._last_page

    @property
    def _total_known(self) -> bool:
        return self._position.announced is not None and self._page_rows > 0

    @property
    def _last_page(self) -> int:
        """Number of the page that ends the listing: in a chain that of the last row, else the empty one behind it."""
        return ceil((self._position.announced or 0) / self._page_rows) + (not self._chained)

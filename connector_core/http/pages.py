"""A listing read ahead: several pages are requested at once, and delivered in order.

The first page is requested at once; it tells the total, and so how many pages there are. As many requests hold a slot
as the pace allows. A page request starts with a slot, and goes through these states::

    SENT ─▶ ANSWERED ─▶ DONE      The response has come, and the slot is free; then it has been parsed.
              │
              └─▶ QUEUED ─▶ SENT  It could not be parsed: the page is requested again when a slot is free.
    SENT ─▶ DIVIDING ─▶ DONE      The gateway gave up: the page is requested as smaller ones, in the same slot.
    any  ─▶ FAILED                No page behind it is requested any more.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable
from dataclasses import dataclass, replace
from enum import Enum, auto
from math import ceil
from typing import Generic, Protocol

from connector_core.errors import UnavailableError
from connector_core.http.first_response import FirstResponse
from connector_core.http.listener import RequestListener
from connector_core.http.pace import Pace, PageSizes
from connector_core.http.parsing import ParsedPage
from connector_core.http.request import Request
from connector_core.sdk.page import Page, PlaceInListing
from connector_core.sdk.paging import Chained, PageQuery, Paging, Position, RowRange, Sliced
from connector_core.sdk.wire import R

_AHEAD = 2
"""Pages requested ahead of the one to be delivered next, as a multiple of the requests at once …"""
_AHEAD_OF_LATE = 4
"""… and while that one is late, so that the others need not wait for it."""


class Fetch(Protocol[R]):
    def __call__(self, page: PageQuery, /, *, listener: RequestListener, divisible: bool) -> Awaitable[ParsedPage[R]]:
        """Request one page. With ``divisible``, a smaller one could be requested instead."""
        ...


class RequestState(Enum):
    """State of a page request. The module's docstring shows how they follow each other."""

    SENT = auto()
    ANSWERED = auto()
    QUEUED = auto()
    DIVIDING = auto()
    DONE = auto()
    FAILED = auto()


@dataclass(eq=False, slots=True)
class AnnouncedTotal:
    """The total of a response that has come: 0 until it is parsed."""

    announced: int = 0


class PagedListing(Generic[R]):
    """Delivers the pages of one listing in order."""

    def __init__(self, fetch: Fetch[R], request: Request, paging: Paging, start: Position, pace: Pace) -> None:
        # Cached: isinstance() against a protocol costs more than handling a page.
        self._sliced = paging if isinstance(paging, Sliced) else None
        self._chained = isinstance(paging, Chained)
        self._keeps_place = isinstance(paging, Chained) and paging.keeps_place
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
        try:
            while self._requests:
                due = self._requests[0]
                page = await due.task
                del self._requests[0]
                cursor = self._position.next_cursor
                self._position = self._position.after(page.size, page.announced, page.next_cursor)
                last = self._paging.query(self._position) is None
                if last and page.announced is not None:
                    # It may have been answered before a page that knew of one more row.
                    page = replace(page, announced=max(page.announced, self.highest_total))
                self._measure(page.size)
                listing = self.request.listing if self._paging.resumable else ""
                place = PlaceInListing(
                    listing,
                    self._position.pages,
                    last,
                    due.total_fell,
                    cursor=cursor,
                    chained=self._chained,
                    keeps_place=self._keeps_place,
                )
                yield (self._first or FirstResponse.of(page)).placed(page, place, self._start, self._position)
                if last:
                    return
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
        if not (self._read_ahead and self._total_known) or RequestState.FAILED in states:
            return
        late = bool(self._requests) and self._requests[0].holds_slot
        most = (_AHEAD_OF_LATE if late else _AHEAD) * self.pace.limit
        while free > 0 and len(self._requests) < most and self._next <= self._last_page:
            self._request_next()
            free -= 1

    def responses_so_far(self) -> list[AnnouncedTotal]:
        """Return the responses that a request sent now must not fall behind: those parsed, as one, and the others."""
        return [AnnouncedTotal(self.highest_total), *(one.unparsed for one in self._requests if one.unparsed)]

    def note_response(self, page: ParsedPage[R], seconds: float, clock: float | None) -> None:
        """Keep the first response: until it is delivered, no other page is requested."""
        self._first = self._first or FirstResponse.of(page, seconds, clock)

    def _request_next(self) -> None:
        self._requests.append(PageRequest(self, self._wanted(self._next)))
        self._next += 1

    def _wanted(self, number: int) -> PageQuery | RowRange:
        """Return the query of this page, or its rows if it may be divided."""
        position, sliced = self._position, self._sliced
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

    @property
    def _total_known(self) -> bool:
        return self._position.announced is not None and self._page_rows > 0

    @property
    def _last_page(self) -> int:
        """Number of the page that ends the listing: the empty one behind the last row."""
        return ceil((self._position.announced or 0) / self._page_rows) + 1


class PageRequest(Generic[R]):
    """The request for one page, given by its query or, if it may be divided, by its rows.

    The client reports its attempts to it.
    """

    def __init__(self, listing: PagedListing[R], wanted: PageQuery | RowRange) -> None:
        self.state = RequestState.SENT
        self.unparsed: AnnouncedTotal | None = None
        """The response that has come and is not parsed yet."""
        self.total_fell = False
        """True if a response that came before this request was sent announced more rows."""
        self._answered: tuple[float, float | None] = (0.0, None)
        """The time that the last response took, and the provider's time in it."""
        self._listing = listing
        self._wanted = wanted
        self._slot = asyncio.Event()
        self.task = asyncio.create_task(self._fetch())
        self.task.add_done_callback(self._ended)

    @property
    def holds_slot(self) -> bool:
        return self.state is RequestState.SENT or self.state is RequestState.DIVIDING

    def send_again(self) -> None:
        """Give it the slot that it is queued for."""
        self.state = RequestState.SENT
        self._slot.set()

    # ---- reports of the client

    async def before_sending(self) -> None:
        if self.state is RequestState.ANSWERED:
            self.state = RequestState.QUEUED
            self._slot.clear()
            self._listing.use_free_slots()
            await self._slot.wait()

    def answered(self, seconds: float, clock: float | None) -> None:
        self._listing.pace.answered(seconds)
        self._answered = (seconds, clock)
        self.unparsed = AnnouncedTotal()
        if self.state is RequestState.SENT:
            self.state = RequestState.ANSWERED
        self._listing.use_free_slots()

    def failed(self, began: float, now: float) -> None:
        self._listing.pace.failed(began, now)

    def _ended(self, task: asyncio.Task[ParsedPage[R]]) -> None:
        held_slot = self.holds_slot
        # The exception is looked at, so that asyncio does not report it where no caller waits for the page.
        self.state = RequestState.FAILED if task.cancelled() or task.exception() else RequestState.DONE
        self.unparsed = None
        if held_slot:
            self._listing.use_free_slots()

    # ---- the page, whole or divided

    async def _fetch(self) -> ParsedPage[R]:
        if not isinstance(self._wanted, RowRange):
            return await self._fetch_part(self._wanted, divisible=False)
        sizes = self._listing.sizes
        while True:
            size = sizes.choose()
            try:
                page = await self._fetch_in_parts(self._wanted, size)
            except UnavailableError as error:
                # A gateway in front of the token's address gives up for other reasons than the size of a page.
                about_page = error.gateway and error.call == self._listing.request.call
                if not (about_page and sizes.failed(size)):
                    raise
            else:
                if sizes.succeeded(size):
                    self._listing.pace.forget_latency()
                return page

    async def _fetch_in_parts(self, rows: RowRange, size: int) -> ParsedPage[R]:
        """Fetch these rows in pages of this size: a single one if it is the usual size."""
        if size < rows.count:
            self.state = RequestState.DIVIDING
        divisible = self._listing.sizes.has_smaller(size)
        parts = []
        for query in rows.queries(size):
            part = await self._fetch_part(query, divisible=divisible)
            parts.append(part)
            if not part.size:
                break
        return ParsedPage.joined(parts)

    async def _fetch_part(self, query: PageQuery, *, divisible: bool) -> ParsedPage[R]:
        earlier = self._listing.responses_so_far()
        page = await self._listing.fetch(query, listener=self, divisible=divisible)
        self._listing.note_response(page, *self._answered)
        if page.announced is not None:
            self._note_total(page.announced, earlier)
        self.unparsed = None
        return page

    def _note_total(self, announced: int, earlier: list[AnnouncedTotal]) -> None:
        listing = self._listing
        listing.highest_total = max(listing.highest_total, announced)
        if self.unparsed:
            self.unparsed.announced = announced
        # Those that were not parsed when this request was sent are parsed by now.
        self.total_fell |= announced < max(response.announced for response in earlier)

"""The request for one page of a listing that is read ahead.

It starts with a slot, of which there are as many as the pace allows, and goes through these states::

    SENT ─▶ ANSWERED ─▶ DONE      The response has come, and the slot is free; then it has been parsed.
              │
              └─▶ QUEUED ─▶ SENT  It could not be parsed: the page is requested again when a slot is free.
    SENT ─▶ DIVIDING ─▶ DONE      The gateway gave up: the page is requested as smaller ones, in the same slot.
    any  ─▶ FAILED                No page behind it is requested any more.
"""

import asyncio
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Generic

from connector_core.errors import UnavailableError
from connector_core.http.parsing import ParsedPage
from connector_core.sdk.paging import RowRange
from connector_core.sdk.position import PageQuery
from connector_core.sdk.wire import R

if TYPE_CHECKING:
    from connector_core.http.pages import PagedListing


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


class PageRequest(Generic[R]):
    """The request for one page, given by its query or, if it may be divided, by its rows.

    The client reports its attempts to it.
    """

    def __init__(self, listing: "PagedListing[R]", wanted: PageQuery | RowRange) -> None:
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

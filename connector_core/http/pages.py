"""One listing, read ahead: pages are asked for at once, and given on in order."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, Generic, Protocol

from connector_core.errors import UnavailableError
from connector_core.http.client import Heard
from connector_core.http.pace import Pace, Sizes
from connector_core.sdk.page import Page
from connector_core.sdk.paging import Paging, Position, Sliced
from connector_core.sdk.wire import R

_KEEP = 2
"""Pages that came early are kept for their turn: so many times the requests at once …"""
_KEEP_BEHIND = 4
"""… and so many while all wait for one that is late, as one that is asked for again."""


class Ask(Protocol[R]):
    def __call__(
        self, query: Mapping[str, str], number: int, /, *, heard: Heard, divisible: bool
    ) -> Coroutine[Any, Any, Page[R]]:
        """One page. ``divisible``: a smaller one could be asked for instead."""
        ...


@dataclass(slots=True)
class _Answer:
    """One that has come; the total that it announces, as soon as it is read."""

    announced: int = 0


class Pages(Generic[R]):
    """The first page is asked for at once; the others when the first has told the total."""

    def __init__(self, ask: Ask[R], paging: Paging, position: Position, pace: Pace, source: str) -> None:
        self._ask = ask
        self._paging = paging
        self._position = position
        self._pace = pace
        self._source = source
        self._effective = 0
        self._highest = 0
        self._open = False
        self._next = position.pages + 1
        self._ahead: deque[asyncio.Task[Page[R]]] = deque()
        self._waiting: set[asyncio.Task[Any] | None] = set()
        """Those of them whose answer has not come."""
        self._late = 0
        """Pages that are to be asked for again, when there is room: their answers could not be read."""
        self._room = asyncio.Event()
        self._unread: dict[asyncio.Task[Any] | None, _Answer] = {}
        """Those that have come."""
        self._divided: set[asyncio.Task[Any] | None] = set()
        """Those that go on asking, for the rest of a page that is made of smaller ones."""
        # Asked once: for a protocol it takes longer than a page's own bookkeeping.
        self._sliced = paging if isinstance(paging, Sliced) else None
        self._sizes = Sizes(self._sliced.size if self._sliced else 1)
        self.over = False
        """Whether nobody reads on."""
        if paging.query(position) is not None:
            self._start()

    async def deliver(self) -> AsyncIterator[Page[R]]:
        """Every page, in order, the one that ends the listing included."""
        try:
            while self._ahead:
                page = await self._ahead[0]
                del self._ahead[0]
                rows = len(page.rows) + len(page.rejected)
                self._position = self._position.after(rows, page.announced)
                last = self._paging.query(self._position) is None
                if last and page.announced is not None:
                    # The last may have been answered before one that knew of somebody more.
                    page = replace(page, announced=max(page.announced, self._highest))
                self._measure(rows)
                listing = self._source if self._paging.resumable else ""
                yield replace(page, place=replace(page.place, last=last, listing=listing))
                if last:
                    return
                # From here on: a reader that stops after the first page costs one request.
                self._open = True
                if not self._ahead:
                    self._start()
                self._fill()
        finally:
            self.cancel()

    def cancel(self) -> None:
        """Nobody waits for these pages any more."""
        self._open, self.over = False, True
        for task in self._ahead:
            task.cancel()

    @property
    def tasks(self) -> tuple[asyncio.Task[Page[R]], ...]:
        return tuple(self._ahead)

    @property
    def left(self) -> int | None:
        """How many requests are still to come, as far as the total tells."""
        if self._position.announced is None or not self._effective:
            return None
        return max(0, self._horizon() - self._position.pages)

    def _measure(self, rows: int) -> None:
        """How many rows a page really has: a server that clamps the size has more pages than were asked for."""
        if not self._effective and self._sliced:
            total, size = self._position.announced or 0, self._sliced.size
            first = self._position.pages == 1
            self._effective = rows if first and 0 < rows < size and rows < total else size

    def _horizon(self) -> int:
        """The number of the page that ends the listing, which is the empty one behind the last row."""
        return ceil((self._position.announced or 0) / self._effective) + 1

    def _fill(self) -> None:
        """Asks for more pages, as far as the total and the pace allow."""
        if not self._open or not self._effective or self._position.announced is None:
            return
        behind = bool(self._ahead) and self._ahead[0] in self._waiting
        most = (_KEEP_BEHIND if behind else _KEEP) * self._pace.most
        while (
            len(self._waiting) + self._late < self._pace.width
            and len(self._ahead) < most
            and self._next <= self._horizon()
        ):
            self._start()

    def _start(self) -> None:
        """Asks for the next page."""
        task = asyncio.create_task(self._page(self._next, self._position))
        task.add_done_callback(self._ended)
        self._ahead.append(task)
        self._waiting.add(task)
        self._next += 1

    async def ready(self) -> None:
        """Returns at once, unless another page was asked for in place of this one, whose answer could not be read."""
        task = asyncio.current_task()
        if task in self._waiting:
            return
        self._late += 1
        try:
            while len(self._waiting) >= self._pace.width:
                self._room.clear()
                await self._room.wait()
        finally:
            self._late -= 1
        self._waiting.add(task)

    def answered(self, seconds: float) -> None:
        """An answer has come: the next is asked for before this one is read."""
        self._pace.answered(seconds)
        task = asyncio.current_task()
        self._unread[task] = _Answer()
        if task not in self._divided:
            self._leave(task)
            self._fill()

    def refused(self, began: float, now: float) -> None:
        self._pace.refused(began, now)

    def _ended(self, task: asyncio.Task[Page[R]]) -> None:
        self._leave(task)
        self._divided.discard(task)
        self._unread.pop(task, None)
        # Asked for, so that nobody is told of errors that nobody waited for.
        if not task.cancelled() and task.exception() is None:
            self._fill()

    def _leave(self, task: asyncio.Task[Any] | None) -> None:
        self._waiting.discard(task)
        self._room.set()

    async def _page(self, number: int, position: Position) -> Page[R]:
        sliced = self._sliced
        if sliced is None or not (sliced.numbered or self._told(position)):
            return await self._part(self._paging.query(position) or {}, number, divisible=False)
        if self._effective in {0, sliced.size}:
            return await self._span(number, sliced)
        # The server cuts smaller pages than were asked for. Where they are numbered, only it knows where.
        size = sliced.size if sliced.numbered else self._effective
        return await self._part(sliced.slice((number - 1) * size, size), number, divisible=False)

    @staticmethod
    def _told(position: Position) -> bool:
        """Whether a short page in the middle would be missed: there is a total, or it is the first page."""
        return position.announced is not None or not position.pages

    async def _span(self, number: int, paging: Sliced) -> Page[R]:
        """One page, or the smaller ones that it is made of where the gateway gives up on it."""
        while True:
            size = self._sizes.next()
            try:
                page = await self._parts(number, paging, size)
            except UnavailableError as error:
                if not (error.gateway and self._sizes.refused(size)):
                    raise
            else:
                if self._sizes.borne(size):
                    self._pace.resized()
                return page

    async def _parts(self, number: int, paging: Sliced, size: int) -> Page[R]:
        parts = []
        if size < paging.size:
            self._divided.add(asyncio.current_task())
        for begin in range((number - 1) * paging.size, number * paging.size, size):
            part = await self._part(paging.slice(begin, size), number, divisible=self._sizes.divides(size))
            parts.append(part)
            if not part.rows and not part.rejected:
                break
        return parts[0] if len(parts) == 1 else _joined(parts)

    async def _part(self, query: Mapping[str, str], number: int, *, divisible: bool) -> Page[R]:
        """One answer; ``fell`` if one that had come before it was asked for announced more."""
        before, unread = self._highest, tuple(self._unread.values())
        page = await self._ask(query, number, heard=self, divisible=divisible)
        if answer := self._unread.pop(asyncio.current_task(), None):
            answer.announced = page.announced or 0
        self._highest = max(self._highest, page.announced or 0)
        # Those that had come before this one was asked for are read by now.
        highest = max([before, *(one.announced for one in unread)])
        fell = page.announced is not None and page.announced < highest
        return replace(page, place=replace(page.place, total_fell=fell))


def _joined(parts: list[Page[R]]) -> Page[R]:
    return replace(
        parts[-1],
        rows=tuple(row for part in parts for row in part.rows),
        ids=tuple(one for part in parts for one in part.ids),
        rejected=tuple(one for part in parts for one in part.rejected),
        place=replace(parts[-1].place, total_fell=any(part.place.total_fell for part in parts)),
    )

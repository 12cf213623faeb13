"""One answer that holds a whole listing, given on while it comes: memory stays flat, however many rows there are."""

import asyncio
from array import array
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, Generic

import aiohttp
import msgspec

from connector_core.errors import MalformedError, ProtocolError, UnavailableError
from connector_core.http.answers import UNREADABLE, misshapen, page_of, rejection_of, rows_of
from connector_core.http.call import Call
from connector_core.http.client import Client
from connector_core.http.inflate import Inflater
from connector_core.http.splitter import Splitter
from connector_core.sdk.page import Page, Rejection
from connector_core.sdk.paging import Streamed
from connector_core.sdk.wire import Listing, R

_PIECE = 64 * 1024
"""Bytes that are unpacked at once."""
_READY = 1
"""Pages that wait to be taken before the provider is made to wait."""


class Stream(Generic[R]):
    """A listing that is read as it arrives. An answer that breaks off is asked for again; no row is given on twice."""

    def __init__(self, client: Client, call: Call, listing: type[Listing[R]], paging: Streamed, largest: int) -> None:
        self._client = client
        self._call = call
        self._listing = listing
        self._key, self._row_type = rows_of(listing)
        self._size = paging.rows
        self._largest = largest
        """Bytes of one row."""
        self._pages: asyncio.Queue[Page[R] | None] = asyncio.Queue(_READY)
        self._number = 0
        self._given = array("q")
        """Hashes of the ids that were given on."""
        self.over = False
        self._task = asyncio.create_task(self._read())
        self._task.add_done_callback(_heard)

    async def deliver(self) -> AsyncIterator[Page[R]]:
        """Every page, in order. Raises what ended the reading early."""
        try:
            while page := await self._pages.get():
                yield page
            await self._task
        finally:
            self.cancel()

    def cancel(self) -> None:
        """Nobody waits for this any more."""
        self.over = True
        self._task.cancel()

    @property
    def tasks(self) -> tuple["asyncio.Task[None]", ...]:
        return (self._task,)

    @property
    def left(self) -> int:
        """Requests that are still to come."""
        return 0

    async def _read(self) -> None:
        # What is raised here is told by the task, behind the pages that came before it.
        try:
            await self._client.stream(self._call, self._take)
        except asyncio.CancelledError:
            # Whoever waits for a page must not wait for ever; and this must not wait for them.
            with suppress(asyncio.QueueFull):
                self._pages.put_nowait(None)
            raise
        except BaseException:
            await self._pages.put(None)
            raise
        await self._pages.put(None)

    async def _take(self, response: aiohttp.ClientResponse) -> None:
        """One answer, from its first byte to its last."""
        before, splitter = frozenset(self._given), Splitter(self._key)
        waiting: Page[R] | None = None
        async for piece in self._pieces(response):
            with self._readable():
                splitter.feed(piece)
            while rows := self._cut(splitter, self._size):
                waiting = await self._give(waiting, self._page(splitter, rows, before))
        rest = self._page(splitter, self._cut(splitter, None), before)
        if waiting and not (rest.rows or rest.rejected):
            # Its end may tell a total that was not known before.
            rest = replace(waiting, announced=rest.announced)
        elif waiting:
            await self._give(waiting, rest)
        await self._give(replace(rest, place=replace(rest.place, last=True)), None)

    async def _pieces(self, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        try:
            inflater = Inflater(response.headers.get("Content-Encoding", ""), _PIECE)
            async for chunk in response.content.iter_any():
                for piece in inflater.feed(chunk):
                    yield piece
            inflater.end()
        except ValueError as error:
            said = f"{self._call}: its body cannot be unpacked: {error}"
            raise UnavailableError(said, method=self._call.method, path=self._call.path) from None

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Within this context what cannot be parsed is an answer of another shape."""
        try:
            yield
        except ValueError as error:
            what = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else error
            said = f"{self._call}: the answer is not as the API promises ({what})"
            raise MalformedError(said, method=self._call.method, path=self._call.path) from None

    def _cut(self, splitter: Splitter, rows: int | None) -> list[Any]:
        """So many rows, or none yet; with None the last ones, and the end."""
        with self._readable():
            found = splitter.rest() if rows is None else splitter.take(rows)
        if splitter.pending > self._largest:
            said = f"{self._call}: one row has more than {self._largest} bytes"
            raise ProtocolError(said, method=self._call.method, path=self._call.path)
        return found

    async def _give(self, page: Page[R] | None, following: Page[R] | None) -> Page[R] | None:
        """Gives this page on, now that it is known whether another follows."""
        if page:
            self._number += 1
            self._given.extend(map(hash, page.ids))
            await self._pages.put(replace(page, place=replace(page.place, number=self._number)))
        return following

    def _page(self, splitter: Splitter, raws: list[Any], before: frozenset[int]) -> Page[R]:
        """These rows, without those that an answer before this one has brought."""
        rows: list[R] = []
        rejected: list[Rejection] = []
        for raw in raws:
            try:
                row = msgspec.convert(raw, self._row_type, strict=False)
            except UNREADABLE as error:
                rejected.append(rejection_of(raw, error))
            else:
                if hash(row.id) not in before:
                    rows.append(row)
        return page_of(self._head(splitter), tuple(rows), tuple(rejected), number=0)

    def _head(self, splitter: Splitter) -> Listing[R]:
        """What the answer says besides its rows. What it must say, it must say before them."""
        empty: dict[str, Any] = {self._key: []} if splitter.begun else {}
        try:
            return msgspec.convert(splitter.head | empty, self._listing, strict=False)
        except UNREADABLE as error:
            raise misshapen(self._call, error) from None


def _heard(task: "asyncio.Task[None]") -> None:
    """Asked for, so that nobody is told of an error that nobody waited for."""
    if not task.cancelled():
        task.exception()

"""A listing that comes in one response, parsed while it arrives: memory stays flat, however many rows there are.

Only rows that come before what is needed for them are held, up to a limit, until it has come.
"""

import asyncio
from array import array
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Generic

import aiohttp

from connector_core.errors import MalformedError, ProtocolError, UnavailableError
from connector_core.http.client import Client
from connector_core.http.headers import Headers
from connector_core.http.inflate import Inflater
from connector_core.http.parsing import ParsedPage, parse_head, parsed
from connector_core.http.request import Request
from connector_core.http.responses import without_blanks
from connector_core.http.rows import RowParser
from connector_core.http.shape import shape_of
from connector_core.http.splitter import Splitter
from connector_core.sdk.page import Page, PlaceInListing
from connector_core.sdk.wire import Listing, R

_PIECE = 64 * 1024
"""Bytes that are inflated at once."""
_READY = 1
"""Pages that wait to be taken before the provider has to wait."""


class StreamedListing(Generic[R]):
    """Delivers the rows of one response as pages. If it breaks off it is requested again; no row is delivered twice.

    Args:
        client: Sends the request.
        request: The request.
        listing: The response's type.
        rows: How many make a page.
        largest: Bytes at most of one row, and of rows that come before what is needed for them.
    """

    def __init__(self, client: Client, request: Request, listing: type[Listing[R]], rows: int, largest: int) -> None:
        self._client = client
        self._request = request
        self._listing = listing
        self._shape = shape_of(listing)
        self._rows = rows
        self._largest = largest
        self._pages: asyncio.Queue[Page[R] | None] = asyncio.Queue(_READY)
        """The pages that are ready; None after the last, and after those that came before an error."""
        self._number = 0
        self._delivered = array("q")
        """Hashes of the ids that were delivered."""
        self.over = False
        """True when no more pages will be delivered."""
        self._task = asyncio.create_task(self._read())
        self._task.add_done_callback(_look_at_error)

    async def deliver(self) -> AsyncGenerator[Page[R], None]:
        """Yield every page, in order. Raises the error that ended the response early."""
        try:
            while page := await self._pages.get():
                yield page
            await self._task
        finally:
            self.cancel()

    def cancel(self) -> None:
        """Give up the pages that are not delivered yet."""
        self.over = True
        self._task.cancel()

    @property
    def tasks(self) -> tuple["asyncio.Task[None]", ...]:
        return (self._task,)

    @property
    def left(self) -> int:
        """Number of requests to come."""
        return 0

    async def _read(self) -> None:
        try:
            await self._client.stream(self._request, self._read_response)
        except asyncio.CancelledError:
            # A caller that waits for a page must be woken, and a full queue must not block.
            with suppress(asyncio.QueueFull):
                self._pages.put_nowait(None)
            raise
        except BaseException:
            # The task keeps it for the caller, who is first given the pages that came before.
            await self._pages.put(None)
            raise
        await self._pages.put(None)

    async def _read_response(self, response: aiohttp.ClientResponse) -> None:
        """Read one response from its first byte to its last."""
        before, splitter = frozenset(self._delivered), self._shape.splitter()
        # Held back until the response has said what is needed for them; the last of them, until it is known to be it.
        held, held_bytes, taken = list[RowParser[R]](), 0, 0
        head: Listing[R] | None = None
        async for piece in self._pieces(response):
            with self._malformed_if_invalid():
                splitter.feed(piece)
            while values := self._cut(splitter, self._rows):
                held.append(self._parsed(values, before, taken))
                taken += len(values)
                head = head or self._head(splitter, response.headers)
                while head and len(held) > 1:
                    await self._put(parsed(self._request.call, head, held.pop(0)))
            held_bytes += len(piece) if held and not head else 0
            if held_bytes > self._largest:
                message = f"more than {self._largest} bytes of rows came before what is needed for them"
                raise ProtocolError(message, call=self._request.call)
        rest = self._parsed(self._cut(splitter, None), before, taken)
        # The end of the response may announce a total that was not known before.
        head = parse_head(self._request.call, self._listing, splitter, response.headers)
        if rest.good or rest.rejected or not held:
            held.append(rest)
        for rows in held[:-1]:
            await self._put(parsed(self._request.call, head, rows))
        await self._put(parsed(self._request.call, head, held[-1], splitter.repaired), last=True)

    async def _pieces(self, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        try:
            inflater, begun = Inflater(response.headers.get("Content-Encoding", ""), _PIECE), False
            async for chunk in response.content.iter_any():
                for piece in inflater.feed(chunk):
                    if not begun and (begun := bool(without_blanks(piece))):
                        self._client.raise_for_page(self._request, response, piece)
                    yield piece
                    # A chunk may inflate to very many pieces: other tasks get their turn.
                    await asyncio.sleep(0)
            inflater.end()
        except ValueError as error:
            raise UnavailableError(f"the body cannot be inflated: {error}", call=self._request.call) from None

    @contextmanager
    def _malformed_if_invalid(self) -> Iterator[None]:
        """Within this context, a ValueError of the splitter becomes a MalformedError."""
        try:
            yield
        except ValueError as error:
            message = f"the response is not as the API promises ({error})"
            raise MalformedError(message, call=self._request.call) from None

    def _cut(self, splitter: Splitter, rows: int | None) -> list[Any]:
        """Return this many rows, or none while fewer have come; with None, the rest at the end."""
        with self._malformed_if_invalid():
            found = splitter.rest() if rows is None else splitter.take(rows)
        if splitter.pending > self._largest:
            raise ProtocolError(f"one row has more than {self._largest} bytes", call=self._request.call)
        return found

    def _parsed(self, values: list[Any], before: frozenset[int], taken: int) -> RowParser[R]:
        """Return these rows, which ``taken`` others precede, without those that an earlier response has brought."""
        rows = RowParser(self._request.call, self._shape.row, taken)
        rows.parse(values, before)
        return rows

    def _head(self, splitter: Splitter, headers: Headers) -> Listing[R] | None:
        """Return what the response says besides its rows, or None while something that they need has not come."""
        with suppress(MalformedError):
            head = parse_head(self._request.call, self._listing, splitter, headers)
            tells_fields = self._listing.received is not Listing.received
            return None if tells_fields and head.received is None else head
        return None

    async def _put(self, page: ParsedPage[R], *, last: bool = False) -> None:
        """Make the page ready to be delivered. Waits while the one before it is not taken."""
        self._number += 1
        self._delivered.extend(map(hash, page.ids))
        place = PlaceInListing(number=self._number, last=last, one_response=True, response=1)
        await self._pages.put(page.at(place))


def _look_at_error(task: "asyncio.Task[None]") -> None:
    """Look at the exception, so that asyncio does not report it where no caller waits for the pages."""
    if not task.cancelled():
        task.exception()

"""A bound on every listing: one without an end, which a connector may keep in memory beside its kind, ends, too."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from connector_core.errors import Call, ProtocolError
from connector_core.sdk.page import Page, T
from connector_core.sdk.position import Position


class Bound:
    """Counts the rows and the pages of one listing, from where it starts."""

    def __init__(self, start: Position, most: int, call: Call | None) -> None:
        self._rows, self._pages = start.rows, start.pages
        self._most = most
        self._call = call

    def check(self, rows: int) -> None:
        """Count a page of so many rows. Raises ProtocolError if there were more rows, or pages, before it."""
        if (self._rows > self._most and rows) or self._pages > self._most:
            raise ProtocolError(
                f"the listing has more than [host.bounds] rows = {self._most}",
                call=self._call,
                hint="If so much is real, raise that bound in plugins.toml.",
            )
        self._rows += rows
        self._pages += 1


async def bounded(
    pages: AsyncGenerator[Page[T], None], start: Position, most: int, call: Call
) -> AsyncGenerator[Page[T], None]:
    """Yield the pages of a listing; a ProtocolError on the next one once there were more rows, or pages, than ``most``.

    The page that exceeds the bound is delivered: a reader of a kind, which has the same bound, ends there by itself.
    """
    bound = Bound(start, most, call)
    async with aclosing(pages):
        async for page in pages:
            bound.check(len(page.rows) + len(page.rejected) + len(page.removed))
            yield page

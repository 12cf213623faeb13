"""A bound on every listing: one without an end, which a connector may keep in memory beside its kind, ends, too."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from connector_core.errors import Call, ProtocolError
from connector_core.sdk.page import Page, T
from connector_core.sdk.paging import Position


async def bounded(
    pages: AsyncGenerator[Page[T], None], start: Position, most: int, call: Call
) -> AsyncGenerator[Page[T], None]:
    """Yield the pages of a listing; a ProtocolError on the next one once there were more rows, or pages, than ``most``.

    The page that exceeds the bound is delivered: a reader of a kind, which has the same bound, ends there by itself.
    """
    rows, number = start.rows, start.pages
    async with aclosing(pages):
        async for page in pages:
            if (rows > most and (page.rows or page.rejected)) or number > most:
                raise ProtocolError(
                    f"the listing has more than [host.bounds] rows = {most}",
                    call=call,
                    hint="If so much is real, raise that bound in plugins.toml.",
                )
            rows += len(page.rows) + len(page.rejected)
            number += 1
            yield page

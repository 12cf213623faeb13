"""Listings, read as each server pages them."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from connector_core import UNSET, Connector, Cursor, Offset, Page, Paging
from connectors.scim.wire import LowerCase, R, Resources, Sample, ServiceProviderConfig


async def pages_of(connector: Connector[Any, Any], path: str, row: type[R]) -> AsyncGenerator[Page[R], None]:
    """Read a listing. Some servers tell by their configuration how they page, others only by their lists.

    Where the server announces no total, or the option says that its totals are wrong, two readings must agree.
    """
    read = connector.api.get("/ServiceProviderConfig", ServiceProviderConfig)
    config = await connector.optional(read, "service_provider_config_unavailable") or ServiceProviderConfig()
    pages = config.pagination
    sort = {"sortBy": "id"} if config.sort.get("supported") else {}
    by_cursor = pages.cursor and (pages.default_pagination_method == "cursor" or not pages.index)
    start = {"cursor": ""} if by_cursor else {"startIndex": "1"}
    sample = await connector.api.get(path, Sample, params={**sort, **start, "count": "1"})
    total = connector.options.total == "announced" and sample.total_results is not UNSET
    size = min(100, pages.max_page_size or 100)
    paging: Paging = Offset(size, "startIndex", "count", first=1)
    if by_cursor or sample.next_cursor:
        paging = Cursor(size, limit="count", first="" if by_cursor else None)
    listing: Any = Resources if sample.resources is UNSET else LowerCase
    first = frozenset[str]()
    rows = 0
    async with aclosing(connector.api.pages(path, listing[row], paging=paging, params=sort)) as listed:
        async for page in listed:
            # Behind the last row some servers begin again, instead of sending an empty page.
            if total and page.ids and first.issuperset(page.ids) and rows == sample.total_results:
                yield replace(page, rows=(), ids=(), place=replace(page.place, last=True))
                return
            first, rows = first or frozenset(page.ids), rows + len(page.ids)
            yield page if total else page.with_count(None)

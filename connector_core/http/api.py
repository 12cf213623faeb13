"""Api over the client: listings of several sorts, one answer, and whether something is there."""

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote

import aiohttp

from connector_core.errors import NotFoundError
from connector_core.http.answers import parse, parse_page
from connector_core.http.call import Call
from connector_core.http.client import Client, Heard
from connector_core.http.limits import Limits
from connector_core.http.pace import Pace
from connector_core.http.pages import Pages
from connector_core.http.stream import Stream
from connector_core.outcomes import Forecast, Traffic
from connector_core.sdk.connector import Params
from connector_core.sdk.credentials import Credentials
from connector_core.sdk.manifest import Manifest
from connector_core.sdk.page import Page, T
from connector_core.sdk.paging import Paging, Position, Streamed
from connector_core.sdk.wire import Listing, R
from connector_core.settings import HttpSettings

_LAST = 0.05
"""Seconds in which connections that were still being opened come to their end."""


class HttpApi:
    """The provider behind one integration's credentials."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        tls: ssl.SSLContext,
        manifest: Manifest,
        credentials: Credentials,
        *,
        settings: HttpSettings,
        limits: Limits,
        closes_session: bool = False,
    ) -> None:
        self._closes_session = closes_session
        self._session = session
        self._settings = settings
        self._limits = limits
        self._client = Client(session, tls, manifest, credentials, settings=settings, limits=limits)
        self._resume: dict[str, Position] = {}
        self._pace = Pace(settings.at_once)
        self._listings: list[tuple[str, Pages[Any] | Stream[Any]]] = []
        self._waited_before = limits.waited

    def traffic(self) -> Traffic:
        """What this client has cost the provider so far."""
        client, limits = self._client, self._limits
        waited = limits.waited - self._waited_before
        return Traffic(client.requests, client.retries, client.throttled, waited, limits.share)

    def pages(
        self,
        path: str,
        listing: type[Listing[R]],
        *,
        paging: Paging,
        params: Params | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[Page[R]]:
        call = Call.reading(path, params, body)
        listed: Pages[R] | Stream[R]
        if isinstance(paging, Streamed):
            listed = Stream(self._client, call, listing, paging, self._settings.largest_answer)
        else:
            listed = self._pages(call, listing, paging)
        self._listings.append((path, listed))
        return listed.deliver()

    def _pages(self, call: Call, listing: type[Listing[R]], paging: Paging) -> Pages[R]:
        async def ask(query: Mapping[str, str], number: int, *, heard: Heard, divisible: bool) -> Page[R]:
            part = replace(call, params={**query, **call.params})
            read = partial(parse_page, part, listing, number=number)
            return await self._client.ask(part, read, heard=heard, divisible=divisible)

        return Pages(ask, paging, self._resume.pop(call.source, Position()), self._pace, call.source)

    def forecast(self, *, looked_into: bool = False) -> Forecast:
        """What the listings that are being read will still cost, as far as their totals tell.

        With ``looked_into`` also those of which somebody wanted the first page only.
        """
        left: Counter[str] = Counter()
        for path, pages in self._listings:
            if looked_into or not pages.over:
                left[path] += pages.left or 0
        quota = max((self._limits.seconds(path, requests) for path, requests in left.items()), default=0.0)
        requests = left.total()
        return Forecast(requests, max(quota, requests * self._pace.latency / self._settings.at_once))

    async def aclose(self) -> None:
        """Ends what was asked for and nobody waits for any more, and the session if it is this client's own."""
        tasks = [task for _, pages in self._listings for task in pages.tasks]
        for _, pages in self._listings:
            pages.cancel()
        try:
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            if self._closes_session:
                await self._close()

    async def _close(self) -> None:
        if self._session.connector:
            # Every answer is here or given up, so nobody waits for the other side's goodbye.
            await self._session.connector.close(abort_ssl=True)
        await self._session.close()
        # The loop closes transports in its next turn, and those that were still being opened a little later.
        await asyncio.sleep(_LAST if self._client.answers < self._client.requests else 0)

    def resume(self, source: str, position: Position | None) -> None:
        """The next reading of this listing goes on from here, once; every other one, and all of None, begin anew."""
        self._resume = {source: position} if position else {}

    async def get(self, path: str, model: type[T], *, params: Params | None = None, authenticated: bool = True) -> T:
        call = Call("GET", path, params or {}, authenticated=authenticated)
        return await self._client.ask(call, partial(parse, call, model))

    async def sign_in(self) -> None:
        await self._client.sign_in()

    async def exists(self, path: str, source_id: str, *, params: Params | None = None) -> bool:
        try:
            await self._client.ask(Call("GET", f"{path}/{quote(source_id, safe='')}", params or {}), bytes)
        except NotFoundError:
            return False
        return True

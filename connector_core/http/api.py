"""The Api that connectors are given: listings of several sorts, single responses, and whether a thing exists."""

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncGenerator, Collection, Mapping
from copy import copy
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote

import aiohttp

from connector_core.errors import Call, NotFoundError
from connector_core.http.auth import KeptTokens
from connector_core.http.bounds import bounded
from connector_core.http.by_hand import HandPagedListing, listing_by_hand
from connector_core.http.client import Client
from connector_core.http.listener import RequestListener
from connector_core.http.pace import Pace
from connector_core.http.pages import PagedListing
from connector_core.http.parsing import ParsedPage, parse, parse_page
from connector_core.http.quotas import Quotas
from connector_core.http.request import Request
from connector_core.http.stream import StreamedListing
from connector_core.outcomes import Forecast, Traffic
from connector_core.sdk.api import HandPages, Params
from connector_core.sdk.credentials import Credentials
from connector_core.sdk.manifest import Manifest
from connector_core.sdk.page import Page, T
from connector_core.sdk.paging import EXPIRED, Chained, Cursor, NextUrl, Paging, Streamed
from connector_core.sdk.position import PageQuery, Position
from connector_core.sdk.wire import Listing, R
from connector_core.settings import BoundSettings, HttpSettings

_CLOSING = 0.05
"""Seconds in which connections that are still being opened end."""


class HttpApi:
    """The provider, reached with the credentials of one integration."""

    def __init__(  # noqa: PLR0913 - all but the first four are named at every call
        self,
        session: aiohttp.ClientSession,
        tls: ssl.SSLContext,
        manifest: Manifest,
        credentials: Credentials,
        *,
        settings: HttpSettings,
        quotas: Quotas,
        bounds: BoundSettings | None = None,
        direct: Collection[str] = (),
        tokens: KeptTokens | None = None,
    ) -> None:
        self._session = session
        self._settings = settings
        self._quotas = quotas
        self._bounds = bounds or BoundSettings()
        self._client = Client(
            session, tls, manifest, credentials, settings=settings, quotas=quotas, direct=direct, tokens=tokens
        )
        self._paces: dict[int, Pace] = {}
        """By the number of requests that may be under way at once."""
        self._listings: list[tuple[str, PagedListing[Any] | StreamedListing[Any]]] = []
        self._waited_before = quotas.waited
        self._positions: Mapping[str, Position] = {}
        """Listings that do not start at their beginning."""
        self._begins_at_token = False

    def resuming(self, listing: str, position: Position) -> "HttpApi":
        """Return a view of this Api whose ``pages()`` starts one listing at a position, and others at the beginning.

        The view shares all else with this Api: the client, the pace, the quotas and the listings under way.
        """
        view = copy(self)
        view._positions = {listing: position}  # noqa: SLF001 - the copy is an HttpApi, too
        return view

    def since_token(self) -> "HttpApi":
        """Return a view of this Api for what has changed since a token, which the first request may be refused for."""
        view = copy(self)
        view._begins_at_token = True  # noqa: SLF001 - the copy is an HttpApi, too
        return view

    def pages(
        self,
        path: str,
        listing: type[Listing[R]],
        *,
        paging: Paging,
        params: Params | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        url: str = "",
    ) -> AsyncGenerator[Page[R], None]:
        for told, used_by in (("next_cursor", Cursor), ("next_url", NextUrl)):
            if isinstance(paging, used_by) and getattr(listing, told) is getattr(Listing, told):
                raise TypeError(f"{listing.__name__} tells no {told}, so its first page would seem to be the last")
        listed: PagedListing[R] | StreamedListing[R]
        start = Position()
        streamed = isinstance(paging, Streamed)
        request = replace(Request.for_listing(path, params, body, headers, streamed=streamed), url=url)
        if isinstance(paging, Streamed):
            listed = StreamedListing(self._client, request, listing, paging.rows, self._settings.largest_answer)
        else:
            start = self._positions.get(request.listing, start)
            listed = self._paged(request, listing, paging, start)
        self._listings.append((path, listed))
        return bounded(listed.deliver(), start, self._bounds.rows, request.call)

    def _paged(self, request: Request, listing: type[Listing[R]], paging: Paging, start: Position) -> PagedListing[R]:
        async def fetch(page: PageQuery, *, listener: RequestListener, divisible: bool) -> ParsedPage[R]:
            sent = request.at(page)
            expired_by = paging.expired_by if isinstance(paging, Chained) else EXPIRED
            by_cursor = isinstance(paging, Chained) and (sent.url or page != paging.query(Position()))
            if by_cursor or self._begins_at_token:
                sent = replace(sent, expired_by=expired_by)
            return await self._client.request(
                sent,
                partial(parse_page, request.call, listing, paging=paging),
                listener=listener,
                divisible=divisible,
            )

        return PagedListing(fetch, request, paging, start, self._pace(request.call.path))

    def _pace(self, path: str) -> Pace:
        """Return the pace of the listings under a path, which is never faster than its concurrency limit."""
        most = int(min(self._settings.at_once, self._quotas.at_once(path)))
        return self._paces.setdefault(most, Pace(most))

    def by_hand(self, name: str, row: type[R]) -> HandPages[R]:  # noqa: ARG002 - it tells type checkers the rows
        start = self._positions.get(listing_by_hand(name), Position())
        return HandPagedListing(name, start, self._bounds.rows)

    async def get(
        self,
        path: str,
        model: type[T],
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        authenticated: bool = True,
    ) -> T:
        return await self._one(
            self._at_token(
                Request(Call("GET", path), params or {}, headers=headers or {}, authenticated=authenticated)
            ),
            model,
        )

    async def post(
        self,
        path: str,
        model: type[T],
        *,
        body: Mapping[str, Any],
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        return await self._one(self._at_token(Request.for_listing(path, params, body, headers)), model)

    def _at_token(self, request: Request) -> Request:
        """Return a request that may be refused for the token of a delta, where that is read."""
        return replace(request, expired_by=EXPIRED) if self._begins_at_token else request

    async def _one(self, request: Request, model: type[T]) -> T:
        return await self._client.request(request, partial(parse, request.call, model))

    async def sign_in(self) -> None:
        await self._client.sign_in()

    async def exists(
        self, path: str, source_id: str, *, params: Params | None = None, headers: Mapping[str, str] | None = None
    ) -> bool:
        try:
            await self._client.request(_request_for_one(path, source_id, params, headers), lambda *_: None)
        except NotFoundError:
            return False
        return True

    async def find(
        self,
        path: str,
        source_id: str,
        model: type[T],
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> T | None:
        try:
            return await self._one(_request_for_one(path, source_id, params, headers), model)
        except NotFoundError:
            return None

    def traffic(self) -> Traffic:
        """Return what this client has cost the provider so far."""
        client, quotas = self._client, self._quotas
        waited = quotas.waited - self._waited_before
        return Traffic(client.requests, client.retries, client.throttled, waited, quotas.share)

    def forecast(self, *, include_over: bool = False) -> Forecast:
        """Return what the listings under way will still cost, as far as their totals tell.

        With ``include_over``, also those of which only the first pages were read.
        """
        left: Counter[str] = Counter()
        for path, listed in self._listings:
            if include_over or not listed.over:
                left[path] += listed.left
        least = max((self._quotas.seconds(path, requests) for path, requests in left.items()), default=0.0)
        answering = sum(requests * self._pace(path).latency / self._pace(path).limit for path, requests in left.items())
        return Forecast(left.total(), max(least, answering))

    async def aclose(self) -> None:
        """Cancel the requests under way, and close the session."""
        tasks = [task for _, listed in self._listings for task in listed.tasks]
        for _, listed in self._listings:
            listed.cancel()
        try:
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            await self._close_session()

    async def _close_session(self) -> None:
        if self._session.connector and self._session.connector_owner:
            # Every response has come or is given up, so there is no need to wait for the other side's goodbye.
            await self._session.connector.close(abort_ssl=True)
        await self._session.close()
        # The loop closes transports in its next turn, and those that were still being opened a little later.
        await asyncio.sleep(_CLOSING if self._client.completed < self._client.requests else 0)


def _request_for_one(path: str, source_id: str, params: Params | None, headers: Mapping[str, str] | None) -> Request:
    # Logs name no person, and an id is one.
    return Request(
        Call("GET", f"{path}/{quote(source_id, safe='')}"), params or {}, headers=headers or {}, logged_path=f"{path}/…"
    )

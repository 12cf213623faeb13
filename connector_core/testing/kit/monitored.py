"""A connector whose client and readings are monitored."""

import time
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import replace
from functools import wraps
from typing import Any, Generic

from connector_core.errors import ConnectorCoreError, DiscoveryError, NotFoundError
from connector_core.sdk.api import Api, HandPages, Params
from connector_core.sdk.connector import AnyConnector, Context, Declaration
from connector_core.sdk.page import Page, T
from connector_core.sdk.paging import Paging, Streamed
from connector_core.sdk.wire import Listing, R
from connector_core.testing.kit.monitor import Monitor, ReceivedPage
from connector_core.testing.kit.witnesses import SAMPLE, Asked, differing_rows, wrong_answers

MAX_PAGES = 2_000
"""More pages than any listing of the kit has: a connector that reads on does not notice that a page repeats."""


class _MonitoredHandPages(Generic[R]):
    """Pages that a connector makes itself, each recorded as one that came in a response of its own."""

    def __init__(self, name: str, pages: HandPages[R], monitor: Monitor) -> None:
        self._name = name
        self._pages = pages
        self._monitor = monitor

    @property
    def position(self) -> str | None:
        return self._pages.position

    def page(self, rows: Iterable[R], *, position: str, last: bool, announced: int | None = None) -> Page[R]:
        page = self._pages.page(rows, position=position, last=last, announced=announced)
        _record_page(self._monitor, self._name, None, page, own_answer=True)
        return page


def _record_page(monitor: Monitor, listing: str, size: int | None, page: Page[Any], *, own_answer: bool) -> None:
    if page.place.number > MAX_PAGES:
        raise DiscoveryError(f"The connector {monitor.connector.manifest.name} failed to end")
    rows = len(page.rows) + len(page.rejected)
    monitor.pages.append(ReceivedPage(listing, size, rows, page.place.last, own_answer))
    if monitor.keep_rows:
        monitor.rows += [repr(row) for row in page.rows]
    monitor.received_at = time.thread_time()


class _MonitoredApi:
    """The client, with each answer and error recorded on its way to the connector."""

    def __init__(self, api: Api, monitor: Monitor) -> None:
        self._api = api
        self._monitor = monitor
        self.method = ""
        """Name of the connector's method that reads at present."""
        self._failed: set[tuple[str, Asked]] = set()
        self.asked: defaultdict[str, set[Asked]] = defaultdict(set)
        """Listings and single answers that each method has requested."""

    def _check_repeat(self, asked: Asked) -> None:
        self.asked[self.method].add(asked)
        if (self.method, asked) in self._failed and self.method:
            self._monitor.violations.add(("manners.waits", f"it requests {asked.path} again after a failure"))

    def _record(self, asked: Asked, error: ConnectorCoreError) -> None:
        self._failed.add((self.method, asked))
        self._monitor.errors.append(error)

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
        asked = Asked.of(path, body)
        self._check_repeat(asked)
        # Called here and not in the generator: the client promises to request the first page at once.
        listed = self._api.pages(path, listing, paging=paging, params=params, body=body, headers=headers, url=url)
        return self._recorded(asked, paging, listed)

    async def _recorded(
        self, asked: Asked, paging: Paging, listed: AsyncGenerator[Page[R], None]
    ) -> AsyncGenerator[Page[R], None]:
        monitor = self._monitor
        try:
            async with aclosing(listed) as pages:
                async for page in pages:
                    own_answer = page.place.number == 1 or not isinstance(paging, Streamed)
                    _record_page(monitor, asked.path, getattr(paging, "size", None), page, own_answer=own_answer)
                    yield page
                    monitor.received_at = 0.0
        except ConnectorCoreError as error:
            self._record(asked, error)
            raise

    def by_hand(self, name: str, row: type[R]) -> HandPages[R]:
        return _MonitoredHandPages(name, self._api.by_hand(name, row), self._monitor)

    async def get(
        self,
        path: str,
        model: type[T],
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        authenticated: bool = True,
    ) -> T:
        work = self._api.get(path, model, params=params, headers=headers, authenticated=authenticated)
        return await self._recorded_one(Asked.of(path), work)

    async def post(
        self,
        path: str,
        model: type[T],
        *,
        body: Mapping[str, Any],
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        work = self._api.post(path, model, body=body, params=params, headers=headers)
        return await self._recorded_one(Asked.of(path, body), work)

    async def _recorded_one(self, asked: Asked, work: Awaitable[T]) -> T:
        self._check_repeat(asked)
        # A page by hand is received when the connector makes it, and its time ends with the next request.
        self._monitor.received_at = 0.0
        try:
            found = await work
        except ConnectorCoreError as error:
            self._record(asked, error)
            raise
        if self._monitor.keep_rows:
            self._monitor.rows.append(repr(found))
        return found

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
            found = await self._api.find(path, source_id, model, params=params, headers=headers)
        except ConnectorCoreError as error:
            # Neither for a repeated request: the same path is asked for the next row.
            self._monitor.errors.append(error)
            raise
        if self._monitor.keep_rows and found is not None:
            self._monitor.rows.append(repr(found))
        return found

    async def sign_in(self) -> None:
        try:
            await self._api.sign_in()
        except ConnectorCoreError as error:
            self._record(Asked(""), error)
            raise

    async def exists(
        self, path: str, source_id: str, *, params: Params | None = None, headers: Mapping[str, str] | None = None
    ) -> bool:
        try:
            return await self._api.exists(path, source_id, params=params, headers=headers)
        except NotFoundError:  # pragma: no cover - the client answers False
            return False


def monitored(connector: type[AnyConnector], monitor: Monitor) -> type[AnyConnector]:
    """Return a subclass of the connector whose client and readings are monitored."""

    def __init__(self: AnyConnector, context: Context[Any, Any]) -> None:  # noqa: N807 - it becomes the method
        connector.__init__(self, replace(context, api=_MonitoredApi(context.api, monitor)))

    members: dict[str, Any] = {"__init__": __init__, "__module__": connector.__module__}
    for one in connector.declarations.values():
        members[one.method] = _monitored_reading(getattr(connector, one.method), one, monitor)
    subclass: type[AnyConnector] = type(connector.__name__, (connector,), members)
    # In the author's order, which the subclass would lose.
    subclass.declarations = connector.declarations
    return subclass


def _monitored_reading(
    method: Callable[[Any], Any], declaration: Declaration, monitor: Monitor
) -> Callable[[Any], Any]:
    kind = declaration.kind.__name__

    @wraps(method)
    async def read(self: Any) -> AsyncIterator[Page[Any]]:
        self.api.method = method.__name__
        some: list[Any] = []
        async with aclosing(method(self)) as pages:
            async for page in pages:
                if monitor.asks_witnesses:
                    some += page.rows[:: max(1, len(page.rows) // SAMPLE)]
                if monitor.received_at:
                    monitor.longest_step = max(monitor.longest_step, time.thread_time() - monitor.received_at)
                if page.derived_from is not None:
                    monitor.derived.add(kind)
                yield page
        if some and declaration.witness:
            monitor.violations |= await wrong_answers(self, declaration, some[0].source_id, self.api.asked)
        if some and declaration.fetch:
            monitor.violations |= await differing_rows(self, declaration, some[:SAMPLE])

    return read

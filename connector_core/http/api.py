"""Api over aiohttp: one polite request, or a listing of them."""

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import stamina
import structlog
from yarl import URL

from connector_core.connector import Page, T
from connector_core.credentials import Credentials
from connector_core.errors import (
    ConnectorCoreError,
    InsecureError,
    NotFoundError,
    ProtocolError,
    SettingsError,
    ThrottledError,
    UnavailableError,
)
from connector_core.http.answers import inflate, judge, parse, parse_page
from connector_core.http.limits import Limits
from connector_core.http.pace import Pace
from connector_core.http.pages import Pages
from connector_core.manifest import Manifest
from connector_core.outcomes import Forecast, Traffic
from connector_core.paging import Paging, Position
from connector_core.settings import HttpSettings
from connector_core.wire import Listing, R, W

_LAST = 0.05
"""Seconds in which connections that were still being opened come to their end."""
_BREATH = 1.0
"""Seconds for which nobody asks for a path that was throttled without a word of when to ask again."""


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
        self._tls = tls
        self._manifest = manifest
        self._credentials = credentials
        self._settings = settings
        self._limits = limits
        self._base = manifest.base_url.format_map(credentials.public())
        self._timeout = aiohttp.ClientTimeout(total=settings.page_timeout, sock_connect=settings.connect_timeout)
        self._log = structlog.get_logger()
        self._resume: dict[str, Position] = {}
        self._pace = Pace(settings.at_once)
        self._listings: list[tuple[str, Pages[Any]]] = []
        self._waited_before = limits.waited
        self._requests = self._retries = self._throttled = 0

    def traffic(self) -> Traffic:
        """What this client has cost the provider so far."""
        limits = self._limits
        return Traffic(
            self._requests, self._retries, self._throttled, limits.waited - self._waited_before, limits.share
        )

    def pages(
        self,
        path: str,
        listing: type[Listing[R]],
        *,
        paging: Paging,
        params: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Page[R]]:
        source = f"{path}?{urlencode(sorted((params or {}).items()))}"

        async def ask(query: Mapping[str, str], number: int, *, divisible: bool) -> Page[R]:
            read = partial(parse_page, path, listing, number=number)
            both = {**query, **(params or {})}
            return await self._request("GET", path, read, params=both, pace=self._pace, divisible=divisible)

        pages = Pages(ask, paging, self._resume.pop(source, Position()), self._pace, source)
        self._listings.append((path, pages))
        return pages.deliver()

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
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._closes_session:
            if self._session.connector:
                # Every answer is here or given up, so nobody waits for the other side's goodbye.
                await self._session.connector.close(abort_ssl=True)
            await self._session.close()
            # The loop closes transports, and those that were still being opened, in its next turns.
            await asyncio.sleep(_LAST)

    def resume(self, source: str, position: Position | None) -> None:
        """The next reading of this listing goes on from here, once; every other one, and all of None, begin anew."""
        self._resume = {source: position} if position else {}

    async def get(self, path: str, model: type[W], *, authenticated: bool = True) -> W:
        return await self._request("GET", path, partial(parse, path, model), authenticated=authenticated)

    async def exists(self, path: str, source_id: str) -> bool:
        try:
            await self._request("GET", f"{path}/{quote(source_id, safe='')}", bytes)
        except NotFoundError:
            return False
        return True

    async def _request(
        self,
        method: str,
        path: str,
        read: Callable[[bytes], T],
        *,
        params: Mapping[str, str] | None = None,
        authenticated: bool = True,
        pace: Pace | None = None,
        divisible: bool = False,
    ) -> T:
        """What ``read`` makes of a good answer, after as many tries as it takes and the settings allow.

        Args:
            method: GET.
            path: Below the base URL.
            read: Parses the body. It is called again with another answer where it raises a retryable error.
            params: The query.
            authenticated: Whether the secret is sent.
            pace: Is told how each try went.
            divisible: Less can be asked for instead, so the second answer of a gateway that gives up is final.
        """
        settings = self._settings
        patience = _Patience(divisible=divisible)
        async for unthrottled in stamina.retry_context(
            on=self._throttle_wait,
            attempts=settings.throttle_tries,
            timeout=None,
            wait_initial=1.0,
            wait_max=settings.throttle_wait,
        ):
            with unthrottled:
                async for attempt in stamina.retry_context(
                    on=patience,
                    attempts=settings.tries,
                    timeout=None,
                    wait_initial=settings.first_wait,
                    wait_max=10.0,
                    wait_jitter=settings.first_wait,
                ):
                    with attempt:
                        if attempt.num > 1:
                            self._retries += 1
                            self._log.info("retrying", method=method, path=path, attempt=attempt.num)
                        await self._limits.wait(path)
                        with _timed(pace):
                            return read(await self._ask(method, path, params or {}, authenticated=authenticated))
        raise AssertionError("unreachable: stamina raises the last error")  # pragma: no cover

    def _throttle_wait(self, error: Exception) -> bool | float:
        if not isinstance(error, ThrottledError):
            return False
        self._throttled += 1
        if error.retry_after is None:
            self._limits.pause(error.path, _BREATH)
            return True
        if error.retry_after > self._settings.longest_wait:
            return False
        self._limits.pause(error.path, error.retry_after)
        return error.retry_after

    async def _ask(self, method: str, path: str, params: Mapping[str, str], *, authenticated: bool) -> bytes:
        url = URL(self._base + path, encoded=True).with_query(params)
        if url.scheme != "https" or not self._manifest.allows(url.host or ""):
            raise ProtocolError(f"{method} {path}: {url.host} is not a host of this connector", path=path)
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip"}
        if authenticated:
            secret = self._credentials.secrets()[self._manifest.auth.field]
            headers["Authorization"] = f"Bearer {secret.get_secret_value()}"
        said = f"{method} {path}: {self._manifest.title}"
        self._requests += 1
        try:
            async with self._session.request(
                method,
                url,
                headers=headers,
                timeout=self._timeout,
                allow_redirects=False,
                auto_decompress=False,
                raise_for_status=False,
                # Ours, whatever the session's own connector says: TLS is verified always.
                ssl=self._tls,
            ) as response:
                judge(self._manifest, method, path, response.status, response.headers)
                return await self._read(response, said, path)
        except TimeoutError:
            raise UnavailableError(f"{said} did not answer in time", method=method, path=path) from None
        except aiohttp.ClientConnectorCertificateError:
            raise InsecureError(
                f"{said} showed a certificate that is not trusted",
                method=method,
                path=path,
                hint="If a proxy inspects TLS here, name its certificate authority in SSL_CERT_FILE.",
            ) from None
        except aiohttp.ClientConnectorError as error:
            what = "resolved" if isinstance(error, aiohttp.ClientConnectorDNSError) else "reached"
            raise UnavailableError(
                f"{said} ({url.host}) cannot be {what}",
                method=method,
                path=path,
                hint="Check the network here, and the address that the integration was given.",
            ) from None
        except aiohttp.InvalidURL:
            raise SettingsError(f"{said}: the address that the credentials make is not a URL") from None
        except (aiohttp.ClientError, OSError, ssl.SSLError) as error:
            kind = type(error).__name__
            raise UnavailableError(f"{said} broke the connection ({kind})", method=method, path=path) from None

    async def _read(self, response: aiohttp.ClientResponse, said: str, path: str) -> bytes:
        largest = self._settings.largest_answer
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > largest:
                break
        try:
            inflated = inflate(bytes(body), response.headers.get("Content-Encoding", ""), largest)
        except ValueError as error:
            raise UnavailableError(f"{said} sent a body that cannot be unpacked: {error}", path=path) from None
        if inflated is None:
            raise ProtocolError(f"{said} sent more than {largest} bytes in one answer", path=path)
        return inflated


class _Patience:
    """Which errors of one request are worth another try at once; being throttled is waited out elsewhere."""

    def __init__(self, *, divisible: bool) -> None:
        self._gateway = 0
        self._most = 2 if divisible else 0

    def __call__(self, error: Exception) -> bool:
        if isinstance(error, UnavailableError) and error.gateway:
            self._gateway += 1
            if self._gateway == self._most:
                return False
        return isinstance(error, ConnectorCoreError) and error.retryable and not isinstance(error, ThrottledError)


@contextmanager
def _timed(pace: Pace | None) -> Iterator[None]:
    """Tells the pace how one try went."""
    if pace is None:
        yield
        return
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        yield
    except (ThrottledError, UnavailableError):
        pace.refused(began, loop.time())
        raise
    pace.answered(loop.time() - began)

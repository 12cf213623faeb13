"""Api over aiohttp: one polite request at a time, or a listing of them."""

import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from functools import partial
from urllib.parse import quote, urlencode

import aiohttp
import stamina
import structlog
from yarl import URL

from connector_core.connector import Listing, Page, R, T, W
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
from connector_core.http.answers import judge, parse, parse_page
from connector_core.http.limits import Limits
from connector_core.manifest import Manifest
from connector_core.outcomes import Traffic
from connector_core.paging import Paging, Progress
from connector_core.settings import HttpSettings


class HttpApi:
    """The provider behind one integration's credentials. Its session is the caller's to close."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        tls: ssl.SSLContext,
        manifest: Manifest,
        credentials: Credentials,
        *,
        settings: HttpSettings,
        limits: Limits,
    ) -> None:
        self._session = session
        self._tls = tls
        self._manifest = manifest
        self._credentials = credentials
        self._settings = settings
        self._limits = limits
        self._base = manifest.base_url.format_map(credentials.public())
        self._timeout = aiohttp.ClientTimeout(total=settings.page_timeout, sock_connect=settings.connect_timeout)
        self._log = structlog.get_logger()
        self._resume: dict[str, Progress] = {}
        self._requests = self._retries = self._throttled = 0

    def traffic(self) -> Traffic:
        """What this client has cost the provider so far."""
        return Traffic(self._requests, self._retries, self._throttled)

    async def pages(
        self,
        path: str,
        listing: type[Listing[R]],
        *,
        paging: Paging,
        params: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Page[R]]:
        source = f"{path}?{urlencode(sorted((params or {}).items()))}"
        progress = self._resume.pop(source, Progress())
        query = paging.query(progress)
        while query is not None:
            read = partial(parse_page, path, listing, number=progress.pages + 1)
            page = await self._request("GET", path, read, params={**query, **(params or {})})
            rows = len(page.rows) + len(page.rejected)
            progress = Progress(
                pages=progress.pages + 1,
                last_rows=rows,
                rows=progress.rows + rows,
                announced=progress.announced if page.announced is None else page.announced,
            )
            query = paging.query(progress)
            yield replace(page, last=query is None, source=source if paging.resumable else "")

    def resume(self, source: str, progress: Progress | None) -> None:
        """The next reading of this listing goes on from here, once; every other one, and all of None, begin anew."""
        self._resume = {source: progress} if progress else {}

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
    ) -> T:
        """What ``read`` makes of a good answer, after as many tries as it takes and the settings allow."""
        settings = self._settings
        async for unthrottled in stamina.retry_context(
            on=self._throttle_wait,
            attempts=settings.throttle_tries,
            timeout=None,
            wait_initial=1.0,
            wait_max=settings.throttle_wait,
        ):
            with unthrottled:
                async for attempt in stamina.retry_context(
                    on=_is_passing,
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
                        return read(await self._ask(method, path, params or {}, authenticated=authenticated))
        raise AssertionError("unreachable: stamina raises the last error")  # pragma: no cover

    def _throttle_wait(self, error: Exception) -> bool | float:
        if not isinstance(error, ThrottledError):
            return False
        self._throttled += 1
        if error.retry_after is None:
            return True
        if error.retry_after > self._settings.longest_wait:
            return False
        return error.retry_after

    async def _ask(self, method: str, path: str, params: Mapping[str, str], *, authenticated: bool) -> bytes:
        url = URL(self._base + path, encoded=True).with_query(params)
        if url.scheme != "https" or not self._manifest.allows(url.host or ""):
            raise ProtocolError(f"{method} {path}: {url.host} is not a host of this connector", path=path)
        headers = {"Accept": "application/json"}
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
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._settings.largest_answer:
                raise ProtocolError(
                    f"{said} sent more than {self._settings.largest_answer} bytes in one answer", path=path
                )
        return bytes(body)


def _is_passing(error: Exception) -> bool:
    """Worth another try at once; being throttled is waited out elsewhere."""
    return isinstance(error, ConnectorCoreError) and error.retryable and not isinstance(error, ThrottledError)

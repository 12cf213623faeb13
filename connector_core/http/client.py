"""One polite request: signed, within the quota, tried again where that helps, its errors by whose fault they are."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

import aiohttp
import stamina
import structlog
from yarl import URL

from connector_core.errors import (
    InsecureError,
    ProtocolError,
    ProviderError,
    RejectedCredentialsError,
    SettingsError,
    ThrottledError,
    UnavailableError,
)
from connector_core.http.answers import judge
from connector_core.http.auth import signature
from connector_core.http.call import Call
from connector_core.http.inflate import inflate
from connector_core.http.limits import Limits
from connector_core.sdk.credentials import Credentials
from connector_core.sdk.manifest import Manifest
from connector_core.sdk.page import T
from connector_core.settings import HttpSettings

_BREATH = 1.0
"""Seconds for which nobody asks for a path that was throttled without a word of when to ask again."""

Take = Callable[[aiohttp.ClientResponse], Awaitable[T]]
"""Reads a good answer. It is called again with another one where it raises a retryable error."""


class Heard(Protocol):
    """Is told of each try, in the loop's time."""

    async def ready(self) -> None:
        """Returns when the request may go out, as soon as the quota allows it."""
        ...

    def answered(self, seconds: float) -> None:
        """A good answer has come, whole, after so many seconds. Whether it can be read is another matter."""
        ...

    def refused(self, began: float, now: float) -> None:
        """A bad answer has come, or none, to what was asked at ``began``."""
        ...


class Client:
    """Asks the provider behind one integration's credentials."""

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
        self.requests = self.retries = self.throttled = 0
        self.answers = 0
        """Those that were taken whole. Where they are fewer than the requests, connections may still be ending."""
        self._session = session
        self._tls = tls
        self._manifest = manifest
        self._settings = settings
        self._limits = limits
        self._base = manifest.base_url.format_map(credentials.public())
        self._signature = signature(manifest, credentials, self.ask)
        self._log = structlog.get_logger()

    async def ask(
        self, call: Call, read: Callable[[bytes], T], *, heard: Heard | None = None, divisible: bool = False
    ) -> T:
        """What ``read`` makes of the whole body of a good answer.

        Args:
            call: What is asked for.
            read: Is called again with another answer where it raises a retryable error.
            heard: Is told of each try.
            divisible: Less can be asked for instead, so the second answer of a gateway that gives up is final.
        """

        async def once() -> T:
            packed, encoding = await self._signed(call, self._packed, heard)
            # What is asked for in place of this one goes out first, and what else has come is taken in.
            await asyncio.sleep(0)
            return read(self._unpacked(call, packed, encoding))

        return await self._tried(call, once, divisible=divisible)

    async def stream(self, call: Call, take: Take[T]) -> T:
        """What ``take`` makes of a good answer, which may last as long as it needs if it never falls silent."""
        return await self._tried(call, partial(self._signed, call, take, None, streamed=True))

    async def _tried(self, call: Call, once: Callable[[], Awaitable[T]], *, divisible: bool = False) -> T:
        """What comes of it, after as many tries as it takes and the settings allow."""
        settings = self._settings
        patience = _Patience(call, divisible=divisible)
        async for unthrottled in stamina.retry_context(
            on=partial(self._throttle_wait, call),
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
                            self.retries += 1
                            self._log.info("retrying", method=call.method, path=call.path, attempt=attempt.num)
                        return await once()
        raise AssertionError("unreachable: stamina raises the last error")  # pragma: no cover

    def _throttle_wait(self, call: Call, error: Exception) -> bool | float:
        if not (isinstance(error, ThrottledError) and error.path == call.path):
            return False
        self.throttled += 1
        if error.retry_after is None:
            self._limits.pause(error.path, _BREATH)
            return True
        if error.retry_after > self._settings.longest_wait:
            return False
        self._limits.pause(error.path, error.retry_after)
        return error.retry_after

    async def sign_in(self) -> None:
        """Has a token, where one is fetched. Raises RejectedCredentialsError where none is given."""
        await self._signature.headers()

    async def _signed(
        self, call: Call, take: Take[T], heard: Heard | None, *, streamed: bool = False, again: bool = False
    ) -> T:
        """One try; and another with a fresh token where the token has been refused."""
        headers = await self._signature.headers() if call.authenticated else {}
        try:
            return await self._once(call, headers, take, heard, streamed=streamed)
        except RejectedCredentialsError:
            # Whoever asks next begins with another one, also where this was the second.
            if not (headers and await self._signature.renewed(headers)) or again:
                raise
        return await self._signed(call, take, heard, streamed=streamed, again=True)

    async def _once(
        self, call: Call, headers: Mapping[str, str], take: Take[T], heard: Heard | None, *, streamed: bool
    ) -> T:
        if heard:
            await heard.ready()
        await self._limits.wait(call.path)
        with _timed(heard):
            return await self._send(call, headers, take, streamed=streamed)

    async def _send(self, call: Call, signed: Mapping[str, str], take: Take[T], *, streamed: bool) -> T:
        url = URL(self._base + call.path, encoded=True).with_query(call.params)
        if url.scheme != "https" or not self._manifest.allows(url.host or ""):
            raise ProtocolError(f"{call}: {url.host} is not a host of this connector", path=call.path)
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip", **signed}
        if call.body is not None:
            headers["Content-Type"] = call.content_type
        self.requests += 1
        with self._mapped(call, url):
            async with self._session.request(
                call.method,
                url,
                headers=headers,
                data=call.body,
                timeout=self._timeout(streamed=streamed),
                allow_redirects=False,
                auto_decompress=False,
                raise_for_status=False,
                # Ours, whatever the session's own connector says: TLS is verified always.
                ssl=self._tls,
            ) as response:
                judge(self._manifest, call, response.status, response.headers)
                taken = await take(response)
                self.answers += 1
                return taken

    def _timeout(self, *, streamed: bool) -> aiohttp.ClientTimeout:
        connect, page = self._settings.connect_timeout, self._settings.page_timeout
        if streamed:
            return aiohttp.ClientTimeout(total=None, sock_connect=connect, sock_read=page)
        return aiohttp.ClientTimeout(total=page, sock_connect=connect)

    @contextmanager
    def _mapped(self, call: Call, url: URL) -> Iterator[None]:
        """Within this context what aiohttp and the system raise becomes an error of ours."""
        said = f"{call}: {self._manifest.title}"
        where: dict[str, Any] = {"method": call.method, "path": call.path}
        try:
            yield
        except TimeoutError:
            raise UnavailableError(f"{said} did not answer in time", **where) from None
        except aiohttp.ClientConnectorCertificateError:
            raise InsecureError(
                f"{said} showed a certificate that is not trusted",
                hint="If a proxy inspects TLS here, name its certificate authority in SSL_CERT_FILE.",
                **where,
            ) from None
        except aiohttp.ClientConnectorError as error:
            what = "resolved" if isinstance(error, aiohttp.ClientConnectorDNSError) else "reached"
            raise UnavailableError(
                f"{said} ({url.host}) cannot be {what}",
                hint="Check the network here, and the address that the integration was given.",
                **where,
            ) from None
        except aiohttp.InvalidURL:
            raise SettingsError(f"{said}: the address that the credentials make is not a URL") from None
        except (aiohttp.ClientError, OSError, ssl.SSLError) as error:
            kind = type(error).__name__
            raise UnavailableError(f"{said} broke the connection ({kind})", **where) from None

    async def _packed(self, response: aiohttp.ClientResponse) -> tuple[bytes, str]:
        """The whole body, as it came, and its encoding."""
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._settings.largest_answer:
                break
        return bytes(body), response.headers.get("Content-Encoding", "")

    def _unpacked(self, call: Call, body: bytes, encoding: str) -> bytes:
        """The body as it was before compression."""
        said, largest = f"{call}: {self._manifest.title}", self._settings.largest_answer
        try:
            inflated = inflate(body, encoding, largest)
        except ValueError as error:
            raise UnavailableError(f"{said} sent a body that cannot be unpacked: {error}", path=call.path) from None
        if inflated is None:
            raise ProtocolError(f"{said} sent more than {largest} bytes in one answer", path=call.path)
        return inflated


class _Patience:
    """Which errors of one call are worth another try at once; being throttled is waited out elsewhere."""

    def __init__(self, call: Call, *, divisible: bool) -> None:
        self._path = call.path
        self._gateway = 0
        self._most = 2 if divisible else 0

    def __call__(self, error: Exception) -> bool:
        # What befell the fetching of a token, at another path, has been tried again there.
        if isinstance(error, ThrottledError) or not (isinstance(error, ProviderError) and error.path == self._path):
            return False
        if isinstance(error, UnavailableError) and error.gateway:
            self._gateway += 1
            if self._gateway == self._most:
                return False
        return error.retryable


@contextmanager
def _timed(heard: Heard | None) -> Iterator[None]:
    """Tells how one try went."""
    if heard is None:
        yield
        return
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        yield
    except (ThrottledError, UnavailableError):
        heard.refused(began, loop.time())
        raise
    heard.answered(loop.time() - began)

"""Sends requests to one provider. Each layer adds one thing to the layer below it.

- ``request`` inflates and parses the body; ``stream`` hands the response on while it arrives;
- ``_request_with_retries`` sends it again after a failure that may pass;
- ``_request_signed`` adds the signature, and a fresh one once if it is rejected;
- ``_request_once`` waits for the listener and for the quota, and reports how it went;
- ``_send`` opens the connection.
"""

import asyncio
import ssl
from codecs import BOM_UTF8
from collections.abc import Awaitable, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from string import punctuation
from urllib.parse import quote

import aiohttp
import structlog
from yarl import URL

from connector_core.errors import (
    ConnectorCoreError,
    ProtocolError,
    ProviderError,
    RejectedCredentialsError,
    ThrottledError,
    UnavailableError,
)
from connector_core.http.admission import Admission
from connector_core.http.auth import KeptTokens, Signed, signature, signing
from connector_core.http.connection_errors import LONGEST_HEADER, Destination, ShownCertificate, connection_errors
from connector_core.http.headers import Headers
from connector_core.http.inflate import inflate
from connector_core.http.listener import NO_LISTENER, RequestListener
from connector_core.http.quotas import Place, Quotas
from connector_core.http.request import Request
from connector_core.http.responses import raise_for_page, raise_for_status
from connector_core.http.retry import Failures, RetryPolicy
from connector_core.http.waits import clock_of
from connector_core.proxies import Proxies, Proxy
from connector_core.sdk.credentials import Credentials
from connector_core.sdk.manifest import Manifest
from connector_core.sdk.page import T
from connector_core.settings import HttpSettings

_ACCEPT = "application/json, */*;q=0.5"
"""Some APIs have a media type of their own, such as ``application/scim+json``, and refuse requests for another."""
_SMALL = 1024 * 1024
"""Bytes of a body that is inflated and parsed at once: a larger one would hold up all other runs."""

Parse = Callable[[bytes, Headers], T]
"""Makes something of the body and the headers of a good response."""
Read = Callable[[aiohttp.ClientResponse], Awaitable[T]]
"""Reads a good response while its connection is open. Called again if the request is sent again."""


@dataclass(frozen=True, slots=True)
class _Received:
    """A good response that was read to its end."""

    status: int
    headers: Headers
    body: bytearray
    """As it came, compressed or not."""


class Client:
    """Sends requests with the credentials of one integration, for which the manifest is resolved."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        tls: ssl.SSLContext,
        manifest: Manifest,
        credentials: Credentials,
        *,
        settings: HttpSettings,
        quotas: Quotas,
        direct: Collection[str] = (),
        tokens: KeptTokens | None = None,
    ) -> None:
        self.requests = self.retries = self.throttled = self.completed = 0
        """``completed``: their response was read to its end. The connections of the others may still be closing."""
        self._session = session
        self._tls = tls
        self._manifest = manifest
        self._settings = settings
        self._admission = Admission(manifest, quotas, settings.longest_wait)
        self._proxies = Proxies(settings.proxy, direct)
        self._certificate = ShownCertificate(manifest.client_certificate, shown=manifest.shows_certificate(credentials))
        self._signature = signature(manifest, credentials, self.request, tokens)
        self._log = structlog.get_logger()
        # Its own: look-ups of host names may hold up the loop's threads.
        self._large_bodies = ThreadPoolExecutor(1, "large-bodies")

    async def sign_in(self) -> None:
        """Fetch a token if one is needed. Raises RejectedCredentialsError if the provider gives none."""
        await self._signature.headers()

    async def request(
        self,
        request: Request,
        parse: Parse[T],
        *,
        listener: RequestListener = NO_LISTENER,
        divisible: bool = False,
    ) -> T:
        """Return what ``parse`` makes of a good response.

        Args:
            request: The request.
            parse: Called again with another response if it raises a retryable error.
            listener: Follows each attempt.
            divisible: True if smaller requests can take its place, so that retries end at a gateway's second error.
        """

        async def attempt() -> T:
            received = await self._request_signed(request, self._read, listener)
            # Other responses are taken in, and the next requests go out, before this one is parsed.
            await asyncio.sleep(0)
            small = self._inflated(request, received, min(_SMALL, self._settings.largest_answer))
            if small is not None:
                return parse(small, received.headers)
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._large_bodies, self._parse_large, request, received, parse)

        return await self._request_with_retries(request, attempt, divisible=divisible)

    def raise_for_page(self, request: Request, response: aiohttp.ClientResponse, beginning: bytes) -> None:
        """Raise ProtocolError if a good response that begins so is not of the API."""
        raise_for_page(self._manifest, request, response.status, response.headers, beginning)

    async def stream(self, request: Request, read: Read[T]) -> T:
        """Return what ``read`` makes of a good response, which it reads while it arrives."""
        return await self._request_with_retries(request, partial(self._request_signed, request, read, NO_LISTENER))

    async def _request_with_retries(
        self, request: Request, attempt: Callable[[], Awaitable[T]], *, divisible: bool = False
    ) -> T:
        """Repeat the attempt until it succeeds or the policy gives up."""
        policy, failures = RetryPolicy(self._settings, divisible=divisible), Failures()
        while True:
            try:
                return await attempt()
            except ConnectorCoreError as error:
                # Without the frames in which it arose: the body is among their locals, which logs may show.
                error.__context__, error.__traceback__ = None, None
                # Fetching a token is a request of its own, with retries of its own.
                if not isinstance(error, ProviderError) or error.call != request.call:
                    raise error from None
                failures = failures.plus(error)
                wait = policy.wait(error, failures)
                if wait is None:
                    raise error from None
            await asyncio.sleep(wait)
            if failures.attempts:
                self.retries += 1
                path = request.logged_path or request.call.path
                self._log.info("retrying", method=request.call.method, path=path, attempt=failures.attempts + 1)

    async def _request_signed(self, request: Request, read: Read[T], listener: RequestListener) -> T:
        """Sign the request. If the provider rejects the signature, send it once more with another one."""
        renewed = False
        while True:
            signed = await self._signature.headers() if request.authenticated else request.signed
            try:
                return await self._request_once(request, signed, read, listener)
            except RejectedCredentialsError:
                # Discarded after the second rejection, too: the next request fetches another token.
                discarded = request.authenticated and await self._signature.discard(signed)
                if renewed or not discarded:
                    raise
                renewed = True

    async def _request_once(self, request: Request, signed: Signed, read: Read[T], listener: RequestListener) -> T:
        """Wait for the listener and for the quota, send the request, and tell the listener how it went."""
        await listener.before_sending()
        loop = asyncio.get_running_loop()
        with await self._admission.enter(request) as place:
            began = loop.time()
            try:
                result, clock = await self._send(request, signed, read, place)
            except (ThrottledError, UnavailableError) as error:
                if isinstance(error, ThrottledError):
                    self.throttled += 1
                    self._admission.note_throttle(request, error)
                listener.failed(began, loop.time())
                raise
            listener.answered(loop.time() - began, clock)
            return result

    async def _send(self, request: Request, signed: Signed, read: Read[T], place: Place) -> tuple[T, float | None]:
        """Send the request over verified TLS, to a host of the manifest only. Return also the provider's time."""
        url = self._address(request)
        host = url.host or ""
        proxy = self._proxies.to(host, url.port or 443)
        headers = {**request.headers, "Accept": _ACCEPT, "Accept-Encoding": "gzip"}
        if request.body is not None:
            headers["Content-Type"] = request.content_type
        self.requests += 1
        with connection_errors(self._destination(host, request, proxy)):
            async with self._session.request(
                request.call.method,
                url,
                headers=headers,
                data=request.body,
                timeout=self._timeout(request),
                allow_redirects=False,
                auto_decompress=False,
                raise_for_status=False,
                max_field_size=LONGEST_HEADER,
                proxy=str(proxy) if proxy else None,
                middlewares=(signing(signed, proxy),),
                # Ours, whatever the session's own connector says: TLS is always verified.
                ssl=self._tls,
            ) as response:
                self._admission.note_response(request, response.headers)
                raise_for_status(self._manifest, request, response.status, response.headers)
                if request.streamed:
                    # Its rows may wait for other requests, which must not wait for it.
                    place.leave()
                result = await read(response)
                self.completed += 1
                return result, clock_of(response.headers)

    def _address(self, request: Request) -> URL:
        """Return the address of a request. Raises ProtocolError unless it is https, at a host of the manifest."""
        told = request.url and not request.signs_in
        try:
            url = self._url(request)
            allowed = url.user is None and self._manifest.allows(url.host or "", url.port)
            if told and url.user is not None:
                raise ValueError
        except ValueError:
            raise ProtocolError("the address of the next page is not valid", call=request.call) from None
        if url.scheme == "https" and allowed:
            return url
        host, port = url.host or "", f":{url.explicit_port}" if url.explicit_port else ""
        where = f"the next page is on {url.scheme}://{host}{port}, which" if told else f"{host}{port}"
        raise ProtocolError(f"{where} is not a host of this connector", call=request.call)

    def _url(self, request: Request) -> URL:
        # As it came: what is encoded already is not encoded again.
        told = URL(quote(request.url.strip(), safe=punctuation), encoded=True)
        if told.scheme:
            return told
        base = URL(self._manifest.base_url + request.call.path, encoded=True).with_query(request.params)
        return base.join(told) if request.url else base

    def _destination(self, host: str, request: Request, proxy: Proxy | None) -> Destination:
        redirected = self._proxies.passes_by(host)
        return Destination(
            self._manifest.title,
            host,
            request.call,
            proxy,
            redirected=redirected,
            certificate=self._certificate,
            gives_tokens=request.signs_in and bool(request.url),
        )

    def _timeout(self, request: Request) -> aiohttp.ClientTimeout:
        connect, page = self._settings.connect_timeout, self._settings.page_timeout
        if request.streamed:
            return aiohttp.ClientTimeout(total=None, connect=page, sock_connect=connect, sock_read=page)
        return aiohttp.ClientTimeout(total=page, sock_connect=connect)

    async def _read(self, response: aiohttp.ClientResponse) -> _Received:
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._settings.largest_answer:
                break
        return _Received(response.status, response.headers, body)

    def _parse_large(self, request: Request, received: _Received, parse: Parse[T]) -> T:
        largest = self._settings.largest_answer
        inflated = self._inflated(request, received, largest)
        if inflated is None:
            message = f"{self._manifest.title} sent more than {largest} bytes in one response"
            raise ProtocolError(message, call=request.call)
        return parse(inflated, received.headers)

    def _inflated(self, request: Request, received: _Received, largest: int) -> bytes | None:
        """Return the body as it was before compression, or None if that is longer than ``largest``."""
        try:
            body = inflate(received.body, received.headers.get("Content-Encoding", ""), largest)
        except ValueError as error:
            message = f"{self._manifest.title} sent a body that cannot be inflated: {error}"
            raise UnavailableError(message, call=request.call) from None
        if body is None:
            return None
        raise_for_page(self._manifest, request, received.status, received.headers, body)
        return body.removeprefix(BOM_UTF8)

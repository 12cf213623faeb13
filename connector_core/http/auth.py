"""Signatures: the header that says whose requests they are, fixed or with a token that is fetched and renewed."""

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode

import aiohttp
import msgspec
from multidict import CIMultiDict
from pydantic import SecretStr

from connector_core.errors import Call, ConnectorCoreError, ProtocolError
from connector_core.http.headers import Headers
from connector_core.http.parsing import parse_undeclared
from connector_core.http.request import Request
from connector_core.proxies import Proxy
from connector_core.sdk.authentication import AuthorizationCode, Basic, ClientCredentials, Header
from connector_core.sdk.credentials import Credentials
from connector_core.sdk.manifest import Manifest
from connector_core.secrecy import hide

_LONGEST_LIFETIME = 1e9
"""Seconds. No token lives that long: a longer lifetime counts as none."""
_MARGIN = 60.0
"""Seconds before its end from which a token is no longer used: a request may be under way for long."""

Send = Callable[[Request, Callable[[bytes, Headers], Any]], Awaitable[Any]]
"""Sends a request, and returns what is made of the body and the headers of its response."""


Signed = Mapping[str, SecretStr]
"""The headers that sign a request. No local variable ever holds them as text: logs may show the locals of a frame."""


class Signature(Protocol):
    """The headers that sign a request."""

    async def headers(self) -> Signed: ...

    async def discard(self, rejected: Signed) -> bool:
        """Forget these headers, which were rejected. Return True if there may be others."""
        ...


class Fixed:
    """The same secret for every request."""

    def __init__(self, name: str, value: SecretStr) -> None:
        self._headers: Signed = {name: value}

    async def headers(self) -> Signed:
        return self._headers

    async def discard(self, rejected: Signed) -> bool:  # noqa: ARG002 - named by the protocol
        return False


@dataclass(frozen=True, slots=True)
class _Issued:
    """A token, and the seconds for which it may be used."""

    token: SecretStr
    usable: float


class Renewable:
    """A bearer token that expires. However many requests wait for a new one, it is fetched once."""

    def __init__(self, auth: ClientCredentials, fields: Mapping[str, SecretStr], send: Send) -> None:
        self._auth = auth
        self._fields = fields
        self._send = send
        self._fetching = asyncio.Lock()
        self._headers: Signed = {}
        """Empty while there is no token."""
        self._valid_until = 0.0
        self._failure: ConnectorCoreError | None = None

    async def headers(self) -> Signed:
        failure_before = self._failure
        async with self._fetching:
            if self._failure is not None and self._failure is not failure_before:
                # It failed while this request waited: wrong credentials are sent once, not by each in turn.
                raise self._failure
            if not self._headers or asyncio.get_running_loop().time() >= self._valid_until:
                try:
                    await self._fetch()
                except ConnectorCoreError as error:
                    self._failure = error
                    raise
            return self._headers

    async def discard(self, rejected: Signed) -> bool:
        async with self._fetching:
            # Another request may have been rejected, and have fetched another token, meanwhile.
            if self._headers is rejected:
                self._headers = {}
        return True

    async def _fetch(self) -> None:
        request = self._request()
        call = request.call
        issued = await self._send(
            request, lambda body, _: _issued(self._auth, parse_undeclared(call, dict[str, Any], body))
        )
        if issued is None:
            raise ProtocolError("the response holds no token", call=call)
        hide(issued.token)
        self._headers = {"Authorization": SecretStr(f"Bearer {issued.token.get_secret_value()}")}
        self._valid_until = asyncio.get_running_loop().time() + issued.usable

    def _request(self) -> Request:
        auth = self._auth
        secrets = {
            "client_id": self._fields[auth.client_id].get_secret_value(),
            "client_secret": self._fields[auth.client.fields[0]].get_secret_value(),
        }
        if auth.encoding == "json":
            body, content_type = msgspec.json.encode(secrets), "application/json"
        else:
            form = {"grant_type": "client_credentials", **secrets}
            body, content_type = urlencode(form).encode(), "application/x-www-form-urlencoded"
        call = Call("POST", auth.token_url)
        return Request(call, body=body, content_type=content_type, authenticated=False, signs_in=True)


def _issued(auth: ClientCredentials, response: Any) -> _Issued | None:
    """Return the token in the response, or None if there is none."""
    token, lifetime = _at(response, auth.token), _at(response, auth.lifetime)
    if not (isinstance(token, str) and token.isascii() and token.isprintable() and token):
        return None
    with suppress(msgspec.ValidationError):
        # Some providers write it as text.
        seconds = msgspec.convert(lifetime, float, strict=False)
        if 0 < seconds < _LONGEST_LIFETIME:
            return _Issued(SecretStr(token), max(seconds - _MARGIN, seconds / 2))
    # Without a lifetime, a token is used until it is rejected.
    return _Issued(SecretStr(token), float("inf"))


def _at(response: Any, dotted: str) -> Any:
    for key in dotted.split("."):
        response = response.get(key) if isinstance(response, dict) else None
    return response


def signature(manifest: Manifest, credentials: Credentials, send: Send) -> Signature:
    """Return the signature that the manifest declares. ``send`` fetches a token if one is needed."""
    auth = manifest.auth
    fields = {
        name: value if isinstance(value, SecretStr) else SecretStr(str(value))
        for name, value in vars(credentials).items()
    }
    if isinstance(auth, ClientCredentials):
        return Renewable(auth, fields, send)
    if isinstance(auth, Basic):
        # If the user is an API key, the password may be anything.
        password = fields[auth.password].get_secret_value() if auth.password else "x"
        pair = SecretStr(b64encode(f"{fields[auth.user].get_secret_value()}:{password}".encode()).decode())
        hide(pair)
        return Fixed("Authorization", SecretStr(f"Basic {pair.get_secret_value()}"))
    if isinstance(auth, AuthorizationCode):
        raise NotImplementedError
    secret = fields[auth.field]
    if isinstance(auth, Header):
        return Fixed(auth.name, secret)
    return Fixed("Authorization", SecretStr(f"Bearer {secret.get_secret_value()}"))


def signing(signed: Signed, proxy: Proxy | None) -> aiohttp.ClientMiddlewareType:
    """Return a middleware that signs a request at the last moment: aiohttp's frames have its headers as locals.

    The proxy is sent its own credentials only, with the request for a tunnel.
    """

    async def sign(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        request.headers.update({name: value.get_secret_value() for name, value in signed.items()})
        if proxy and proxy.authorization:
            request.proxy_headers = CIMultiDict({"Proxy-Authorization": proxy.authorization.get_secret_value()})
        return await send(request)

    return sign

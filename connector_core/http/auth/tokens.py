"""Bearer tokens that are fetched, and fetched again when they expire."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
from pydantic import SecretStr

from connector_core.errors import Call, ConnectorCoreError, ProtocolError
from connector_core.http.auth.proofs import Proof, Signed, proof
from connector_core.http.headers import Headers
from connector_core.http.parsing import parse_undeclared
from connector_core.http.request import Request
from connector_core.sdk.authentication import AuthorizationCode, ClientCredentials
from connector_core.secrecy import hide

_LONGEST_LIFETIME = 1e9
"""Seconds. No token lives that long: a longer lifetime counts as none."""
_MARGIN = 60.0
"""Seconds before its end from which a token is no longer used: a request may be under way for long."""

Send = Callable[[Request, Callable[[bytes, Headers], Any]], Awaitable[Any]]
"""Sends a request, and returns what is made of the body of its response."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A token, and the seconds for which it may be used."""

    token: SecretStr
    usable: float


class Renewable:
    """A bearer token that expires. However many requests wait for a new one, it is fetched once."""

    def __init__(self, fetch: Callable[[], Awaitable[Issued]]) -> None:
        self._fetch = fetch
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
                    self._use(await self._fetch())
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

    def _use(self, issued: Issued) -> None:
        hide(issued.token)
        self._headers = {"Authorization": SecretStr(f"Bearer {issued.token.get_secret_value()}")}
        self._valid_until = asyncio.get_running_loop().time() + issued.usable


def client_credentials(
    auth: ClientCredentials, fields: Mapping[str, SecretStr], base_url: str, send: Send
) -> Renewable:
    """Return the token that the client gets for itself. ``base_url`` is what a path begins at."""
    client_id = fields[auth.client_id].get_secret_value()

    async def fetch() -> Issued:
        proved = proof(auth.client, fields, client_id, address_of(auth.token_url, base_url))
        grant = {} if auth.encoding == "json" else {"grant_type": SecretStr("client_credentials")}
        wanted = {"scope": SecretStr(auth.scope), "audience": SecretStr(auth.audience)}
        form = {**grant, **{name: value for name, value in wanted.items() if value}}
        return await fetched(auth, token_request(auth.token_url, form, proved, auth.encoding), send)

    return Renewable(fetch)


def address_of(token_url: str, base_url: str) -> str:
    """Return the whole address that gives tokens: of a manifest, it may be a path below the base URL."""
    return token_url if token_url.startswith("https://") else base_url + token_url


def token_request(token_url: str, form: Mapping[str, SecretStr], proved: Proof, encoding: str = "form") -> Request:
    """Return the request for a token. Its body is made here: no local variable holds the secrets as text."""
    whole = token_url.startswith("https://")
    sent = {**form, **proved.form}
    return Request(
        Call("POST", urlsplit(token_url).path if whole else token_url),
        body=_json(sent) if encoding == "json" else _form(sent),
        content_type="application/json" if encoding == "json" else "application/x-www-form-urlencoded",
        authenticated=False,
        signs_in=True,
        signed=proved.headers,
        url=token_url if whole else "",
    )


def _form(sent: Mapping[str, SecretStr]) -> bytes:
    return urlencode({name: value.get_secret_value() for name, value in sent.items()}).encode()


def _json(sent: Mapping[str, SecretStr]) -> bytes:
    return msgspec.json.encode({name: value.get_secret_value() for name, value in sent.items()})


async def fetched(auth: ClientCredentials | AuthorizationCode, request: Request, send: Send) -> Issued:
    """Send the request; return the token in the response. ProtocolError if there is none."""
    issued: Issued | None = await send(
        request, lambda body, _: issued_in(auth, parse_undeclared(request.call, dict[str, Any], body))
    )
    if issued is None:
        raise ProtocolError("the response holds no token", call=request.call)
    return issued


def issued_in(auth: ClientCredentials | AuthorizationCode, response: Any) -> Issued | None:
    """Return the token in the response, or None if there is none."""
    token, lifetime = value_at(response, auth.token), value_at(response, auth.lifetime)
    if not (isinstance(token, str) and token.isascii() and token.isprintable() and token):
        return None
    with suppress(msgspec.ValidationError):
        # Some providers write it as text.
        seconds = msgspec.convert(lifetime, float, strict=False)
        if 0 < seconds < _LONGEST_LIFETIME:
            return Issued(SecretStr(token), max(seconds - _MARGIN, seconds / 2))
    # Without a lifetime, a token is used until it is rejected.
    return Issued(SecretStr(token), float("inf"))


def value_at(response: Any, dotted: str) -> Any:
    """Return the value under a dotted key, or None."""
    for key in dotted.split("."):
        response = response.get(key) if isinstance(response, dict) else None
    return response

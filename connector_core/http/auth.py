"""Whose requests they are: the header that says so, and a token that is fetched and renewed where it expires."""

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol
from urllib.parse import urlencode

import msgspec
from pydantic import SecretStr

from connector_core.errors import ConnectorCoreError, ProtocolError, UnavailableError
from connector_core.http.answers import parse
from connector_core.http.call import Call
from connector_core.sdk.credentials import Credentials
from connector_core.sdk.manifest import Basic, ClientCredentials, Header, Manifest

_LONG = 1e9
"""No token lasts for so many seconds: who says so says nothing."""
_EARLY = 60.0
"""Seconds before its end in which a token is not used any more: a request may be under way for long."""

Ask = Callable[[Call, Callable[[bytes], Any]], Awaitable[Any]]
"""Sends a call, and gives what is made of its answer."""


class Signature(Protocol):
    """What a request is signed with."""

    async def headers(self) -> Mapping[str, str]: ...

    async def renewed(self, refused: Mapping[str, str]) -> bool:
        """After a 401: whether there is another signature than this one, as ``headers`` gave it."""
        ...


class Fixed:
    """The same secret every time."""

    def __init__(self, name: str, value: SecretStr) -> None:
        self._name = name
        self._value = value

    async def headers(self) -> Mapping[str, str]:
        return {self._name: self._value.get_secret_value()}

    async def renewed(self, refused: Mapping[str, str]) -> bool:  # noqa: ARG002 - the protocol's
        return False


class Renewable:
    """A bearer token that expires. However many wait for a new one, it is fetched once."""

    def __init__(self, auth: ClientCredentials, fields: Mapping[str, SecretStr], ask: Ask) -> None:
        self._auth = auth
        self._fields = fields
        self._ask = ask
        self._fetching = asyncio.Lock()
        self._headers: Mapping[str, str] = {}
        """Empty where there is no token, or none that is of use."""
        self._until = 0.0
        self._failure: ConnectorCoreError | None = None

    async def headers(self) -> Mapping[str, str]:
        known = self._failure
        async with self._fetching:
            if self._failure is not None and self._failure is not known:
                # Who waited for the same answer has it: wrong credentials are sent once, not by everybody in turn.
                raise self._failure
            if not self._headers or asyncio.get_running_loop().time() >= self._until:
                try:
                    await self._fetch()
                except ConnectorCoreError as error:
                    if isinstance(error, UnavailableError):
                        # Asking for fewer rows would not help.
                        error.gateway = False
                    self._failure = error
                    raise
            return self._headers

    async def renewed(self, refused: Mapping[str, str]) -> bool:
        async with self._fetching:
            # Somebody else may have been refused, and have fetched another, in between: it may be the same token.
            if self._headers is refused:
                self._headers = {}
        return True

    async def _fetch(self) -> None:
        auth = self._auth
        secrets = {
            "client_id": self._fields[auth.client_id].get_secret_value(),
            "client_secret": self._fields[auth.client_secret].get_secret_value(),
        }
        if auth.encoding == "json":
            body, kind = msgspec.json.encode(secrets), "application/json"
        else:
            form = {"grant_type": "client_credentials", **secrets}
            body, kind = urlencode(form).encode(), "application/x-www-form-urlencoded"
        call = Call("POST", auth.path, body=body, content_type=kind, authenticated=False, signs_in=True)
        answer = await self._ask(call, lambda text: parse(call, dict[str, Any], text))
        token, lifetime = _at(answer, auth.token), _at(answer, auth.lifetime)
        if not (isinstance(token, str) and token.isascii() and token.isprintable() and token):
            raise ProtocolError(f"{call}: the answer holds no token", path=auth.path)
        self._headers = {"Authorization": f"Bearer {token}"}
        # A token that says no lifetime is used until it is refused.
        known = isinstance(lifetime, int | float) and 0 < lifetime < _LONG
        lasts = max(float(lifetime) - _EARLY, float(lifetime) / 2) if known else float("inf")
        self._until = asyncio.get_running_loop().time() + lasts


def _at(answer: Any, dotted: str) -> Any:
    for key in dotted.split("."):
        answer = answer.get(key) if isinstance(answer, dict) else None
    return answer


def signature(manifest: Manifest, credentials: Credentials, ask: Ask) -> Signature:
    """What requests with these credentials are signed with. ``ask`` fetches a token, where one is fetched."""
    auth = manifest.auth
    fields = {name: value if isinstance(value, SecretStr) else SecretStr(str(value)) for name, value in credentials}
    if isinstance(auth, ClientCredentials):
        return Renewable(auth, fields, ask)
    if isinstance(auth, Basic):
        # Where the user is an API key, the password may be anything.
        password = fields[auth.password].get_secret_value() if auth.password else "x"
        pair = f"{fields[auth.user].get_secret_value()}:{password}"
        return Fixed("Authorization", SecretStr(f"Basic {b64encode(pair.encode()).decode()}"))
    secret = fields[auth.field]
    if isinstance(auth, Header):
        return Fixed(auth.name, secret)
    return Fixed("Authorization", SecretStr(f"Bearer {secret.get_secret_value()}"))

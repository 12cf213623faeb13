"""Bearer tokens of a user who has signed in: a code brings the first ones; refresh tokens, which may rotate, more.

A new refresh token is stored before anything is done with what came with it, and the one before is kept beside it until
the new one has worked: whatever the moment at which a process ends, a refresh token that works is stored.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from time import time
from typing import Any, Protocol

from pydantic import SecretStr

from connector_core.errors import InvalidCredentialsError, ProtocolError, RejectedCredentialsError
from connector_core.http.auth.proofs import proof
from connector_core.http.auth.tokens import Issued, Renewable, Send, address_of, issued_in, token_request, value_at
from connector_core.http.parsing import parse_undeclared
from connector_core.sdk.authentication import AuthorizationCode
from connector_core.sdk.field_types import NOT_OBTAINED
from connector_core.secrecy import hide

_GRACE = 0.5
"""Seconds that a token request which is under way may still take when its run is cancelled."""


@dataclass(frozen=True, slots=True)
class AuthorizedCode:
    """The code that a user who has signed in brought, and what proves that this host has asked for it."""

    code: SecretStr
    verifier: SecretStr
    redirect_uri: str

    def form(self) -> Mapping[str, SecretStr]:
        return {
            "grant_type": SecretStr("authorization_code"),
            "code": self.code,
            "code_verifier": self.verifier,
            "redirect_uri": SecretStr(self.redirect_uri),
        }


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of one user who has signed in."""

    refresh: SecretStr
    previous: SecretStr | None = None
    """The refresh token before, until the new one has worked."""
    access: SecretStr = NOT_OBTAINED
    until: float = 0.0
    """The time of the epoch until which the access token may be used."""

    def hide(self) -> None:
        """Hide them in logs and in shown texts from now on."""
        for one in (self.refresh, self.previous, self.access):
            if one and one != NOT_OBTAINED:
                hide(one)


class KeptTokens(Protocol):
    """The tokens of one integration, which all that work with it share."""

    def turn(self) -> AbstractAsyncContextManager[Tokens | AuthorizedCode]:
        """Within this context no other caller fetches tokens of the integration. Yields the latest ones."""
        ...

    async def replace(self, before: Tokens | AuthorizedCode, after: Tokens) -> None:
        """Keep these in place of those before. When it returns, no crash loses them."""
        ...


class TokensInMemory:
    """Tokens that are not stored yet: those of an integration that is being connected."""

    def __init__(self, latest: Tokens | AuthorizedCode) -> None:
        self.latest = latest
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Tokens | AuthorizedCode]:
        async with self._turn:
            yield self.latest

    async def replace(self, before: Tokens | AuthorizedCode, after: Tokens) -> None:  # noqa: ARG002 - see KeptTokens
        self.latest = after


class _Refreshing:
    """Fetches access tokens, one caller at a time, unless another one has fetched one meanwhile."""

    def __init__(
        self,
        auth: AuthorizationCode,
        fields: Mapping[str, SecretStr],
        base_url: str,
        title: str,
        send: Send,
        kept: KeptTokens,
    ) -> None:
        self._auth = auth
        self._fields = fields
        self._base_url = base_url
        self._title = title
        self._send = send
        self._kept = kept
        self._unstored: tuple[Tokens | AuthorizedCode, Tokens] | None = None
        """Tokens that could not be stored, and those that they were to replace: storing them is tried again."""
        self._given: SecretStr | None = None
        """The access token that was given last: it has expired, or was rejected, where another one is wanted."""

    async def fetch(self) -> Issued:
        """Return an access token. A cancelled caller waits for a moment, and until tokens that came are stored."""
        fetching = asyncio.ensure_future(self._fetch())
        try:
            return await asyncio.shield(fetching)
        except asyncio.CancelledError:
            await asyncio.wait([fetching], timeout=_GRACE)
            if self._unstored:
                # The one before may be valid no longer. A store that stays busy ends this by itself.
                await asyncio.wait([fetching])
            raise
        finally:
            if not fetching.done():
                fetching.cancel()
                await asyncio.wait([fetching])
            elif not fetching.cancelled():
                # Noted as seen: it was raised above, or nothing waits for it any more.
                fetching.exception()

    async def _fetch(self) -> Issued:
        async with self._kept.turn() as found:
            if isinstance(found, Tokens) and found.until > time() and found.access != self._given:
                tokens = found
            else:
                if self._unstored is None or self._unstored[0] != found:
                    self._unstored = found, await self._renewed(found)
                _, tokens = self._unstored
                await self._kept.replace(found, tokens)
                self._unstored = None
        tokens.hide()
        self._given = tokens.access
        return Issued(tokens.access, tokens.until - time())

    async def _renewed(self, found: Tokens | AuthorizedCode) -> Tokens:
        if isinstance(found, AuthorizedCode):
            hide(found.code)
            try:
                return await self._requested(found.form(), None)
            except RejectedCredentialsError as error:
                raise RejectedCredentialsError(
                    f"{self._title} did not accept the code of this sign-in.",
                    hint=f"Connect again, and sign in without delay: a code is valid for a moment. {error.hint}",
                ) from None
        if found.refresh == NOT_OBTAINED:
            raise InvalidCredentialsError(
                f"No user has signed in at {self._title} for this integration yet.",
                hint="discover connect opens the address for it; a program calls Host.sign_in.",
            )
        found.hide()
        for token in (found.refresh, found.previous):
            if token:
                try:
                    return await self._requested(_form(token), token)
                except RejectedCredentialsError:
                    # The one before is still valid where the response that brought this one was never used.
                    continue
        raise RejectedCredentialsError(
            f"{self._title} does not accept the sign-in of this integration any more.",
            hint="It was withdrawn, has expired, was renewed and could not be stored, or the client's secret is wrong. "
            "Connect again, and sign in.",
        )

    async def _requested(self, form: Mapping[str, SecretStr], used: SecretStr | None) -> Tokens:
        """Send one token request. ``used`` is the refresh token in it, which stays valid if no other one comes."""
        auth = self._auth
        client_id = self._fields[auth.client_id].get_secret_value()
        proved = proof(auth.client, self._fields, client_id, address_of(auth.token_url, self._base_url))
        request = token_request(auth.token_url, form, proved)
        tokens: Tokens | None = await self._send(
            request, lambda body, _: _tokens_in(auth, parse_undeclared(request.call, dict[str, Any], body), used)
        )
        if tokens is None:
            raise ProtocolError(
                "the response holds no access token, or no refresh token",
                call=request.call,
                hint="Allow the application offline access: without a refresh token, no run could follow this one.",
            )
        return tokens


def _form(token: SecretStr) -> Mapping[str, SecretStr]:
    return {"grant_type": SecretStr("refresh_token"), "refresh_token": token}


def _tokens_in(auth: AuthorizationCode, response: Any, used: SecretStr | None) -> Tokens | None:
    """Return the tokens in the response. A refresh token is beside the access token."""
    beside = auth.token.rpartition(".")[0]
    issued, refresh = issued_in(auth, response), value_at(response, f"{beside}.refresh_token".lstrip("."))
    if issued is None:
        return None
    until = time() + issued.usable
    if isinstance(refresh, str) and refresh and (used is None or refresh != used.get_secret_value()):
        return Tokens(SecretStr(refresh), used, issued.token, until)
    return Tokens(used, None, issued.token, until) if used else None


def refreshing(
    auth: AuthorizationCode,
    fields: Mapping[str, SecretStr],
    base_url: str,
    title: str,
    send: Send,
    kept: KeptTokens,
) -> Renewable:
    """Return the token of a user who has signed in. ``base_url`` is what a path begins at."""
    return Renewable(_Refreshing(auth, fields, base_url, title, send, kept).fetch)

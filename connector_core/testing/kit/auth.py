"""Suite ``auth``: tokens that expire or are revoked, wrong credentials, scopes, and refresh tokens that rotate."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from aiohttp import web

from connector_core.errors import ConnectorCoreError
from connector_core.sdk.authentication import Authentication, AuthorizationCode, ClientCredentials
from connector_core.testing.answers import Request
from connector_core.testing.clock import JumpingLoop
from connector_core.testing.keys import another_key
from connector_core.testing.kit.findings import Findings
from connector_core.testing.kit.harness import NAME, Harness
from connector_core.testing.kit.monitor import Monitor
from connector_core.testing.oauth import AuthorizationServer
from connector_core.testing.server import all_credentials

_LIFE, _LATENCY = 20, 12
"""Seconds of a token, and of an answer."""
_MOST_REVOCATIONS = 12
_AROUND = 3
"""Iterations of the event loop before and after a renewal, at which a run is cancelled, too."""

Rotation = Literal["none", "on_use", "at_once"]


@dataclass(frozen=True, slots=True)
class _Way:
    """One way of the connector to get tokens."""

    harness: Harness
    findings: Findings
    typed: Mapping[str, str]
    auth: ClientCredentials | AuthorizationCode

    async def connected(self) -> Path:
        return await self.harness.connected_store(self.typed)

    def token_requests(self, requests: Sequence[Request]) -> int:
        path = urlsplit(self.auth.token_url).path
        return sum(one.method == "POST" and path.endswith(one.path) for one in requests)


async def examine(harness: Harness, findings: Findings) -> None:
    for typed in all_credentials(harness.simulator):
        auth = _auth(harness, typed)
        if isinstance(auth, ClientCredentials | AuthorizationCode):
            way = _Way(harness, findings, typed, auth)
            await _check_expiry(way)
            await _check_revocations(way)
            await _check_wrong_credentials(way)
        if isinstance(auth, AuthorizationCode):
            await _check_rotations(way)
            await _check_kills(way)
            await _check_sharing(way)


def _auth(harness: Harness, typed: Mapping[str, str]) -> Authentication:
    """Return the way to authenticate that these fields choose."""
    credentials = harness.connector.credentials_type.parse(typed)
    return harness.connector.manifest.reached_with(credentials).auth


# ---- tokens of any sort


async def _check_expiry(way: _Way) -> None:
    simulator = way.harness.reset()
    simulator.shorten_tokens(_LIFE)
    store = await way.connected()
    simulator.latency = _LATENCY
    result = await way.harness.run(store)
    if not result.complete:
        way.findings.fail("auth.expired", f"tokens of {_LIFE:g} s: {result.outcome.strip()}")
    way.findings.measures["tokens in a run that outlives them"] = str(way.token_requests(result.requests))
    if oauth := simulator.oauth:
        _judge_scopes(way, oauth)


def _judge_scopes(way: _Way, oauth: AuthorizationServer) -> None:
    """Compare every request for a token of the client's own: others name a consent, which has a scope already."""
    for form in oauth.requested:
        wanted = {"scope": way.auth.scope, "audience": way.auth.audience}
        given = {name: form.get(name, "") for name in wanted}
        if form.get("grant_type") not in {"refresh_token", "authorization_code"} and given != wanted:
            way.findings.fail("auth.scope", f"a token was requested with {given}; the manifest declares {wanted}")


async def _check_revocations(way: _Way) -> None:
    """Revoke all tokens at each request of a run in turn, with the requests under way."""
    simulator = way.harness.reset()
    undisturbed = await way.harness.run(await way.connected())
    usual = way.token_requests(undisturbed.requests)
    for number in range(1, min(len(undisturbed.requests), _MOST_REVOCATIONS) + 1):
        simulator = way.harness.reset()
        store = await way.connected()
        async with _at_request(way.harness, number, simulator.revoke):
            result = await way.harness.run(store)
        where = f"revoked at request {number}"
        if not result.complete:
            way.findings.fail("auth.revoked", f"{where}: {result.outcome.strip()}")
        if (tokens := way.token_requests(result.requests)) > usual + 1:
            way.findings.fail("auth.once", f"{where}: tokens requested: {tokens}; undisturbed: {usual}")


@asynccontextmanager
async def _at_request(harness: Harness, number: int, work: Callable[[], None]) -> AsyncIterator[None]:
    """Within this context, do some work when the request with this number has come, before it is answered."""
    count = 0

    def on_request() -> None:
        nonlocal count
        count += 1
        if count == number:
            work()

    async with _listening(harness, on_request):
        yield


@asynccontextmanager
async def _listening(harness: Harness, on_request: Callable[[], None]) -> AsyncIterator[None]:
    async def handle(request: web.Request) -> web.StreamResponse:
        on_request()
        return await harness.simulator.handle(request)

    harness.served.handle = handle
    try:
        yield
    finally:
        harness.served.handle = None


async def _check_wrong_credentials(way: _Way) -> None:
    """Mistype each secret in turn."""
    for field in way.harness.connector.credentials_type.form():
        if not (field.secret and field.name in way.auth.fields and field.name in way.typed):
            continue
        simulator = way.harness.reset()
        valid = way.typed[field.name]
        wrong = {**way.typed, field.name: another_key(valid) if field.lines else "mistyped-0123456789"}
        async with way.harness.host(way.harness.new_store(), Monitor(way.harness.connector)) as host:
            # Which error it must be is a rule of another suite.
            with suppress(ConnectorCoreError):
                await host.connect(way.harness.connector.manifest.name, NAME, way.harness.fields(wrong))
        if (tokens := way.token_requests(simulator.requests)) > 1:
            way.findings.fail("auth.once", f"a mistyped {field.name} is sent {tokens} times")


# ---- refresh tokens


async def _check_rotations(way: _Way) -> None:
    for rotation in ("none", "on_use", "at_once"):
        store = await _connected(way, rotation)
        for number in (1, 2):
            way.harness.simulator.revoke()
            result = await way.harness.run(store)
            if not result.complete:
                way.findings.fail("auth.stored", f"rotation {rotation}, renewal {number}: {result.outcome.strip()}")


async def _check_kills(way: _Way) -> None:
    """Cancel runs at each iteration of the event loop around a renewal. The next run needs another one."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, JumpingLoop)  # noqa: S101 - the kit runs on no other loop
    first, last = await _iterations_of_renewal(way, loop)
    for iteration in range(max(1, first - _AROUND), last + _AROUND):
        store = await _connected(way, "at_once")
        way.harness.simulator.revoke()
        await way.harness.run(store, read_stored=False, on_start=partial(_cancel_at, loop, iteration))
        way.harness.simulator.revoke()
        result = await way.harness.run(store, read_stored=False)
        if not result.complete:
            way.findings.fail("auth.stored", f"cancelled at iteration {iteration}: {result.outcome.strip()}")
    way.findings.measures["runs cancelled around a renewal"] = str(last - first + 2 * _AROUND)


def _cancel_at(loop: JumpingLoop, iteration: int, task: "asyncio.Task[object]") -> None:
    def cancel() -> None:
        loop.call_soon(task.cancel)

    loop.call_after_iterations(iteration, cancel)


async def _iterations_of_renewal(way: _Way, loop: JumpingLoop) -> tuple[int, int]:
    """Return the iterations of a run from the rejection of its token to the first request with another one."""
    store = await _connected(way, "at_once")
    way.harness.simulator.revoke()
    started, seen = loop.iterations, list[int]()
    async with _listening(way.harness, lambda: seen.append(loop.iterations - started)):
        result = await way.harness.run(store, read_stored=False)
    path = urlsplit(way.auth.token_url).path
    token = next(index for index, one in enumerate(result.requests) if path.endswith(one.path))
    return seen[max(0, token - 1)], seen[min(token + 1, len(seen) - 1)]


async def _check_sharing(way: _Way) -> None:
    store = await _connected(way, "at_once")
    oauth = way.harness.simulator.oauth
    before = oauth.counts["refresh_token"] if oauth else 0
    way.harness.simulator.revoke()
    async with way.harness.host(store, Monitor(way.harness.connector)) as host:
        try:
            await asyncio.gather(host.run(NAME), host.check(NAME))
        except ConnectorCoreError as error:
            way.findings.fail("auth.shared", error.message)
    renewals = oauth.counts["refresh_token"] - before if oauth else 0
    if oauth and (renewals != 1 or oauth.counts["reused"]):
        way.findings.fail("auth.shared", f"renewals: {renewals}; uses of an ended token: {oauth.counts['reused']}")


async def _connected(way: _Way, rotation: Rotation) -> Path:
    """Return a new store to which the integration was added, at a provider that rotates so."""
    if oauth := way.harness.reset().oauth:
        oauth.rotation, oauth.revokes_family = rotation, True
    return await way.connected()

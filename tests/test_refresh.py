"""Refresh tokens that rotate: stored before they are used, once for all processes, and not lost by any crash."""

import asyncio
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from aiohttp import web
from pydantic import SecretStr

from connector_core import Verdict
from connector_core.errors import RejectedCredentialsError, StoreError
from connector_core.host import Host
from connector_core.plugins import registry_of
from connector_core.vault import Vault
from oauth_world import Provider, provided
from planted.signing_in import Behaviour, SignsIn
from processes import killed_at_every_instant


@pytest.fixture
def behaviour(request: pytest.FixtureRequest) -> Behaviour:
    return Behaviour(rotation=getattr(request, "param", "on_use"))


@pytest.fixture
def provider(tmp_path: Path, behaviour: Behaviour) -> Iterator[Provider]:
    with provided(tmp_path, behaviour) as provider:
        yield provider


every_rotation = pytest.mark.parametrize("behaviour", ["on_use", "at_once", "none"], indirect=True)
at_once = pytest.mark.parametrize("behaviour", ["at_once"], indirect=True)


@every_rotation
async def test_a_run_uses_the_stored_access_token_and_refreshes_when_it_is_rejected(provider: Provider) -> None:
    await provider.connect()
    first = await provider.stored()
    async with provider.host() as host:
        assert (await host.run("acme")).verdict is Verdict.COMPLETE
        assert provider.refreshes == 1
        provider.simulator.revoke()
        assert (await host.run("acme")).verdict is Verdict.COMPLETE
    assert provider.refreshes == 2
    after = await provider.stored()
    assert after.access != first.access
    rotates = provider.simulator.oauth.rotation != "none"
    assert (after.refresh != first.refresh, after.previous) == (rotates, first.refresh if rotates else None)


async def test_a_rotation_changes_nothing_but_the_secrets(provider: Provider) -> None:
    await provider.connect()
    async with provider.host() as host:
        before = await host.store.integrations.get("acme")
        entries = await host.audit.entries()
        provider.simulator.revoke()
        await host.check("acme")
        after = await host.store.integrations.get("acme")
        assert before.sealed != after.sealed
        assert (before.fields, before.account, before.created_at, before.credentials_at) == (
            after.fields,
            after.account,
            after.created_at,
            after.credentials_at,
        )
        assert await host.audit.entries() == entries


async def test_no_token_is_in_any_file(provider: Provider) -> None:
    await provider.connect()
    provider.simulator.revoke()
    await provider.check()
    files = b"".join(one.read_bytes() for one in provider.store.parent.rglob("*") if one.is_file())
    assert provider.simulator.issued
    assert not [one for one in provider.simulator.issued if one.encode() in files]


@every_rotation
async def test_whoever_works_at_the_same_time_refreshes_once(provider: Provider) -> None:
    await provider.connect()
    provider.simulator.revoke()
    before = provider.refreshes
    async with provider.host() as one, provider.host() as other:
        report, *_ = await asyncio.gather(one.run("acme"), other.check("acme"), other.check("acme"))
    assert report.verdict is Verdict.COMPLETE
    assert provider.refreshes == before + 1


async def test_two_processes_refresh_once(provider: Provider) -> None:
    await provider.connect()
    provider.simulator.revoke()
    before = provider.refreshes
    imports, work = provider.code("check")
    command = [sys.executable, "-c", f"{imports}\n{work}"]
    children = [await asyncio.create_subprocess_exec(*command) for _ in range(2)]
    assert [await one.wait() for one in children] == [0, 0]
    assert provider.refreshes == before + 1


@pytest.mark.parametrize("behaviour", ["on_use", "at_once"], indirect=True)
@pytest.mark.parametrize("phase", ["before the response", "before the first use"])
async def test_a_process_that_is_killed_loses_no_more_than_the_provider_forgets(provider: Provider, phase: str) -> None:
    await provider.connect()
    provider.simulator.revoke()
    await _killed(provider, at="/oauth2/token" if phase == "before the response" else "/v1/me")
    provider.simulator.revoke()
    if provider.simulator.oauth.rotation == "at_once" and phase == "before the response":
        with pytest.raises(RejectedCredentialsError, match="does not accept the sign-in") as refused:
            await provider.check()
        assert "Connect again" in refused.value.hint
    else:
        await provider.check()


async def _killed(provider: Provider, *, at: str) -> None:
    """Check in another process, which is killed when it has sent a request that the provider would grant."""
    imports, work = provider.code("check")
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", f"{imports}\n{work}")
    earlier = provider.refreshes

    async def handle(request: web.Request) -> web.StreamResponse:
        response = await provider.simulator.handle(request)
        if request.path == at and provider.refreshes > earlier:
            child.send_signal(signal.SIGKILL)
        return response

    provider.served.handle = handle
    assert await child.wait() == -signal.SIGKILL
    provider.served.handle = None


async def test_where_the_new_token_cannot_be_stored_nothing_is_done_with_it_and_the_old_one_works_later(
    provider: Provider,
) -> None:
    await provider.connect()
    provider.simulator.revoke()
    with closing(sqlite3.connect(provider.store)) as connection:
        connection.execute(
            "CREATE TRIGGER full BEFORE UPDATE OF secrets ON integrations BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
    async with provider.host() as host:
        earlier = provider.refreshes
        with pytest.raises(StoreError):
            await host.run("acme")
        assert provider.refreshes == earlier + 1
        assert not await host.history("acme", 1) or await host.count_entities("acme") == {}
    with closing(sqlite3.connect(provider.store)) as connection:
        connection.execute("DROP TRIGGER full")
    async with provider.host() as host:
        assert (await host.run("acme")).verdict is Verdict.COMPLETE


@at_once
async def test_a_token_that_was_issued_is_stored_though_the_store_is_busy_when_its_caller_is_cancelled(
    provider: Provider,
) -> None:
    await provider.connect()
    provider.simulator.revoke()
    loop, cancelled = asyncio.get_running_loop(), asyncio.Event()

    def cancel() -> None:
        checking.cancel()
        cancelled.set()

    async def handle(request: web.Request) -> web.StreamResponse:
        response = await provider.simulator.handle(request)
        if request.path == "/oauth2/token":
            loop.call_soon_threadsafe(cancel)
        return response

    provider.served.handle = handle
    with closing(sqlite3.connect(provider.store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        checking = asyncio.create_task(provider.check())
        await cancelled.wait()
        # Longer than a request that is under way may take.
        await asyncio.sleep(1.0)
        other.execute("ROLLBACK")
    with pytest.raises(asyncio.CancelledError):
        await checking
    provider.served.handle = None
    provider.simulator.revoke()
    await provider.check()


async def test_a_rotation_of_the_key_and_one_of_the_token_do_not_lose_each_others_write(
    provider: Provider, tmp_path: Path
) -> None:
    def host() -> Host:
        return Host(provider.settings, registry=registry_of(SignsIn), vault=Vault(key_file=tmp_path / "key"))

    token = SecretStr(provider.simulator.oauth.consent("people.read offline"))
    async with host() as one, host() as other:
        await one.connect("example", "acme", {**provider.simulator.credentials, "refresh_token": token})
        for _ in range(5):
            provider.simulator.revoke()
            await asyncio.gather(one.check("acme"), other.rotate_secrets(forget=True))
        provider.simulator.revoke()
        await one.check("acme")
    assert provider.simulator.oauth.counts["reused"] == 0


async def test_what_is_stored_after_connecting_is_the_newest_token(provider: Provider) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        response = await provider.simulator.handle(request)
        if request.path == "/v1/me":
            provider.simulator.revoke()
        return response

    provider.served.handle = handle
    await provider.connect()
    provider.served.handle = None
    assert provider.refreshes == 2
    provider.simulator.revoke()
    await provider.check()


async def test_a_lost_response_costs_nothing_where_the_old_token_is_valid_until_the_new_one_is_used(
    provider: Provider,
) -> None:
    await provider.connect()
    provider.simulator.revoke()
    stored = await provider.stored()
    await _refresh_elsewhere(provider, stored.refresh.get_secret_value())
    await provider.check()


async def test_the_token_before_is_tried_where_the_new_one_is_not_known(provider: Provider) -> None:
    await provider.connect()
    provider.simulator.revoke()
    await provider.check()
    stored = await provider.stored()
    assert stored.previous
    # The provider has lost the new one, as in a restart from a copy: the one before is its latest.
    (family,) = provider.simulator.oauth._families
    family.tokens.remove(stored.refresh.get_secret_value())
    provider.simulator.revoke()
    await provider.check()
    assert (await provider.stored()).previous == stored.previous


@at_once
async def test_a_token_that_was_used_elsewhere_ends_in_the_advice_to_connect_again(provider: Provider) -> None:
    await provider.connect()
    stored = await provider.stored()
    await _refresh_elsewhere(provider, stored.refresh.get_secret_value())
    provider.simulator.revoke()
    with pytest.raises(RejectedCredentialsError, match=r"does not accept the sign-in .*") as refused:
        await provider.check()
    assert "Connect again" in refused.value.hint


async def _refresh_elsewhere(provider: Provider, token: str) -> None:
    """Use a refresh token, as a process does that is killed before it has stored the response."""
    family = next(one for one in provider.simulator.oauth._families if token in one.tokens)
    provider.simulator.oauth._new_refresh_token(family)


@pytest.mark.slow
def test_killed_at_any_instant_of_a_refresh_the_next_check_works(provider: Provider) -> None:
    asyncio.run(provider.connect())
    provider.simulator.revoke()
    kills = 0
    for killed in killed_at_every_instant(*provider.code("check")):
        kills += killed
        provider.simulator.revoke()
        asyncio.run(provider.check())
        provider.simulator.revoke()
    assert kills > 20

"""Deltas by token end to end: changes, tombstones, expired tokens, and what an interruption leaves."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest

from connector_core import Code, Employee, Page, Reason, Report, Verdict, changes_since, witnesses
from connector_core.beginnings import Began
from connector_core.host import Host
from connector_core.outcomes import Operation, Progress
from connector_core.plugins import registry_of
from connector_core.sdk.connector import AnyConnector
from connector_core.settings import HostSettings, LossSettings, Settings
from connector_core.store import LastScan, StoredKind
from connector_core.testing import serve
from planted.token_simulator import CHANGES, ENTRIES, TokenSimulator
from planted.tokened import LIFETIME, Tokened, Unwitnessed, unwitnessed
from world import UNGUARDED, Provider

pytestmark = pytest.mark.jumping
KIND = StoredKind("acme", "Employee")


class StartTokened(Protocol):
    async def __call__(
        self, people: int = ..., connector: type[AnyConnector] = ..., *, losses: LossSettings = ..., scanned: bool = ...
    ) -> Provider: ...


@pytest.fixture
async def tokened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[StartTokened]:
    """Start a provider that gives tokens, with a host whose first run has been applied."""
    async with AsyncExitStack() as stack:

        async def start(
            people: int = 40,
            connector: type[AnyConnector] = Tokened,
            *,
            losses: LossSettings = UNGUARDED,
            scanned: bool = True,
        ) -> Provider:
            served = await stack.enter_async_context(serve(TokenSimulator(people, 7)))
            monkeypatch.setenv("SSL_CERT_FILE", str(served.ca_file))
            host = HostSettings(store=tmp_path / "people.sqlite", resolve=served.resolve, losses=losses)
            opened = await stack.enter_async_context(Host(Settings(host=host), registry=registry_of(connector)))
            provider = Provider("example", served, opened)
            await provider.connect()
            if scanned:
                assert (await provider.run()).verdict is Verdict.COMPLETE
            return provider

        yield start


async def last_scan(provider: Provider) -> LastScan:
    scan = await provider.host.store.last_scans.find(KIND)
    assert scan
    return scan


def execute(provider: Provider, sql: str) -> None:
    with closing(sqlite3.connect(provider.host.settings.host.store)) as connection, connection:
        connection.execute(sql)


def change(provider: Provider, start: int, end: int, title: str = "Changed") -> None:
    for person in provider.simulator.people[start:end]:
        person["title"] = title


async def run_cut_off(provider: Provider, pages: int) -> None:
    """Start a delta, and cancel it behind so many pages."""
    read = 0

    def cancel(_: Progress) -> None:
        nonlocal read
        read += 1
        if read == pages:
            run.cancel()

    run = asyncio.create_task(provider.run(delta=True, progress=cancel))
    with pytest.raises(asyncio.CancelledError):
        await run


async def reasons(provider: Provider, report: Report) -> dict[str, tuple[Operation, Code]]:
    return {one.source_id: (one.operation, one.reason.code) async for one in provider.host.changes(report.run.id)}


async def test_a_delta_by_token_leaves_the_store_of_a_full_scan(tokened: StartTokened) -> None:
    provider = await tokened()
    for _ in range(3):
        provider.simulator.evolve()
    report = await provider.run(delta=True)
    assert report.verdict is Verdict.CAUGHT_UP
    assert report.extent.delta
    assert report["Employee"].plan.removes == 3
    after = await provider.people()
    assert after.keys() == provider.simulator.ids(Employee)
    full = await provider.run()
    assert full.verdict is Verdict.COMPLETE
    assert (full["Employee"].plan.creates, full["Employee"].plan.updates, full["Employee"].plan.removes) == (0, 0, 0)
    assert await provider.people() == after


async def test_only_what_has_changed_is_requested(tokened: StartTokened) -> None:
    provider = await tokened(400)
    change(provider, 5, 6)
    report = await provider.run(delta=True)
    assert report["Employee"].plan.updates == 1
    assert report.traffic.requests == 2


async def test_a_field_that_does_not_come_is_unchanged_and_is_no_sign_of_another_company(tokened: StartTokened) -> None:
    provider = await tokened()
    before = await provider.people()
    change(provider, 0, 40)
    report = await provider.run(delta=True)
    assert report.verdict is Verdict.CAUGHT_UP
    assert dict(report["Employee"].certificate.profile.unread) == {}
    after = await provider.people()
    assert {one.job_title for one in after.values()} == {"Changed"}
    assert {key: one.display_name for key, one in after.items()} == {
        key: one.display_name for key, one in before.items()
    }


async def test_the_next_delta_starts_from_the_token_that_the_last_one_brought(tokened: StartTokened) -> None:
    provider = await tokened()
    first = await last_scan(provider)
    change(provider, 0, 9)
    await provider.run(delta=True)
    second = await last_scan(provider)
    assert first.token
    assert second.token not in {None, first.token}
    assert (second.full_at, second.due) == (first.full_at, None)
    assert second.token_at
    assert first.token_at
    assert second.token_at > first.token_at
    change(provider, 9, 10)
    report = await provider.run(delta=True)
    assert report["Employee"].certificate.seen == 1


async def test_rows_that_are_replayed_are_counted_once_and_repeat_no_page(tokened: StartTokened) -> None:
    provider = await tokened()
    provider.simulator.replays = 3 * ENTRIES
    change(provider, 0, 3)
    report = await provider.run(delta=True)
    assert report.verdict is Verdict.CAUGHT_UP
    assert (report["Employee"].certificate.seen, report["Employee"].plan.updates) == (3, 3)


# ---- when a full scan is made instead


async def test_the_first_delta_is_a_full_scan(tokened: StartTokened) -> None:
    provider = await tokened(scanned=False)
    report = await provider.run(delta=True)
    assert report.extent.why == Reason(Code.NO_FULL_SCAN)
    assert report.verdict is Verdict.COMPLETE


async def test_a_token_that_is_nearly_as_old_as_it_may_be_is_not_used(tokened: StartTokened) -> None:
    provider = await tokened()
    execute(provider, f"UPDATE last_scans SET token_at = '{(datetime.now(UTC) - 0.95 * LIFETIME).isoformat()}'")
    report = await provider.run(delta=True)
    assert report.extent.why == Reason(Code.TOKEN_OLD, hours=int(0.95 * LIFETIME / timedelta(hours=1)))
    assert report.verdict is Verdict.COMPLETE
    assert (await provider.run(delta=True)).extent.delta


async def test_without_a_token_a_full_scan_is_made(tokened: StartTokened) -> None:
    provider = await tokened()
    execute(provider, "UPDATE last_scans SET token = NULL")
    assert (await provider.run(delta=True)).extent.why == Reason(Code.NO_TOKEN)


class EndsWithoutAToken(Tokened):
    @changes_since(Employee)
    async def employees_since(self, token: str) -> AsyncIterator[Page[Employee]]:
        async for page in super().employees_since(token):
            yield replace(page, delta_token=None)


async def test_changes_that_end_without_a_token_have_not_caught_up(tokened: StartTokened) -> None:
    provider = await tokened(connector=EndsWithoutAToken)
    gone = provider.simulator.people[5]["id"]
    provider.simulator.erase(5)
    report = await provider.run(delta=True)
    assert report["Employee"].certificate.reasons == (Reason(Code.TOKEN_MISSING),)
    assert gone in await provider.people()
    assert (await provider.run(delta=True)).extent.why == Reason(Code.TOKEN_MISSING)


class StopsEarly(Tokened):
    @changes_since(Employee)
    async def employees_since(self, token: str) -> AsyncIterator[Page[Employee]]:
        async for page in super().employees_since(token):
            yield page
            return


async def test_changes_that_were_not_read_to_their_end_have_not_caught_up(tokened: StartTokened) -> None:
    provider = await tokened(connector=StopsEarly)
    before = await last_scan(provider)
    change(provider, 0, 2 * ENTRIES)
    report = await provider.run(delta=True)
    assert report["Employee"].certificate.reasons == (Reason(Code.CHANGES_ENDED_EARLY),)
    assert (await last_scan(provider)).token == before.token


# ---- tombstones


async def test_a_tombstone_removes_a_row_that_the_provider_denies(tokened: StartTokened) -> None:
    provider = await tokened()
    gone = provider.simulator.people[7]["id"]
    provider.simulator.erase(7)
    report = await provider.run(delta=True)
    assert report.verdict is Verdict.CAUGHT_UP
    assert await reasons(provider, report) == {gone: (Operation.REMOVE, Code.TOMBSTONE)}
    assert gone not in await provider.people()
    paths = [one.path for one in provider.simulator.requests]
    assert f"/people/{gone}" in paths
    # No row came, so stored ones have to be known.
    assert len({one for one in paths if one.startswith("/people/p")}) > 1


class SaysGoneWrongly(Tokened):
    @changes_since(Employee)
    async def employees_since(self, token: str) -> AsyncIterator[Page[Employee]]:
        async for page in super().employees_since(token):
            yield replace(page, removed=(*page.removed, *[one async for one in _some_stored(self)]))


async def _some_stored(connector: Tokened) -> AsyncIterator[str]:
    async for page in connector.employees():
        yield page.ids[3]
        return


async def test_a_tombstone_of_a_row_that_the_provider_still_has_removes_nothing_and_is_reported(
    tokened: StartTokened,
) -> None:
    provider = await tokened(connector=SaysGoneWrongly)
    before = await provider.people()
    report = await provider.run(delta=True)
    assert report.verdict is Verdict.CAUGHT_UP
    assert report["Employee"].certificate.notes == (Reason(Code.STILL_THERE, rows=1, provider="Example HR"),)
    assert (report["Employee"].plan.removes, report["Employee"].plan.unconfirmed) == (0, 0)
    assert await provider.people() == before


class DeniesAll(Tokened):
    @witnesses(Employee)
    async def has_person(self, source_id: str) -> bool:  # noqa: ARG002 - that is its mistake
        return False


async def test_a_tombstone_is_kept_while_a_witness_is_not_fit_until_a_full_scan(tokened: StartTokened) -> None:
    provider = await tokened(connector=DeniesAll)
    gone = provider.simulator.people[7]["id"]
    provider.simulator.erase(7)
    report = await provider.run(delta=True)
    assert report.verdict is Verdict.CAUGHT_UP
    assert (report["Employee"].plan.removes, report["Employee"].plan.unconfirmed) == (0, 1)
    assert gone in await provider.people()
    # It was missing from no scan yet.
    assert (await provider.run())["Employee"].plan.unconfirmed == 1
    assert (await provider.run())["Employee"].plan.removes == 1


async def test_without_a_witness_the_tombstone_is_the_providers_word(tokened: StartTokened) -> None:
    provider = await tokened(connector=Unwitnessed)
    gone = provider.simulator.people[7]["id"]
    provider.simulator.erase(7)
    report = await provider.run(delta=True)
    assert await reasons(provider, report) == {gone: (Operation.REMOVE, Code.TOMBSTONE)}
    assert report.removed == {gone: "Person " + gone.removeprefix("p")}


@unwitnessed
class ListsThemLater(Tokened):
    """Lists a row behind its tombstone, or before it."""

    first = True

    @changes_since(Employee)
    async def employees_since(self, token: str) -> AsyncIterator[Page[Employee]]:
        pages = [page async for page in super().employees_since(token)]
        stored = pages[0].rows[0].source_id
        tombstone = replace(pages[0], rows=(), ids=(), removed=(stored,), delta_token=None)
        both = (tombstone, pages[0]) if type(self).first else (replace(pages[0], delta_token=None), tombstone)
        for number, page in enumerate(both, 1):
            last = number == len(both)
            given = pages[-1].delta_token if last else None
            yield replace(page, place=replace(page.place, number=number, last=last), delta_token=given)


@unwitnessed
class ListsThemBefore(ListsThemLater):
    first = False


@pytest.mark.parametrize(("connector", "removed"), [(ListsThemLater, False), (ListsThemBefore, True)])
async def test_the_last_word_on_a_row_counts(
    tokened: StartTokened, connector: type[AnyConnector], *, removed: bool
) -> None:
    provider = await tokened(connector=connector)
    one = provider.simulator.people[4]["id"]
    change(provider, 4, 5)
    report = await provider.run(delta=True)
    assert report.verdict is Verdict.CAUGHT_UP
    expected = (Operation.REMOVE, Code.TOMBSTONE) if removed else (Operation.UPDATE, Code.CHANGED)
    assert await reasons(provider, report) == {one: expected}


async def test_a_row_that_came_and_was_removed_in_one_delta_is_not_created(tokened: StartTokened) -> None:
    provider = await tokened(connector=ListsThemBefore)
    provider.simulator.hire()
    before = await provider.people()
    report = await provider.run(delta=True)
    assert report.verdict is Verdict.CAUGHT_UP
    assert await reasons(provider, report) == {}
    assert await provider.people() == before


async def test_many_tombstones_are_held_and_the_token_does_not_move(tokened: StartTokened) -> None:
    provider = await tokened(connector=Unwitnessed, losses=LossSettings())
    before = await last_scan(provider)
    del provider.simulator.people[3:23]
    report = await provider.run(delta=True)
    assert report.verdict is Verdict.HELD
    assert report["Employee"].plan.held == 20
    assert len(await provider.people()) == 40
    assert (await last_scan(provider)).token == before.token
    assert (await provider.run(delta=True)).extent.why == Reason(Code.CHANGES_HELD)


async def test_the_removal_of_a_manager_whom_rows_name_is_held(tokened: StartTokened) -> None:
    provider = await tokened()
    manager = provider.simulator.people[0]["id"]
    provider.simulator.erase(0)
    report = await provider.run(delta=True)
    assert report["Employee"].plan.held_because == (Reason(Code.STILL_NAMED, rows=1, example=manager),)
    assert manager in await provider.people()


async def test_a_delta_that_failed_removes_nothing_and_is_read_again(tokened: StartTokened) -> None:
    provider = await tokened(connector=Unwitnessed)
    change(provider, 0, 2 * ENTRIES)
    gone = provider.simulator.people[30]["id"]
    provider.simulator.erase(30)
    provider.simulator.script(f"500@2x99:{CHANGES}")
    report = await provider.run(delta=True)
    assert report.verdict is Verdict.INCOMPLETE
    assert gone in await provider.people()
    provider.simulator.script("")
    report = await provider.run(delta=True)
    assert report.verdict is Verdict.CAUGHT_UP
    assert gone not in await provider.people()


# ---- a token that has expired


async def test_an_expired_token_costs_a_full_reading_that_removes_nothing(tokened: StartTokened) -> None:
    provider = await tokened()
    before = await last_scan(provider)
    gone = provider.simulator.people[7]["id"]
    provider.simulator.erase(7)
    change(provider, 0, 3)
    provider.simulator.hire()
    provider.simulator.expire_tokens()
    report = await provider.run(delta=True)
    assert report.extent.delta
    certificate, plan = report["Employee"].certificate, report["Employee"].plan
    assert (certificate.began, certificate.complete) == (Began.RESYNCED, True)
    assert (plan.creates, plan.updates, plan.removes, plan.unconfirmed) == (1, 3, 0, 0)
    assert gone in await provider.people()
    after = await last_scan(provider)
    assert after.token != before.token
    assert after.full_at == before.full_at
    report = await provider.run(delta=True)
    assert (report.verdict, report["Employee"].certificate.began) == (Verdict.CAUGHT_UP, Began.FRESH)
    assert (await provider.run())["Employee"].plan.removes == 1


async def test_a_token_that_expires_in_the_middle_of_a_delta_leaves_nothing_of_it(tokened: StartTokened) -> None:
    provider = await tokened(connector=Unwitnessed)
    change(provider, 0, 3 * ENTRIES)

    def expire(progress: Progress) -> None:
        if progress.seen == ENTRIES:
            provider.simulator.expire_tokens()

    report = await provider.run(delta=True, progress=expire)
    certificate = report["Employee"].certificate
    assert (certificate.began, certificate.complete, certificate.seen) == (Began.RESYNCED, True, 40)
    assert report["Employee"].plan.updates == 3 * ENTRIES


@pytest.mark.parametrize("status", [400, 410])
async def test_a_token_that_is_refused_by_a_status_costs_a_full_reading_by_hand_too(
    tokened: StartTokened, status: int
) -> None:
    provider = await tokened()
    provider.simulator.script(f"{status}@1:{CHANGES}")
    report = await provider.run(delta=True)
    assert report["Employee"].certificate.began is Began.RESYNCED
    assert report["Employee"].certificate.complete


async def test_a_resync_that_fails_is_made_again(tokened: StartTokened) -> None:
    provider = await tokened()
    before = await last_scan(provider)
    provider.simulator.expire_tokens()
    provider.simulator.script("500@2x99:/people")
    assert (await provider.run(delta=True)).verdict is Verdict.INCOMPLETE
    assert await last_scan(provider) == before
    provider.simulator.script("")
    report = await provider.run(delta=True)
    assert report["Employee"].certificate.began is Began.RESYNCED
    assert (await last_scan(provider)).token != before.token


# ---- interruptions


@pytest.mark.parametrize("pages", [1, 2, 3])
async def test_an_interrupted_delta_starts_over_from_the_same_token(tokened: StartTokened, pages: int) -> None:
    provider = await tokened()
    before = await last_scan(provider)
    change(provider, 0, 3 * ENTRIES)
    provider.simulator.erase(30)
    await run_cut_off(provider, pages)
    assert await last_scan(provider) == before
    report = await provider.run(delta=True)
    assert report.verdict is Verdict.CAUGHT_UP
    assert (report["Employee"].plan.updates, report["Employee"].plan.removes) == (3 * ENTRIES, 1)


async def test_a_plan_that_was_only_shown_leaves_the_token(tokened: StartTokened) -> None:
    provider = await tokened()
    before = await last_scan(provider)
    change(provider, 0, 3)
    assert (await provider.run(delta=True, apply=False)).verdict is Verdict.PLAN_WAITING
    assert await last_scan(provider) == before


async def test_a_reading_that_was_resumed_keeps_the_token_of_its_beginning(tokened: StartTokened) -> None:
    provider = await tokened(100, scanned=False)

    def cancel(progress: Progress) -> None:
        if progress.seen == 50:
            run.cancel()

    run = asyncio.create_task(provider.run(progress=cancel))
    with pytest.raises(asyncio.CancelledError):
        await run
    # On a page that the next run does not read again.
    change(provider, 0, 1)
    report = await provider.run()
    assert report["Employee"].certificate.began is Began.RESUMED
    assert report.verdict is Verdict.COMPLETE
    report = await provider.run(delta=True)
    assert report["Employee"].plan.updates == 1

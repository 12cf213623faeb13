"""Retention: what is too old goes, what is still needed stays, step by step, and the file shrinks."""

import asyncio
import os
import signal
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import aclosing, closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from attacks import FULL

from builders import person
from connector_core import Account, RejectedCredentialsError, Run, Status, StoreError
from connector_core.settings import RetentionSettings
from connector_core.store import Store
from connector_core.store.comparison import Loss
from connector_core.store.planned import Hold
from connector_core.store.sqlite_space import shrink
from run_steps import RunSteps
from world import Place, Start

KEPT = RetentionSettings(runs=100, changes=100, held=30)
WEEK = 7


def age(steps: RunSteps, run: Run, days: float) -> None:
    """Let a run have begun, and been decided, so many days ago."""
    moment = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="milliseconds")
    steps.ask(f"UPDATE runs SET started_at = '{moment}' WHERE id = '{run.id}'")
    steps.ask(f"UPDATE changes SET decided_at = '{moment}' WHERE run_id = '{run.id}'")


async def prune(steps: RunSteps, settings: RetentionSettings = KEPT) -> None:
    await steps.store.retention.prune("acme", settings, WEEK)
    await steps.store.erasures.finish()
    for problem in ("integrity_check", "foreign_key_check"):
        assert steps.ask(f"PRAGMA {problem}") in ([("ok",)], [])


async def runs(steps: RunSteps) -> list[str]:
    return [one.run.id for one in await steps.store.runs.history("acme", 1000)]


def changes_of(steps: RunSteps, run: Run) -> int:
    ((count,),) = steps.ask(f"SELECT count(*) FROM changes WHERE run_id = '{run.id}'")
    return int(count)


# ---- what goes and what stays


async def test_old_history_goes_and_what_it_created_stays(steps: RunSteps) -> None:
    first = await steps.applied(person("a"), person("b"))
    second = await steps.applied(person("a", email="a@acme.example"), person("b"))
    third, *rest = [await steps.applied(person("a"), person("b")) for _ in range(3)]
    age(steps, first, 102)
    age(steps, second, 101)
    age(steps, third, 99)
    before = await steps.bodies()
    await prune(steps)
    assert await runs(steps) == [*(one.id for one in reversed(rest)), third.id]
    assert steps.ask("SELECT count(*) FROM certificates") == [(3,)]
    assert (changes_of(steps, first), changes_of(steps, second)) == (0, 0)
    assert await steps.bodies() == before
    # The reading that both rows were read in has outlived its run, until they go, too.
    first_reading = "SELECT run_id FROM readings WHERE id = (SELECT min(reading) FROM bodies)"
    assert steps.ask(first_reading) == [(None,)]
    await steps.applied(person("c"), removed=("a", "b"))
    await prune(steps)
    assert steps.ask("SELECT count(*) FROM readings") == [(1,)]


async def test_changes_may_go_before_their_run(steps: RunSteps) -> None:
    old, young, newest = [await steps.applied(person(one)) for one in ("a", "b", "c")]
    age(steps, old, 50)
    await prune(steps, KEPT.model_copy(update={"changes": 49}))
    assert await runs(steps) == [newest.id, young.id, old.id]
    assert (changes_of(steps, old), changes_of(steps, young)) == (0, 1)


async def test_the_newest_run_stays_at_any_age(steps: RunSteps) -> None:
    older, newest = await steps.applied(person("a")), await steps.applied(person("a"))
    age(steps, older, 5000)
    age(steps, newest, 4000)
    await prune(steps)
    assert await runs(steps) == [newest.id, older.id]
    # Ages count from the run before the newest.
    age(steps, await steps.applied(person("a")), 3000)
    await prune(steps)
    assert older.id not in await runs(steps)
    assert newest.id in await runs(steps)


async def test_only_the_history_of_the_integration_that_ran_is_pruned(steps: RunSteps) -> None:
    old = await steps.applied(person("a"))
    await steps.applied(person("a"))
    age(steps, old, 1000)
    await steps.store.retention.prune("beta", KEPT, WEEK)
    assert len(await runs(steps)) == 2


async def test_losses_that_still_count_keep_their_run(steps: RunSteps) -> None:
    await steps.applied(person("a", status=Status.ACTIVE), person("b"))
    run, reading = await steps.read(person("b"))
    await steps.plan(run, reading, "a", hold=Hold.LOSSES, loss=Loss.ACTIVE)
    await steps.finish(run)
    age(steps, run, 20)
    held = await steps.store.plans.held("acme")
    assert held
    # Approved after 20 days: the loss is of today.
    await steps.store.plans.apply_held("acme", held)
    age_of_run = "UPDATE runs SET started_at = '2020-01-01T00:00:00.000+00:00' WHERE id = "
    steps.ask(f"{age_of_run} '{run.id}'")
    await steps.applied(person("b"))
    await steps.applied(person("b"))
    await prune(steps, RetentionSettings(runs=1, changes=1, held=1))
    assert run.id in await runs(steps)
    assert changes_of(steps, run) == 1
    steps.ask("UPDATE changes SET decided_at = '2020-01-01T00:00:00.000+00:00'")
    await prune(steps, RetentionSettings(runs=1, changes=1, held=1))
    assert run.id not in await runs(steps)


async def test_cleared_values_that_still_count_keep_their_run(steps: RunSteps) -> None:
    await steps.applied(person("a", job_title="Lead"))
    run = await steps.applied(person("a", job_title=None))
    for _ in range(2):
        await steps.applied(person("a"))
    steps.ask(f"UPDATE runs SET started_at = '2020-01-01T00:00:00.000+00:00' WHERE id = '{run.id}'")
    await prune(steps)
    assert run.id in await runs(steps)
    steps.ask("UPDATE changes SET decided_at = '2020-01-01T00:00:00.000+00:00'")
    await prune(steps)
    assert run.id not in await runs(steps)


async def test_the_first_witness_of_an_absence_stays(steps: RunSteps) -> None:
    await steps.applied(person("a"), person("b"))
    witness, reading = await steps.read(person("a"))
    await steps.plan(witness, reading)
    await steps.finish(witness, {"Employee": ("b",)})
    await steps.applied(person("a"))
    await steps.applied(person("a"))
    age(steps, witness, 1000)
    await prune(steps)
    assert witness.id in await runs(steps)
    _, reading = await steps.read(person("a"))
    (missing,) = await steps.store.comparisons.missing(reading, "key", datetime.now(UTC))
    assert missing.missed_before


async def test_what_may_be_resumed_stays(steps: RunSteps) -> None:
    run, reading = await steps.read(person("a"))
    await steps.store.runs.fail(run, "interrupted")
    age(steps, run, 1000)
    for _ in range(2):
        await steps.store.runs.fail((await steps.start("Department"))[0], "interrupted")
    await prune(steps)
    assert run.id in await runs(steps)
    assert steps.ask(f"SELECT count(*) FROM bodies WHERE reading = {reading.id}") == [(1,)]


async def test_a_held_plan_waits_for_its_days_and_is_discarded_then(steps: RunSteps) -> None:
    run, reading = await steps.read(person("a"), person("b"))
    await steps.plan(run, reading, hold=Hold.EVERYTHING)
    await steps.finish(run)
    for _ in range(2):
        await steps.finish((await steps.start("Department"))[0])
    age(steps, run, 29)
    await prune(steps, RetentionSettings(runs=1, changes=1, held=30))
    assert run.id in await runs(steps)
    assert steps.ask("SELECT count(*) FROM bodies") == [(2,)]
    age(steps, run, 31)
    await prune(steps)
    assert await steps.store.plans.held("acme") is None
    assert steps.ask("SELECT DISTINCT state FROM changes") == [("discarded",)]
    assert steps.ask("SELECT count(*) FROM bodies") == [(0,)]


@pytest.mark.attack("A clock that is ten years ahead during one run", "No history is pruned", FULL)
async def test_one_run_with_a_clock_that_is_ahead_deletes_nothing(steps: RunSteps) -> None:
    kept = [await steps.applied(person("a")) for _ in range(3)]
    ahead = await steps.applied(person("a"))
    age(steps, ahead, -3650)
    await prune(steps)
    assert len(await runs(steps)) == 4
    kept.append(await steps.applied(person("a")))
    await prune(steps)
    assert len(await runs(steps)) == 5


@pytest.mark.parametrize("runs_ahead", [2, 5])
async def test_runs_that_were_dated_ahead_delete_nothing_once_the_clock_is_right(
    steps: RunSteps, runs_ahead: int
) -> None:
    await steps.applied(person("a"))
    for _ in range(runs_ahead):
        age(steps, await steps.applied(person("a")), -3650)
    # As after a plan was applied.
    await prune(steps)
    assert len(await runs(steps)) == 1 + runs_ahead
    for _ in range(2):
        await steps.applied(person("a"))
        await prune(steps)
    assert len(await runs(steps)) == 3 + runs_ahead


async def test_losses_that_are_dated_in_the_future_count_from_today(steps: RunSteps) -> None:
    await steps.applied(person("a", status=Status.ACTIVE), person("b"))
    ahead = await steps.applied(person("b"), removed=("a",))
    age(steps, ahead, -3650)
    age_of = "SELECT julianday('now') - julianday(decided_at) FROM changes WHERE loss > 0"
    await steps.applied(person("b"))
    await prune(steps)
    # One of the last two runs is dated in the future: it may be today's clock that is behind.
    assert steps.ask(age_of)[0][0] < -3600
    await steps.applied(person("b"))
    await prune(steps)
    assert 0 <= steps.ask(age_of)[0][0] < 1


# ---- in steps


def fill_history(path: Path, *, runs: int, changes: int) -> None:
    """Add runs of long ago, each with so many changes."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO runs (id, integration, connector, product, kinds, started_at) "
            "VALUES (?, 'acme', 'example', '', 'Employee', '2020-01-01T00:00:00.000+00:00')",
            [(f"old-{number}",) for number in range(runs)],
        )
        connection.executemany(
            "INSERT INTO changes (run_id, integration, kind, source_id, operation, state, loss, fields, reason) "
            "VALUES (?, 'acme', 'Employee', ?, 'update', 'applied', 0, '[\"job_title\"]', ?)",
            [(f"old-{run}", f"{one:09}", "x" * 200) for run in range(runs) for one in range(changes)],
        )


async def with_history(steps: RunSteps, *, runs: int, changes: int) -> None:
    fill_history(steps.path, runs=runs, changes=changes)
    for _ in range(2):
        await steps.applied(person("a"))


Delete = Callable[[RunSteps], Awaitable[None]]


async def remove(steps: RunSteps) -> None:
    await steps.store.retention.clear("acme")
    await steps.store.integrations.remove("acme")
    await steps.store.erasures.finish(insist=True)


@pytest.mark.parametrize(("delete", "shapes"), [(prune, (3, 7_000)), (prune, (600, 20)), (remove, (3, 7_000))])
async def test_no_transaction_deletes_much(steps: RunSteps, delete: Delete, shapes: tuple[int, int]) -> None:
    await with_history(steps, runs=shapes[0], changes=shapes[1])
    marks = list[int]()

    def start(connection: sqlite3.Connection) -> None:
        def hear(statement: str) -> None:
            if statement == "COMMIT":
                marks.append(connection.total_changes)

        marks.append(connection.total_changes)
        connection.set_trace_callback(hear)

    await steps.store._database.in_turn(lambda cursor: start(cursor.connection))
    await delete(steps)
    deleted = [after - before for before, after in pairwise(marks)]
    assert sum(deleted) > shapes[0] * shapes[1]
    assert max(deleted) <= 5_500
    assert steps.ask("SELECT count(*) FROM changes WHERE run_id LIKE 'old-%'") == [(0,)]


async def test_a_large_store_is_not_written_anew_to_shrink(steps: RunSteps) -> None:
    await with_history(steps, runs=10, changes=3_000)
    steps.ask("DELETE FROM changes WHERE run_id LIKE 'old-%'")
    await steps.store._database.erase()
    before = steps.path.stat().st_size
    pages = "SELECT (SELECT page_count FROM pragma_page_count), (SELECT freelist_count FROM pragma_freelist_count)"
    ((_, free),) = steps.ask(pages)
    assert free > 2_000
    await shrink(steps.store._database, small=0)
    await steps.store._database.erase()
    ((_, left),) = steps.ask(pages)
    # What a run needs stays.
    assert left == 1_000
    assert before - steps.path.stat().st_size >= 4096 * (free - left)
    assert steps.ask("PRAGMA integrity_check") == [("ok",)]


async def test_the_file_shrinks_while_it_is_open(steps: RunSteps) -> None:
    await with_history(steps, runs=10, changes=5_000)
    before = steps.path.stat().st_size
    assert before > 15_000_000
    await prune(steps)
    assert steps.path.stat().st_size < 1_000_000
    assert steps.path.with_name(f"{steps.path.name}-wal").stat().st_size == 0
    assert (await steps.bodies()) == ['{"source_id":"a"}']


def killed_at(path: Path, delete: Delete, statement: int) -> bool:
    """Delete in a child that is killed before its nth statement; return False if it ended before."""

    async def work() -> None:
        async with aclosing(Store(path)) as store:
            left = statement

            def kill(_: str) -> None:
                nonlocal left
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

            await store._database.in_turn(lambda cursor: cursor.connection.set_trace_callback(kill))
            await delete(RunSteps(store, path))

    child = os.fork()
    if child == 0:
        try:
            asyncio.run(work())
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


@pytest.mark.slow
@pytest.mark.attack("kill -9 before any statement of pruning and of removal", "The store is whole", FULL)
@pytest.mark.parametrize("delete", [prune, remove])
def test_a_kill_before_any_statement_leaves_a_whole_store(tmp_path: Path, delete: Delete) -> None:
    path = tmp_path / "people.sqlite"

    async def fill() -> None:
        async with aclosing(Store(path)) as store:
            await store.integrations.save("acme", "example", {}, b"", Account("1", "One"))
            steps = RunSteps(store, path)
            await with_history(steps, runs=60, changes=500)
            run, reading = await steps.read(person("a"), person("held"))
            await steps.plan(run, reading, hold=Hold.EVERYTHING)
            await steps.finish(run)

    asyncio.run(fill())
    statement = 3
    while killed_at(path, delete, statement):
        statement += 7
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
            (known,) = connection.execute("SELECT count(*) FROM integrations").fetchone()
            stored = connection.execute("SELECT b.body FROM entities e JOIN bodies b ON b.n = e.n").fetchall()
            assert stored == [('{"source_id":"a"}',)] * known
            # No row that nothing points to, and that nothing would ever delete.
            (waiting,) = connection.execute("SELECT count(*) FROM changes WHERE state = 'held'").fetchone()
            assert connection.execute("SELECT count(*) FROM bodies").fetchone() == (known + waiting,)
    assert statement > 40
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM changes WHERE run_id LIKE 'old-%'").fetchone() == (0,)


async def test_removing_drops_what_waits_before_it_forgets_what_that_is(steps: RunSteps) -> None:
    run, reading = await steps.read(person("a"))
    await steps.plan(run, reading, hold=Hold.EVERYTHING)
    await steps.finish(run)
    await steps.store.retention.clear("acme")
    # As after a kill: the integration is there, without history, and without rows that nothing points to.
    assert await steps.store.integrations.find("acme")
    assert await runs(steps) == []
    assert steps.ask("SELECT count(*) FROM bodies") == [(0,)]


# ---- by the host


@pytest.mark.jumping
async def test_a_run_prunes_what_is_too_old(namely: Start) -> None:
    place = await namely(scanned=True)
    _age_all(place, 1000)
    reports = [await place.run() for _ in range(2)]
    assert {one.run.id for one in await place.host.history("acme")} == {one.run.id for one in reports}
    assert len(await place.people()) == 60


@pytest.mark.jumping
async def test_a_run_that_fails_prunes_what_is_too_old_and_keeps_its_own_error(namely: Start) -> None:
    place = await namely(scanned=True)
    place.tenant.hire()
    await place.run(apply=False)
    _age_all(place, 1000)
    place.tenant.token = "another"
    for _ in range(2):
        with pytest.raises(RejectedCredentialsError):
            await place.run()
    assert await place.host.store.plans.held("acme") is None
    assert len(await place.host.history("acme")) == 2
    _age_all(place, 1000)
    with place.failing("DELETE ON runs"), pytest.raises(RejectedCredentialsError):
        await place.run()


def _age_all(place: Place, days: int) -> None:
    moment = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="milliseconds")
    place.execute(f"UPDATE runs SET started_at = '{moment}'")
    place.execute(f"UPDATE changes SET decided_at = '{moment}'")


@pytest.mark.jumping
async def test_a_run_stands_even_if_nothing_can_be_pruned(namely: Start) -> None:
    place = await namely(scanned=True)
    _age_all(place, 1000)
    with place.failing("DELETE ON runs"):
        await place.run()
        report = await place.run()
        with pytest.raises(StoreError, match="refused"):
            await place.host.store.retention.prune("acme", RetentionSettings(), WEEK)
    assert report.verdict.good

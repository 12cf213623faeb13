"""Plans at the store: applied, held, stale, removed, and told again."""

from dataclasses import replace
from datetime import timedelta

import pytest

from builders import NOON, PEOPLE, certificate, department, last_scan, person
from connector_core import Code, Employee, Reason, Rejection, Standing, Status
from connector_core.discovery.changes import plan_updates
from connector_core.outcomes import Extent, Operation, State
from connector_core.store import LastScan
from connector_core.store.planned import GuardedPlan, Hold
from connector_core.store.rows import drop_bodies
from run_steps import NEW, RunSteps, turned

ACTIVE, INACTIVE = Status.ACTIVE, Status.INACTIVE


async def test_an_update_is_merged_into_the_stored_row(steps: RunSteps) -> None:
    await steps.applied(person("a", email="a@acme.example", job_title="Lead", status=ACTIVE))
    await steps.applied(person("a", email="new@acme.example"))
    assert await steps.bodies() == ['{"source_id":"a","email":"new@acme.example","job_title":"Lead","status":"active"}']
    # The status did not come, and is stored all the same.
    assert steps.ask("SELECT active FROM entities") == steps.ask("SELECT active FROM bodies") == [(1,)]


async def test_many_updates_are_applied_in_steps(steps: RunSteps) -> None:
    people = [person(f"p{number:04}", job_title="Engineer", status=ACTIVE) for number in range(4_500)]
    await steps.applied(*people)
    changed = [one.model_copy(update={"job_title": "Lead"}) if place % 3 else one for place, one in enumerate(people)]
    leavers = [turned(one, INACTIVE) for one in changed[:2]]
    run, reading = await steps.read(*leavers, *changed[2:-1])
    await steps.plan(run, reading, people[-1].source_id, hold=Hold.LOSSES)
    assert await steps.apply(run, reading) == 3_000 - 2
    assert await steps.bodies() == [one.body().decode() for one in (*people[:2], *changed[2:-1], people[-1])]
    counts = await steps.store.plans.counts(run.id)
    assert counts == {
        ("Employee", Operation.UPDATE, State.APPLIED): 2_998,
        ("Employee", Operation.UPDATE, State.HELD): 2,
        ("Employee", Operation.REMOVE, State.HELD): 1,
    }
    await steps.finish(run)
    # Applied rows have the digests of what was read: nothing but the leavers differs from that.
    _, reading = await steps.read(*leavers, *changed[2:-1], people[-1])
    assert (await steps.store.comparisons.compare(reading, 7)).differing == 2


async def test_updates_of_a_plan_that_was_never_saved_are_dropped(steps: RunSteps) -> None:
    await steps.applied(person("a"), person("b"))
    earlier, reading = await steps.read(person("a", email="held@acme.example"), person("b"))
    await steps.plan(earlier, reading, hold=Hold.EVERYTHING)
    await steps.finish(earlier)
    # This run is interrupted after some of its updates were added.
    run, reading = await steps.read(person("a", email="new@acme.example"), person("b", email="b@acme.example"))
    async for batch in steps.store.comparisons.differences(reading):
        updates = plan_updates(batch, Employee, (), "Example HR")
        await steps.store.plans.add_updates(run, PEOPLE, updates, Hold.NOTHING)
    held = await steps.store.plans.held("acme")
    assert held
    assert held.run_id == earlier.id
    await steps.applied(person("b"))
    assert [one.state async for one in steps.store.plans.changes(run.id)] == []
    assert steps.ask(f"SELECT DISTINCT state, body FROM changes WHERE run_id = '{run.id}'") == [("discarded", None)]
    assert await steps.bodies() == [person("a").body().decode(), person("b").body().decode()]


async def test_applying_leaves_nothing_but_the_stored_rows(steps: RunSteps) -> None:
    await steps.applied(person("a"), person("b"), person("c"))
    await steps.applied(person("a", email="a@acme.example"), person("b"), removed=("c",))
    assert await steps.store.entities.counts("acme") == {"Employee": 2}
    assert await steps.store.entities.count(PEOPLE) == 2
    assert steps.ask("SELECT (SELECT count(*) FROM bodies), (SELECT count(*) FROM latest)") == [(2, 0)]
    assert steps.ask("SELECT count(*) FROM changes WHERE body IS NOT NULL") == [(0,)]


async def test_held_changes_that_were_overtaken_are_stale(steps: RunSteps) -> None:
    await steps.applied(person("a"), person("b"), person("c"))
    run, reading = await steps.read(
        person("a", email="held@acme.example"), person("b", email="b@acme.example"), person("d")
    )
    await steps.plan(run, reading, "c", hold=Hold.EVERYTHING)
    await steps.finish(run)
    held = await steps.store.plans.held("acme")
    assert held
    assert (held.run_id, held.changes) == (run.id, 4)
    # Meanwhile, without a run: a changes, and d is created.
    steps.ask("UPDATE entities SET digest = x'00' WHERE source_id = 'a'")
    steps.ask("INSERT INTO bodies (n, reading, source_id, body) SELECT 99, reading, 'd', body FROM bodies LIMIT 1")
    steps.ask(
        "INSERT INTO entities SELECT integration, kind, 'd', 99, digest, active, run_id, NULL FROM entities LIMIT 1"
    )
    found = await steps.store.plans.apply_held("acme", held)
    assert (found.applied, found.stale) == (2, 2)
    states = {one.source_id: one.state async for one in steps.store.plans.changes(run.id)}
    assert states == {"a": State.STALE, "b": State.APPLIED, "c": State.APPLIED, "d": State.STALE}
    assert await steps.store.entities.count(PEOPLE) == 3


async def test_holding_losses_applies_the_rest(steps: RunSteps) -> None:
    people = [person(one, status=ACTIVE) for one in ("a", "b", "c")]
    await steps.applied(*people)
    run, reading = await steps.read(
        turned(people[0], INACTIVE), people[1].model_copy(update={"email": "b@acme.example"})
    )
    await steps.plan(run, reading, "c", hold=Hold.LOSSES)
    await steps.apply(run, reading)
    states = {one.source_id: (one.state, one.loss) async for one in steps.store.plans.changes(run.id)}
    assert states == {"a": (State.HELD, True), "b": (State.APPLIED, False), "c": (State.HELD, True)}


async def test_a_stored_body_cannot_be_dropped(steps: RunSteps) -> None:
    await steps.applied(person("a"))
    await steps.read(person("b"))
    assert steps.ask("SELECT count(*) FROM bodies") == [(2,)]
    await steps.store._database.write(drop_bodies, "acme", "1 = 1")
    assert len(await steps.bodies()) == 1
    assert steps.ask("SELECT count(*) FROM bodies") == [(1,)]


async def test_a_removed_integration_leaves_no_row_in_any_table_but_the_audit_log(steps: RunSteps) -> None:
    await steps.applied(person("a"), person("b"))
    run, reading = await steps.read(person("a", email="a@acme.example"), person("c"))
    await steps.plan(run, reading, "b", hold=Hold.EVERYTHING)
    await steps.finish(run, {"Employee": ("b",)}, Employee=last_scan())
    await steps.start()
    await steps.store.remove("acme")
    tables = [
        name
        for (name,) in steps.ask("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    ]
    assert len(tables) >= 10
    tables.remove("run_totals")  # It counts runs by connector, and names no integration.
    assert [name for name in tables if steps.ask(f"SELECT count(*) FROM {name}") != [(0,)]] == ["audit"]


# ---- read again


async def test_changes_are_listed_by_kind_operation_and_id_with_names_and_limits(steps: RunSteps) -> None:
    await steps.applied(person("a", display_name="Ada"), person("b", display_name="Bea"))
    run, reading = await steps.read(person("a", display_name="Ada L."), person("d", display_name="Dan"), person("c"))
    await steps.plan(run, reading, "b", hold=Hold.EVERYTHING)
    listed = [(one.operation, one.source_id, one.label) async for one in steps.store.plans.changes(run.id)]
    assert listed == [
        (Operation.CREATE, "c", ""),
        (Operation.CREATE, "d", "Dan"),
        (Operation.REMOVE, "b", "Bea"),
        (Operation.UPDATE, "a", "Ada L."),
    ]
    limits = {Operation.CREATE: 1, Operation.UPDATE: 0, Operation.REMOVE: 5}
    assert [one.source_id async for one in steps.store.plans.changes(run.id, limits=limits)] == ["c", "b"]
    assert [one async for one in steps.store.plans.changes(run.id, State.APPLIED)] == []
    assert await steps.store.plans.counts(run.id) == {
        ("Employee", Operation.CREATE, State.HELD): 2,
        ("Employee", Operation.REMOVE, State.HELD): 1,
        ("Employee", Operation.UPDATE, State.HELD): 1,
    }


async def test_certificates_and_extents_are_restored_as_they_were_saved(steps: RunSteps) -> None:
    reasons = (
        Reason(Code.TOTAL_DIFFERS, read=59, announced=60, provider="Example HR"),
        Reason(Code.FIELDS_MISSING, fields=("email", "job_title")),
        Reason(Code.TOO_MANY_LOST, lost=3, size=10, days=7, share=0.2),
    )
    given = certificate(
        Standing.INCOMPLETE, announced=None, reasons=reasons, rejected=(Rejection(None, "email", "wrong"),)
    )
    run, reading = await steps.read(person("a"))
    await steps.store.plans.save(run, [GuardedPlan(reading, given, "key", (), NEW, Hold.NOTHING)])
    report = await steps.finish(run)
    extent = Extent(delta=True, why=Reason(Code.CHANGED_SINCE, since="today"))
    await steps.store.runs.finish(replace(report, extent=extent), {}, {})
    (summary,) = await steps.store.runs.history("acme", 5)
    assert summary.certificates == (given,)
    assert summary.extent == extent
    assert (summary.verdict, summary.requests, summary.run) == (
        "complete",
        3,
        replace(run, started_at=summary.run.started_at),
    )


async def test_the_history_begins_with_the_newest_run(steps: RunSteps) -> None:
    for _ in range(3):
        await steps.applied(person("a"))
    runs = await steps.store.runs.history("acme", 2)
    assert len(runs) == 2
    assert runs[0].run.started_at >= runs[1].run.started_at


async def test_a_run_that_is_dated_in_the_future_hides_no_newer_one(steps: RunSteps) -> None:
    ahead, reading = await steps.read(person("a"))
    await steps.plan(ahead, reading, hold=Hold.EVERYTHING)
    await steps.finish(ahead)
    steps.ask("UPDATE runs SET started_at = '2999-01-01T00:00:00.000+00:00'")
    newest, reading = await steps.read(department("d"))
    await steps.plan(newest, reading, hold=Hold.EVERYTHING)
    await steps.finish(newest)
    assert [one.run.id for one in await steps.store.runs.history("acme", 5)] == [newest.id, ahead.id]
    held = await steps.store.plans.held("acme")
    assert held
    assert held.run_id == newest.id


@pytest.mark.parametrize(
    "scan", [last_scan(due=Reason(Code.TOTAL_FELL)), last_scan(watermark=None), last_scan(unread=frozenset({"a", "b"}))]
)
async def test_the_last_scan_is_restored_as_it_was_saved(steps: RunSteps, scan: LastScan) -> None:
    assert await steps.store.last_scans.find(PEOPLE) is None
    run, _ = await steps.start()
    await steps.finish(run, Employee=scan)
    assert await steps.store.last_scans.find(PEOPLE) == scan
    run, _ = await steps.start()
    await steps.finish(run, Employee=last_scan(full_at=NOON + timedelta(days=1)))
    assert await steps.store.last_scans.find(PEOPLE) == last_scan(full_at=NOON + timedelta(days=1))


async def test_the_number_of_a_row_is_never_used_again(steps: RunSteps) -> None:
    ada, bea, cleo = (person(name[0], display_name=name) for name in ("ada", "bea", "cleo"))
    first = await steps.applied(ada, bea)
    await steps.applied(ada, removed=("b",))
    await steps.read(cleo, ada)
    # Bea's row is gone: the history of its creation must not show the name of a later one.
    assert [one.label async for one in steps.store.plans.changes(first.id)] == ["ada", ""]

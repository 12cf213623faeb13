"""The undo window: what an applied plan replaced is kept, put back, and erased in time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from builders import PEOPLE, department, last_scan, person
from connector_core import Status, StoreError
from connector_core.field_changes import FieldChange
from connector_core.outcomes import Change, Operation, State
from connector_core.settings import RetentionSettings
from connector_core.store import Undoable, Undone
from connector_core.store.planned import Hold
from run_steps import RunSteps, turned

WEEK = 7
ADA = person("a", display_name="Ada", job_title="Lead", status=Status.ACTIVE)
BEA = person("b", display_name="Bea", manager_source_id="a")
CLEO = person("c", display_name="Cleo")


@pytest.fixture
def undo(steps: RunSteps) -> RunSteps:
    """A store whose plans are applied while the window is on."""
    steps.undoable = True
    return steps


async def last(steps: RunSteps) -> Undoable:
    found = await steps.store.undo.last("acme", WEEK)
    assert found
    return found


async def put_back(steps: RunSteps) -> Undone:
    done = await steps.store.undo.put_back("acme", await last(steps))
    for problem in ("integrity_check", "foreign_key_check"):
        assert steps.ask(f"PRAGMA {problem}") in ([("ok",)], [])
    return done


async def previewed(steps: RunSteps, **limits: Any) -> list[Change]:
    return [one async for one in steps.store.undo.changes(await last(steps), **limits)]


def stored(steps: RunSteps) -> list[tuple[Any, ...]]:
    return steps.ask(
        "SELECT e.source_id, e.digest, e.active, e.run_id, e.missed_run, b.body, b.active FROM entities e "
        "JOIN bodies b ON b.n = e.n ORDER BY e.source_id"
    )


def kept(steps: RunSteps) -> list[tuple[int, int]]:
    return steps.ask("SELECT (SELECT count(*) FROM applications), (SELECT count(*) FROM undoable)")


# ---- put back


async def test_what_a_plan_created_updated_and_removed_is_put_back(undo: RunSteps) -> None:
    await undo.applied(ADA, BEA)
    before = stored(undo)
    run = await undo.applied(turned(ADA, Status.INACTIVE), CLEO, removed=("b",))
    assert [one for one, *_ in stored(undo)] == ["a", "c"]
    found = await last(undo)
    assert (found.run_id, found.changes, found.stale) == (run.id, 3, 0)
    assert await put_back(undo) == Undone(3, 0)
    assert stored(undo) == before
    assert {one.source_id: one.state async for one in undo.store.plans.changes(run.id)} == dict.fromkeys(
        "abc", State.UNDONE
    )
    # Nothing is left of it, and what is stored is compared with what is read as it was before.
    assert kept(undo) == [(1, 2)]
    assert undo.ask("SELECT count(*) FROM bodies") == [(2,)]
    _, reading = await undo.read(ADA, BEA)
    assert (await undo.store.comparisons.compare(reading, WEEK)).differing == 0


async def test_plans_are_put_back_one_after_the_other_the_last_one_first(undo: RunSteps) -> None:
    states = [stored(undo)]
    for title in ("Lead", "Head", "Chief"):
        await undo.applied(ADA.model_copy(update={"job_title": title}))
        states.append(stored(undo))
    for state in reversed(states[:-1]):
        assert await put_back(undo) == Undone(1, 0)
        assert stored(undo) == state
    assert await undo.store.undo.last("acme", WEEK) is None


async def test_a_plan_says_if_it_may_not_be_the_one_that_is_meant(undo: RunSteps) -> None:
    async def standing() -> tuple[bool, bool]:
        found = await last(undo)
        return found.overtaken, found.in_part

    await undo.applied(ADA, BEA)
    assert await standing() == (False, False)
    # One run holds its updates; a later one applies; then what was held is applied.
    run, reading = await undo.read(turned(ADA, Status.INACTIVE), BEA, CLEO)
    await undo.plan(run, reading, hold=Hold.UPDATES)
    await undo.apply(run, reading)
    await undo.finish(run)
    held = await undo.store.plans.held("acme")
    assert held
    await undo.store.plans.apply_held("acme", held, undoable=True)
    assert await standing() == (False, False)
    assert (await put_back(undo)).put_back == 1
    assert await standing() == (True, True)
    assert (await put_back(undo)).put_back == 1
    assert await standing() == (True, False)
    run, reading = await undo.read(turned(ADA, Status.INACTIVE), BEA)
    await undo.plan(run, reading, hold=Hold.UPDATES)
    await undo.finish(run)
    held = await undo.store.plans.held("acme")
    assert held
    # Undone before it was applied: that says nothing about it.
    undo.ask("UPDATE changes SET decided_at = '2020-01-01T00:00:00.000+00:00' WHERE state = 'undone'")
    await undo.applied(department("d"))
    await undo.store.plans.apply_held("acme", held, undoable=True)
    # An older run's plan, applied after a later run; and the later run's, once the former was put back.
    assert await standing() == (True, False)
    assert (await put_back(undo)).put_back == 1
    assert await standing() == (True, False)


async def test_a_row_that_has_changed_since_stays(undo: RunSteps) -> None:
    await undo.applied(ADA, BEA, CLEO)
    run = await undo.applied(ADA.model_copy(update={"job_title": "Head"}), person("d"), person("e"), removed=("b", "c"))
    # Meanwhile, with the window off: a changes again, d goes, b is back.
    undo.undoable = False
    await undo.applied(
        ADA.model_copy(update={"job_title": "Chief"}), person("b", display_name="Beatrix"), person("e"), removed=("d",)
    )
    assert (await last(undo)).stale == 3
    assert sorted((one.operation, one.source_id) for one in await previewed(undo)) == [
        (Operation.CREATE, "c"),
        (Operation.REMOVE, "e"),
    ]
    assert await put_back(undo) == Undone(2, 3)
    assert {one: body for one, *_, body, _ in stored(undo)} == {
        "a": ADA.model_copy(update={"job_title": "Chief"}).body().decode(),
        "b": person("b", display_name="Beatrix").body().decode(),
        "c": CLEO.body().decode(),
    }
    states = {one.source_id: one.state async for one in undo.store.plans.changes(run.id)}
    assert states == {
        "a": State.APPLIED,
        "b": State.APPLIED,
        "c": State.UNDONE,
        "d": State.APPLIED,
        "e": State.UNDONE,
    }


async def test_a_held_plan_that_was_applied_is_put_back_without_what_its_run_applied_itself(undo: RunSteps) -> None:
    await undo.applied(ADA, BEA)
    run, reading = await undo.read(turned(ADA, Status.INACTIVE), BEA.model_copy(update={"job_title": "Head"}), CLEO)
    await undo.plan(run, reading, hold=Hold.LOSSES)
    await undo.apply(run, reading)
    await undo.finish(run)
    before = stored(undo)
    held = await undo.store.plans.held("acme")
    assert held
    await undo.store.plans.apply_held("acme", held, undoable=True)
    assert (await last(undo)).totals == {("Employee", Operation.UPDATE): 1}
    await put_back(undo)
    assert stored(undo) == before
    assert (await last(undo)).totals == {("Employee", Operation.UPDATE): 1, ("Employee", Operation.REMOVE): 1}


async def test_an_undo_that_fails_at_its_end_changes_nothing(undo: RunSteps) -> None:
    await undo.applied(ADA, BEA)
    await undo.applied(turned(ADA, Status.INACTIVE), CLEO, removed=("b",))
    applied = stored(undo)
    undo.ask("CREATE TRIGGER refused BEFORE DELETE ON applications BEGIN SELECT RAISE(ABORT, 'refused'); END")
    with pytest.raises(StoreError, match="refused"):
        await undo.store.undo.put_back("acme", await last(undo))
    assert (stored(undo), kept(undo)) == (applied, [(2, 5)])
    undo.ask("DROP TRIGGER refused")
    assert await put_back(undo) == Undone(3, 0)


async def test_many_rows_are_put_back_in_steps(undo: RunSteps) -> None:
    people = [person(f"p{number:04}", job_title="Engineer", status=Status.ACTIVE) for number in range(4_500)]
    await undo.applied(*people)
    before = stored(undo)
    await undo.applied(*[one.model_copy(update={"job_title": "Lead"}) for one in people[:-1]], removed=("p4499",))
    assert await put_back(undo) == Undone(4_500, 0)
    assert stored(undo) == before


async def test_a_plan_that_changed_nothing_hides_none(undo: RunSteps) -> None:
    await undo.applied(ADA)
    run = await undo.applied(turned(ADA, Status.INACTIVE))
    await undo.applied(turned(ADA, Status.INACTIVE))
    assert (await last(undo)).run_id == run.id


async def test_a_held_plan_is_stale_where_the_rows_were_put_back(undo: RunSteps) -> None:
    await undo.applied(ADA, BEA)
    await undo.applied(turned(ADA, Status.INACTIVE), removed=("b",))
    run, reading = await undo.read(ADA.model_copy(update={"status": Status.INACTIVE, "job_title": "Head"}), BEA)
    await undo.plan(run, reading, hold=Hold.EVERYTHING)
    await undo.finish(run)
    await put_back(undo)
    held = await undo.store.plans.held("acme")
    assert held
    applied = await undo.store.plans.apply_held("acme", held, undoable=True)
    assert (applied.applied, applied.stale) == (0, 2)


async def test_kinds_that_were_put_back_are_read_from_the_beginning_and_their_losses_held(undo: RunSteps) -> None:
    run, reading = await undo.read(ADA)
    await undo.plan(run, reading)
    await undo.apply(run, reading)
    await undo.finish(run, Employee=last_scan())
    await undo.applied(department("d"))
    run, reading = await undo.read(turned(ADA, Status.INACTIVE))
    await undo.plan(run, reading)
    await undo.apply(run, reading)
    await undo.finish(run, Employee=last_scan())
    assert await undo.store.last_scans.find(PEOPLE)
    await put_back(undo)
    assert await undo.store.last_scans.find(PEOPLE) is None
    keys = dict(undo.ask("SELECT kind, acceptance_key FROM acceptances"))
    assert keys == {"Employee": "", "Department": "key"}
    # The loss counts no more.
    _, reading = await undo.read(turned(ADA, Status.INACTIVE))
    compared = await undo.store.comparisons.compare(reading, WEEK)
    assert (compared.lost_before, compared.was_complete) == ({}, True)


# ---- shown before it is done


async def test_what_would_be_put_back_is_shown_with_reversed_values(undo: RunSteps) -> None:
    await undo.applied(ADA, BEA, CLEO)
    await undo.applied(ADA, BEA.model_copy(update={"manager_source_id": "c"}), person("d"), removed=("c",))
    by_id = {one.source_id: one for one in await previewed(undo)}
    value = FieldChange("manager_source_id", "c", "a", {"a": "Ada"})
    assert (by_id["b"].operation, by_id["b"].values) == (Operation.UPDATE, (value,))
    assert by_id["b"].fields == ("manager_source_id",)
    assert (by_id["c"].operation, by_id["c"].label) == (Operation.CREATE, "Cleo")
    assert (by_id["d"].operation, by_id["d"].values) == (Operation.REMOVE, ())
    limited = await previewed(undo, limits={Operation.CREATE: 0, Operation.UPDATE: 1, Operation.REMOVE: 0})
    assert [one.source_id for one in limited] == ["b"]


# ---- kept and erased


async def test_with_the_window_off_nothing_is_kept(steps: RunSteps) -> None:
    await steps.applied(ADA, BEA)
    await steps.applied(turned(ADA, Status.INACTIVE), CLEO, removed=("b",))
    assert kept(steps) == [(0, 0)]


@pytest.mark.parametrize("days", [8, 7.001, -100], ids=["older", "barely older", "dated ahead"])
async def test_what_is_too_old_is_neither_offered_nor_kept(undo: RunSteps, days: float) -> None:
    await undo.applied(ADA)
    await undo.applied(turned(ADA, Status.INACTIVE))
    moment = datetime.now(UTC) - timedelta(days=days)
    undo.ask(f"UPDATE applications SET applied_at = '{moment.isoformat(timespec='milliseconds')}' WHERE n = 1")
    await undo.store.undo.erase("acme", WEEK)
    if days < 0:
        # By a clock that was ahead: it counts from now.
        assert kept(undo) == [(2, 2)]
        ((applied_at,),) = undo.ask("SELECT applied_at FROM applications WHERE n = 1")
        assert abs(datetime.fromisoformat(applied_at) - datetime.now(UTC)) < timedelta(minutes=5)
    else:
        assert kept(undo) == [(1, 1)]
        undo.ask("UPDATE applications SET applied_at = '2020-01-01T00:00:00.000+00:00'")
        assert await undo.store.undo.last("acme", WEEK) is None
        await undo.store.undo.erase("acme", WEEK)
        assert kept(undo) == [(0, 0)]


async def test_very_many_rows_are_erased_in_steps(undo: RunSteps) -> None:
    await undo.applied(ADA)
    await undo.applied(turned(ADA, Status.INACTIVE))
    undo.ask(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 11000) "
        "INSERT INTO undoable (application, kind, source_id, operation) SELECT 1, 'Employee', 'p' || i, 'create' FROM n"
    )
    left = []
    for _ in range(4):
        await undo.store.undo._erase_some("acme", 0)
        left += kept(undo)
    assert left == [(2, 6_002), (2, 1_002), (1, 1), (0, 0)]


async def test_a_removed_integration_keeps_nothing_to_put_back(undo: RunSteps) -> None:
    await undo.applied(ADA)
    await undo.applied(turned(ADA, Status.INACTIVE))
    await undo.store.remove("acme")
    assert kept(undo) == [(0, 0)]


async def test_what_is_kept_goes_with_its_run(undo: RunSteps) -> None:
    await undo.applied(ADA)
    for _ in range(3):
        await undo.applied(ADA)
    undo.ask("UPDATE runs SET started_at = '2020-01-01T00:00:00.000+00:00' WHERE n = 1")
    assert kept(undo) == [(1, 1)]
    await undo.store.retention.prune("acme", RetentionSettings(), WEEK)
    assert kept(undo) == [(0, 0)]

"""A part of a plan: what is applied is exactly what was shown, and nothing of a plan that has changed since."""

from collections.abc import Awaitable, Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_plans import GROUPS, Planning, applied_to, in_a_store, listings, selections

from builders import PEOPLE, department, person
from connector_core import Account, Department, Employee, Operation, SettingsError, Status
from connector_core.errors import PlanChangedError
from connector_core.outcomes import State
from connector_core.store import Applied, Selection
from connector_core.store.planned import Hold
from run_steps import RunSteps, turned

Listing = tuple[list[Employee], list[Department]]
RANDOM = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
REMOVALS = Selection(frozenset({("Employee", Operation.REMOVE)}))


@RANDOM
@given(listings, listings, selections)
def test_what_is_applied_is_exactly_what_was_shown(first: Listing, second: Listing, only: Selection) -> None:
    async def work(planning: Planning) -> None:
        await planning.run(*first)
        run = await planning.run(*second, hold=Hold.EVERYTHING)
        before, everything = await planning.bodies(), await planning.shown(run.id)
        shown = await planning.shown(run.id, only)
        totals = await planning.host.count_changes(run.id, only=only)
        assert sum(totals.values()) == len(shown)
        if not everything:
            assert await planning.host.held("acme") is None
            return
        held = await planning.host.held_plan("acme")
        applied = await planning.host.apply("acme", run.id, only=only, fingerprint=held.fingerprint)
        assert (applied.applied, applied.stale, applied.held) == (len(shown), 0, len(everything) - len(shown))
        after = await planning.bodies()
        assert after == applied_to(before, shown)
        # The rest waits, and is the same as before.
        rest = {(one.kind, one.source_id): one.values for one in await planning.shown(run.id)}
        left_out = [one for one in everything if one not in shown]
        assert rest.keys() == {(one.kind, one.source_id) for one in left_out}
        if shown:
            await planning.host.undo("acme")
            assert await planning.bodies() == before
        if left_out:
            remaining = await planning.shown(run.id)
            await planning.host.apply("acme", run.id)
            assert await planning.bodies() == applied_to(before, remaining)

    in_a_store(work)


# ---- a plan that changes between showing and applying

Meanwhile = Callable[[Planning], Awaitable[object]]


async def nothing(_: Planning) -> None:
    pass


async def apply_some(planning: Planning) -> None:
    await planning.host.apply("acme", only=Selection(frozenset({("Employee", Operation.UPDATE)})))


async def discard_some(planning: Planning) -> None:
    await planning.host.discard("acme", only=Selection(rows=frozenset({("Department", one) for one in GROUPS})))


async def put_back(planning: Planning) -> None:
    await planning.host.undo("acme")


async def read_again(planning: Planning) -> None:
    await planning.run([person("new", status=Status.ACTIVE)], [], hold=Hold.EVERYTHING)


async def read_departments(planning: Planning) -> None:
    """A run of another kind is applied, and another name may stand for an id."""
    await planning.run(None, [department("d1", name="Renamed")])


async def connect_anew(planning: Planning) -> None:
    await planning.steps.store.integrations.save("acme", "example", {}, b"new", Account("One", "1"))


MEANWHILE = (nothing, apply_some, discard_some, put_back, read_again, read_departments, connect_anew)


@RANDOM
@given(listings, listings, selections, st.sampled_from(MEANWHILE))
def test_a_plan_that_has_changed_since_it_was_shown_is_refused_whole(
    first: Listing,
    second: Listing,
    only: Selection,
    meanwhile: Meanwhile,
) -> None:
    async def work(planning: Planning) -> None:
        await planning.run(*first)
        run = await planning.run(*second, hold=Hold.EVERYTHING)
        if not (held := await planning.host.held("acme")):
            return
        shown = await planning.shown(run.id)
        try:
            await meanwhile(planning)
        except SettingsError:
            # Nothing was applied that could be put back.
            assert meanwhile is put_back
        now, before = await planning.shown(run.id), await planning.bodies()
        current = await planning.host.held("acme")
        if current == held:
            # The same fingerprint: the same changes, with the same old and new values.
            assert now == shown
            await planning.host.apply("acme", run.id, only=only, fingerprint=held.fingerprint)
            rest = {(one.kind, one.source_id) for one in await planning.shown(run.id)}
            part = [one for one in shown if (one.kind, one.source_id) not in rest]
            assert await planning.bodies() == applied_to(before, part)
            return
        assert meanwhile is not nothing
        with pytest.raises(SettingsError):
            await planning.host.apply("acme", run.id, only=only, fingerprint=held.fingerprint)
        with pytest.raises(SettingsError):
            await planning.host.discard("acme", run.id, only=only, fingerprint=held.fingerprint)
        assert await planning.bodies() == before
        assert await planning.shown(run.id) == now

    in_a_store(work)


async def waiting(steps: RunSteps) -> str:
    """Hold a plan that creates c, updates a, and removes b and d; return its run's id."""
    people = [person(one, status=Status.ACTIVE) for one in ("a", "b", "d")]
    await steps.applied(*people)
    run, reading = await steps.read(turned(people[0], Status.INACTIVE), person("c", status=Status.ACTIVE))
    await steps.plan(run, reading, "b", "d", hold=Hold.EVERYTHING)
    await steps.finish(run)
    return run.id


def accepted(steps: RunSteps) -> list[tuple[str]]:
    return steps.ask("SELECT acceptance_key FROM acceptances")


async def decide(steps: RunSteps, *ids: str, discard: bool = False) -> object:
    held = await steps.store.plans.held("acme")
    assert held
    only = Selection(rows=frozenset(("Employee", one) for one in ids)) if ids else None
    plans = steps.store.plans
    return await (plans.discard if discard else plans.apply_held)("acme", held, only=only)


async def test_a_kind_is_accepted_once_the_last_part_of_its_plan_is_applied(steps: RunSteps) -> None:
    await waiting(steps)
    steps.ask("UPDATE acceptances SET acceptance_key = 'earlier'")
    for part in (("a",), ("b", "c")):
        await decide(steps, *part)
        assert accepted(steps) == [("earlier",)]
    await decide(steps, "d")
    assert accepted(steps) == [("key",)]


@pytest.mark.parametrize("discarded_first", [True, False])
async def test_a_kind_of_which_a_part_was_discarded_is_not_accepted(steps: RunSteps, *, discarded_first: bool) -> None:
    await waiting(steps)
    steps.ask("UPDATE acceptances SET acceptance_key = 'earlier'")
    await decide(steps, "d", discard=discarded_first)
    await decide(steps, discard=not discarded_first)
    assert accepted(steps) == [("earlier",)]
    assert await steps.store.plans.held("acme") is None


def test_a_kind_is_not_accepted_by_a_part_of_another_kinds_plan() -> None:
    async def work(planning: Planning) -> None:
        people = [person(one, status=Status.ACTIVE) for one in ("a", "b")]
        await planning.run(people, [])
        planning.steps.ask("UPDATE acceptances SET acceptance_key = 'earlier'")
        await planning.run([], [], hold=Hold.EVERYTHING)
        one = Selection(rows=frozenset({("Employee", "a")}))
        await planning.host.apply("acme", only=one)
        keys = "SELECT kind, acceptance_key FROM acceptances ORDER BY kind"
        assert planning.steps.ask(keys) == [("Department", "earlier"), ("Employee", "earlier")]
        await planning.host.apply("acme")
        assert planning.steps.ask(keys) == [("Department", "key"), ("Employee", "key")]

    in_a_store(work)


async def test_only_selected_changes_are_looked_at_for_being_stale(steps: RunSteps) -> None:
    run_id = await waiting(steps)
    steps.ask("UPDATE entities SET digest = x'00'")
    assert await decide(steps, "a", "c") == Applied(1, 1, 2)
    states = {one.source_id: one.state async for one in steps.store.plans.changes(run_id)}
    assert states == {"a": State.STALE, "b": State.HELD, "c": State.APPLIED, "d": State.HELD}


async def test_an_empty_selection_and_unknown_rows_change_nothing(steps: RunSteps) -> None:
    run_id = await waiting(steps)
    held = await steps.store.plans.held("acme")
    assert held
    for only in (Selection(), Selection(rows=frozenset({("Employee", "x"), ("Department", "a")}))):
        assert await steps.store.plans.apply_held("acme", held, only=only) == Applied(0, 0, 4)
        assert await steps.store.plans.discard("acme", held, only=only) == 0
        assert [one async for one in steps.store.plans.changes(run_id, only=only)] == []
    assert await steps.store.plans.held("acme") == held
    assert await steps.store.entities.count(PEOPLE) == 3


async def test_a_discarded_part_leaves_no_body_and_the_rest_its_own(steps: RunSteps) -> None:
    await waiting(steps)
    assert await decide(steps, "a", discard=True) == 1
    assert steps.ask("SELECT source_id, state FROM changes WHERE body IS NOT NULL") == []
    assert steps.ask("SELECT source_id, state FROM changes WHERE operation = 'update'") == [("a", "discarded")]
    # The row that would be created still waits.
    assert steps.ask("SELECT count(*) FROM bodies WHERE source_id = 'c'") == [(1,)]
    assert await decide(steps, "c", discard=True) == 1
    assert steps.ask("SELECT count(*) FROM bodies WHERE source_id = 'c'") == [(0,)]


def test_a_plan_that_changed_is_an_error_with_a_code_of_its_own() -> None:
    assert (PlanChangedError.code, PlanChangedError.exit_code) == ("plan_changed", 2)

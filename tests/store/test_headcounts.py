"""Head-counts over time, and the effect of a plan on each department, beside a count by hand."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from random_plans import DEPARTMENTS, Bodies, Planning, in_a_store, listings

from builders import PEOPLE, person
from connector_core import Department, Employee, Operation, Status
from connector_core.settings import RetentionSettings
from connector_core.store import Headcount, Selection
from connector_core.store.planned import Hold
from run_steps import RunSteps, turned

Listing = tuple[list[Employee], list[Department]]
RANDOM = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
ACTIVE, INACTIVE = Status.ACTIVE, Status.INACTIVE


def counts(found: list[Headcount]) -> list[tuple[int, ...]]:
    return [(one.stored, one.active, one.created, one.updated, one.removed, one.losses) for one in found]


async def of_people(steps: RunSteps) -> list[tuple[int, ...]]:
    return counts(await steps.store.headcounts.since(PEOPLE))


async def test_each_application_of_a_plan_adds_a_headcount(steps: RunSteps) -> None:
    steps.undoable = True
    people = [person(one, status=ACTIVE) for one in ("a", "b", "c")]
    await steps.applied(*people, person("d", status=INACTIVE))
    assert await of_people(steps) == [(4, 3, 4, 0, 0, 0)]
    # Nothing has changed: that is a count, too.
    await steps.applied(*people, person("d", status=INACTIVE))
    assert (await of_people(steps))[1:] == [(4, 3, 0, 0, 0, 0)]
    changed = people[1].model_copy(update={"email": "b@acme.example"})
    run, reading = await steps.read(turned(people[0], INACTIVE), changed, person("e", status=ACTIVE))
    await steps.plan(run, reading, "c", "d", hold=Hold.LOSSES)
    await steps.apply(run, reading)
    await steps.finish(run)
    assert (await of_people(steps))[2:] == [(5, 4, 1, 1, 0, 0)]
    held = await steps.store.plans.held("acme")
    assert held
    only = Selection(frozenset({("Employee", Operation.UPDATE)}))
    await steps.store.plans.apply_held("acme", held, undoable=True, only=only)
    assert (await of_people(steps))[3:] == [(5, 3, 0, 1, 0, 1)]
    await steps.store.plans.apply_held("acme", held, undoable=True)
    # One of the two removed was active.
    assert (await of_people(steps))[4:] == [(3, 2, 0, 0, 2, 1)]
    for expected in ((5, 3, 2, 0, 0, 0), (5, 4, 0, 1, 0, 0), (4, 3, 0, 1, 1, 1)):
        undoable = await steps.store.undo.last("acme", 1)
        assert undoable
        await steps.store.undo.put_back("acme", undoable)
        assert (await of_people(steps))[-1] == expected
    assert {one.run_id for one in (await steps.store.headcounts.since(PEOPLE))[2:]} == {run.id}


async def test_a_person_who_is_active_again_and_not_any_more_by_an_undo_is_a_loss(steps: RunSteps) -> None:
    steps.undoable = True
    await steps.applied(person("a", status=INACTIVE))
    await steps.applied(person("a", status=ACTIVE))
    undoable = await steps.store.undo.last("acme", 1)
    assert undoable
    await steps.store.undo.put_back("acme", undoable)
    assert await of_people(steps) == [(1, 0, 1, 0, 0, 0), (1, 1, 0, 1, 0, 0), (1, 0, 0, 1, 0, 1)]


async def test_a_plan_that_is_not_applied_adds_none(steps: RunSteps) -> None:
    run, reading = await steps.read(person("a", status=ACTIVE))
    await steps.plan(run, reading, hold=Hold.EVERYTHING)
    await steps.finish(run)
    held = await steps.store.plans.held("acme")
    assert held
    await steps.store.plans.discard("acme", held)
    assert await of_people(steps) == []


async def test_headcounts_are_asked_for_by_kind_and_moment(steps: RunSteps) -> None:
    await steps.applied(person("a", status=ACTIVE))
    await steps.applied(Department(source_id="d", name="North"))
    (found,) = await steps.store.headcounts.since(DEPARTMENTS)
    # A kind without a status: all that are stored.
    assert counts([found]) == [(1, 1, 1, 0, 0, 0)]
    assert abs(datetime.now(UTC) - found.at) < timedelta(minutes=1)
    assert await steps.store.headcounts.since(DEPARTMENTS, found.at) == [found]
    assert await steps.store.headcounts.since(DEPARTMENTS, found.at + timedelta(seconds=1)) == []


async def test_headcounts_go_when_runs_do_and_with_the_integration(steps: RunSteps) -> None:
    for _ in range(4):
        await steps.applied(person("a", status=ACTIVE))
    old = "'2020-01-01T00:00:00.000+00:00'"
    steps.ask(f"UPDATE headcounts SET at = {old} WHERE n IN (SELECT n FROM headcounts ORDER BY n LIMIT 2)")
    await steps.store.retention.prune("acme", RetentionSettings(), 7)
    assert await of_people(steps) == [(1, 1, 0, 0, 0, 0)] * 2
    await steps.store.remove("acme")
    assert steps.ask("SELECT count(*) FROM headcounts") == [(0,)]


# ---- the effect of a plan


def headcounts_of(bodies: Bodies) -> Counter[str]:
    """Count the active people of each department."""
    return Counter(
        one
        for (kind, _), body in bodies.items()
        if kind == "Employee" and body.get("status") == "active"
        for one in body.get("department_source_ids", ())
    )


@RANDOM
@given(listings, listings)
def test_the_effects_of_a_plan_are_what_applying_it_does(first: Listing, second: Listing) -> None:
    async def work(planning: Planning) -> None:
        await planning.run(*first)
        run = await planning.run(*second, hold=Hold.EVERYTHING)
        effects = {one.source_id: one for one in await planning.host.plan_effects("acme", run.id)}
        before = await planning.bodies()
        names = {source_id: body["name"] for (kind, source_id), body in before.items() if kind == "Department"}
        if await planning.host.held("acme"):
            await planning.host.apply("acme")
        after = await planning.bodies()
        names |= {source_id: body["name"] for (kind, source_id), body in after.items() if kind == "Department"}
        was, becomes = headcounts_of(before), headcounts_of(after)
        assert {one for one in was | becomes if was[one] != becomes[one]} <= effects.keys()
        for one, effect in effects.items():
            assert (effect.before, effect.after, effect.name) == (was[one], becomes[one], names.get(one, ""))
            assert effect.joins or effect.leaves
            members = [
                {
                    source_id
                    for (kind, source_id), body in bodies.items()
                    if kind == "Employee"
                    and body.get("status") == "active"
                    and one in body.get("department_source_ids", ())
                }
                for bodies in (before, after)
            ]
            assert (effect.joins, effect.leaves) == (len(members[1] - members[0]), len(members[0] - members[1]))

    in_a_store(work)


async def test_a_change_that_was_overtaken_has_no_effect_and_a_primary_department_counts(steps: RunSteps) -> None:
    people = [
        person(one, status=ACTIVE, primary_department_source_id="d1", department_source_ids=("d1",))
        for one in ("a", "b", "c")
    ]
    await steps.applied(*people)
    run, reading = await steps.read(person("a", status=ACTIVE, primary_department_source_id="d2"), people[2])
    await steps.plan(run, reading, "b", hold=Hold.EVERYTHING)
    await steps.finish(run)

    async def effects() -> list[tuple[str, int, int, int, int]]:
        found = await steps.store.effects.on_departments("acme", run.id)
        return [(one.source_id, one.before, one.joins, one.leaves, one.after) for one in found]

    # What did not come of a's departments stays.
    assert await effects() == [("d1", 3, 0, 1, 2), ("d2", 0, 1, 0, 1)]
    steps.ask("UPDATE entities SET digest = x'00' WHERE source_id = 'b'")
    assert await effects() == [("d2", 0, 1, 0, 1)]


async def test_head_counts_are_summed_by_day_without_the_rows_of_the_first_reading(steps: RunSteps) -> None:
    people = [person(one, status=ACTIVE) for one in ("a", "b", "c")]
    await steps.applied(*people)
    await steps.applied(*people, person("d", status=ACTIVE))
    await steps.applied(*people, person("d", status=ACTIVE))
    await steps.applied(*people[1:], person("d", status=INACTIVE), removed=("a",))
    steps.ask("UPDATE headcounts SET at = '2020-01-02T00:00:00.000+00:00'")
    assert counts(await steps.store.headcounts.by_day(PEOPLE)) == [(3, 2, 1, 1, 1, 2)]
    steps.ask("UPDATE headcounts SET at = '2020-01-01T00:00:00.000+00:00' WHERE n = 1")
    first, second = await steps.store.headcounts.by_day(PEOPLE)
    assert counts([first, second]) == [(3, 3, 0, 0, 0, 0), (3, 2, 1, 1, 1, 2)]
    assert await steps.store.headcounts.by_day(PEOPLE, first.at + timedelta(days=1)) == [second]

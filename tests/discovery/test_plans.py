"""Held plans end to end: applied, discarded, replaced, stale, and left behind by runs that ended early."""

import asyncio

import pytest

from connector_core import Report, SettingsError, StoreError, hookimpl
from connector_core.outcomes import Operation, State
from connector_core.testing import Faults
from world import Place, Start

pytestmark = pytest.mark.jumping


async def test_a_plan_is_held_until_it_is_applied(namely: Start) -> None:
    place = await namely(connected=True)
    report = await place.run(apply=False)
    assert await place.people() == {}
    held = await place.host.held("acme")
    assert held
    assert held.changes == sum(one.plan.creates for one in report.kinds) == sum(one.plan.held for one in report.kinds)
    applied = await place.host.apply("acme")
    assert (applied.applied, applied.stale) == (held.changes, 0)
    assert len(await place.people()) == 60
    assert await place.host.held("acme") is None
    assert await place.changes(await place.run()) == {}


async def test_a_discarded_plan_changes_nothing_and_is_planned_again(namely: Start) -> None:
    place = await namely(connected=True)
    await place.run(apply=False)
    assert await place.host.discard("acme") == 72
    assert await place.people() == {}
    assert (await place.run())["Employee"].plan.creates == 60


async def test_a_newer_run_replaces_a_held_plan(namely: Start) -> None:
    place = await namely(scanned=True)
    hired, changed = place.tenant.hire(), place.tenant.people[3]
    changed.title = "Changed"
    first = await place.run(apply=False)
    assert first["Employee"].plan.held == 2
    second = await place.run()
    # The newer plan has the create again: in history it is there once, however many plans held it.
    states = {one.source_id: one.state for one in (await place.changes(first)).values()}
    assert states == {changed.id: State.REPLACED}
    assert (await place.changes(second))[hired.id].state is State.APPLIED
    assert await place.host.held("acme") is None


async def test_a_reading_that_brought_nothing_does_not_replace_a_held_plan(namely: Start) -> None:
    place = await namely(connected=True)
    first = await place.run(apply=False)
    place.simulator.faults = Faults("500:/group")
    await place.run("departments")
    held = await place.host.held("acme")
    assert held
    assert (held.run_id, held.changes) == (first.run.id, 72)


async def test_a_plan_is_applied_only_if_it_is_the_one_that_was_shown(namely: Start) -> None:
    place = await namely(connected=True)
    shown = await place.run(apply=False)
    await place.run(apply=False)
    with pytest.raises(SettingsError, match="replaced since it was shown"):
        await place.host.apply("acme", shown.run.id)
    assert await place.people() == {}


async def test_new_credentials_withdraw_a_held_plan(namely: Start) -> None:
    place = await namely(connected=True)
    await place.run(apply=False)
    await place.connect()
    assert await place.host.held("acme"), "the same credentials are not new ones"
    await place.connect_with_new_token()
    assert await place.host.held("acme") is None


async def test_a_held_removal_is_stale_once_a_later_run_has_read_the_person(namely: Start) -> None:
    place = await namely(120, scanned=True)
    person = place.tenant.people[5]
    place.tenant.people.remove(person)
    await place.run(apply=False)
    place.tenant.people.insert(5, person)
    await place.run_cut_off(50)
    applied = await place.host.apply("acme")
    assert applied.stale >= 1
    assert person.id in await place.people()


# ---- runs that end early


class _Canceller:
    """An observer that cancels the run once its plan is made."""

    def __init__(self) -> None:
        self.run: asyncio.Task[Report] | None = None

    @hookimpl
    def discovery_plan_made(self) -> None:
        if self.run:
            self.run.get_loop().call_soon_threadsafe(self.run.cancel)


async def planned_and_cancelled(place: Place) -> str:
    """Cancel a run that holds its plan after the plan was saved; return its id."""
    canceller = _Canceller()
    place.host.registry._observers._manager.register(canceller)
    canceller.run = asyncio.create_task(place.run(apply=False))
    with pytest.raises(asyncio.CancelledError):
        await canceller.run
    return (await place.host.history("acme"))[0].run.id


async def test_a_plan_whose_run_was_cancelled_cannot_be_applied(namely: Start) -> None:
    place = await namely(connected=True)
    run_id = await planned_and_cancelled(place)
    assert await place.host.held("acme") is None
    with pytest.raises(SettingsError, match="no held plan"):
        await place.host.apply("acme")
    assert await place.host.count_changes(run_id) == {
        ("Employee", Operation.CREATE, State.DISCARDED): 60,
        ("Department", Operation.CREATE, State.DISCARDED): 12,
    }


async def test_a_plan_whose_run_fails_at_its_very_end_leaves_no_rows_behind(namely: Start) -> None:
    place = await namely(connected=True)
    with (
        place.failing("UPDATE OF verdict ON runs WHEN NEW.verdict IS NOT NULL"),
        pytest.raises(StoreError, match="refused"),
    ):
        await place.run(apply=False)
    assert place.query("SELECT count(*) FROM bodies") == [(0,)]
    assert await place.host.held("acme") is None
    await place.run()
    assert place.query("SELECT count(*) FROM bodies") == [(72,)]


async def test_a_plan_whose_process_died_is_dropped_by_the_next_run(namely: Start) -> None:
    place = await namely(connected=True)
    # No end of the run can be written, as if the process were gone.
    with place.failing("UPDATE ON runs"), pytest.raises(StoreError, match="refused"):
        await place.run(apply=False)
    died = (await place.host.history("acme"))[0].run.id
    assert place.query("SELECT finished_at, verdict FROM runs") == [(None, None)]
    assert await place.host.held("acme") is None
    await place.run()
    assert {state for _, _, state in await place.host.count_changes(died)} == {State.DISCARDED}
    assert (await place.host.history("acme"))[1].error == "interrupted"
    assert place.query("SELECT count(*) FROM bodies") == [(72,)]

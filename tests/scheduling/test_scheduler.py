"""The scheduler with a real host, by a clock that jumps: what is due runs, and what fails waits."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from connector_core import BusyError, UnknownIntegrationError
from connector_core.audit import Action
from connector_core.beginnings import Began
from connector_core.scheduling import LiveRun, Service
from connector_core.scheduling.records import Records
from connector_core.settings import HostSettings
from scheduling_world import START, Serving
from world import Start, copied_settings

pytestmark = pytest.mark.jumping
Serve = Callable[..., Serving]


async def test_an_integration_runs_at_the_times_of_its_schedule(namely: Start, serving: Serve) -> None:
    place = serving(await namely(connected=True))
    await place.schedules.set("acme", "*/20 * * * *")
    await place.start()
    await asyncio.sleep(3600 + 600)
    assert await place.runs() == ["complete"] * 3
    started = [one.actor for one in await place.host.audit.entries("acme") if one.action is Action.RUN_STARTED]
    assert started == ["scheduler"] * 3
    assert (await place.schedules.get("acme")).next_at == START + timedelta(minutes=80)


async def test_a_delta_schedule_reads_only_what_has_changed(namely: Start, serving: Serve) -> None:
    place = serving(await namely(connected=True))
    await place.schedules.set("acme", "*/20 * * * *", delta=True)
    await place.start()
    await place.until(lambda: place.ran(2))
    first, second = reversed(await place.host.history("acme"))
    assert first.extent
    assert second.extent
    assert (first.extent.delta, second.extent.delta) == (False, True)


async def test_times_that_were_missed_are_made_up_for_by_one_run(namely: Start, serving: Serve) -> None:
    place = serving(await namely(connected=True))
    await place.schedules.set("acme", "*/30 * * * *")
    await asyncio.sleep(3600 * 10 + 60)
    await place.start()
    await asyncio.sleep(60)
    assert await place.runs() == ["complete"]
    await asyncio.sleep(3600)
    assert await place.runs() == ["complete"] * 3


async def test_a_paused_integration_is_not_started_and_goes_on_with_its_next_time(
    namely: Start, serving: Serve
) -> None:
    place = serving(await namely(connected=True))
    await place.schedules.set("acme", "*/20 * * * *")
    await place.start()
    await place.schedules.pause("acme")
    await asyncio.sleep(3600 + 300)
    assert await place.runs() == []
    await place.schedules.resume("acme")
    await asyncio.sleep(60)
    assert await place.runs() == []
    await place.until(lambda: place.ran(1))
    assert place.minutes == 80


async def test_pausing_leaves_the_run_that_is_under_way(namely: Start, serving: Serve) -> None:
    place = serving(await namely(130, connected=True))
    service = await place.start()
    place.place.simulator.script("stall@3x1:/profiles")
    await service.engine.start("acme")
    await place.schedules.pause("acme")
    await place.until(lambda: place.ran(1))
    assert await place.runs() == ["complete"]


async def test_failures_wait_twice_as_long_each_time_and_a_success_goes_back_to_the_schedule(
    namely: Start, serving: Serve
) -> None:
    place = serving(await namely(connected=True), first_wait=60, longest_wait=600, quarantine_after=5)
    await place.schedules.set("acme", "0 1 * * *")
    place.place.simulator.script("500@1x9999:/profiles")
    await place.start()
    at: list[int] = []
    for count in range(1, 7):
        await place.until(lambda count=count: place.ran(count))  # type: ignore[misc]
        at.append(place.minutes)
    assert at == [60, 61, 63, 67, 75, 85]
    standing = await place.schedules.get("acme")
    assert (standing.failures, standing.quarantined_at is not None) == (6, True)
    place.place.simulator.script("")
    await place.until(lambda: place.ran(7))
    await asyncio.sleep(1)
    standing = await place.schedules.get("acme")
    assert (standing.failures, standing.problem, standing.retry_at, standing.quarantined_at) == (0, "", None, None)
    assert await place.events() == ["run.failed", "integration.quarantined", "integration.recovered"]
    assert standing.next_at == START + timedelta(hours=25)


async def test_an_operators_own_run_lifts_quarantine(namely: Start, serving: Serve) -> None:
    place = serving(await namely(connected=True), first_wait=60, longest_wait=86_400, quarantine_after=1)
    await place.schedules.set("acme", "0 1 * * *")
    place.place.simulator.script("500@1x9999:/profiles")
    service = await place.start()
    await place.until(lambda: place.ran(1))
    await asyncio.sleep(1)
    assert (await place.schedules.get("acme")).quarantined_at
    place.place.simulator.script("")
    await service.engine.start("acme")
    assert [one async for one in service.engine.watch("acme")][-1].report
    assert (await place.schedules.get("acme")).quarantined_at is None
    assert await place.events() == ["run.failed", "integration.quarantined", "integration.recovered"]


async def test_new_credentials_are_tried_at_once(namely: Start, serving: Serve) -> None:
    place = serving(await namely(connected=True), first_wait=86_400)
    await place.schedules.set("acme", "0 1 * * *")
    place.place.tenant.token = "another"
    await place.start()
    await place.until(lambda: place.ran(1))
    await place.place.connect_with_new_token()
    # The store's own clock, which is not the one of this test, says when credentials were replaced.
    await place.until(lambda: place.ran(2))
    assert (await place.runs())[0] == "credentials_rejected"


async def test_a_run_that_another_process_prevents_is_tried_a_minute_later_and_is_no_failure(
    namely: Start, serving: Serve
) -> None:
    place = serving(await namely(connected=True))
    await place.schedules.set("acme", "0 1 * * *")
    await place.start()
    async with place.host.store.locks.hold("acme"):
        await asyncio.sleep(3600 + 90)
        standing = await place.schedules.get("acme")
        assert standing.next_at
        assert (standing.next_at - place.clock()).total_seconds() <= 60
    await place.until(lambda: place.ran(1))
    assert place.minutes in {61, 62}
    await asyncio.sleep(1)
    standing = await place.schedules.get("acme")
    assert (standing.failures, standing.retry_at, await place.events()) == (0, None, [])


async def test_no_more_scheduled_runs_go_at_once_than_the_settings_allow(namely: Start, serving: Serve) -> None:
    there = await namely(connected=True)
    there.settings = copied_settings(there.settings, runs_at_once=2)
    assert isinstance(there.settings.host, HostSettings)
    place = serving(there)
    names = ["acme", "beta", "delta", "gamma"]
    for name in names[1:]:
        await place.host.connect("namely", name, there.simulator.credentials)
    for name in names:
        await place.schedules.set(name, "*/5 * * * *")
    service = await place.start()
    most = 0
    async with asyncio.timeout(7200):
        while any([not await place.host.history(name) for name in names]) or service.engine.running():
            most = max(most, len(service.engine.running()))
            await asyncio.sleep(0.001 if service.engine.running() else 1)
    assert most == 2
    assert [(await place.host.history(name))[0].verdict for name in names] == ["complete"] * 4


async def test_a_held_plan_stops_nothing_and_is_told_of_once(namely: Start, serving: Serve) -> None:
    place = serving(await namely(scanned=True))
    for one in place.place.tenant.people[-20:]:
        place.place.tenant.delete(one)
    await place.schedules.set("acme", "*/10 * * * *")
    await place.start()
    await place.until(lambda: place.ran(4))
    await asyncio.sleep(1)
    assert (await place.runs())[1:] == ["held"] * 3
    assert await place.events() == ["run.held"]


async def test_the_end_of_a_run_of_the_command_line_counts_too(namely: Start, serving: Serve) -> None:
    place = serving(await namely(scanned=True))
    await place.start()
    await asyncio.sleep(60)
    assert await place.events() == [], "what was before is not told of"
    place.place.simulator.script("500@1x9999:/groups")
    await place.place.run()
    await asyncio.sleep(60)
    assert await place.events() == ["run.incomplete"]
    place.place.simulator.script("")
    await place.place.run()
    await asyncio.sleep(60)
    assert await place.events() == ["run.incomplete", "integration.recovered"]


async def test_a_run_that_begins_while_an_earlier_one_is_noted_stays_to_be_resumed(
    namely: Start, serving: Serve
) -> None:
    place = serving(await namely(scanned=True))
    records = Records(place.host, place.clock)
    await records.settle(())
    await place.place.run()
    await asyncio.gather(records.settle(()), records.begun("acme", "{}"))
    assert (await place.schedules.get("acme")).pending == "{}"
    await records.settle(())
    standing = await place.schedules.get("acme")
    assert standing.noted_run == (await place.host.history("acme"))[0].run.id


# ---- the engine


async def states(service: Service) -> list[LiveRun]:
    return [one async for one in service.engine.watch("acme")]


async def test_a_run_is_seen_from_its_beginning_to_its_end(namely: Start, serving: Serve) -> None:
    place = serving(await namely(130, connected=True))
    service = await place.start()
    await service.engine.start("acme")
    with pytest.raises(BusyError, match=r"acme is being run\."):
        await service.engine.start("acme")
    seen = await states(service)
    assert (seen[0].run_id, seen[0].ended, seen[-1].ended) == (None, False, True)
    assert seen[-1].report
    assert seen[-1].run_id == seen[-1].report.run.id
    counts = [one.kinds["Employee"].seen for one in seen if "Employee" in one.kinds]
    assert counts == sorted(counts)
    assert counts[-1] == 130
    assert any(one.traffic and one.traffic.requests > 1 for one in seen[:-1])
    assert service.engine.running() == {}
    # Of a run that has ended, the end is still known.
    assert await states(service) == seen[-1:]


async def test_an_engine_passes_on_what_a_run_was_asked_for(namely: Start, serving: Serve) -> None:
    place = serving(await namely(connected=True))
    service = await place.start()
    await service.engine.start("acme", plan=True, kinds=["departments"])
    report = (await states(service))[-1].report
    assert report
    assert ([one.kind for one in report.kinds], report.applied, report.verdict) == (
        ["Department"],
        False,
        "plan waiting",
    )
    with pytest.raises(UnknownIntegrationError):
        await service.engine.start("other")
    assert [one async for one in service.engine.watch("other")] == []


async def test_a_run_that_an_operator_cancels_is_not_started_again(namely: Start, serving: Serve) -> None:
    place = serving(await namely(130, connected=True))
    await place.schedules.set("acme", "0 6 * * *")
    service = await place.start()
    await service.engine.start("acme")
    async for live in service.engine.watch("acme"):
        if live.kinds:
            await service.engine.cancel("acme")
    assert (live.problem and live.problem.message) == "The run was cancelled."
    cancelled = (await place.host.audit.entries("acme"))[0]
    assert (cancelled.action, cancelled.run_id) == ("run_cancelled", live.run_id)
    await service.engine.cancel("acme")
    await asyncio.sleep(600)
    assert await place.runs() == ["interrupted"]
    standing = await place.schedules.get("acme")
    assert (standing.failures, standing.pending, await place.events()) == (0, "", [])


async def test_cancelling_again_does_not_keep_the_end_from_being_noted(namely: Start, serving: Serve) -> None:
    place = serving(await namely(130, connected=True))
    service = await place.start()
    await service.engine.start("acme")
    async for live in service.engine.watch("acme"):
        if live.kinds:
            break
    while service.engine.running():
        await service.engine.cancel("acme")
        await asyncio.sleep(0.001)
    assert await place.runs() == ["interrupted"]
    assert (await place.schedules.get("acme")).pending == ""
    assert [one.action for one in await place.host.audit.entries("acme")].count(Action.RUN_CANCELLED) == 1


async def test_a_run_that_was_cancelled_right_before_a_stop_is_not_started_again(namely: Start, serving: Serve) -> None:
    place = serving(await namely(130, connected=True))
    service = await place.start()
    await service.engine.start("acme")
    async for live in service.engine.watch("acme"):
        if live.kinds:
            break
    async with asyncio.TaskGroup() as both:
        both.create_task(service.engine.cancel("acme"))
        both.create_task(service.__aexit__())
    assert (await place.schedules.get("acme")).pending == ""


async def test_a_run_that_a_stop_interrupts_goes_on_with_its_options_when_the_service_starts(
    namely: Start, serving: Serve
) -> None:
    there = await namely(130, connected=True)
    place = serving(there)
    service = await place.start()
    await service.engine.start("acme", plan=True)
    async for live in service.engine.watch("acme"):
        if live.kinds and live.kinds.get("Employee"):
            break
    await place.stop()
    assert service.engine.running() == {}
    with pytest.raises(BusyError, match=r"The service is stopping\."):
        await service.engine.start("acme")
    again = serving(there)
    await again.start()
    await again.until(lambda: again.ran(2))
    assert await again.runs() == ["interrupted", "plan waiting"]
    (_, people) = (await again.host.history("acme"))[0].certificates
    assert people.began is Began.RESUMED
    await asyncio.sleep(600)
    assert len(await again.runs()) == 2


async def test_a_run_that_is_cancelled_before_its_first_step_ends(namely: Start, serving: Serve) -> None:
    place = serving(await namely(connected=True))
    service = await place.start()
    await service.engine.start("acme")
    await service.engine.cancel("acme")
    (*_, last) = await states(service)
    assert (last.ended, last.problem and last.problem.code) == (True, "interrupted")
    assert service.engine.running() == {}
    assert (await place.schedules.get("acme")).pending == ""
    assert await place.runs() == []
    # Of a stop, too.
    await service.engine.start("acme")
    await place.stop()
    assert service.engine.running() == {}


async def test_a_run_that_is_resumed_makes_up_for_the_times_that_were_missed(namely: Start, serving: Serve) -> None:
    there = await namely(130, connected=True)
    place = serving(there)
    await place.schedules.set("acme", "*/10 * * * *")
    service = await place.start()
    await service.engine.start("acme")
    async for live in service.engine.watch("acme"):
        if live.kinds:
            break
    await place.stop()
    assert await serving(there).runs() == ["interrupted"]
    await asyncio.sleep(3000)
    again = serving(there)
    await again.start()
    await asyncio.sleep(300)
    assert await again.runs() == ["interrupted", "complete"]
    assert (await again.schedules.get("acme")).pending == ""


async def test_what_another_version_left_to_resume_is_dropped(namely: Start, serving: Serve) -> None:
    place = serving(await namely(connected=True))
    await place.schedules.set("acme", "*/10 * * * *")
    place.place.execute("UPDATE schedules SET pending = 'from another version'")
    await place.start()
    await asyncio.sleep(60)
    assert ((await place.schedules.get("acme")).pending, await place.runs()) == ("", [])
    await place.until(lambda: place.ran(1))


async def test_a_run_that_an_operator_starts_at_once_is_not_taken_for_an_interrupted_one(
    namely: Start, serving: Serve
) -> None:
    place = serving(await namely(connected=True))
    service = await place.start()
    await service.engine.start("acme")
    await asyncio.sleep(300)
    assert await place.runs() == ["complete"]


async def test_an_interrupted_run_of_an_integration_that_is_paused_since_does_not_go_on(
    namely: Start, serving: Serve
) -> None:
    there = await namely(130, connected=True)
    place = serving(there)
    service = await place.start()
    await service.engine.start("acme")
    async for live in service.engine.watch("acme"):
        if live.kinds:
            break
    await place.stop()
    again = serving(there)
    await again.schedules.pause("acme")
    await again.start()
    await asyncio.sleep(600)
    assert await again.runs() == ["interrupted"]


async def test_a_run_that_cannot_begin_leaves_nothing_behind(namely: Start, serving: Serve) -> None:
    place = serving(await namely(connected=True))
    service = await place.start()
    await place.host.aclose()
    with pytest.raises(Exception, match="closed"):
        await service.engine.start("acme")
    assert service.engine.running() == {}

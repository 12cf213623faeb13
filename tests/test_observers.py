"""Observers: they follow a run, and nothing that one of them does holds, ends or changes it."""

import asyncio
import re
import sys
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from types import ModuleType

import pytest
from structlog.testing import capture_logs

from connector_core import Change, Operation, Run, State
from connector_core.data_profile import DataProfile
from connector_core.host import Host
from connector_core.observers import OBSERVER_SECONDS
from connector_core.outcomes import Certificate, KindPlan, KindReport, Report, Standing, Traffic, Verdict
from connector_core.plugins import Registry, load
from connector_core.reasons import Code, Reason
from connector_core.settings import PluginSettings, Settings
from installed import Folder
from world import UNGUARDED, Place, Start

RUN = Run("1", "acme", "namely", "SMP", ("Employee",), datetime(2026, 1, 1, tzinfo=UTC))
OBSERVER = """
import asyncio, threading, time
from connector_core import hookimpl

told, release, gate = [], threading.Event(), threading.Semaphore(0)

@hookimpl
{}def discovery_run_started(run):
    {}

@hookimpl
async def discovery_run_finished(report):
    await asyncio.sleep(0)
    told.append("finished")
"""
WAITS = "while not release.is_set(): await asyncio.sleep(0.001)"
SWALLOWS = """while not release.is_set():
        try:
            await asyncio.sleep(0.001)
        except asyncio.CancelledError:
            pass"""


async def no_changes() -> AsyncIterator[Change]:
    for one in list[Change]():
        yield one


def observed(folder: Folder, kind: str, body: str) -> tuple[Registry, ModuleType]:
    """Install an observer with this start and body of its first hook, and load it."""
    module = folder.add(OBSERVER.format(kind, body))
    return load(Settings(plugins={"stranger": PluginSettings()})), sys.modules[module]


@pytest.mark.attack("An observer raises, exits or cancels itself", "The run goes on, and other observers are told")
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("", "raise RuntimeError('its own trouble')"),
        ("", "raise SystemExit(3)"),
        ("", "raise asyncio.CancelledError"),
        ("", "raise BaseException('rude')"),
        ("async ", "raise asyncio.CancelledError"),
        ("async ", "asyncio.current_task().cancel(); await asyncio.sleep(0)"),
        ("async ", "raise KeyboardInterrupt"),
    ],
)
async def test_what_an_observer_raises_is_logged_and_changes_nothing(folder: Folder, kind: str, body: str) -> None:
    other = folder.add(OBSERVER.format(kind, "told.append('other')"), name="other")
    module = folder.add(OBSERVER.format(kind, body))
    registry = load(Settings(plugins={"other": PluginSettings(), "stranger": PluginSettings()}))
    with capture_logs() as logs:
        await registry.run_started(RUN)
        await registry.run_finished(None, no_changes)  # type: ignore[arg-type]
    assert sys.modules[module].told == ["finished"]
    assert sys.modules[other].told == ["other", "finished"]
    assert [(one["event"], one["plugin"]) for one in logs] == [("observer_failed", "stranger")]


@pytest.mark.attack("An observer blocks, or swallows its cancellation", "The run goes on after ten seconds")
@pytest.mark.jumping
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("", "release.wait(30)"),
        ("async ", "release.wait(30)"),
        ("async ", WAITS),
        ("async ", SWALLOWS),
    ],
    ids=["blocks", "blocks in a coroutine", "waits", "swallows cancellation"],
)
async def test_an_observer_that_hangs_is_given_up_after_ten_seconds(folder: Folder, kind: str, body: str) -> None:
    registry, module = observed(folder, kind, body)
    loop = asyncio.get_running_loop()
    before = loop.time()
    with capture_logs() as logs:
        await registry.run_started(RUN)
        given_up = loop.time()
        assert given_up - before == pytest.approx(OBSERVER_SECONDS, abs=0.1)
        # Until it has ended, it is not called again.
        await registry.run_started(RUN)
        assert loop.time() == given_up
    assert OBSERVER_SECONDS == 10
    assert [one["event"] for one in logs] == ["observer_failed", "observer_skipped"]
    # Nor does the process wait for it at its end.
    assert [one.daemon for one in threading.enumerate() if one.name == "observer stranger"] == [True]
    module.release.set()


@pytest.mark.attack("An observer blocks", "Other runs do not wait for it")
@pytest.mark.parametrize("kind", ["", "async "])
async def test_an_observer_that_blocks_does_not_hold_the_loop(folder: Folder, kind: str) -> None:
    registry, module = observed(folder, kind, "told.append(release.wait(5))")
    asyncio.get_running_loop().call_later(0.01, module.release.set)
    await registry.run_started(RUN)
    assert module.told == [True]


async def test_an_observer_is_called_for_one_run_at_a_time(folder: Folder) -> None:
    registry, module = observed(folder, "", "told.append('in'); time.sleep(0.01); told.append('out')")
    await asyncio.gather(*[registry.run_started(RUN) for _ in range(3)])
    assert module.told == ["in", "out"] * 3


@pytest.mark.attack("Other runs keep an observer busy", "Each of its calls has ten seconds of its own")
@pytest.mark.jumping
async def test_the_calls_of_other_runs_do_not_make_an_observer_late(folder: Folder) -> None:
    registry, module = observed(folder, "", "gate.acquire(timeout=9); told.append('in time')")

    def end(number: int) -> None:
        module.gate.release()
        while len(module.told) < number:
            time.sleep(0.0001)

    for number in range(1, 6):
        asyncio.get_running_loop().call_later(4 * number, end, number)
    with capture_logs() as logs:
        await asyncio.gather(*[registry.run_started(RUN) for _ in range(5)])
    assert (module.told, logs) == (["in time"] * 5, [])


@pytest.mark.attack("An observer hangs in the call of another run", "A run that waits for its turn goes on with it")
@pytest.mark.jumping
async def test_who_waits_for_an_observer_that_hangs_is_not_held(folder: Folder) -> None:
    registry, module = observed(folder, "", "release.wait(30)")
    with capture_logs() as logs:
        await asyncio.gather(*[registry.run_started(RUN) for _ in range(3)])
    assert asyncio.get_running_loop().time() == pytest.approx(OBSERVER_SECONDS, abs=0.1)
    assert sorted([one["event"] for one in logs]) == ["observer_failed", "observer_skipped", "observer_skipped"]
    module.release.set()


CHANGING = """
from connector_core import hookimpl

told = []

@hookimpl
def discovery_kind_certified(run, certificate):
    certificate.profile.emptied.pop("job_title")
    certificate.reasons[0].parameters["read"] = 60
    object.__setattr__(certificate, "standing", "complete")
    told.append("certificate")

@hookimpl
def discovery_plan_made(run, plans):
    object.__setattr__(plans[0], "held", 0)
    told.append("plans")

@hookimpl
def discovery_run_finished(report):
    report.removed["1"] = "Somebody"
    report.kinds[0].certificate.profile.emptied.clear()
    told.append("report")
"""


@pytest.mark.attack("An observer changes what it is told", "It has changed a copy")
async def test_an_observer_cannot_change_what_a_run_has_found(folder: Folder) -> None:
    def found() -> tuple[Certificate, KindPlan, Report]:
        short = Reason(Code.TOTAL_DIFFERS, read=59, announced=60)
        profile = DataProfile(emptied={"job_title": (9, 9)})
        certificate = Certificate("Employee", Standing.INCOMPLETE, 59, 60, 59, 1, reasons=(short,), profile=profile)
        plan = KindPlan("Employee", creates=0, updates=0, removes=1, held=1)
        kinds, traffic = (KindReport(certificate, plan),), Traffic(1, 0, 0)
        removed = {"2": "Ann"}
        report = Report(
            RUN, Verdict.HELD, kinds, applied=True, removed=removed, traffic=traffic, finished_at=RUN.started_at
        )
        return certificate, plan, report

    module = folder.add(CHANGING)
    registry = load(Settings(plugins={"stranger": PluginSettings()}))
    certificate, plan, report = found()
    await registry.kind_certified(RUN, certificate)
    await registry.plan_made(RUN, (plan,))
    await registry.run_finished(report, no_changes)
    assert sys.modules[module].told == ["certificate", "plans", "report"]
    assert (certificate, plan, report) == found()


async def test_a_run_that_is_cancelled_does_not_wait_for_its_observer(folder: Folder) -> None:
    registry, module = observed(folder, "", "told.append('in'); release.wait(5)")
    telling = asyncio.create_task(registry.run_started(RUN))
    while not module.told:  # noqa: ASYNC110 - another thread tells
        await asyncio.sleep(0.001)
    telling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await telling
    module.release.set()


RECORDER = """
from connector_core import hookimpl

told = []

@hookimpl
def discovery_run_started(run):
    told.append(("started", run.integration))

@hookimpl
def discovery_kind_certified(run, certificate):
    told.append((certificate.kind, certificate.complete))

@hookimpl
async def discovery_plan_made(run, plans):
    told.append(("plan", tuple(plan.creates for plan in plans)))

@hookimpl
async def discovery_run_finished(report):
    told.append(("finished", str(report.verdict)))
"""


async def test_observers_follow_a_run_from_its_start_to_its_end(namely: Start, folder: Folder) -> None:
    module = folder.add(RECORDER)
    place = await namely()
    settings = place.settings.model_copy(update={"plugins": {"namely": PluginSettings(), "stranger": PluginSettings()}})
    async with Host(settings) as host:
        await host.connect("namely", "acme", place.simulator.credentials)
        await host.run("acme")
    assert sys.modules[module].told == [
        ("started", "acme"),
        ("Employee", True),
        ("Department", True),
        ("plan", (60, 12)),
        ("finished", "complete"),
    ]


# ---- the changes of a run

READER = """
import asyncio, threading
from connector_core import hookimpl

told, release = [], threading.Event()

async def read(changes):
    told.append([one async for one in changes()])

@hookimpl
{}
"""
ASYNC = "async def discovery_run_finished(report, changes): await read(changes)"
PLAIN = "def discovery_run_finished(changes): asyncio.run(read(changes))"
TWICE = "async def discovery_run_finished(changes): await asyncio.gather(read(changes), read(changes))"


async def observing(place: Place, folder: Folder, *sources: str) -> tuple[Host, list[ModuleType]]:
    """Return a host of the same store whose runs are observed, and the modules of the observers."""
    names = [f"watching{number}" for number in range(len(sources))]
    modules = [folder.add(READER.format(source), name=name) for name, source in zip(names, sources, strict=True)]
    plugins = {"namely": PluginSettings(), **{name: PluginSettings() for name in names}}
    host = Host(place.settings.model_copy(update={"plugins": plugins}))
    assert set(names) <= {one.name for one in host.registry.entries if one.standing == "ready"}  # Loaded here.
    return host, [sys.modules[one] for one in modules]


@pytest.mark.parametrize("source", [ASYNC, PLAIN, TWICE], ids=["async", "plain", "twice at once"])
async def test_an_observer_reads_the_changes_that_were_applied(namely: Start, folder: Folder, source: str) -> None:
    place = await namely(scanned=True, losses=UNGUARDED)
    leaver = place.tenant.people[-1]
    name = (await place.people())[leaver.id].display_name
    place.tenant.delete(leaver)
    place.tenant.people[3].title = "Changed"
    host, (observer,) = await observing(place, folder, source)
    async with host:
        report = await host.run("acme")
        expected = [one async for one in host.changes(report.run.id)]
    for told in observer.told:
        assert [replace(one, label="") for one in told] == [replace(one, label="") for one in expected]
        found = {one.operation: one for one in told}
        assert {one.state for one in told} == {State.APPLIED}
        assert found[Operation.UPDATE].fields == ("job_title",)
        # The removed person is stored no more, and is named all the same.
        assert (found[Operation.REMOVE].source_id, found[Operation.REMOVE].label) == (leaver.id, name)
    assert len(observer.told) == (2 if source == TWICE else 1)


async def test_an_observer_reads_the_changes_of_a_plan_that_waits(namely: Start, folder: Folder) -> None:
    place = await namely(scanned=True)
    place.simulator.evolve()
    host, (observer,) = await observing(place, folder, ASYNC)
    async with host:
        await host.run("acme", apply=False)
    (told,) = observer.told
    assert {one.operation for one in told} >= {Operation.CREATE, Operation.UPDATE}
    assert {one.state for one in told} == {State.HELD}
    assert all(one.label for one in told)


BREAKS_OFF = """async def discovery_run_finished(changes):
    async for one in changes():
        break
"""
THROWS = """async def discovery_run_finished(changes):
    reading = changes()
    await anext(reading)
    await reading.athrow(RuntimeError("its own trouble"))
"""
CANCELS = """async def discovery_run_finished(changes):
    reading = asyncio.create_task(read(changes))
    await asyncio.sleep(0)
    reading.cancel()
    await reading
"""
FORSAKES_ITS_LOOP = """def discovery_run_finished(changes):
    loop = asyncio.new_event_loop()
    reading = loop.create_task(read(changes))
    reading._log_destroy_pending = False
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
"""


@pytest.mark.attack(
    "An observer abandons or breaks the changes", "Other observers are given them, and the store goes on"
)
@pytest.mark.parametrize("source", [BREAKS_OFF, THROWS, CANCELS, FORSAKES_ITS_LOOP])
async def test_an_observer_that_misuses_the_changes_harms_nothing(namely: Start, folder: Folder, source: str) -> None:
    place = await namely(scanned=True)
    host, (_, good) = await observing(place, folder, source, ASYNC)
    async with host:
        for _ in range(2):
            place.simulator.evolve()
            report = await host.run("acme")
            ids = [one.source_id async for one in host.changes(report.run.id)]
            assert [one.source_id for one in good.told[-1]] == ids
        assert len(good.told) == 2


HANGS = """async def discovery_run_finished(changes):
    try:
        async for one in changes():
            release.wait(30)
    except BaseException as error:
        told.append(str(error))
"""


@pytest.mark.attack("An observer blocks in the changes", "The run ends without it, and so does the store")
@pytest.mark.jumping
async def test_an_observer_that_is_late_finds_the_store_closed(namely: Start, folder: Folder) -> None:
    place = await namely(scanned=True)
    place.simulator.evolve()
    host, (observer,) = await observing(place, folder, HANGS)
    async with host:
        with capture_logs() as logs:
            report = await host.run("acme")
        assert [one["event"] for one in logs if one["event"].startswith("observer_")] == ["observer_failed"]
        assert [one async for one in host.changes(report.run.id)]
    observer.release.set()
    while not observer.told:
        time.sleep(0.001)  # noqa: ASYNC251 - the observer's thread goes on meanwhile
    assert re.search(r"people\.sqlite is closed", observer.told[0])

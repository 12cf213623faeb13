"""Runs that are cut off: after every page, and at random turns of the event loop."""

import asyncio
import gc
import random

import aiohttp

from connector_core.outcomes import Progress
from connector_core.testing.clock import JumpingLoop
from connector_core.testing.kit.faults import Scene, scene_of
from connector_core.testing.kit.notes import Notes
from connector_core.testing.kit.reading import differences
from connector_core.testing.kit.stage import Round, Stage

CANCELLATIONS = 24
SEED = 11


async def examine(stage: Stage, notes: Notes) -> None:
    scene = await scene_of(stage)
    pages = sum(one.pages for one in scene.quiet.report.certificates) if scene.quiet.report else 0
    resumed = 0
    for page in range(1, pages + 1):
        resumed += await _cut(stage, scene, page, notes)
    turns = await _turns(stage, scene)
    rnd = random.Random(SEED)  # noqa: S311 - repeatable, not secret
    for turn in sorted(rnd.sample(range(1, turns), min(CANCELLATIONS, turns - 1))):
        await _cancel(stage, scene, turn, notes)
    notes.measures["runs cut off"] = f"{pages} at a page, {min(CANCELLATIONS, turns - 1)} at a turn of {turns}"
    notes.measures["runs resumed at a page"] = str(resumed)


async def _cut(stage: Stage, scene: Scene, page: int, notes: Notes) -> bool:
    """Cuts off after this many pages are staged; whether the next run went on from there."""
    tasks: list[asyncio.Task[object]] = []
    seen = 0

    def progress(_: Progress) -> None:
        nonlocal seen
        seen += 1
        if seen == page:
            tasks[0].cancel()

    scene.restage(stage)
    with stage.copy_of(scene.store) as store:
        before = asyncio.all_tasks()
        await stage.run(store, interrupt=tasks.append, progress=progress)
        await _clean(f"cut off after page {page}", before, notes)
        after = await stage.run(store)
    for difference in _astray(after, scene):
        notes.fail("interruption.resumed", f"cut off after page {page}: {difference}")
    certificates = after.report.certificates if after.report else ()
    return any(one.began.startswith("resumed") for one in certificates)


def _astray(after: Round, scene: Scene) -> list[str]:
    """How it differs from one undisturbed run, and from two: a run may end before it is cut off."""
    found = differences(after, scene.quiet)
    return found if found and differences(after, scene.settled) else []


async def _turns(stage: Stage, scene: Scene) -> int:
    """How many turns of the event loop a run takes."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, JumpingLoop)  # noqa: S101 - the kit runs by no other clock
    scene.restage(stage)
    with stage.copy_of(scene.store) as store:
        before = loop.turns
        await stage.run(store)
        return loop.turns - before


async def _cancel(stage: Stage, scene: Scene, turn: int, notes: Notes) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, JumpingLoop)  # noqa: S101 - the kit runs by no other clock

    cancelled_at: list[float] = []

    def interrupt(task: asyncio.Task[object]) -> None:
        def cancel() -> None:
            cancelled_at.append(loop.time())
            loop.call_soon(task.cancel)

        loop.at_turn(turn, cancel)

    scene.restage(stage)
    with stage.copy_of(scene.store) as store:
        before = asyncio.all_tasks()
        cancelled = await stage.run(store, interrupt=interrupt)
        where = f"cancelled at turn {turn}"
        await _clean(where, before, notes)
        late = cancelled.ended_at - cancelled_at[0] if cancelled_at else 0
        if late > 1:
            notes.fail("interruption.cancelled", f"{where}: it ended {late:.0f} s later")
        after = await stage.run(store)
    for difference in _astray(after, scene):
        notes.fail("interruption.cancelled", f"{where}: {difference}")


async def _clean(where: str, before: set[asyncio.Task[object]], notes: Notes) -> None:
    # The server ends what it had begun, too.
    await asyncio.sleep(1)
    left = [task for task in asyncio.all_tasks() - before if not task.done()]
    if left:
        notes.fail("interruption.clean", f"{where}: {len(left)} tasks are left, {left[0].get_coro()} among them")
    sessions = [one for one in gc.get_objects() if isinstance(one, aiohttp.ClientSession) and not one.closed]
    if sessions:
        notes.fail("interruption.clean", f"{where}: {len(sessions)} sessions are open")

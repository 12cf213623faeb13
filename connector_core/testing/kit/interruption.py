"""Suite ``interruption``: runs that are cancelled after each page, and at random iterations of the event loop."""

import asyncio
import gc
import random

import aiohttp

from connector_core.beginnings import Began
from connector_core.testing.clock import JumpingLoop
from connector_core.testing.kit.fault_injection import Baseline, make_baseline, restart
from connector_core.testing.kit.findings import Findings
from connector_core.testing.kit.harness import Harness, RunResult
from connector_core.testing.kit.reading import differences

CANCELLATIONS = 24
SEED = 11


async def examine(harness: Harness, findings: Findings) -> None:
    # Excludes older objects from the searches for open sessions, which would take a third of the time.
    gc.freeze()
    try:
        await _examine(harness, findings)
    finally:
        gc.unfreeze()


async def _examine(harness: Harness, findings: Findings) -> None:
    baseline = await make_baseline(harness)
    if not baseline.fault_free.complete:
        findings.fail("interruption.resumed", f"no run is complete: {baseline.fault_free.outcome.strip()}")
    pages = sum(one.pages for one in baseline.fault_free.certificates)
    resumed = 0
    for page in range(1, pages + 1):
        resumed += await _cancel_after_page(harness, baseline, page, findings)
    for listed in harness.simulator.listings:
        if listed.cursor:
            await _cancel_after_page(harness, baseline, 2, findings, script=f"expired_cursor@1:{listed.path}")
    iterations = await _iterations_of_a_run(harness, baseline)
    rnd = random.Random(SEED)  # noqa: S311 - repeatable, not secret
    chosen = sorted(rnd.sample(range(1, iterations), min(CANCELLATIONS, iterations - 1)))
    for iteration in chosen:
        await _cancel_at_iteration(harness, baseline, iteration, findings)
    findings.measures["runs cancelled"] = f"{pages} after a page, {len(chosen)} at one of {iterations} loop iterations"
    findings.measures["runs resumed at a page"] = str(resumed)


async def _cancel_after_page(
    harness: Harness, baseline: Baseline, page: int, findings: Findings, *, script: str = ""
) -> bool:
    """Cancel a run after this many pages are staged. Return True if the next run resumed there.

    The next run meets the faults of the script.
    """
    restart(harness)
    where = f"cancelled after page {page}{f', then {script}' if script else ''}"
    with harness.copy_of(baseline.store) as store:
        before = asyncio.all_tasks()
        await harness.cancel_after_page(store, page)
        await _check_nothing_left(where, before, findings)
        after = await harness.run(store, script)
    for difference in _differences(after, baseline):
        findings.fail("interruption.resumed", f"{where}: {difference}")
    return any(one.began is Began.RESUMED for one in after.certificates)


def _differences(after: RunResult, baseline: Baseline) -> list[str]:
    """Compare with one undisturbed run and with two, since a run may end before it is cancelled."""
    found = differences(after, baseline.fault_free)
    return found if found and differences(after, baseline.second) else []


async def _iterations_of_a_run(harness: Harness, baseline: Baseline) -> int:
    loop = _loop()
    restart(harness)
    with harness.copy_of(baseline.store) as store:
        before = loop.iterations
        await harness.run(store)
        return loop.iterations - before


async def _cancel_at_iteration(harness: Harness, baseline: Baseline, iteration: int, findings: Findings) -> None:
    loop = _loop()
    cancelled_at: list[float] = []

    def on_start(task: asyncio.Task[object]) -> None:
        def cancel() -> None:
            cancelled_at.append(loop.time())
            loop.call_soon(task.cancel)

        loop.call_after_iterations(iteration, cancel)

    restart(harness)
    where = f"cancelled at loop iteration {iteration}"
    with harness.copy_of(baseline.store) as store:
        before = asyncio.all_tasks()
        cancelled = await harness.run(store, on_start=on_start)
        await _check_nothing_left(where, before, findings)
        delay = cancelled.ended_at - cancelled_at[0] if cancelled_at else 0
        if delay > 1:
            findings.fail("interruption.cancelled", f"{where}: the run ended {delay:.0f} s later")
        after = await harness.run(store)
    for difference in _differences(after, baseline):
        findings.fail("interruption.cancelled", f"{where}: {difference}")


def _loop() -> JumpingLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, JumpingLoop)  # noqa: S101 - the kit runs on no other loop
    return loop


async def _check_nothing_left(where: str, before: set[asyncio.Task[object]], findings: Findings) -> None:
    # Time for the server to end its own tasks.
    await asyncio.sleep(1)
    left = [task for task in asyncio.all_tasks() - before if not task.done()]
    if left:
        findings.fail("interruption.clean", f"{where}: tasks left: {len(left)}, such as {left[0].get_coro()}")
    sessions = [one for one in gc.get_objects() if isinstance(one, aiohttp.ClientSession) and not one.closed]
    if sessions:
        findings.fail("interruption.clean", f"{where}: sessions left open: {len(sessions)}")

"""The kit: one set of rules that every connector is held to, offline, against its own simulator."""

import os
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing import active_children, get_context, resource_tracker
from types import MappingProxyType

from connector_core.errors import SettingsError
from connector_core.sdk.connector import AnyConnector
from connector_core.testing import clock
from connector_core.testing.kit import declaration, faults, interruption, manners, reading, scale, secrecy
from connector_core.testing.kit.notes import Judgement, Notes, Result, Standing
from connector_core.testing.kit.rules import RULES, SUITES, Rule, Tier
from connector_core.testing.kit.stage import Stage, scratch, staged

__all__ = [
    "RULES",
    "SUITES",
    "Judgement",
    "Notes",
    "Result",
    "Rule",
    "Standing",
    "Tier",
    "examine",
    "jobs",
    "prove",
    "prove_suite",
]

Examiner = Callable[[Stage, Notes], Awaitable[None]]

EXAMINERS: Mapping[str, Examiner] = MappingProxyType(
    {
        "declaration": declaration.examine,
        "reading": reading.examine,
        "secrecy": secrecy.examine,
        "faults": faults.examine,
        "interruption": interruption.examine,
        "manners": manners.examine,
        "scale": scale.examine,
    }
)
FAULT_PARTS = 4
"""The suite of faults is by far the largest, so it is shared out."""


def jobs(suites: Iterable[str] = SUITES) -> tuple[str, ...]:
    """What may be done side by side, the longest first, such as ``scale`` and ``faults-1``."""
    chosen = sorted(suites, key=lambda one: (one != "scale", one != "faults"))
    if unknown := [one for one in chosen if one not in SUITES]:
        raise SettingsError(f"{unknown[0]!r} is no suite of the kit.", hint=f"The suites are {', '.join(SUITES)}.")
    parts = tuple(f"faults-{part}" for part in range(1, FAULT_PARTS + 1))
    return tuple(job for suite in chosen for job in (parts if suite == "faults" else (suite,)))


def examine(connector: type[AnyConnector], job: str, *, sizes: tuple[int, ...] = scale.SIZES) -> Notes:
    """Does one job of the kit. PluginContractError if the connector names no simulator."""
    suite, _, part = job.partition("-")
    examiner = EXAMINERS[suite]
    if part:
        examiner = partial(faults.examine, part=int(part) - 1, parts=FAULT_PARTS)
    if suite == "scale":
        examiner = partial(scale.examine, sizes=sizes)
    return clock.run(_examine(connector, examiner))


async def _examine(connector: type[AnyConnector], examiner: Examiner) -> Notes:
    notes = Notes()
    async with staged(connector) as stage:
        await examiner(stage, notes)
    return notes


def prove_suite(connector: type[AnyConnector], suite: str) -> Result:
    """Holds the connector to the rules of one suite, in this process."""
    started = time.monotonic()
    notes = examine(connector, suite)
    return Result(connector.manifest.name, (suite,), notes, connector.manifest.exemptions, time.monotonic() - started)


def _begin_worker(folder: str) -> None:
    """What a worker leaves when it is ended lies in its parent's folder."""
    tempfile.tempdir = folder


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Who is started meanwhile leaves Ctrl-C to its parent, from its very first instruction; none is lost."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    # It would be started with the first semaphore, and lets interrupts through again when it is.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def prove(
    connector: type[AnyConnector], suites: Iterable[str] = SUITES, *, told: Callable[[str], None] = lambda _: None
) -> Result:
    """Holds the connector to every rule of these suites, on every processor. ``told`` hears of each job that ends."""
    started, notes, chosen = time.monotonic(), Notes(), tuple(suites)
    wanted = jobs(chosen)
    workers, others = min(len(wanted), os.cpu_count() or 1), set(active_children())
    with scratch() as folder, ExitStack() as stack:
        try:
            # An interrupt in the middle of making the pool would leave its semaphores behind.
            with _interrupts_held_back():
                pool = ProcessPoolExecutor(workers, get_context("spawn"), _begin_worker, (str(folder),))
                stack.enter_context(pool)
                running = {pool.submit(examine, connector, job): job for job in wanted}
            for done in as_completed(running):
                notes.add(done.result())
                told(running[done])
        except BaseException:
            # A job takes half a minute: nobody waits for it after Ctrl-C.
            for worker in set(active_children()) - others:
                worker.terminate()
            raise
    return Result(connector.manifest.name, chosen, notes, connector.manifest.exemptions, time.monotonic() - started)

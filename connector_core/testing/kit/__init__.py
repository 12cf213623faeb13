"""The kit: rules that every connector must keep, checked offline against its own simulator."""

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
from connector_core.testing.kit import (
    auth,
    declaration,
    deltas,
    fault_injection,
    interruption,
    manners,
    reading,
    scale,
    secrecy,
    values,
)
from connector_core.testing.kit.findings import Findings, Judgement, Result, Standing
from connector_core.testing.kit.harness import Harness, open_harness, temporary_folder
from connector_core.testing.kit.rules import RULES, SUITES
from connector_core.testing.kit.tiers import Rule, Tier

__all__ = [
    "RULES",
    "SUITES",
    "Findings",
    "Judgement",
    "Result",
    "Rule",
    "Standing",
    "Tier",
    "jobs",
    "prove",
    "prove_suite",
    "run_examiner",
    "run_job",
]

Examiner = Callable[[Harness, Findings], Awaitable[None]]
"""Checks the rules of one suite, and records its findings."""

EXAMINERS: Mapping[str, Examiner] = MappingProxyType(
    {
        "declaration": declaration.examine,
        "reading": reading.examine,
        "values": values.examine,
        "secrecy": secrecy.examine,
        "faults": fault_injection.examine,
        "interruption": interruption.examine,
        "deltas": deltas.examine,
        "manners": manners.examine,
        "scale": scale.examine,
        "auth": auth.examine,
    }
)
FAULT_PARTS = 4
"""Jobs that the suite of faults is split into, being by far the largest."""


def jobs(suites: Iterable[str] = SUITES) -> tuple[str, ...]:
    """Return the jobs of these suites that can run in parallel, longest first, such as ``scale`` and ``faults-1``."""
    chosen = sorted(suites, key=lambda one: (one != "scale", one != "faults"))
    if unknown := [one for one in chosen if one not in SUITES]:
        raise SettingsError(f"{unknown[0]!r} is not a suite of the kit.", hint=f"The suites are {', '.join(SUITES)}.")
    parts = tuple(f"faults-{part}" for part in range(1, FAULT_PARTS + 1))
    return tuple(job for suite in chosen for job in (parts if suite == "faults" else (suite,)))


def run_job(connector: type[AnyConnector], job: str) -> Findings:
    """Run one job of the kit. Raises PluginContractError if the connector names no simulator."""
    suite, _, part = job.partition("-")
    if part:
        return run_examiner(connector, partial(fault_injection.examine, part=int(part) - 1, parts=FAULT_PARTS))
    return run_examiner(connector, EXAMINERS[suite])


def run_examiner(connector: type[AnyConnector], examiner: Examiner) -> Findings:
    """Run one examiner on a jumping clock, in this process."""

    async def examine() -> Findings:
        findings = Findings()
        async with open_harness(connector) as harness:
            await examiner(harness, findings)
        return findings

    return clock.run(examine())


def prove_suite(connector: type[AnyConnector], suite: str) -> Result:
    """Check the rules of one suite, in this process."""
    started = time.monotonic()
    findings = run_job(connector, suite)
    manifest = connector.manifest
    return Result(manifest.name, (suite,), findings, manifest.exemptions, time.monotonic() - started)


def prove(
    connector: type[AnyConnector],
    suites: Iterable[str] = SUITES,
    *,
    on_done: Callable[[str], None] = lambda _: None,
) -> Result:
    """Check all rules of these suites, on all processors. ``on_done`` is called with each job that ends."""
    started, findings, chosen = time.monotonic(), Findings(), tuple(suites)
    wanted = jobs(chosen)
    workers, others = min(len(wanted), os.cpu_count() or 1), set(active_children())
    with ExitStack() as stack:
        try:
            # An interrupt while these are created would leave the folder or the pool's semaphores behind.
            with _interrupts_blocked():
                folder = stack.enter_context(temporary_folder())
                pool = ProcessPoolExecutor(workers, get_context("spawn"), _start_worker, (str(folder),))
                stack.enter_context(pool)
                running = {pool.submit(run_job, connector, job): job for job in wanted}
            for done in as_completed(running):
                findings.add(done.result())
                on_done(running[done])
        except BaseException:
            # A job takes half a minute, which is too long to wait for after Ctrl-C.
            for worker in set(active_children()) - others:
                worker.terminate()
            raise
    manifest = connector.manifest
    return Result(manifest.name, chosen, findings, manifest.exemptions, time.monotonic() - started)


def _start_worker(folder: str) -> None:
    """Put a worker's temporary files into its parent's folder, which is deleted even if the worker is terminated."""
    tempfile.tempdir = folder


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Delay Ctrl-C until the context ends. Processes started meanwhile never receive it: their parent handles it."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    # Started now, since it would unblock interrupts if it were started with the first semaphore.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

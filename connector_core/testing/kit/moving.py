"""Part of the suite ``reading``: people leave, join and change places while a listing is read into an empty store."""

import asyncio
from pathlib import Path

from connector_core.outcomes import Progress
from connector_core.testing.kit.findings import Findings
from connector_core.testing.kit.harness import Harness, RunResult
from connector_core.testing.listing_faults import CONCURRENT_CHANGES, Listed

_PAGES = (1, 2)
"""Responses of a listing right after which people change."""


async def examine(harness: Harness, findings: Findings) -> None:
    harness.reset()
    empty = await harness.connected_store()
    for listed in harness.simulator.listings:
        if listed.people:
            for script in _scripts(listed):
                await _check_first_run(harness, empty, script, findings)
    for kind in CONCURRENT_CHANGES:
        await _check_resumed_run(harness, empty, kind, findings)


def _scripts(listed: Listed) -> list[str]:
    scripts = [f"{kind}@{page}:{listed.path}" for kind in CONCURRENT_CHANGES for page in _PAGES]
    # Where no total is announced, no client could notice rows that never come.
    return [*scripts, f"drop_row@1x99999:{listed.path}"] if listed.announces else scripts


async def _check_first_run(harness: Harness, empty: Path, script: str, findings: Findings) -> None:
    harness.reset()
    ids = harness.expected_ids()
    with harness.copy_of(empty) as store:
        result = await harness.run(store, script)
    _judge(harness, f"a first run with {script}", ids, result, findings)


async def _check_resumed_run(harness: Harness, empty: Path, kind: str, findings: Findings) -> None:
    """Interrupt a first run after its first page, change people on that page, and run again."""
    tasks: list[asyncio.Task[object]] = []

    def cancel(_: Progress) -> None:
        tasks[0].cancel()

    harness.reset()
    with harness.copy_of(empty) as store:
        await harness.run(store, on_start=tasks.append, progress=cancel)
        harness.simulator.change_people(kind)
        ids = harness.expected_ids()
        result = await harness.run(store)
    _judge(harness, f"a run after an interrupted one and {kind}", ids, result, findings)


def _judge(
    harness: Harness, where: str, ids_before: dict[str, set[str]], result: RunResult, findings: Findings
) -> None:
    """Hold each complete certificate against the rows that were there throughout the run."""
    ids_after = harness.expected_ids()
    for certificate in result.certificates:
        kind = certificate.kind
        unread = (ids_before[kind] & ids_after[kind]) - result.stored[kind].keys()
        if certificate.complete and unread:
            problem = f"{kind} is certified as complete ({certificate.proof}), but rows not read: {len(unread)}"
            findings.fail("reading.throughout", f"{where}: {problem}")

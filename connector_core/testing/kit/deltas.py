"""Suite ``deltas``: what has changed since a token, read whole, interrupted, and with a token that has expired."""

from pathlib import Path

from connector_core.beginnings import Began
from connector_core.messages import message
from connector_core.outcomes import Certificate, Standing
from connector_core.testing.kit.findings import Findings
from connector_core.testing.kit.harness import Harness, RunResult
from connector_core.testing.kit.reading import differences

_ROUNDS = 3
"""Times that time passes between two runs, so that a delta has some pages."""


async def examine(harness: Harness, findings: Findings) -> None:
    """Check the kinds that the connector reads by token; without one, every rule is kept."""
    kinds = {name for name, one in harness.connector.declarations.items() if one.changes_since}
    if not kinds:
        return
    harness.reset()
    store = await harness.connected_store()
    await harness.run(store)
    for _ in range(_ROUNDS):
        harness.simulator.evolve()
    expected = await harness.run(await harness.connected_store())
    undisturbed = await _check_delta(harness, store, kinds, expected, findings)
    for page in range(1, _pages(undisturbed, kinds) + 1):
        await _check_interrupted(harness, store, page, undisturbed, findings)
    await _check_resync(harness, store, kinds, expected, findings)


async def _check_delta(
    harness: Harness, store: Path, kinds: set[str], expected: RunResult, findings: Findings
) -> RunResult:
    """Run a delta, and compare what it leaves with the store of a new full scan."""
    with harness.copy_of(store) as copy:
        result = await harness.run(copy, delta=True)
    for one in _of(result, kinds):
        if one.standing is not Standing.CAUGHT_UP or one.began is not Began.FRESH:
            why = "; ".join(map(message, one.reasons)) or one.began
            findings.fail("deltas.follows", f"a delta of {one.kind} has not caught up: {why}")
    for difference in differences(result, expected, kinds=kinds):
        findings.fail("deltas.removed" if "not removed" in difference else "deltas.follows", difference)
    findings.measures["pages of a delta"] = str(_pages(result, kinds))
    return result


async def _check_interrupted(
    harness: Harness, store: Path, page: int, undisturbed: RunResult, findings: Findings
) -> None:
    """Cancel a delta after this many pages, run another, and compare with one that was not cancelled."""
    with harness.copy_of(store) as copy:
        await harness.cancel_after_page(copy, page, delta=True)
        after = await harness.run(copy, delta=True)
    for difference in differences(after, undisturbed):
        findings.fail("deltas.interrupted", f"cancelled after page {page}: {difference}")


async def _check_resync(
    harness: Harness, store: Path, kinds: set[str], expected: RunResult, findings: Findings
) -> None:
    """Let the token expire: all must be read and nothing removed, and the next delta must be one again."""
    harness.simulator.expire_tokens()
    with harness.copy_of(store) as copy:
        result = await harness.run(copy, delta=True)
        following = await harness.run(copy, delta=True)
    for one in _of(result, kinds):
        if not one.complete or one.began is not Began.RESYNCED:
            findings.fail("deltas.resync", f"an expired token of {one.kind} does not end in a complete full reading")
    for plan in result.plans:
        if plan.kind in kinds and plan.removes:
            findings.fail("deltas.resync", f"a resync removes {plan.kind} entities: {plan.removes}")
    for difference in differences(result, expected, kinds=kinds):
        if "not removed" not in difference:
            findings.fail("deltas.resync", f"after a resync: {difference}")
    for one in _of(following, kinds):
        if one.began is Began.RESYNCED or one.standing is not Standing.CAUGHT_UP:
            findings.fail("deltas.resync", f"the delta of {one.kind} after a resync has not caught up")


def _of(result: RunResult, kinds: set[str]) -> list[Certificate]:
    return [one for one in result.certificates if one.kind in kinds]


def _pages(result: RunResult, kinds: set[str]) -> int:
    return sum(one.pages for one in _of(result, kinds))

"""Suite ``scale``: organisations of one, a thousand and twenty thousand people, to see which costs grow."""

import gc
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from connector_core.outcomes import Progress
from connector_core.settings import HttpSettings
from connector_core.testing.kit.findings import Findings
from connector_core.testing.kit.harness import Harness, RunResult
from connector_core.testing.kit.manners import judge_quota
from connector_core.testing.replay import Replay

SIZES = (1, 1_000, 20_000)
TRACED = (1_500, 6_000)
"""People in runs whose memory is traced: enough that one page more or less in a buffer counts little."""
BYTES_PER_PERSON = 400
LONGEST_STEP = 0.1


@dataclass(frozen=True, slots=True)
class Cost:
    people: int
    requests: int
    pages: int

    @property
    def other_requests(self) -> int:
        return self.requests - self.pages


async def examine(
    harness: Harness, findings: Findings, sizes: tuple[int, ...] = SIZES, traced: tuple[int, ...] = TRACED
) -> None:
    """Run over organisations of these sizes, and trace memory over the two of ``traced``, if any."""
    costs = []
    for people in sizes:
        harness.reset(people)
        store = await harness.connected_store()
        with _garbage_collection_disabled():
            result = await harness.run(store)
        if not result.complete:
            findings.fail("scale.requests", f"{people:,} people: {result.outcome.strip()}")
        costs.append(Cost(people, len(result.requests), sum(page.own_answer for page in result.monitor.pages)))
        if result.monitor.longest_step > LONGEST_STEP:
            milliseconds = result.monitor.longest_step * 1000
            findings.fail("scale.blocking", f"{people:,} people: a step took {milliseconds:.0f} ms")
        judge_quota(harness, result, findings)
        _measure(costs[-1], result, findings)
    if _grow([one.other_requests for one in costs]):
        found = ", ".join(f"{one.other_requests} for {one.people:,} people" for one in costs)
        findings.fail("scale.requests", f"requests besides the pages: {found}")
    if traced:
        await _check_memory(harness, findings, *traced)


@contextmanager
def _garbage_collection_disabled() -> Iterator[None]:
    """Disable the garbage collector, which would visit all of the simulator's objects during a connector's step."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _grow(others: Sequence[int]) -> bool:
    """Return True if requests besides the pages grow with the people, from the smallest organisation to the largest.

    The smallest has one page. It may need no second reading, which makes the other requests of a listing once more.
    """
    larger = others[1:] or others
    return max(larger) > min(larger) or max(others) > 2 * min(others)


def _measure(cost: Cost, result: RunResult, findings: Findings) -> None:
    findings.measures[f"{cost.people:,} people"] = (
        f"{cost.requests} requests, {cost.pages} of them pages; {result.seconds:,.0f} s by the provider's clock"
    )


async def _check_memory(harness: Harness, findings: Findings, few: int, many: int) -> None:
    # The lower of two peaks: objects that the collector has not visited yet are not growth.
    async with _recorded(harness, few, findings) as peak:
        low = min(await peak(), await peak())
    async with _recorded(harness, many, findings) as peak:
        high = await peak()
        if high - low > BYTES_PER_PERSON * (many - few):
            high = min(high, await peak())
    growth = (high - low) / (many - few)
    findings.measures["memory"] = f"{growth:,.0f} bytes more per person"
    if growth > BYTES_PER_PERSON:
        problem = f"{growth:,.0f} bytes more per person; the host itself needs up to {BYTES_PER_PERSON:,}"
        findings.fail("scale.memory", problem)


def _collect(_: Progress) -> None:
    """Collect the objects left of a page: until the collector visits them, they look like growth."""
    gc.collect()


@asynccontextmanager
async def _recorded(harness: Harness, people: int, findings: Findings) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    """Record the answers of a run, and give a function that returns the peak of traced bytes in a replay of it.

    One page is requested at a time: pages read ahead would add a constant that is larger than the growth.
    """
    replay = Replay(harness.reset(people))
    harness.served.handle = replay.handle
    one_by_one = HttpSettings(at_once=1)

    async def peak() -> int:
        with harness.copy_of(store) as copy:
            # Objects that were there before are not visited again, so that a collection after every page takes no time.
            gc.collect()
            gc.freeze()
            tracemalloc.start()
            try:
                result = await harness.run(copy, read_stored=False, http=one_by_one, progress=_collect)
                if not result.complete:
                    findings.fail("scale.memory", f"a run from recorded answers fails: {result.outcome.strip()}")
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
                gc.unfreeze()

    try:
        store = await harness.connected_store()
        with harness.copy_of(store) as copy:
            await harness.run(copy, read_stored=False, http=one_by_one)
        replay.replaying = True
        yield peak
    finally:
        harness.served.handle = None

"""Organisations of one, a thousand and twenty thousand people: what grows, and what must not."""

import gc
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from connector_core.settings import HttpSettings
from connector_core.testing.kit.manners import judge_quota
from connector_core.testing.kit.notes import Notes
from connector_core.testing.kit.stage import Round, Stage
from connector_core.testing.replay import Recording

SIZES = (1, 1_000, 20_000)
TRACED = (1_500, 6_000)
"""People in the runs whose memory is traced: so many that a page more or less in a buffer counts little."""
BYTES_A_PERSON = 400
LONGEST_TURN = 0.1


@dataclass(frozen=True, slots=True)
class Cost:
    people: int
    requests: int
    pages: int

    @property
    def others(self) -> int:
        return self.requests - self.pages


async def examine(stage: Stage, notes: Notes, sizes: tuple[int, ...] = SIZES) -> None:
    costs = []
    for people in sizes:
        stage.begin(people)
        store = await stage.connected()
        with _uncollected():
            found = await stage.run(store)
        if not found.complete:
            notes.fail("scale.requests", f"{people:,} people: {found.outcome.strip()}")
        costs.append(Cost(people, len(found.requests), sum(page.answer for page in found.watch.pages)))
        if found.watch.turn > LONGEST_TURN:
            notes.fail("scale.blocking", f"{people:,} people: a turn took {found.watch.turn * 1000:.0f} ms")
        judge_quota(stage, found, notes)
        _measure(costs[-1], found, notes)
    if max(one.others for one in costs) > min(one.others for one in costs):
        said = ", ".join(f"{one.others} for {one.people:,} people" for one in costs)
        notes.fail("scale.requests", f"requests besides the pages: {said}")
    await _memory(stage, notes, *(TRACED if sizes[-1] >= TRACED[-1] else sizes[-2:]))


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the garbage collector: it looks at all that the simulator has made, in nobody's turn but its own."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _measure(cost: Cost, found: Round, notes: Notes) -> None:
    notes.measures[f"{cost.people:,} people"] = (
        f"{cost.requests} requests, {cost.pages} of them pages; {found.seconds:,.0f} s by the provider's clock"
    )


async def _memory(stage: Stage, notes: Notes, few: int, many: int) -> None:
    # The lower of two: what the collector has not looked at yet is no growth.
    peaks = [min([await _peak(stage, people) for _ in range(2)]) for people in (few, many)]
    each = (peaks[1] - peaks[0]) / (many - few)
    notes.measures["memory"] = f"{each:,.0f} bytes a person more"
    if each > BYTES_A_PERSON:
        notes.fail("scale.memory", f"{each:,.0f} bytes a person more; {BYTES_A_PERSON:,} are the host's own")


async def _peak(stage: Stage, people: int) -> int:
    """Bytes at most in a run that asks for one page at a time: those read ahead are a constant, and larger.

    The answers are made in a run before it, and lie ready.
    """
    recording = Recording(stage.begin(people))
    stage.served.handle = recording.handle
    one_by_one = HttpSettings(at_once=1)
    try:
        store = await stage.connected()
        with stage.copy_of(store) as copy:
            await stage.run(copy, look=False, http=one_by_one)
        recording.replaying = True
        gc.collect()
        tracemalloc.start()
        await stage.run(store, look=False, http=one_by_one)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        stage.served.handle = None

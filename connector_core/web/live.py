"""The news of one integration's page, as server-sent events: what has changed, and the progress of its run."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime

from connector_core.host import Host
from connector_core.messages import counted
from connector_core.outcomes import Step
from connector_core.phrases import costs
from connector_core.schedules import Schedule
from connector_core.scheduling import LiveRun
from connector_core.scheduling.engine import Engine
from connector_core.store import Held, RunSummary

LOOK = 0.5
"""Seconds between two looks whether a run has begun here."""
LOOK_ELSEWHERE = 3.0
"""Seconds between two looks at the store, where another process may have begun or ended a run."""

TASK = "news"
"""The name of the task that waits for the next news of a client."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A state of an integration: its page is drawn anew where it differs from the one that was shown."""

    last_run: RunSummary | None
    held: Held | None
    schedule: Schedule
    is_here: bool
    """This engine runs the integration."""
    is_elsewhere: bool
    """Another process runs it."""

    @property
    def key(self) -> str:
        """Return the state in a word, which events carry as their id."""
        run = (self.last_run.run.id, self.last_run.finished_at) if self.last_run else None
        state = (run, self.held, self.schedule, self.is_here, self.is_elsewhere)
        return hashlib.blake2b(repr(state).encode(), digest_size=8).hexdigest()


async def look(host: Host, engine: Engine, name: str) -> Seen:
    """Return the present state of an integration."""
    last = next(iter(await host.history(name, 1)), None)
    held, schedule = await host.held(name), await host.schedules.get(name)
    is_here = name in engine.running()
    # Of a run that has ended no lock is tried.
    is_open = last is not None and last.finished_at is None
    return Seen(last, held, schedule, is_here, not is_here and is_open and await host.is_running(name))


@dataclass(frozen=True, slots=True)
class Changed:
    """The page is to be drawn anew."""

    seen: Seen


News = Changed | LiveRun


async def news(host: Host, engine: Engine, name: str, shown: str) -> AsyncGenerator[News, None]:
    """Yield what a page that shows the state ``shown`` does not show: a change of state, or progress of a run.

    It never ends by itself: after a run it waits for the next one. A run of another process is seen within seconds.
    """
    while True:
        seen = await look(host, engine, name)
        if seen.key != shown:
            shown = seen.key
            yield Changed(seen)
        if seen.is_here:
            async with aclosing(engine.watch(name)) as states:
                async for state in states:
                    if not state.ended:
                        yield state
        else:
            await _until_begun(engine, name, await last_of(engine, name))


async def last_of(engine: Engine, name: str) -> LiveRun | None:
    """Return the run of an engine that is under way, or the last one: it knows errors that the store does not."""
    async with aclosing(engine.watch(name)) as states:
        return await anext(states, None)


async def _until_begun(engine: Engine, name: str, before: LiveRun | None) -> None:
    """Wait until this engine has begun another run of the integration, or the store is to be looked at again."""
    loop = asyncio.get_running_loop()
    until = loop.time() + LOOK_ELSEWHERE
    while loop.time() < until and await last_of(engine, name) == before:  # noqa: ASYNC110 - another engine has no event of ours
        await asyncio.sleep(LOOK)


async def send(
    events: AsyncGenerator[News, None],
    write: Callable[[News | None], Awaitable[None]],
    *,
    pulse: float,
    pause: float,
    may_go_on: Callable[[], bool],
) -> None:
    """Write the news with a pause behind each; and None after a pulse without any, so that no proxy cuts the stream.

    It ends when its client may not see more. However it ends, nothing of it goes on.
    """
    waiting = _waiting(events)
    try:
        while True:
            await asyncio.wait([waiting], timeout=pulse)
            if not may_go_on():
                return
            if not waiting.done():
                await write(None)
                continue
            await write(waiting.result())
            await asyncio.sleep(pause)
            waiting = _waiting(events)
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


def _waiting(events: AsyncGenerator[News, None]) -> "asyncio.Task[News]":
    async def following() -> News:
        return await anext(events)

    return asyncio.create_task(following(), name=TASK)


@dataclass(frozen=True, slots=True)
class Pace:
    """The pace of a run, in words."""

    rate: str
    left: str


def pace_of(live: LiveRun, now: datetime | None = None) -> Pace:
    """Return how fast a run reads, without what an interrupted run had read before, and what is left of it."""
    seconds = ((now or datetime.now(UTC)) - live.started_at).total_seconds()
    rows = sum(one.seen - live.before.get(one.kind, 0) for one in live.kinds.values() if one.step is Step.READING)
    rate = counted(round(rows / seconds), "row") if rows > 0 and seconds >= 1 else ""
    left = costs(live.forecast) if live.forecast else ""
    return Pace(f"{rate} a second" if rate else "not known yet", left or "not known yet")

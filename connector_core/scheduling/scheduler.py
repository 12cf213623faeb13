"""The scheduler: starts what is due, waits after failures, and starts again what a stop interrupted."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from connector_core.audit import acting
from connector_core.cron import next_time
from connector_core.errors import BusyError, ConnectorCoreError
from connector_core.host import Host
from connector_core.scheduling.engine import Engine, Problem
from connector_core.scheduling.local import Options
from connector_core.scheduling.records import Clock, Records, wall_clock
from connector_core.store import Schedule

LOOK_EVERY = 30.0
"""Most seconds between two looks at the schedules, which other processes may change."""
_LEAST_WAIT = 1.0
ACTOR = "scheduler"
"""The actor of the runs that it starts, in the audit log."""
BUSY_WAIT = timedelta(minutes=1)
"""Until a run is tried again that another process prevented."""


class Scheduler:
    """Starts runs of an engine by the schedules in the store."""

    def __init__(self, host: Host, engine: Engine, *, clock: Clock = wall_clock) -> None:
        self._host = host
        self._engine = engine
        self._clock = clock
        self._table = host.store.schedules
        self._records = Records(host, clock)
        self._following: dict[str, asyncio.Task[None]] = {}
        """The runs that it has started."""
        self._resuming: dict[str, Options] = {}
        """Runs that a service before this one has not ended."""
        self._has_begun = False
        self._wait = LOOK_EVERY

    async def run(self) -> None:
        """Start what is due, until this is cancelled."""
        try:
            while True:
                await _attempt(self.tick())
                await asyncio.sleep(self._wait)
        finally:
            following = list(self._following.values())
            for task in following:
                task.cancel()
            await asyncio.gather(*following, return_exceptions=True)

    async def _begin(self) -> None:
        """Look for runs to resume; compute anew the times ahead: the time zone of the settings may be another one."""
        now = self._clock()
        for one in await self._table.all():
            if one.due_at and one.due_at > now:
                await self._table.edit(one.integration, lambda before: (self._due_next(before, now), ()))
            if one.integration in self._engine.running():
                # An operator was faster: what is pending is that run.
                continue
            options = Options.decode(one.pending) if one.pending and not one.paused_at else None
            if options:
                self._resuming[one.integration] = options
            elif one.pending:
                await self._records.forget(one.integration)
        self._has_begun = True

    async def tick(self) -> None:
        """Note the ends of runs elsewhere, and start what is due; at first also what was interrupted."""
        await _attempt(self._records.settle(self._engine.running().keys()))
        if not self._has_begun:
            await self._begin()
        now, schedules = self._clock(), await self._table.all()
        due = [(at, one) for one in schedules if (at := one.next_at) and at <= now]
        ahead = [(at - now).total_seconds() for one in schedules if (at := one.next_at) and at > now]
        self._wait = max(_LEAST_WAIT, min([LOOK_EVERY, *ahead]))
        wanted = [(name, options, True) for name, options in self._resuming.items()]
        wanted += [
            (one.integration, Options(delta=one.delta), False)
            for _, one in sorted(due, key=lambda item: item[0])
            if one.integration not in self._resuming
        ]
        for name, options, is_resumed in wanted:
            if len(self._following) >= self._host.settings.host.runs_at_once:
                return
            if name not in self._engine.running() and name not in self._following:
                self._resuming.pop(name, None)
                await _attempt(self._start(name, options, is_resumed=is_resumed))

    async def _start(self, name: str, options: Options, *, is_resumed: bool) -> None:
        structlog.get_logger().info("run_scheduled", integration=name, delta=options.delta, resumed=is_resumed)
        with acting(ACTOR):
            await self._engine.start(
                name, delta=options.delta, plan=options.plan, kinds=options.kinds, accept=options.accept
            )
        self._following[name] = asyncio.create_task(self._follow(name), name=f"follow {name}")
        if not (is_resumed and (options.plan or options.kinds)):
            # One run makes up for all times that were missed, unless it is but a part of one.
            now = self._clock()
            await self._table.edit(name, lambda before: (replace(self._due_next(before, now), retry_at=None), ()))

    async def _follow(self, name: str) -> None:
        """Wait for the end of a run; try it again if another process prevented it."""
        try:
            problem = None
            async for live in self._engine.watch(name):
                problem = live.problem
            if problem and problem.code == BusyError.code:
                at = self._clock() + BUSY_WAIT
                await _attempt(self._table.edit(name, lambda before: (_retrying(before, at), ())))
        finally:
            del self._following[name]

    def _due_next(self, before: Schedule, now: datetime) -> Schedule:
        return replace(before, due_at=next_time(before.cron, self._host.settings.schedule.timezone, after=now))


def _retrying(before: Schedule, at: datetime) -> Schedule:
    return replace(before, retry_at=at) if before.cron else before


async def _attempt(work: Awaitable[object]) -> None:
    """Do one thing; if it fails, log that, and go on: a service that no longer schedules must not stay unnoticed."""
    try:
        await work
    except ConnectorCoreError as error:
        structlog.get_logger().warning("schedule_postponed", error=error.message)
    except Exception as error:  # noqa: BLE001 - what fails once must not end all later runs
        # The place, never a text with data in it.
        structlog.get_logger().error("schedule_failed", error=Problem.of(error).message)

"""The engine of one process: each run is a task of its event loop."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

import msgspec
import structlog

from connector_core.audit import Action
from connector_core.errors import BusyError, ConnectorCoreError
from connector_core.host import Host
from connector_core.outcomes import Progress, Report, Run, Traffic
from connector_core.scheduling.engine import CANCELLED, STOPPED, LiveRun, Problem
from connector_core.scheduling.records import Clock, Records, wall_clock
from connector_core.scheduling.results import Result

_LOOK = 1.0
"""Seconds between two looks at the traffic of a run that shows no progress yet."""


class Options(msgspec.Struct, frozen=True):
    """The options of a run, as they are kept until it has ended."""

    delta: bool = False
    plan: bool = False
    kinds: tuple[str, ...] = ()
    accept: tuple[str, ...] = ()

    def encode(self) -> str:
        return msgspec.json.encode(self).decode()

    @classmethod
    def decode(cls, text: str) -> "Options | None":
        """Return options that were kept; None if another version has written them, and they mean nothing here."""
        try:
            return msgspec.json.decode(text, type=cls)
        except msgspec.MsgspecError:
            return None


class _Live:
    """A run, its task, and an event that is set with each change of what is seen of it."""

    def __init__(self, state: LiveRun) -> None:
        self.state = state
        self.changed = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self.is_begun = self.is_over = False
        """The host has begun to run it, and has ended; what follows is to note its end."""
        self.cancelled: Problem | None = None
        """The first reason to end it."""
        self.traffic: Callable[[], Traffic] | None = None

    def update(self, **changes: Any) -> None:
        self.state = replace(self.state, **changes)
        self.changed.set()
        self.changed = asyncio.Event()

    def begin(self, run: Run, traffic: Callable[[], Traffic]) -> None:
        self.traffic = traffic
        self.update(run_id=run.id, started_at=run.started_at)
        self.tell_traffic()

    def tell_traffic(self) -> None:
        """Tell the traffic each second until there is progress: a run may wait for the quota before its first row."""
        if self.traffic is None or self.state.kinds or self.is_over:
            return
        if (now := self.traffic()).requests and now != self.state.traffic:
            self.update(traffic=now)
        asyncio.get_running_loop().call_later(_LOOK, self.tell_traffic)

    def progress(self, now: Progress) -> None:
        self.update(
            kinds={**self.state.kinds, now.kind: now},
            before={now.kind: now.seen, **self.state.before},
            forecast=now.forecast,
            traffic=self.traffic() if self.traffic else None,
        )

    def cancel(self, because: Problem) -> bool:
        """Ask it to end; return False if it was asked already, or is over: that would keep its end from being noted.

        A task that has not begun would be cancelled without a trace, so it is left to see it.
        """
        if self.cancelled or self.is_over:
            return False
        self.cancelled = because
        if self.task and self.is_begun:
            self.task.cancel()
        return True

    def end(self, *, report: Report | None = None, problem: Problem | None = None) -> None:
        self.is_over = True
        traffic = report.traffic if report else self.state.traffic
        self.update(ended=True, report=report, problem=problem, traffic=traffic)


class LocalEngine:
    """Runs integrations in this process, and notes in the store how each run ended before it says so."""

    def __init__(self, host: Host, *, clock: Clock = wall_clock) -> None:
        self.records = Records(host, clock)
        self._host = host
        self._clock = clock
        self._runs: dict[str, _Live] = {}
        """The last run of each integration."""
        self._is_closing = False

    async def start(
        self,
        name: str,
        *,
        delta: bool = False,
        plan: bool = False,
        kinds: Collection[str] = (),
        accept: Collection[str] = (),
    ) -> None:
        """Start a run as a task. BusyError if one of this integration is under way here."""
        if name in self.running():
            raise BusyError(f"{name} is being run.", hint="Wait until it has ended.")
        if self._is_closing:
            raise BusyError("The service is stopping.", hint="Start it again.")
        # Registered before anything is awaited, so that a second call finds it.
        before, live = self._runs.get(name), _Live(LiveRun(name, self._clock(), delta))
        self._runs[name] = live
        try:
            await self._host.store.integrations.get(name)
            options = Options(delta, plan, tuple(kinds), tuple(accept))
            await self.records.begun(name, options.encode())
        except BaseException:
            self._put_back(name, before)
            live.end(problem=CANCELLED)
            raise
        live.task = asyncio.create_task(self._run(live, options), name=f"run {name}")

    def _put_back(self, name: str, before: _Live | None) -> None:
        if before:
            self._runs[name] = before
        else:
            del self._runs[name]

    async def cancel(self, name: str) -> None:
        """Ask a run to end."""
        live = self._runs.get(name)
        if live and live.cancel(CANCELLED):
            await self._host.audit.note(Action.RUN_CANCELLED, name, live.state.run_id)

    def running(self) -> Mapping[str, LiveRun]:
        """Return the runs that are under way, by integration."""
        return {name: live.state for name, live in self._runs.items() if not live.state.ended}

    async def watch(self, name: str) -> AsyncGenerator[LiveRun, None]:
        """Yield the present state of the last run, then each change. Changes that come too fast are left out."""
        live = self._runs.get(name)
        while live:
            state, changed = live.state, live.changed
            yield state
            if state.ended:
                return
            await changed.wait()

    async def aclose(self) -> None:
        """Cancel all runs, and wait for their ends. The next service starts them again."""
        self._is_closing = True
        for live in self._runs.values():
            live.cancel(STOPPED)
        # A run that is just being started sees it, too.
        await asyncio.gather(*[live.task for live in self._runs.values() if live.task], return_exceptions=True)

    async def _run(self, live: _Live, options: Options) -> None:
        """Run, note the end, and only then show it."""
        name = live.state.integration
        report, problem = None, None
        try:
            if live.cancelled:
                raise asyncio.CancelledError
            live.is_begun = True
            report = await self._host.run(
                name,
                kinds=options.kinds,
                apply=not options.plan,
                delta=options.delta,
                accept=options.accept,
                progress=live.progress,
                begun=live.begin,
            )
        except asyncio.CancelledError:
            # One that an operator has cancelled does not go on with the next service, even if this one stops, too.
            problem = live.cancelled or STOPPED
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it is shown, and the service goes on
            problem = Problem.of(error)
        live.is_over = True
        try:
            await self._note(live, report, problem)
        finally:
            live.end(report=report, problem=problem)

    async def _note(self, live: _Live, report: Report | None, problem: Problem | None) -> None:
        name = live.state.integration
        if problem is STOPPED:
            return
        try:
            if problem is CANCELLED:
                await self.records.forget(name)
            else:
                result = Result.of(report) if report else Result(live.state.run_id, None, problem=problem)
                await self.records.ended(name, result)
        except ConnectorCoreError as error:
            # The run itself is in the store: its end is noted when the schedules are next looked at.
            structlog.get_logger().warning("end_not_noted", integration=name, error=error.message)

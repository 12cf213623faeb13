"""Records of runs: what begins and ends is noted in the schedule, together with the notices that tell of it."""

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

from connector_core.host import Host
from connector_core.scheduling.judgement import judge
from connector_core.scheduling.payloads import payload
from connector_core.scheduling.results import Result
from connector_core.settings import NoticeSettings
from connector_core.store import LastEnded, NewNotice, Schedule
from connector_core.store.schedules import Edited

Clock = Callable[[], datetime]


def wall_clock() -> datetime:
    return datetime.now(UTC)


def channels_of(settings: NoticeSettings) -> tuple[str, ...]:
    """Return the channels that notices go by."""
    configured = {"webhook": bool(settings.webhook), "email": bool(settings.email.server)}
    return tuple([name for name, is_on in configured.items() if is_on])


class Records:
    """Notes the beginnings and the ends of an engine's runs, and the ends of runs that it did not see."""

    def __init__(self, host: Host, clock: Clock = wall_clock) -> None:
        self._host = host
        self._table = host.store.schedules
        self._clock = clock

    async def begun(self, name: str, options: str) -> None:
        """Note that a run begins: a service that ends before it has ended starts it again, with these options."""
        last = [one.run_id or "" for one in await self._table.last_ended() if one.integration == name]

        def edit(before: Schedule) -> Edited:
            noted = next(iter(last), "") if before.noted_run is None else before.noted_run
            return replace(before, pending=options, noted_run=noted), ()

        await self._table.edit(name, edit)

    async def forget(self, name: str) -> None:
        """Note that a run is not to be started again."""
        await self._table.edit(name, lambda before: (replace(before, pending=""), ()))

    async def ended(self, name: str, result: Result) -> None:
        """Note the result of a run."""
        if found := await self._host.store.integrations.find(name):
            await self._note(name, found.connector, result)

    async def settle(self, running: Collection[str]) -> None:
        """Note the ends of runs that no engine noted: those of other processes, or of a service that was killed.

        Those under way here are left to their engine. What was before the first look is not told of.
        """
        for one in await self._table.last_ended():
            if one.integration in running or one.run_id == one.schedule.noted_run:
                continue
            if one.schedule.noted_run is None:
                await self._table.edit(one.integration, partial(_seen, one.run_id or ""))
            elif one.run_id:
                await self._settle(one, one.run_id)

    async def _settle(self, one: LastEnded, run_id: str) -> None:
        if run := await self._host.listings.run(one.integration, run_id):
            counts = await self._host.count_changes(run_id)
            held_because = await self._host.held_because(run_id)
            result = Result.stored(run, counts, held_because)
            await self._note(one.integration, one.connector, result, found=one.schedule)

    async def _note(self, name: str, connector: str, result: Result, *, found: Schedule | None = None) -> None:
        """Note a result, unless that was done. Nothing is noted if the schedule is no more as it was ``found``."""
        now, settings = self._clock(), self._host.settings
        channels = channels_of(settings.notices) or ("",)

        def edit(before: Schedule) -> Edited:
            is_noted = bool(result.run_id) and result.run_id == before.noted_run
            # A run of this service may have begun or ended since: the next look tells.
            if is_noted or (found and found != before):
                return before, ()
            after, events = judge(before, result, settings.schedule, now)
            made = [
                (event, payload(event, after, connector, result, at=now, address=settings.notices.address))
                for event in events
            ]
            return after, [
                NewNotice(now, name, event, channel, content) for event, content in made for channel in channels
            ]

        await self._table.edit(name, edit)
        await self._host.store.notices.prune(now - timedelta(days=settings.host.retention.runs))


def _seen(run_id: str, before: Schedule) -> Edited:
    return (replace(before, noted_run=run_id) if before.noted_run is None else before), ()

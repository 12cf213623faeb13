"""The part of the host by which an operator schedules, pauses and resumes integrations."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from connector_core.audit import ACTOR, Action, Detail
from connector_core.cron import check_cron, in_words, next_time, next_times
from connector_core.settings import ScheduleSettings
from connector_core.store import Schedule, Store
from connector_core.store.schedules import Edited

__all__ = ["Schedule", "Schedules", "in_words", "next_times"]


class Schedules:
    """``host.schedules``: when each integration runs by itself, in a service."""

    def __init__(
        self,
        store: Store,
        settings: ScheduleSettings,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._timezone = settings.timezone
        self._clock = clock

    async def get(self, name: str) -> Schedule:
        """Return the schedule of an integration; one without ``cron`` where it has none."""
        await self._store.integrations.get(name)
        return await self._store.schedules.get(name)

    async def all(self) -> list[Schedule]:
        """Return the schedule of every integration, by name."""
        kept = {one.integration: one for one in await self._store.schedules.all()}
        return [kept.get(one.name, Schedule(one.name)) for one in await self._store.integrations.all()]

    async def set(self, name: str, cron: str | None, *, delta: bool = False) -> Schedule:
        """Run an integration at the times that a cron expression names, in the time zone of the settings.

        None takes the schedule away. SettingsError if the expression is not valid.
        """
        said = check_cron(cron) if cron is not None else ""
        due = next_time(said, self._timezone, after=self._clock())

        def edit(before: Schedule) -> Edited:
            after = replace(before, cron=said, delta=delta and bool(said), due_at=due)
            # Nothing is waited for where nothing is scheduled.
            return (after if said else replace(after, retry_at=None, quarantined_at=None)), ()

        return await self._edit(name, edit, Action.SCHEDULED, cron=said, delta=delta and bool(said))

    async def pause(self, name: str) -> Schedule:
        """Start no further run of an integration by itself. One that is under way goes on."""
        # As the store keeps it.
        now, by = self._clock().replace(microsecond=0), ACTOR.get()

        def edit(before: Schedule) -> Edited:
            return (before if before.paused_at else replace(before, paused_at=now, paused_by=by)), ()

        return await self._edit(name, edit, Action.PAUSED)

    async def resume(self, name: str) -> Schedule:
        """Start the runs of an integration again, from the next time of its schedule on."""
        now = self._clock()

        def edit(before: Schedule) -> Edited:
            if not before.paused_at:
                return before, ()
            due = next_time(before.cron, self._timezone, after=now)
            return replace(before, paused_at=None, paused_by="", due_at=due), ()

        return await self._edit(name, edit, Action.RESUMED)

    def times(self, schedule: Schedule, count: int = 5) -> list[datetime]:
        """Return the next times of a schedule, in the time zone of the settings; none without one."""
        return next_times(schedule.cron, self._timezone, count, after=self._clock()) if schedule.cron else []

    async def _edit(self, name: str, edit: Callable[[Schedule], Edited], action: Action, **details: Detail) -> Schedule:
        await self._store.integrations.get(name)
        return await self._store.schedules.edit(name, edit, action, **details) or Schedule(name)

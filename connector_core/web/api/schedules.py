"""Schedules: when integrations run by themselves, and what a cron expression means."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from connector_core.cron import in_words, next_times
from connector_core.errors import SettingsError
from connector_core.schedules import Schedule
from connector_core.settings import Role
from connector_core.web.api.operations import Operations
from connector_core.web.api.shapes import OfIntegration, Shape, Shown
from connector_core.web.site import Site

operations = Operations("Schedules")

Cron = Annotated[str, Field(min_length=1, max_length=200, description="A cron expression of five fields.")]


class CronQuery(Shape):
    cron: Cron


class Meaning(Shape):
    """A cron expression, understood."""

    words: str
    times: Annotated[list[datetime], Field(description="The next five, in the time zone of the settings.")]
    timezone: str


class NewSchedule(Shape):
    cron: Cron
    delta: Annotated[bool, Field(description="Read only what has changed, where that is possible.")] = False


class ScheduleShape(Shown):
    """When an integration runs by itself, and how its last runs went."""

    integration: str
    cron: Annotated[str, Field(description="Empty if it runs only when it is told to.")]
    delta: bool
    next_at: Annotated[datetime | None, Field(description="Null if it is paused, or has no schedule.")]
    paused_at: datetime | None
    paused_by: str
    failures: Annotated[int, Field(description="Runs that have failed in a row.")]
    problem: str
    retry_at: Annotated[datetime | None, Field(description="The next try, while runs fail.")]
    quarantined_at: datetime | None


class ScheduleDetails(Shape):
    schedule: ScheduleShape
    words: str
    times: Annotated[list[datetime], Field(description="The next five by the expression, in the settings' time zone.")]


@operations.add("GET", "/cron", errors=(SettingsError,))
async def explain_cron(site: Site, query: CronQuery) -> Meaning:
    """Say what a cron expression means, in words and by its next five times."""
    timezone = site.host.settings.schedule.timezone
    return Meaning(words=in_words(query.cron), times=next_times(query.cron, timezone), timezone=timezone)


@operations.add("GET", "/integrations/{name}/schedule")
async def get_schedule(site: Site, path: OfIntegration) -> ScheduleDetails:
    """Return the schedule of an integration."""
    return _details(site, await site.host.schedules.get(path.name))


@operations.add("PUT", "/integrations/{name}/schedule", role=Role.ADMINISTRATOR, errors=(SettingsError,))
async def set_schedule(site: Site, path: OfIntegration, body: NewSchedule) -> ScheduleDetails:
    """Run an integration at the times that a cron expression names, in the time zone of the settings."""
    return _details(site, await site.host.schedules.set(path.name, body.cron, delta=body.delta))


@operations.add("DELETE", "/integrations/{name}/schedule", role=Role.ADMINISTRATOR)
async def delete_schedule(site: Site, path: OfIntegration) -> None:
    """Take the schedule of an integration away: it runs only when it is told to."""
    await site.host.schedules.set(path.name, None)


@operations.add("POST", "/integrations/{name}/pause", role=Role.APPROVER)
async def pause(site: Site, path: OfIntegration) -> ScheduleDetails:
    """Start no further run of an integration by schedule. One that is under way goes on."""
    return _details(site, await site.host.schedules.pause(path.name))


@operations.add("POST", "/integrations/{name}/resume", role=Role.APPROVER)
async def resume(site: Site, path: OfIntegration) -> ScheduleDetails:
    """Start runs by schedule again, from the next time on."""
    return _details(site, await site.host.schedules.resume(path.name))


def _details(site: Site, one: Schedule) -> ScheduleDetails:
    return ScheduleDetails(
        schedule=ScheduleShape.of(one),
        words=in_words(one.cron) if one.cron else "",
        times=site.host.schedules.times(one),
    )

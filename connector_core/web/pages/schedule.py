"""The schedule of an integration: its form, and what an expression means while it is typed."""

from dataclasses import replace
from typing import Any

from aiohttp import web

from connector_core.cron import in_words
from connector_core.errors import SettingsError
from connector_core.host import Host
from connector_core.schedules import Schedule
from connector_core.settings import Role
from connector_core.web.access import needs
from connector_core.web.done import done
from connector_core.web.failures import problem_of
from connector_core.web.integration_page import ahead, in_full
from connector_core.web.rendering import render
from connector_core.web.site import host_of

routes = web.RouteTableDef()
_PATH = "/integrations/{name}"
OFTEN_USED = (
    ("*/30 * * * *", "every 30 minutes"),
    ("0 * * * *", "every hour"),
    ("0 6 * * *", "every day at 06:00"),
    ("0 6 * * 1", "on Mondays at 06:00"),
)


@routes.get(f"{_PATH}/schedule")
@needs(Role.ADMINISTRATOR)
async def form(request: web.Request) -> web.Response:
    """Show the form of the schedule. What is typed into it, the API explains."""
    name, host = request.match_info["name"], host_of(request)
    return _form(request, name, host, await host.schedules.get(name))


@routes.post(f"{_PATH}/schedule")
@needs(Role.ADMINISTRATOR)
async def save(request: web.Request) -> web.Response:
    """Save the schedule, or take it away where the field is empty."""
    name, host, typed = request.match_info["name"], host_of(request), await request.post()
    cron, delta = str(typed.get("cron", "")).strip(), "delta" in typed
    try:
        await host.schedules.set(name, cron or None, delta=delta)
    except SettingsError:
        before = await host.schedules.get(name)
        return _form(request, name, host, replace(before, cron=cron, delta=delta), status=422)
    raise done(f"/integrations/{name}", "scheduled" if cron else "unscheduled")


def _form(request: web.Request, name: str, host: Host, schedule: Schedule, *, status: int = 200) -> web.Response:
    return render(
        request,
        "schedule.html",
        status=status,
        name=name,
        schedule=schedule,
        cron=schedule.cron,
        timezone=host.settings.schedule.timezone,
        often_used=OFTEN_USED,
        **meaning_of(host, schedule),
    )


def meaning_of(host: Host, schedule: Schedule) -> dict[str, Any]:
    """Return what a cron expression means, in words and by its next times, or what is wrong with it."""
    try:
        words = in_words(schedule.cron) if schedule.cron else ""
        times = [(in_full(one), ahead(one)) for one in host.schedules.times(schedule)]
    except SettingsError as error:
        return {"words": "", "next_times": [], "problem": problem_of(error)}
    return {"words": words, "next_times": times, "problem": None}

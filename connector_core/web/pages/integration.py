"""An integration: what is known of each kind, its runs and its schedule, and what an operator does with it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aiohttp import web

from connector_core.cron import in_words
from connector_core.errors import BusyError, ConnectorCoreError, SettingsError
from connector_core.outcomes import Standing
from connector_core.schedules import Schedule
from connector_core.scheduling import LiveRun
from connector_core.settings import Role
from connector_core.status import IntegrationStatus, KindStatus
from connector_core.web.access import needs
from connector_core.web.done import done, said
from connector_core.web.failures import problem_of
from connector_core.web.pages.live import live_values
from connector_core.web.rendering import is_fragment, render
from connector_core.web.site import host_of, site_of

routes = web.RouteTableDef()
_PATH = "/integrations/{name}"
_OLD = 7
"""Days after which the last complete reading of a kind is called old."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A state in one or two words, and its tone: good, note, bad or calm."""

    text: str
    tone: str


def state_of(status: IntegrationStatus, schedule: Schedule, live: LiveRun | None) -> Mark:
    """Return the state of an integration: what needs an operator most comes first."""
    if live and not live.ended:
        return Mark("running", "calm")
    if schedule.quarantined_at:
        return Mark("quarantined", "bad")
    run = status.last_run
    if run is None:
        return Mark("never run", "calm")
    if run.error and run.error != "interrupted":
        return Mark("failed", "bad")
    if status.held:
        return Mark("plan waits", "note")
    if run.error:
        return Mark("interrupted", "note")
    tone = "good" if run.verdict in {"complete", "caught up"} else "note"
    return Mark(
        f"paused, {run.verdict}" if schedule.paused_at else str(run.verdict), "note" if schedule.paused_at else tone
    )


def mark_of(kind: KindStatus) -> Mark:
    """Return the state of one kind, with how old its last complete reading is: complete alone says too little."""
    certificate = kind.certificate
    if certificate is None:
        return Mark("not read yet", "calm")
    if certificate.standing is Standing.INCOMPLETE:
        return Mark("incomplete", "bad" if kind.last_complete_at is None else "note")
    tone = "good" if certificate.standing.good and not is_old(kind) else "note"
    return Mark(str(certificate.standing), tone)


def is_old(kind: KindStatus) -> bool:
    """Return True if the last complete reading of a kind lies more than a week back."""
    return kind.last_complete_at is None or datetime.now(UTC) - kind.last_complete_at > timedelta(days=_OLD)


@routes.get(_PATH)
async def overview(request: web.Request) -> web.Response:
    """Show an integration."""
    name, host, engine = request.match_info["name"], host_of(request), site_of(request).engine
    status, schedule = await host.status(name), await host.schedules.get(name)
    live = engine.running().get(name)
    values = {
        "overview": status,
        "schedule": schedule,
        "state": state_of(status, schedule, live),
        **(live_values(live) if live else {"live": None}),
        "mark_of": mark_of,
        "in_words": in_words,
        "times": host.schedules.times(schedule),
        "title": title_of(request, status.integration.connector),
    }
    if is_fragment(request):
        return render(request, "parts/integration.html", **values)
    return render(request, "integration.html", name=name, said=said(request), **values)


def title_of(request: web.Request, connector: str) -> str:
    """Return the title of a connector; its name where it is not loaded now."""
    found = host_of(request).registry.connectors.get(connector)
    return found.manifest.title if found else connector


@routes.post(f"{_PATH}/run")
@needs(Role.APPROVER)
async def run(request: web.Request) -> web.Response:
    """Start a run: of everything, of changes only, or up to its plan."""
    name, how = request.match_info["name"], str((await request.post()).get("how", "full"))
    if how not in {"full", "delta", "plan"}:
        raise SettingsError(f"There is no run of the sort {how[:20]!r}.", hint="full, delta or plan")
    await host_of(request).store.integrations.get(name)
    if await host_of(request).is_running(name) and name not in site_of(request).engine.running():
        raise BusyError(f"{name} is being run or changed by another process.", hint="Wait until it has ended.")
    await site_of(request).engine.start(name, delta=how == "delta", plan=how == "plan")
    raise done(f"/integrations/{name}", "started")


@routes.post(f"{_PATH}/cancel")
@needs(Role.APPROVER)
async def cancel(request: web.Request) -> web.Response:
    """Ask the run under way to end."""
    name = request.match_info["name"]
    await site_of(request).engine.cancel(name)
    raise done(f"/integrations/{name}", "cancelled")


@routes.post(f"{_PATH}/pause")
@needs(Role.APPROVER)
async def pause(request: web.Request) -> web.Response:
    """Start no further run by schedule."""
    name = request.match_info["name"]
    await host_of(request).schedules.pause(name)
    raise done(f"/integrations/{name}", "paused")


@routes.post(f"{_PATH}/resume")
@needs(Role.APPROVER)
async def resume(request: web.Request) -> web.Response:
    """Let the schedule go on."""
    name = request.match_info["name"]
    await host_of(request).schedules.resume(name)
    raise done(f"/integrations/{name}", "resumed")


@routes.get(f"{_PATH}/schedule")
async def schedule_form(request: web.Request) -> web.Response:
    """Show the form of the schedule. What is typed into it, the API explains."""
    name, host = request.match_info["name"], host_of(request)
    schedule = await host.schedules.get(name)
    return render(
        request,
        "schedule.html",
        name=name,
        schedule=schedule,
        cron=schedule.cron,
        words=in_words(schedule.cron) if schedule.cron else "",
        next_times=host.schedules.times(schedule),
        problem=None,
    )


@routes.post(f"{_PATH}/schedule")
@needs(Role.ADMINISTRATOR)
async def set_schedule(request: web.Request) -> web.Response:
    """Save the schedule, or take it away where the field is empty."""
    name, host, typed = request.match_info["name"], host_of(request), await request.post()
    cron = str(typed.get("cron", "")).strip()
    try:
        await host.schedules.set(name, cron or None, delta="delta" in typed)
    except SettingsError as error:
        schedule = await host.schedules.get(name)
        values = {"name": name, "schedule": schedule, "cron": cron, "words": "", "next_times": []}
        return render(request, "schedule.html", status=422, problem=problem_of(error), **values)
    raise done(f"/integrations/{name}", "scheduled" if cron else "unscheduled")


@routes.post(f"{_PATH}/check")
@needs(Role.APPROVER)
async def check(request: web.Request) -> web.Response:
    """Check the connection and each kind's permission now, and show what to grant."""
    name = request.match_info["name"]
    try:
        report, problem = await host_of(request).check(name), None
    except ConnectorCoreError as error:
        report, problem = None, problem_of(error)
    return render(request, "parts/check.html", report=report, problem=problem, name=name)


@routes.get(f"{_PATH}/remove")
@needs(Role.ADMINISTRATOR)
async def remove_form(request: web.Request) -> web.Response:
    """Ask before an integration is removed."""
    name, host = request.match_info["name"], host_of(request)
    return render(request, "remove.html", name=name, counts=await host.count_entities(name), problem=None)


@routes.post(f"{_PATH}/remove")
@needs(Role.ADMINISTRATOR)
async def remove(request: web.Request) -> web.Response:
    """Remove an integration whose name was typed."""
    name, host, typed = request.match_info["name"], host_of(request), await request.post()
    if str(typed.get("typed", "")).strip() != name:
        problem = problem_of(SettingsError("The name was not typed as it is.", hint=f"Type {name} to remove it."))
        counts = await host.count_entities(name)
        return render(request, "remove.html", status=422, name=name, counts=counts, problem=problem)
    await host.remove(name)
    raise done("/settings/integrations", "removed")

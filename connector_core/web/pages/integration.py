"""An integration: what is known of each kind, its runs and its schedule, and what an operator does with it."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from connector_core.cron import in_words
from connector_core.errors import BusyError, ConnectorCoreError, SettingsError
from connector_core.host import Host
from connector_core.scheduling import LiveRun
from connector_core.settings import Role
from connector_core.web import integration_page as shown
from connector_core.web.access import needs
from connector_core.web.done import done, said
from connector_core.web.failures import Problem, problem_of
from connector_core.web.live import Seen, last_of, pace_of
from connector_core.web.rendering import is_fragment, render
from connector_core.web.site import host_of, site_of

routes = web.RouteTableDef()
_PATH = "/integrations/{name}"


@routes.get(_PATH)
async def overview(request: web.Request) -> web.Response:
    """Show an integration."""
    return await _page(request)


async def _page(request: web.Request, problem: Problem | None = None) -> web.Response:
    """Show an integration, and why something was not done."""
    values = await overview_values(request, host_of(request))
    if is_fragment(request) and problem is None:
        return render(request, "parts/integration.html", **values)
    status = problem.status if problem else 200
    return render(request, "integration.html", status=status, said=_said(request, values), problem=problem, **values)


def _said(request: web.Request, values: Mapping[str, Any]) -> str:
    """Return what was done before this page; of a run only while it goes on, as a bookmark would say it later."""
    goes_on = values["live"] or values["is_elsewhere"]
    return said(request) if goes_on or request.query.get("done") not in {"started", "cancelled"} else ""


async def overview_values(request: web.Request, host: Host) -> dict[str, Any]:
    """Return what the overview of a request's integration shows."""
    name, engine = request.match_info["name"], site_of(request).engine
    status, schedule = await host.status(name), await host.schedules.get(name)
    live = engine.running().get(name)
    is_elsewhere = status.is_running and not live
    trouble = None if live or is_elsewhere else shown.trouble_of(status, schedule, await last_of(engine, name))
    found = host.registry.connectors.get(status.integration.connector)
    return {
        "name": name,
        "overview": status,
        "schedule": schedule,
        "words": in_words(schedule.cron) if schedule.cron else "",
        "trouble": trouble,
        "follows": shown.what_follows(schedule, host.settings.schedule, status.last_run),
        "state": shown.state_of(status, schedule, trouble, is_running=bool(live) or is_elsewhere),
        "is_elsewhere": is_elsewhere,
        # The connector may be one that is not loaded now.
        "title": found.manifest.title if found else status.integration.connector,
        "page": shown,
        "key": Seen(status.last_run, status.held, schedule, bool(live), is_elsewhere).key,
        **(live_values(live) if live else {"live": None}),
    }


def live_values(live: LiveRun) -> dict[str, Any]:
    """Return a run, its rate and what is left of it, as the page shows them."""
    return {"live": live, "pace": pace_of(live)}


# ---- runs


@routes.post(f"{_PATH}/run")
@needs(Role.APPROVER)
async def run(request: web.Request) -> web.Response:
    """Start a run: of everything, of changes only, or up to its plan; perhaps believing fields that came empty."""
    name, host, engine = request.match_info["name"], host_of(request), site_of(request).engine
    typed = await request.post()
    how, accept = str(typed.get("how", "full")), [*map(str, typed.getall("accept", []))]
    await host.store.integrations.get(name)
    try:
        if how not in {"full", "delta", "plan"}:
            raise SettingsError(f"There is no run of the sort {how[:20]!r}.", hint="It is full, delta or plan.")
        if name not in engine.running() and await host.is_running(name):
            raise BusyError(f"{name} is being run or changed by another process.", hint="Wait until it has ended.")
        await engine.start(name, delta=how == "delta", plan=how == "plan", accept=accept)
    except ConnectorCoreError as error:
        return await _page(request, problem_of(error))
    raise done(f"/integrations/{name}", "started")


@routes.post(f"{_PATH}/cancel")
@needs(Role.APPROVER)
async def cancel(request: web.Request) -> web.Response:
    """Ask the run under way to end."""
    name = request.match_info["name"]
    await host_of(request).store.integrations.get(name)
    if name not in site_of(request).engine.running():
        error = BusyError(
            f"No run of {name} is under way here.",
            hint="It has ended, or another process runs it: then cancel it there.",
        )
        return await _page(request, problem_of(error))
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


# ---- the connection


@routes.post(f"{_PATH}/check")
@needs(Role.APPROVER)
async def check(request: web.Request) -> web.Response:
    """Check the connection and each kind's permission now, and show what to grant."""
    name = request.match_info["name"]
    await host_of(request).store.integrations.get(name)
    try:
        report, problem = await host_of(request).check(name), None
    except ConnectorCoreError as error:
        report, problem = None, problem_of(error)
    template = "parts/check.html" if is_fragment(request) else "check.html"
    status = problem.status if problem else 200
    return render(request, template, status=status, report=report, problem=problem, name=name)


@routes.get(f"{_PATH}/remove")
@needs(Role.ADMINISTRATOR)
async def remove_form(request: web.Request) -> web.Response:
    """Ask before an integration is removed."""
    return await _remove_form(request)


@routes.post(f"{_PATH}/remove")
@needs(Role.ADMINISTRATOR)
async def remove(request: web.Request) -> web.Response:
    """Remove an integration whose name was typed."""
    name, host, typed = request.match_info["name"], host_of(request), await request.post()
    if str(typed.get("typed", "")).strip() != name:
        error = SettingsError("The name was not typed as it is.", hint=f"Type {name} to remove it.")
        return await _remove_form(request, problem_of(error))
    try:
        await host.remove(name)
    except BusyError as error:
        if await host.is_removed(name):
            raise done("/settings/integrations", "removed_traces") from None
        return await _remove_form(request, problem_of(error))
    raise done("/settings/integrations", "removed")


async def _remove_form(request: web.Request, problem: Problem | None = None) -> web.Response:
    name, host = request.match_info["name"], host_of(request)
    counts, status = await host.count_entities(name), problem.status if problem else 200
    return render(request, "remove.html", status=status, name=name, counts=counts, problem=problem)

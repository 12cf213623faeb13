"""The plan that waits: its changes with old and new values, and the decision on all of it or a part."""

from aiohttp import web

from connector_core.errors import BusyError, PlanChangedError, SettingsError
from connector_core.messages import action
from connector_core.settings import Role
from connector_core.web.access import needs
from connector_core.web.done import done, said
from connector_core.web.failures import Problem, problem_of
from connector_core.web.plan_page import APPLIED, groups_of, outcome_of, selection_of, summary_of, witnesses_of
from connector_core.web.rendering import is_fragment, render
from connector_core.web.site import host_of

routes = web.RouteTableDef()
_PATH = "/integrations/{name}/plan"
_SHOWN = (50, 500, 5000)
"""Changes that are shown of each kind and operation, at first and on request."""


@routes.get(_PATH)
async def plan(request: web.Request) -> web.Response:
    """Show the plan that waits, removals first."""
    return await _page(request)


async def _page(request: web.Request, problem: Problem | None = None) -> web.Response:
    """Show the plan as it is now, and why a decision on an earlier one, or a part of it, was not carried out."""
    name, host = request.match_info["name"], host_of(request)
    held, status = await host.held(name), problem.status if problem else 200
    known = {
        "name": name,
        "held": held,
        "problem": problem,
        "said": said(request),
        "was_applied": request.query.get("done") in APPLIED,
        "undo_days": host.settings.host.retention.undo,
    }
    if held is None:
        return render(request, "plan.html", status=status, **known)
    shown = next((one for one in _SHOWN if request.query.get("show") == str(one)), _SHOWN[0])
    groups = await groups_of(host, held, shown)
    return render(
        request,
        "plan.html",
        status=status,
        groups=groups,
        summary=summary_of(groups),
        guards=await host.held_because(held.run_id),
        action=action,
        witnesses_of=witnesses_of,
        more=next((one for one in _SHOWN if one > shown), None),
        **known,
    )


@routes.get(f"{_PATH}/effects")
async def effects(request: web.Request) -> web.Response:
    """Show the effect of the plan on departments: loaded beside the page, since it looks at every change."""
    name, host = request.match_info["name"], host_of(request)
    held = await host.held(name)
    found = await host.plan_effects(name, held.run_id) if held else []
    return render(request, "parts/effects.html" if is_fragment(request) else "effects.html", name=name, effects=found)


@routes.post(f"{_PATH}/apply")
@needs(Role.APPROVER)
async def apply(request: web.Request) -> web.Response:
    """Apply what was shown: all of it, or what was ticked."""
    name, typed = request.match_info["name"], await request.post()
    run_id, fingerprint = str(typed.get("run", "")), str(typed.get("fingerprint", ""))
    try:
        applied = await host_of(request).apply(name, run_id, only=selection_of(typed), fingerprint=fingerprint)
    except (SettingsError, BusyError) as error:
        return await _page(request, _undecided(error))
    raise done(f"/integrations/{name}/plan", outcome_of(applied), applied.applied)


@routes.post(f"{_PATH}/discard")
@needs(Role.APPROVER)
async def discard(request: web.Request) -> web.Response:
    """Discard what was shown: all of it, or what was ticked."""
    name, typed = request.match_info["name"], await request.post()
    run_id, fingerprint = str(typed.get("run", "")), str(typed.get("fingerprint", ""))
    try:
        discarded = await host_of(request).discard(name, run_id, only=selection_of(typed), fingerprint=fingerprint)
    except (SettingsError, BusyError) as error:
        return await _page(request, _undecided(error))
    raise done(f"/integrations/{name}/plan", "discarded", discarded)


def _undecided(error: SettingsError | BusyError) -> Problem:
    """Return why a decision was not carried out. Below it stands the plan as it is now."""
    problem = problem_of(error)
    if isinstance(error, PlanChangedError):
        hint = "Nothing was applied or discarded. Below is the plan as it is now: decide again."
        return Problem(problem.status, problem.code, problem.message, hint)
    return problem

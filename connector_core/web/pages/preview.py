"""One row, step by step: what the provider says of it now, and what a run would make of it. Nothing is stored."""

from typing import Any

from aiohttp import web

from connector_core.errors import ConnectorCoreError, SettingsError
from connector_core.host import Host
from connector_core.settings import Role
from connector_core.web.access import needs
from connector_core.web.failures import Problem, problem_of
from connector_core.web.previewing import preview_row
from connector_core.web.rendering import is_fragment, render
from connector_core.web.site import host_of

routes = web.RouteTableDef()
_CANDIDATES = 10


@routes.get("/integrations/{name}/preview")
async def form(request: web.Request) -> web.Response:
    """Show the form."""
    return render(request, "preview.html", **await _values(request, "", "Employee"))


@routes.post("/integrations/{name}/preview")
@needs(Role.APPROVER)
async def preview(request: web.Request) -> web.Response:
    """Ask the provider for one row."""
    name, host, typed = request.match_info["name"], host_of(request), await request.post()
    wanted, kind = str(typed.get("who", "")).strip(), str(typed.get("kind", "Employee"))
    values = await _values(request, wanted, kind)
    try:
        if not wanted:
            raise SettingsError("Nobody is named.", hint="Type a name, an e-mail address or an id.")
        source_id, candidates = await _find(host, name, kind, wanted)
        if candidates:
            values["candidates"] = candidates
        else:
            values["preview"] = await preview_row(host, name, await host.kind(name, kind), source_id)
    except ConnectorCoreError as error:
        values["problem"] = problem_of(error)
    return render(request, "parts/preview.html" if is_fragment(request) else "preview.html", **values)


async def _values(request: web.Request, wanted: str, kind: str) -> dict[str, Any]:
    name, host = request.match_info["name"], host_of(request)
    integration = await host.store.integrations.get(name)
    connector = host.registry.connector(integration.connector)
    problem: Problem | None = None
    return {
        "name": name,
        "wanted": wanted,
        "kind": kind,
        "kinds": list(connector.declarations),
        "title": connector.manifest.title,
        "preview": None,
        "candidates": (),
        "problem": problem,
    }


async def _find(host: Host, name: str, kind: str, wanted: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the id that is meant, or those that may be, with their names. What is not stored is taken for an id."""
    if kind != "Employee":
        return wanted, []
    directory = await host.directory(name)
    if directory.person(wanted):
        return wanted, []
    found = directory.people(search=wanted, limit=_CANDIDATES).rows
    if len(found) > 1:
        return "", [
            (one.source_id, f"{one.name or one.source_id}, {one.job_title or one.email or ''}") for one in found
        ]
    return (found[0].source_id if found else wanted), []

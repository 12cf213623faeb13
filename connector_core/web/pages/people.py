"""The people and departments of an integration, as they are stored."""

from typing import Any

from aiohttp import web

from connector_core import Employee, Status, WorkerType
from connector_core.web.charts import share_bar
from connector_core.web.errors import MissingError
from connector_core.web.rendering import is_fragment, render
from connector_core.web.site import host_of, site_of

routes = web.RouteTableDef()
_PAGE = 50
_CHANGES = 50
_FILTERS = ("search", "status", "worker_type", "department")
_SHOWN_ELSEWHERE = frozenset({"source_id", "display_name", "manager_source_id", "manager_name"})
"""Columns that have a place of their own on a person's page."""


@routes.get("/integrations/{name}/people")
async def people(request: web.Request) -> web.Response:
    """Show people, a page at a time: searched, and filtered by status, type and department."""
    name, sealing = request.match_info["name"], site_of(request).sealing
    query = sealing.query_of(request)
    directory = await host_of(request).directory(name)
    chosen = {key: query.get(key, "") for key in _FILTERS}
    found = directory.people(
        search=chosen["search"],
        status=chosen["status"] or None,
        worker_type=chosen["worker_type"] or None,
        department=chosen["department"] or None,
        after=query.get("after") or None,
        limit=_PAGE,
    )
    values: dict[str, Any] = {
        "name": name,
        "found": found,
        "chosen": chosen,
        "department": directory.department(chosen["department"]) if chosen["department"] else None,
        "next": sealing.address(f"/integrations/{name}/people", {**chosen, "after": found.next}) if found.next else "",
    }
    if is_fragment(request):
        template = "parts/people_rows.html" if query.get("after") else "parts/people.html"
        return render(request, template, **values)
    return render(
        request, "people.html", statuses=list(Status), worker_types=list(WorkerType), as_of=directory.as_of, **values
    )


@routes.post("/integrations/{name}/people")
async def search(request: web.Request) -> web.Response:
    """Lead to the people who were searched for, by an address that does not name them. It changes nothing."""
    name, typed = request.match_info["name"], await request.post()
    await host_of(request).store.integrations.get(name)
    wanted = {key: str(typed.get(key, "")).strip() for key in _FILTERS}
    raise web.HTTPSeeOther(site_of(request).sealing.address(f"/integrations/{name}/people", wanted))


@routes.get("/integrations/{name}/people/{id}")
async def person(request: web.Request) -> web.Response:
    """Show one person: managers, reports, departments, every stored field, and what has changed."""
    name, source_id, host = request.match_info["name"], request.match_info["id"], host_of(request)
    entity = await host.entity(name, Employee, source_id)
    history = await host.entity_history(name, Employee, source_id, limit=_CHANGES)
    if entity is None and not history:
        raise MissingError(f"{name} has no employee with this id.", hint="Search by name, e-mail or number.")
    if entity is None:
        return render(request, "person_gone.html", name=name, history=history)
    directory, view = await host.directory(name), await host.view(name, Employee, [entity])
    explanation, sealing = await host.explain(name, Employee, source_id), site_of(request).sealing
    reports = directory.reports(source_id, after=sealing.query_of(request).get("after"), limit=_PAGE)
    return render(
        request,
        "person.html",
        name=name,
        entity=entity,
        fields=[(column, view.shown(entity, column)) for column in view.columns if column not in _SHOWN_ELSEWHERE],
        chain=directory.chain(source_id),
        reports=reports,
        more_reports=sealing.address("", {"after": reports.next}) if reports.next else "",
        explanation=explanation,
        sources={one.field: one.source for one in explanation.fields},
        history=history,
    )


@routes.get("/integrations/{name}/departments")
async def departments(request: web.Request) -> web.Response:
    """Show departments as a tree with head-counts; as a part, the branches of one department."""
    name, parent = request.match_info["name"], request.query.get("parent") or None
    directory = await host_of(request).directory(name)
    branches = directory.branches(parent)
    most = max((one.people + one.people_below for one in directory.branches(None)), default=0)
    values: dict[str, Any] = {"name": name, "branches": branches, "bar": share_bar, "most": most}
    if is_fragment(request):
        return render(request, "parts/branches.html", **values)
    return render(request, "departments.html", without=directory.without_department, **values)

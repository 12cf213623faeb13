"""The people and departments of an integration, as they are stored."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from connector_core import Employee, Status, WorkerType
from connector_core.directory import Directory
from connector_core.errors import PluginError
from connector_core.explanations import Explanation
from connector_core.host import Host
from connector_core.web.charts import share_bar
from connector_core.web.directories import directory_of
from connector_core.web.errors import MissingError
from connector_core.web.people import NO_DEPARTMENT, department_choices, gone, stored_fields
from connector_core.web.rendering import is_fragment, render
from connector_core.web.site import host_of, site_of

routes = web.RouteTableDef()
_PAGE = 50
_BRANCHES = 200
_CHANGES = 50
_FILTERS = ("search", "status", "worker_type", "department", "directly")


@routes.get("/integrations/{name}/people")
async def people(request: web.Request) -> web.Response:
    """Show people, a page at a time: searched, and filtered by status, type and department."""
    directory = await directory_of(request)
    if isinstance(directory, web.Response):
        return directory
    name, sealing = request.match_info["name"], site_of(request).sealing
    query = sealing.query_of(request)
    chosen = _chosen(query)
    after = query.get("after")
    found = directory.people(
        search=chosen["search"],
        status=chosen["status"] or None,
        worker_type=chosen["worker_type"] or None,
        department=_department(chosen["department"]),
        below=not chosen["directly"],
        after=after,
        limit=_PAGE,
    )
    here = f"/integrations/{name}/people"
    values: dict[str, Any] = {
        "name": name,
        "found": found,
        "chosen": chosen,
        "after": after,
        "first": sealing.address(here, chosen),
        "any_stored": bool(directory.all_people.known),
        "next": sealing.address(here, {**chosen, "after": found.next}) if found.next else "",
    }
    if is_fragment(request):
        return render(request, "parts/people_rows.html" if after else "parts/people.html", fragment=True, **values)
    return render(
        request,
        "people.html",
        fragment=False,
        statuses=list(Status),
        worker_types=list(WorkerType),
        departments=department_choices(directory, chosen["department"]),
        no_department=NO_DEPARTMENT,
        nested=any(one.branches for one in directory.branches()),
        **values,
    )


@routes.post("/integrations/{name}/people")
async def search(request: web.Request) -> web.Response:
    """Lead to the people who were searched for, by an address that does not name them. It changes nothing."""
    name, typed = request.match_info["name"], await request.post()
    await host_of(request).store.integrations.get(name)
    wanted = {key: str(typed.get(key, "")).strip() for key in _FILTERS}
    raise web.HTTPSeeOther(site_of(request).sealing.address(f"/integrations/{name}/people", wanted))


def _chosen(query: Mapping[str, str]) -> dict[str, str]:
    """Return what the list is filtered by. A status or type that does not exist is no filter."""
    chosen = {key: query.get(key, "") for key in _FILTERS}
    for key, known in (("status", Status), ("worker_type", WorkerType)):
        if chosen[key] not in list(known):
            chosen[key] = ""
    return chosen


def _department(chosen: str) -> str | None:
    """Return the department that is asked for: None for any, and an empty text for people who are in none."""
    return None if not chosen else "" if chosen == NO_DEPARTMENT else chosen


@routes.get("/integrations/{name}/people/{id}")
async def person(request: web.Request) -> web.Response:
    """Show one person: managers, reports, departments, every stored field, and what has changed."""
    name, source_id, host = request.match_info["name"], request.match_info["id"], host_of(request)
    entity = await host.entity(name, Employee, source_id)
    history = await host.entity_history(name, Employee, source_id, limit=_CHANGES)
    explanation = await _explanation(host, name, source_id)
    if entity is None:
        if not history and not (explanation and explanation.known):
            raise MissingError(f"{name} has no employee with this id.", hint="Search by name, e-mail or number.")
        return render(
            request,
            "person_gone.html",
            name=name,
            source_id=source_id,
            history=history,
            explanation=explanation,
            why=gone(explanation, history),
        )
    directory = await directory_of(request)
    if isinstance(directory, web.Response):
        return directory
    row, sealing = directory.person(source_id), site_of(request).sealing
    after = sealing.query_of(request).get("after")
    reports = directory.reports(source_id, after=after, limit=_PAGE)
    return render(
        request,
        "person.html",
        name=name,
        entity=entity,
        fields=stored_fields(entity, explanation, name),
        chain=directory.chain(source_id),
        after=after,
        reports=reports,
        more_reports=sealing.address("", {"after": reports.next}) if reports.next else "",
        departments=[(one, directory.path(one) or None) for one, _ in row.departments] if row else [],
        explanation=explanation,
        history=history,
    )


async def _explanation(host: Host, name: str, source_id: str) -> Explanation | None:
    """Return the origin of what is stored; None where the connector, which is needed for it, cannot be used now."""
    try:
        return await host.explain(name, Employee, source_id)
    except PluginError:
        return None


@routes.get("/integrations/{name}/departments")
async def departments(request: web.Request) -> web.Response:
    """Show departments as a tree with head-counts; as a part, the branches of one department."""
    directory = await directory_of(request)
    if isinstance(directory, web.Response):
        return directory
    name, parent = request.match_info["name"], request.query.get("parent") or None
    if parent is not None and directory.department(parent) is None:
        raise MissingError(f"{name} has no department with this id.", hint="Begin at the top of the tree.")
    values = {"name": name, "parent": parent, **_branches(directory, parent, request.query.get("from", ""))}
    if is_fragment(request):
        return render(request, "parts/branches.html", fragment=True, **values)
    return render(
        request,
        "departments.html",
        above=directory.path(parent) if parent is not None else (),
        without=directory.without_department,
        total=len(directory.all_departments.known),
        fragment=False,
        **values,
    )


def _branches(directory: Directory, parent: str | None, start: str) -> dict[str, Any]:
    """Return the branches that are shown, from one of them on, with what their bars are measured by."""
    all_of_them = directory.branches(parent)
    first = min(int(start), len(all_of_them)) if start.isdecimal() and len(start) < 9 else 0
    return {
        "branches": all_of_them[first : first + _BRANCHES],
        "more": first + _BRANCHES if first + _BRANCHES < len(all_of_them) else None,
        "continued": first > 0,
        "bar": share_bar,
        "most": max((one.people + one.people_below for one in directory.branches(None)), default=0),
    }

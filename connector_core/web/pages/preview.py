"""One row, step by step: what the provider says of it now, and what a run would make of it. Nothing is stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from connector_core.directory import Directory
from connector_core.errors import ConnectorCoreError, SettingsError
from connector_core.settings import Role
from connector_core.views import folded
from connector_core.web.access import needs
from connector_core.web.failures import problem_of
from connector_core.web.rendering import is_fragment, render
from connector_core.web.site import host_of

routes = web.RouteTableDef()
_CANDIDATES = 10
_PERSON, _DEPARTMENT = "Employee", "Department"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A stored row that may be meant."""

    source_id: str
    name: str
    more: str
    """What tells it from others of the same name."""


@dataclass(frozen=True, slots=True)
class Match:
    """The id that is meant; or the rows that may be, the first of ``total``."""

    source_id: str = ""
    candidates: Sequence[Candidate] = ()
    total: int = 0


@routes.get("/integrations/{name}/preview")
async def form(request: web.Request) -> web.Response:
    """Show the form."""
    return render(request, "preview.html", **await _values(request, "", request.query.get("kind", "")))


@routes.post("/integrations/{name}/preview")
@needs(Role.APPROVER)
async def preview(request: web.Request) -> web.Response:
    """Ask the provider for one row."""
    name, host, typed = request.match_info["name"], host_of(request), await request.post()
    wanted = str(typed.get("who", "")).strip()
    values = await _values(request, wanted, str(typed.get("kind", "")))
    try:
        if not wanted:
            raise SettingsError("Nothing was typed.", hint="Type a name, an e-mail address or an id.")
        kind = await host.kind(name, values["kind"])
        # The id of a candidate that was clicked is not looked for again.
        is_id = "exactly" in typed or await host.entity(name, kind, wanted) is not None
        found = Match(wanted) if is_id else match(await host.directory(name), values["kind"], wanted)
        if found.source_id:
            values["preview"] = await host.preview(name, kind, found.source_id)
            values["stored"] = await host.entity(name, kind, found.source_id) is not None
        values["found"] = found
    except ConnectorCoreError as error:
        values["problem"] = problem_of(error)
    return render(request, "parts/preview.html" if is_fragment(request) else "preview.html", **values)


async def _values(request: web.Request, wanted: str, kind: str) -> dict[str, Any]:
    name, host = request.match_info["name"], host_of(request)
    integration = await host.store.integrations.get(name)
    connector = host.registry.connector(integration.connector)
    kinds = list(connector.declarations)
    return {
        "name": name,
        "wanted": wanted,
        "kind": kind if kind in kinds else _PERSON if _PERSON in kinds else kinds[0],
        "kinds": kinds,
        "title": connector.manifest.title,
        "preview": None,
        "stored": False,
        "found": None,
        "problem": None,
    }


def match(directory: Directory, kind: str, wanted: str) -> Match:
    """Return the stored row that is meant by an id, an e-mail address or a name. What is not stored is taken for an id.

    Whatever one person's whole e-mail address or name is means that person, though it is a part of others'.
    SettingsError for what is not stored and cannot be an id: a name that was mistyped is not sent to the provider.
    """
    if kind == _DEPARTMENT:
        return _department(directory, wanted)
    if kind != _PERSON:
        return Match(_as_id(kind, wanted))
    if directory.person(wanted):
        return Match(wanted)
    found = directory.people(search=wanted, limit=_CANDIDATES)
    same = [one for one in found.rows if folded(wanted) in {folded(one.name), folded(one.email or "")}]
    rows = same if len(same) == 1 and found.next is None else found.rows
    if not rows:
        return Match(_as_id(kind, wanted))
    if len(rows) == 1:
        return Match(rows[0].source_id)
    candidates = [
        Candidate(one.source_id, one.name, ", ".join(filter(None, (one.job_title, one.email or one.source_id))))
        for one in rows
    ]
    return Match(candidates=candidates, total=found.total)


def _as_id(kind: str, wanted: str) -> str:
    if "@" in wanted or any(one.isspace() for one in wanted):
        raise SettingsError(
            f"No stored {kind.lower()} matches what was typed, and it cannot be an id: the provider was not asked.",
            hint="Check the spelling, or give the id as the provider writes it: without spaces and @.",
        )
    return wanted


def _department(directory: Directory, wanted: str) -> Match:
    if directory.department(wanted):
        return Match(wanted)
    words = folded(wanted).split()
    found = [one for one in directory.all_departments.sorted if all(word in folded(one.name) for word in words)]
    same = [one for one in found if folded(one.name) == folded(wanted)]
    rows = same if len(same) == 1 else found
    if len(rows) < 2:
        return Match(rows[0].source_id if rows else _as_id(_DEPARTMENT, wanted))
    candidates = [
        Candidate(one.source_id, one.name, " › ".join([above.name for above in directory.path(one.source_id)][:-1]))  # noqa: RUF001 - it is meant
        for one in rows[:_CANDIDATES]
    ]
    return Match(candidates=candidates, total=len(rows))

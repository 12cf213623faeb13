"""Faults of Namely's own: listings that are whole JSON, and wrong; and people who come and go between two pages."""

import json
from typing import Any

from aiohttp import web

from connector_core.testing import Answer, Simulator
from connectors.namely.simulator.directory import Directory
from connectors.namely.simulator.tenant import Tenant

BODIES = ("null", "renamed", "empty_page", "no_total", "wrong_total", "drop_row", "bad_row")
PAGES = ("repeat",)
TENANTS = ("delete", "swap", "resort", "join")
DAMAGES = (*BODIES, *PAGES, *TENANTS)


def damage(simulator: Simulator, directory: Directory, kind: str, request: web.Request) -> Answer:
    """The answer to this request with that wrong in it, or with that happening right after it."""
    if kind == "repeat":
        return simulator.answer(request.clone(rel_url=request.rel_url.update_query(page="1")))
    answer = simulator.answer(request)
    body = json.loads(answer.body)
    if "profiles" not in body:
        return answer
    if kind in TENANTS:
        # In a recording nobody comes or goes.
        if isinstance(directory, Tenant):
            _happen(kind, directory)
        return answer
    _spoil(kind, body)
    return Answer(answer.status, json.dumps(body).encode(), answer.headers)


def _spoil(kind: str, body: dict[str, Any]) -> None:
    rows = body["profiles"]
    if kind == "null":
        body["profiles"] = None
    elif kind == "renamed":
        body["people"] = body.pop("profiles")
    elif kind == "empty_page":
        body["profiles"], body["meta"]["count"] = [], 0
    elif kind == "no_total":
        body["meta"] = {"status": 200}
    elif kind == "wrong_total":
        body["meta"]["total_count"] += 7
    elif kind == "drop_row" and rows:
        rows.pop()
    elif kind == "bad_row" and rows:
        rows[0]["email"] = {"not": "a text"}


def _happen(kind: str, tenant: Tenant) -> None:
    """``tenant`` is as it was when the page was sent."""
    if kind in {"delete", "swap"}:
        tenant.delete(tenant.people[9])
    if kind in {"swap", "join"}:
        tenant.hire()
    if kind == "resort":
        # As when a sort is by something that changes: the last comes first, and all others move down.
        tenant.people.insert(0, tenant.people.pop())

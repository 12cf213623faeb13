"""The history of an integration: its runs, each in full, and its head-count over time."""

from collections.abc import Mapping
from dataclasses import replace

from aiohttp import web

from connector_core.audit import AuditEntry
from connector_core.errors import SettingsError
from connector_core.failures import failure_of
from connector_core.host import Host
from connector_core.messages import began
from connector_core.outcomes import Operation, State
from connector_core.store import Headcount, RunSummary
from connector_core.web import integration_page
from connector_core.web.charts import bar_chart, line_chart
from connector_core.web.errors import MissingError
from connector_core.web.headcount_charts import SPANS, headcount_history
from connector_core.web.integration_page import INTERRUPTED, tone_of, took
from connector_core.web.plan_page import NOUNS, ORDER
from connector_core.web.rendering import is_fragment, render
from connector_core.web.site import host_of

routes = web.RouteTableDef()
_RUNS = (25, 250)
"""Runs that are listed, at first and on request."""
_SPAN = "365"


@routes.get("/integrations/{name}/history")
async def history(request: web.Request) -> web.Response:
    """Show the runs, and the head-count over time."""
    name, host, query = request.match_info["name"], host_of(request), request.query
    limit = _RUNS[1] if query.get("show") == str(_RUNS[1]) else _RUNS[0]
    span = query.get("span", _SPAN) if query.get("span") in SPANS else _SPAN
    runs = await host.history(name, limit + 1)
    held, is_running = await host.held(name), await host.is_running(name)

    def word_of(one: RunSummary) -> str:
        return one.describe(running=is_running, waiting=held is not None and held.run_id == one.run.id)

    people = await headcount_history(host, name, span)
    return render(
        request,
        "parts/headcounts.html" if is_fragment(request) else "history.html",
        name=name,
        runs=runs[:limit],
        moves=await _moves(host, name, runs[:limit]),
        word_of=word_of,
        tone_of=tone_of,
        took=took,
        more=_RUNS[1] if len(runs) > limit < _RUNS[1] else None,
        spans=SPANS,
        span=span,
        line=line_chart("Active employees", people.points),
        chart=bar_chart("Joined and left", people.bars, up="joined", down="left"),
        people=people,
    )


async def _moves(host: Host, name: str, runs: list[RunSummary]) -> dict[tuple[str, str], Headcount]:
    """Return what the plan of each of these runs has changed, by run and kind: the sums of all parts of it."""
    found: dict[tuple[str, str], Headcount] = {}
    for kind in sorted({one.kind for run in runs for one in run.certificates}):
        for one in await host.headcounts(name, kind, since=runs[-1].run.started_at):
            before = found.get((one.run_id, kind))
            found[one.run_id, kind] = one if before is None else _added(before, one)
    return found


def _added(before: Headcount, one: Headcount) -> Headcount:
    return replace(
        one,
        created=before.created + one.created,
        updated=before.updated + one.updated,
        removed=before.removed + one.removed,
        losses=before.losses + one.losses,
    )


@routes.get("/integrations/{name}/runs/{run}")
async def run(request: web.Request) -> web.Response:
    """Show one run: its certificates, what has become of its changes, and who decided on them."""
    name, host = request.match_info["name"], host_of(request)
    await host.store.integrations.get(name)
    try:
        found = await host.run_summary(name, request.match_info["run"])
    except SettingsError as error:
        raise MissingError(error.message, hint=error.hint) from None
    held, is_running = await host.held(name), not found.finished_at and await host.is_running(name)
    waits = held is not None and held.run_id == found.run.id
    counts = await host.count_changes(found.run.id)
    failure = None if found.verdict or is_running else failure_of(found.error or INTERRUPTED)
    entries = await host.audit.entries(name, run_id=found.run.id)
    return render(
        request,
        "run.html",
        name=name,
        found=found,
        word=found.describe(running=is_running, waiting=waits),
        failure=failure,
        to_do=failure.action.format(integration=name, connector=found.run.connector) if failure else "",
        waits=waits,
        guards=await host.held_because(found.run.id) if waits else {},
        became={kind: became_of(counts, kind) for kind in dict.fromkeys(kind for kind, _, _ in counts)},
        decisions=entries[::-1],
        page=integration_page,
        began=began,
        deed_of=deed_of,
    )


def became_of(counts: Mapping[tuple[str, Operation, State], int], kind: str) -> list[tuple[str, dict[State, int]]]:
    """Return how many changes of each operation of one kind are in each state, by the noun of the operation."""
    return [
        (
            f"{NOUNS[operation]}s",
            {state: number for (of, one, state), number in counts.items() if (of, one) == (kind, operation)},
        )
        for operation in ORDER
        if any((of, one) == (kind, operation) for of, one, _ in counts)
    ]


def deed_of(entry: AuditEntry) -> str:
    """Return what an entry of the audit log tells of a run, without its actor: ``plan applied (applied: 3)``."""
    told = [f"{key}: {value:,}" for key, value in entry.details.items() if type(value) is int and value]
    if entry.details.get("delta"):
        told.append("changes only")
    if entry.details.get("apply") is False:
        told.append("up to its plan")
    return entry.action.replace("_", " ") + (f" ({', '.join(told)})" if told else "")

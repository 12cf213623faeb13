"""The history of an integration: its runs, each in full, and its head-count over time."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from aiohttp import web

from connector_core.audit import AuditEntry
from connector_core.errors import SettingsError
from connector_core.failures import failure_of
from connector_core.messages import began
from connector_core.outcomes import Operation, State
from connector_core.store import Headcount
from connector_core.web import integration_page
from connector_core.web.charts import Bars, Point, bar_chart, line_chart
from connector_core.web.errors import MissingError
from connector_core.web.integration_page import INTERRUPTED
from connector_core.web.plan_page import NOUNS, ORDER
from connector_core.web.rendering import render
from connector_core.web.site import host_of

routes = web.RouteTableDef()
_RUNS = (25, 250)
"""Runs that are listed, at first and on request."""
_ENTRIES = 500
"""Entries of the audit log among which those of a run are looked for."""
_MOST_POINTS = 400
_SPANS: tuple[tuple[timedelta, Callable[[datetime], str]], ...] = (
    (timedelta(days=31), lambda at: f"{at:%m-%d}"),
    (timedelta(weeks=26), lambda at: f"{at - timedelta(days=at.weekday()):%m-%d}"),
    (timedelta.max, lambda at: f"{at:%Y-%m}"),
)
"""The span of all head-counts up to which they are summed by day, by week, and by month."""


@routes.get("/integrations/{name}/history")
async def history(request: web.Request) -> web.Response:
    """Show the runs, and the head-count over time."""
    name, host = request.match_info["name"], host_of(request)
    limit = _RUNS[1] if request.query.get("show") == str(_RUNS[1]) else _RUNS[0]
    runs = await host.history(name, limit + 1)
    counts = await host.headcounts(name, "Employee")
    return render(
        request,
        "history.html",
        name=name,
        runs=runs[:limit],
        more=_RUNS[1] if len(runs) > limit < _RUNS[1] else None,
        line=line_chart("Active employees", [Point(one.at, one.active) for one in thinned(counts)]),
        bars=bar_chart("Joins and leaves", joins_and_leaves(counts), up="joined", down="left"),
        counts=counts[-1:],
    )


def thinned(counts: Sequence[Headcount]) -> list[Headcount]:
    """Return at most as many head-counts as a chart can show, the last one among them."""
    step = -(-len(counts) // _MOST_POINTS) or 1
    return [*counts[::-1][::step]][::-1]


def joins_and_leaves(counts: Iterable[Headcount]) -> list[Bars]:
    """Return the people who came and left by day, week or month.

    Those of the first reading did not join then, so it does not count. People leave when they turn inactive, or when an
    active one is removed.
    """
    found = [one for one in counts if one.stored != one.created or one.removed or one.updated]
    if not found:
        return []
    span = found[-1].at - found[0].at
    label = next(label for most, label in _SPANS if span <= most)
    sums: dict[str, list[int]] = {}
    for one in found:
        both = sums.setdefault(label(one.at), [0, 0])
        both[0] += one.created
        both[1] += one.removed + one.deactivated
    return [Bars(at, up, down) for at, (up, down) in sums.items()]


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
    entries = await host.audit.entries(name, limit=_ENTRIES)
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
        decisions=[one for one in reversed(entries) if one.run_id == found.run.id],
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

"""The history of an integration: its runs, each in full, and its head-count over time."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from aiohttp import web

from connector_core.outcomes import State
from connector_core.store import Headcount
from connector_core.web.charts import Bars, Point, bar_chart, line_chart
from connector_core.web.rendering import render
from connector_core.web.site import host_of

routes = web.RouteTableDef()
_RUNS = (25, 250)
"""Runs that are listed, at first and on request."""
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
    """Show one run: its certificates, and what has become of its changes."""
    name, host = request.match_info["name"], host_of(request)
    found = await host.run_summary(name, request.match_info["run"])
    counts = await host.count_changes(found.run.id)
    became: dict[str, list[tuple[str, State, int]]] = {}
    for (kind, operation, state), number in sorted(counts.items()):
        became.setdefault(kind, []).append((str(operation), state, number))
    return render(request, "run.html", name=name, found=found, became=became)

"""The head-count of an integration over time: the points of a line, and the sums of bars."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from connector_core.host import Host
from connector_core.store import Headcount
from connector_core.web.charts import Bars, Point

SPANS = {"30": "30 days", "90": "90 days", "365": "A year", "all": "All"}
"""The spans of time that can be chosen, in days."""
_MOST_POINTS = 300
_FEW_DAYS = 31
"""Up to so many days on which something changed, each application of a plan is a point."""
_LENGTHS: tuple[tuple[timedelta, Callable[[date], date], Callable[[date], date], str], ...] = (
    (timedelta(days=31), lambda day: day, lambda day: day + timedelta(days=1), "%m-%d"),
    (
        timedelta(weeks=27),
        lambda day: day - timedelta(days=day.weekday()),
        lambda day: day + timedelta(weeks=1),
        "%m-%d",
    ),
    (
        timedelta(days=1096),
        lambda day: day.replace(day=1),
        lambda day: (day.replace(day=1) + timedelta(days=32)).replace(day=1),
        "%Y-%m",
    ),
    (
        timedelta.max,
        lambda day: day.replace(month=1, day=1),
        lambda day: day.replace(year=day.year + 1, month=1, day=1),
        "%Y",
    ),
)
"""Up to each span: the first day of a bar, the first day of the next one, and the label. Days, weeks, months, years."""


@dataclass(frozen=True, slots=True)
class HeadcountHistory:
    """The head-counts of a span of time."""

    points: Sequence[Point]
    """Active people, up to now."""
    bars: Sequence[Bars]
    """People who joined and left."""


async def headcount_history(host: Host, name: str, span: str) -> HeadcountHistory:
    """Return the history of the people of an integration. ``span`` is one of `SPANS`."""
    now = datetime.now(UTC)
    since = None if span == "all" else now - timedelta(days=int(span))
    days = await host.headcounts(name, "Employee", since=since, by_day=True)
    shown = days if len(days) > _FEW_DAYS else await host.headcounts(name, "Employee", since=since)
    points = sorted([Point(one.at, one.active) for one in thinned(shown)], key=lambda one: one.at)
    if points and points[-1].at < now:
        points.append(Point(now, points[-1].value))
    return HeadcountHistory(points, joins_and_leaves(days, now))


def thinned(counts: Sequence[Headcount]) -> list[Headcount]:
    """Return at most as many head-counts as a chart can show, the first and the last one among them."""
    step = -(-len(counts) // _MOST_POINTS) or 1
    kept = [*counts[::-1][::step]][::-1]
    return kept if not counts or kept[0] is counts[0] else [counts[0], *kept]


def joins_and_leaves(days: Iterable[Headcount], now: datetime) -> list[Bars]:
    """Return the people who joined and left by day, week, month or year, without a gap up to now.

    A person leaves who turns inactive, or is removed while active.
    """
    found = [one for one in days if one.created or one.losses]
    if not found:
        return []
    # A clock may have been set back in between.
    first, last = min(one.at for one in found).date(), max(now, *[one.at for one in found]).date()
    _, begin, following, label = next(one for one in _LENGTHS if last - first <= one[0])
    sums: dict[date, list[int]] = {}
    day = begin(first)
    while day <= last:
        sums[day] = [0, 0]
        day = following(day)
    for one in found:
        both = sums[begin(one.at.date())]
        both[0] += one.created
        both[1] += one.losses
    return [Bars(f"{day:{label}}", up, down) for day, (up, down) in sums.items()]

"""Charts as SVG: drawn here, so that no page needs a script or an address outside for them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup

_WIDTH, _HEIGHT = 720, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 12, 28
_STEPS = (1, 2, 5)
# ``format`` of a Markup escapes what is put into it.
_CHART = Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}. {}">{}</svg>')
_RULE = Markup('<line class="rule" x1="{0}" x2="{1}" y1="{2:.1f}" y2="{2:.1f}"/>')
_TEXT = Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>')
_BAR = Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>')
_SHARE = Markup(
    '<svg class="share" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label="{}">'
    '<rect class="back" width="100" height="8" rx="2"/><rect class="fill" width="{:.1f}" height="8" rx="2"/></svg>'
)


@dataclass(frozen=True, slots=True)
class Point:
    """One value at a time."""

    at: datetime
    value: int


@dataclass(frozen=True, slots=True)
class Bars:
    """What came and what went within one span of time."""

    label: str
    up: int
    down: int


def line_chart(title: str, points: Sequence[Point]) -> Markup:
    """Return a line through these points, in order of time: a step at each, since a value holds until the next."""
    if not points:
        return Markup()
    low, high, step = _scale(min(one.value for one in points), max(one.value for one in points))
    start, end = points[0].at.timestamp(), points[-1].at.timestamp()

    def x(at: datetime) -> float:
        share = (at.timestamp() - start) / (end - start) if end > start else 0.5
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(value: int) -> float:
        return _TOP + (high - value) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    path = f"M{x(points[0].at):.1f} {y(points[0].value):.1f}"
    path += "".join([f"H{x(one.at):.1f}V{y(one.value):.1f}" for one in points[1:]])
    first, last = points[0], points[-1]
    said = f"From {first.value:,} on {_day(first.at)} to {last.value:,} on {_day(last.at)}."
    parts = [
        *(_rule(y(value), f"{value:,}") for value in range(low, high + 1, step)),
        Markup('<path class="line" d="{}"/>').format(path),
        Markup('<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="4"/>').format(x(last.at), y(last.value)),
        _text(_LEFT, _HEIGHT - 8, _day(first.at), "start"),
        _text(_WIDTH - _RIGHT, _HEIGHT - 8, _day(last.at), "end") if end > start else Markup(),
    ]
    return _svg(title, said, parts)


def bar_chart(title: str, bars: Sequence[Bars], *, up: str, down: str) -> Markup:
    """Return bars above and below a line: what came, and what went. ``up`` and ``down`` are their nouns."""
    if not bars:
        return Markup()
    low, high, step = _scale(-max(one.down for one in bars), max(one.up for one in bars))
    width = (_WIDTH - _LEFT - _RIGHT) / len(bars)

    def y(value: float) -> float:
        return _TOP + (high - value) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    parts = [_rule(y(value), f"{abs(value):,}") for value in range(low, high + 1, step)]
    for place, one in enumerate(bars):
        left, inner = _LEFT + place * width + width * 0.15, width * 0.7
        for name, top, bottom in (("up", y(one.up), y(0)), ("down", y(0), y(-one.down))):
            parts.append(_BAR.format(name, left, top, inner, bottom - top))
    every = max(1, len(bars) // 6)
    parts += [
        _text(_LEFT + (place + 0.5) * width, _HEIGHT - 8, bars[place].label, "middle")
        for place in range(0, len(bars), every)
    ]
    said = f"{sum(one.up for one in bars):,} {up} and {sum(one.down for one in bars):,} {down} in all."
    return _svg(title, said, parts)


def share_bar(value: int, most: int, said: str) -> Markup:
    """Return a horizontal bar for one value of several, of which ``most`` is the largest."""
    width = 100 * value / most if most else 0
    return _SHARE.format(said, width)


def _scale(low: int, high: int) -> tuple[int, int, int]:
    """Return bounds around two values, and the distance of about five lines between them."""
    low, high = min(low, high), max(low, high)
    span = max(high - low, 1)
    size = 1
    while True:
        for factor in _STEPS:
            step = size * factor
            if span / step <= 5:
                return low // step * step, max(-(-high // step), low // step + 1) * step, step
        size *= 10


def _svg(title: str, said: str, parts: Iterable[Markup]) -> Markup:
    return _CHART.format(_WIDTH, _HEIGHT, title, said, Markup().join(parts))


def _rule(y: float, label: str) -> Markup:
    return _RULE.format(_LEFT, _WIDTH - _RIGHT, y) + _text(_LEFT - 8, y + 4, label, "end")


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return _TEXT.format(x, y, anchor, text)


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d}"

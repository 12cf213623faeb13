"""Charts as SVG: drawn here, so that no page needs a script or an address outside for them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from markupsafe import Markup

_WIDTH, _HEIGHT = 520, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 12, 30
_STEPS = (1, 2, 5)
_LABELS, _BAR_LABELS = 3, 5
"""Labels below a line, and below bars: more do not fit where they are largest, on a phone."""
# ``format`` of a Markup escapes what is put into it.
_CHART = Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}. {}">{}</svg>')
_RULE = Markup('<line class="{3}" x1="{0}" x2="{1}" y1="{2:.1f}" y2="{2:.1f}"/>')
_TEXT = Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>')
_BAR = Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>')
_BARS = Markup("<g><title>{}</title>{}</g>")
_SHARE = Markup(
    '<svg class="share" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
    '<rect class="back" width="100" height="8"/><rect class="fill" width="{:.1f}" height="8"/>'
    '<rect class="part" width="{:.1f}" height="8"/></svg>'
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
    low, high, step = _scale(*_padded(min(one.value for one in points), max(one.value for one in points)))
    first, last = points[0], points[-1]
    span = last.at - first.at

    def x(at: datetime) -> float:
        share = (at - first.at) / span if span else 0.5
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _TOP + (high - value) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    path = f"M{x(first.at):.1f} {y(first.value):.1f}"
    path += "".join([f"H{x(one.at):.1f}V{y(one.value):.1f}" for one in points[1:]])
    said = f"From {first.value:,} on {_day(first.at)} to {last.value:,} on {_day(last.at)}."
    parts = [
        *(_rule(y(value), f"{value:,}") for value in range(low, high + 1, step)),
        Markup('<path class="area" d="{}"/>').format(f"{path}V{y(low):.1f}H{x(first.at):.1f}Z") if span else Markup(),
        Markup('<path class="line" d="{}"/>').format(path),
        Markup('<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="4"/>').format(x(last.at), y(last.value)),
        *_times(first.at, span, x),
    ]
    return _svg(title, said, parts)


def _times(start: datetime, span: timedelta, x: Callable[[datetime], float]) -> Iterable[Markup]:
    """Yield the labels below a line: days, or hours and minutes where all of it is of one day."""
    if not span:
        yield _text(x(start), _HEIGHT - 8, _day(start), "middle")
        return
    within_a_day = span < timedelta(days=1)
    for number in range(_LABELS):
        at = start + span * number / (_LABELS - 1)
        text = f"{at.astimezone(UTC):%H:%M}" if within_a_day else _day(at)
        yield _text(x(at), _HEIGHT - 8, text, {0: "start", _LABELS - 1: "end"}.get(number, "middle"))


def bar_chart(title: str, bars: Sequence[Bars], *, up: str, down: str) -> Markup:
    """Return bars above and below a line: what came, and what went. ``up`` and ``down`` are their words."""
    if not bars:
        return Markup()
    low, high, step = _scale(-max(one.down for one in bars), max(one.up for one in bars))
    width = (_WIDTH - _LEFT - _RIGHT) / len(bars)

    def y(value: float) -> float:
        return _TOP + (high - value) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    def drawn(place: int, one: Bars) -> Markup:
        inner = min(width * 0.7, 40)
        left = _LEFT + (place + 0.5) * width - inner / 2
        both = _BAR.format("up", left, y(one.up), inner, y(0) - y(one.up))
        both += _BAR.format("down", left, y(0), inner, y(-one.down) - y(0))
        return _BARS.format(f"{one.label}: {one.up:,} {up}, {one.down:,} {down}", both)

    every = -(-len(bars) // _BAR_LABELS)
    parts = [
        *(_rule(y(value), f"{abs(value):,}", "zero" if value == 0 else "rule") for value in range(low, high + 1, step)),
        *(drawn(place, one) for place, one in enumerate(bars)),
        *(
            _text(_LEFT + (place + 0.5) * width, _HEIGHT - 8, bars[place].label, "middle")
            for place in range(every // 2, len(bars), every)
        ),
    ]
    said = f"{sum(one.up for one in bars):,} {up} and {sum(one.down for one in bars):,} {down} in all."
    return _svg(title, said, parts)


def share_bar(value: int, most: int, part: int = 0) -> Markup:
    """Return a horizontal bar for one value of several, of which ``most`` is the largest; a ``part`` of it is darker.

    It is decoration: the numbers are written beside it.
    """
    scale = 100 / most if most else 0
    return _SHARE.format(value * scale, part * scale)


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


def _padded(low: int, high: int) -> tuple[int, int]:
    """Return bounds around values that are not below zero, so far apart that a small difference looks small."""
    missing = max(4, high // 50) - (high - low)
    if missing <= 0:
        return low, high
    return max(0, low - -(-missing // 2)), high + missing // 2


def _svg(title: str, said: str, parts: Iterable[Markup]) -> Markup:
    return _CHART.format(_WIDTH, _HEIGHT, title, said, Markup().join(parts))


def _rule(y: float, label: str, name: str = "rule") -> Markup:
    return _RULE.format(_LEFT, _WIDTH - _RIGHT, y, name) + _text(_LEFT - 8, y + 4, label, "end")


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return _TEXT.format(x, y, anchor, text)


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d}"

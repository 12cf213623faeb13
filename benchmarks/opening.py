"""The beginning of docs/performance.md: what is reached and why that matters, then what is not."""

from collections.abc import Iterable, Mapping, Sequence
from textwrap import fill

REACHED, MISSED, UNKNOWN = "reached", "missed", "not measured"
WHY: Mapping[str, str] = {
    "1": "Providers take from fifty milliseconds to seconds for a page. Then the number of requests under way decides "
    "how long a scan takes.",
    "2": "Scans are repeated. One that finds nothing changed must not cost more than the first.",
    "3": "A scan fits into a small container beside other programs, and a company that is ten times as large needs no "
    "other machine.",
    "4": "The quota is never exceeded: a provider that throttles delays every program with the same key.",
    "5": "An unchanged tenant can be asked every few minutes: the requests do not grow with the company.",
    "6": "A product serves many customers: one process reads them all.",
    "7": "A command that answers at once can be used in scripts and health checks.",
}
"""By figure, why it matters to operators and to programs that embed the host."""
HEADS = ("figure", "ours, beside", "measured", "bound")

Row = Sequence[str]
"""A bound: the figure, what is compared, the measured value, the limit, and its verdict."""


def opening(rows: Iterable[Row]) -> str:
    """Return the sections about bounds, from the rows of all of them."""
    rows = list(rows)
    reached, missed, unknown = (
        [row[:-1] for row in rows if row[-1] == verdict] for verdict in (REACHED, MISSED, UNKNOWN)
    )
    of = f"of {len(rows)} bounds"
    numbers = dict.fromkeys(row[0] for row in reached)
    parts = [
        "## What is reached, and why it matters",
        _filled(
            f"{len(reached)} {of}. Ours does the whole job: it checks, reads, validates, certifies, plans, applies and "
            "reports. The others download, or store what they read."
        ),
        "\n".join(_filled(f"- Figure {number}: {WHY[number]}", indent="  ") for number in numbers),
        table(HEADS, reached),
        "## What is not reached",
        _filled(
            f"{len(missed)} {of}. [Why](#why-some-bounds-are-missed) says what takes the time, and what was tried."
        ),
        table(HEADS, missed),
    ]
    return "\n\n".join([*parts, *(["## What was not measured", table(HEADS, unknown)] if unknown else [])])


def _filled(text: str, indent: str = "") -> str:
    return fill(text, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def table(heads: Row, rows: Iterable[Row]) -> str:
    """Return a table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "/") for cell in line) + " |" for line in lines)

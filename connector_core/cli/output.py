"""What commands print: tables for people, JSON for programs."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from math import ceil
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from connector_core.outcomes import Forecast

PIPE_WIDTH = 200
"""Columns where there is no terminal: tables are for reading there too, and must not be cut."""


def console() -> Console:
    return _console(sys.stdout.isatty(), stderr=False)


def error_console() -> Console:
    return _console(sys.stderr.isatty(), stderr=True)


def _console(terminal: bool, *, stderr: bool) -> Console:
    width = None if terminal or "COLUMNS" in os.environ else PIPE_WIDTH
    return Console(stderr=stderr, width=width, highlight=False, markup=False, soft_wrap=not terminal)


def plain(value: object) -> str:
    """Text that cannot drive the terminal: names come from somebody else's system."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in str(value))


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> Table:
    """Cells are text, or rich's Text where they are coloured."""
    made = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in headings:
        made.add_column(heading, overflow="fold")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(plain(cell)) for cell in row))
    return made


def error_json(code: str, message: str, hint: str) -> dict[str, str]:
    """An error as programs read it, the same wherever it is printed."""
    return {"code": code, "message": message, "hint": hint}


def print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=_jsonable) + "\n")


def _jsonable(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, (set, frozenset, tuple)):
        return sorted(value)
    return str(value)


def ago(moment: datetime) -> str:
    """How long ago, in the largest unit that fits."""
    seconds = max(0, int((datetime.now(UTC) - moment).total_seconds()))
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            count = seconds // length
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def count(number: int, noun: str) -> str:
    """``1 change``, ``2 changes``, ``1,200 changes``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def costs(forecast: Forecast) -> str:
    """``about 25 requests, under a minute``."""
    minutes = ceil(forecast.seconds / 60)
    time = "under a minute" if forecast.seconds < 60 else f"about {count(minutes, 'minute')}"
    return f"about {count(forecast.requests, 'request')}, {time}"

"""Text for people: consoles and tables."""

import os
import sys
from collections.abc import Collection, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from connector_core.cli.encoding import plain
from connector_core.cli.streams import silence
from connector_core.cli.tables import FittedTable

PIPE_WIDTH = 200
"""Columns where there is no terminal, so that tables in pipes and logs are not folded."""


class PlainConsole(Console):
    """A console on which no text drives the terminal: providers and connectors wrote some of what is printed."""

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*(_plain_lines(one) if isinstance(one, str) else one for one in objects), **options)

    def on_broken_pipe(self) -> None:
        """Let the command end. Where errors and progress have no reader, it goes on in silence."""
        if not self.stderr:
            raise BrokenPipeError
        self.quiet = True
        silence(sys.stderr)


def _plain_lines(text: str) -> str:
    return "\n".join(map(plain, text.split("\n")))


def console() -> Console:
    return _console(sys.stdout.isatty(), stderr=False)


def error_console() -> Console:
    return _console(sys.stderr.isatty(), stderr=True)


def _console(terminal: bool, *, stderr: bool) -> Console:
    width = None if terminal or "COLUMNS" in os.environ else PIPE_WIDTH
    return PlainConsole(stderr=stderr, width=width, highlight=False, markup=False, soft_wrap=not terminal)


def table(
    headings: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    title: str = "",
    right: Collection[str] = (),
    optional: Collection[str] = (),
) -> Table:
    """Return a table.

    Args:
        headings: One for each column.
        rows: A cell is a plain value, a tuple of lines, or rich's Text where it is coloured.
        title: Printed above it.
        right: Columns that are aligned to the right.
        optional: Columns that are left out where all their cells are empty.
    """
    made = FittedTable(plain(title))
    shown = [n for n, heading in enumerate(headings) if heading not in optional or any(row[n] for row in rows)]
    for n in shown:
        made.add_column(plain(headings[n]), overflow="fold", justify="right" if headings[n] in right else "left")
    for row in rows:
        made.add_row(*(_cell(row[n]) for n in shown))
    return made


def _cell(value: object) -> Text:
    if isinstance(value, Text):
        return value
    return Text("\n".join(map(plain, value)) if isinstance(value, tuple) else plain(value))

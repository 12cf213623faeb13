"""How far a run is: a forecast, and a bar for each kind, on a terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.text import Text

from connector_core.cli.flags import Flags
from connector_core.cli.output import costs, error_console
from connector_core.discovery.reader import ProgressCallback
from connector_core.outcomes import Progress


class _Rate(ProgressColumn):
    """Rows a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "", style="progress.data.speed")


@contextmanager
def progress(flags: Flags, *, several: bool) -> Iterator[ProgressCallback]:
    """Nothing where there is no terminal: the log says it there. ``several`` integrations are told by name."""
    if flags.json or not sys.stderr.isatty():
        yield lambda _: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with Bars(*columns, console=error_console(), transient=True) as bars:

        def show(told: Progress) -> None:
            what = f"{told.integration}: {told.kind}" if several else told.kind
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=told.announced)
                if told.forecast.requests and told.announced:
                    bars.console.print(f"{what}: {told.announced:,} announced; {costs(told.forecast)} to come.")
            bars.update(tasks[what], completed=told.seen, total=told.announced)

        yield show

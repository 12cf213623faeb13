"""Progress of a run on a terminal: a forecast, and a bar for each kind."""

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
from connector_core.cli.output import error_console
from connector_core.discovery import ProgressCallback
from connector_core.outcomes import Progress, Step
from connector_core.phrases import costs


class _Rate(ProgressColumn):
    """Rows per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "", style="progress.data.speed")


@contextmanager
def progress(flags: Flags, *, several: bool) -> Iterator[ProgressCallback]:
    """Yield a callback that draws progress; elsewhere than on a terminal, the log tells it.

    Where ``several`` integrations run, each bar names its own.
    """
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

        def show(now: Progress) -> None:
            name = f"{now.integration}: {now.kind}" if several else now.kind
            if now.step is Step.ASKING:
                name += ", asking for missing rows"
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=now.announced)
                if now.forecast.requests and now.announced:
                    bars.console.print(f"{name}: {now.announced:,} announced; {costs(now.forecast)} to come.")
            bars.update(tasks[name], completed=now.seen, total=now.announced)

        yield show

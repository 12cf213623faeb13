"""The engine: who runs what, and when, behind one interface; and a run as it is seen while it goes on."""

from collections.abc import AsyncGenerator, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, Self

from connector_core.errors import ConnectorCoreError, place_of
from connector_core.outcomes import Forecast, Progress, Report, Traffic

INTERRUPTED = "interrupted"
BUG = "bug"


@dataclass(frozen=True, slots=True)
class Problem:
    """The error that a run ended with."""

    code: str
    message: str
    hint: str = ""

    @classmethod
    def of(cls, error: BaseException) -> Self:
        """Return what an error says. Of a bug it is the place, never a text with data in it."""
        if isinstance(error, ConnectorCoreError):
            return cls(error.code, error.message, error.hint)
        return cls(BUG, f"This is a bug: {place_of(error)}.", "Report it with what `discover doctor` prints.")


CANCELLED = Problem(INTERRUPTED, "The run was cancelled.", "The next run resumes or starts over.")
STOPPED = Problem(INTERRUPTED, "The service stopped.", "The run goes on when the service starts again.")


@dataclass(frozen=True, slots=True)
class LiveRun:
    """A run under way, or one that has just ended."""

    integration: str
    started_at: datetime
    delta: bool = False
    run_id: str | None = None
    """None until the run has begun."""
    kinds: Mapping[str, Progress] = field(default_factory=dict)
    """The progress of each kind that is being read."""
    before: Mapping[str, int] = field(default_factory=dict)
    """The rows of each kind when its progress was first known: those of an interrupted run before are among them."""
    forecast: Forecast | None = None
    """The rest of the run, as its last progress told it; None until it is known."""
    traffic: Traffic | None = None
    ended: bool = False
    report: Report | None = None
    """The result; None while it runs, and of a run that failed."""
    problem: Problem | None = None
    """The error that it ended with."""


class Engine(Protocol):
    """Runs integrations. An implementation may do so in this process, or elsewhere."""

    async def start(
        self,
        name: str,
        *,
        delta: bool = False,
        plan: bool = False,
        kinds: Collection[str] = (),
        accept: Collection[str] = (),
    ) -> None:
        """Start a run; its result comes by ``watch``. BusyError if this engine runs the integration already."""
        ...

    async def cancel(self, name: str) -> None:
        """Ask a run to end; nothing happens where there is none. The next run resumes or starts over."""
        ...

    def running(self) -> Mapping[str, LiveRun]:
        """Return the runs that are under way, by integration."""
        ...

    def watch(self, name: str) -> AsyncGenerator[LiveRun, None]:
        """Yield the present state of a run, then each change, until it has ended.

        Of an integration that is not running it is the last run of this engine, if there was one.
        """
        ...

    async def aclose(self) -> None:
        """End all runs. They start again with the next engine."""
        ...

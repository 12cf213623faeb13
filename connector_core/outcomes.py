"""What a run comes to: the frozen data that is shown, stored and given to observers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from connector_core.sdk.connector import Account, Declaration
from connector_core.sdk.page import Rejection


class Verdict(StrEnum):
    """A run's outcome in one word."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    HELD = "held"
    DEFERRED = "deferred"
    CAUGHT_UP = "caught up"
    """A delta has read all that has changed."""

    @property
    def good(self) -> bool:
        """Whether all was read that was asked for, and nothing waits for anybody."""
        return self in {Verdict.COMPLETE, Verdict.CAUGHT_UP}


class Operation(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    REMOVE = "remove"


class State(StrEnum):
    """Where a planned change stands."""

    PLANNED = "planned"
    APPLIED = "applied"
    HELD = "held"
    DISCARDED = "discarded"
    REPLACED = "replaced"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Run:
    """One discovery of one integration."""

    id: str
    integration: str
    connector: str
    product: str
    kinds: tuple[str, ...]
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Certificate:
    """A kind's verdict: whether all of it was read, and if not, why not."""

    kind: str
    complete: bool
    seen: int
    """Distinct rows of the provider."""
    announced: int | None
    found: int
    """How many of the rows are of this kind."""
    pages: int
    reasons: tuple[str, ...] = ()
    rejected: tuple[Rejection, ...] = ()
    unread: Mapping[str, int] = field(default_factory=dict)
    """Fields that did not come, and for how many rows; their stored values stay."""
    dangling: Mapping[str, int] = field(default_factory=dict)
    """Links whose target is not known, per field."""
    notes: Mapping[str, int] = field(default_factory=dict)
    """What is odd in the data and stays as it is: people without an e-mail, or with somebody else's."""
    fill: Mapping[str, float] = field(default_factory=dict)
    """The share of rows in which each field is filled."""
    drifted: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Fields that were filled for most and are now for almost none, with both shares: their values stay."""
    remedy: str = ""
    """What to do about it, where the error or the connector says."""
    began: str = ""
    """How the reading began, where it did not begin at the first page of a fresh scan."""
    deferred: bool = False
    """True when the provider asked to wait longer than a run may."""
    caught_up: bool = False
    """True when a delta has read all that has changed. It is not complete: who has gone is not known."""

    @property
    def standing(self) -> str:
        return "complete" if self.complete else "caught up" if self.caught_up else "incomplete"


@dataclass(frozen=True, slots=True)
class Change:
    """One planned or past change. ``label`` is the entity's name while it is stored or staged."""

    kind: str
    source_id: str
    operation: Operation
    reason: str
    fields: tuple[str, ...] = ()
    loss: bool = False
    state: State = State.PLANNED
    label: str = ""


@dataclass(frozen=True, slots=True)
class KindPlan:
    """What a run implies for one kind, counted."""

    kind: str
    creates: int
    updates: int
    removes: int
    held: int
    held_because: str = ""
    unconfirmed: int = 0
    """Rows missing from a complete scan that have no second witness yet: they stay."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a run cost at the provider."""

    requests: int
    retries: int
    throttled: int
    waited: float = 0.0
    """Seconds in which a request waited for the provider's quota."""
    quota: float = 0.0
    """The share of the quota that its busiest window has used."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is still to come, as far as the announced totals, the quotas and the latency tell."""

    requests: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the reading of a kind is."""

    integration: str
    kind: str
    seen: int
    """Rows read so far."""
    announced: int | None
    """The total announced last."""
    forecast: Forecast
    """What is still to come in this run."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much a run reads: all, or what has changed; and why."""

    delta: bool = False
    why: str = ""

    def __str__(self) -> str:
        return f"{'delta' if self.delta else 'full scan'}{f': {self.why}' if self.why else ''}"


@dataclass(frozen=True, slots=True)
class Report:
    """A run's result."""

    run: Run
    verdict: Verdict
    certificates: tuple[Certificate, ...]
    plans: tuple[KindPlan, ...]
    applied: bool
    removed: Mapping[str, str]
    """The names of those whom the plan removes, by id: they are stored no more when it is applied."""
    traffic: Traffic
    finished_at: datetime
    extent: Extent = Extent()


@dataclass(frozen=True, slots=True)
class Probe:
    """Whether a kind may be read: ``problem`` and ``remedy`` are empty when it may."""

    declaration: Declaration
    problem: str = ""
    remedy: str = ""
    unread: tuple[str, ...] = ()
    announced: int | None = None
    """How many rows the provider says there are."""

    @property
    def ok(self) -> bool:
        return not self.problem


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check found, and what a run would cost."""

    account: Account
    probes: tuple[Probe, ...]
    forecast: Forecast = Forecast(0, 0.0)
    """What a run will cost."""

    @property
    def ok(self) -> bool:
        return all(probe.ok for probe in self.probes)

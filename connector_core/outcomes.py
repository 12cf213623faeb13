"""What a run comes to: the frozen data that is shown, stored and given to observers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from connector_core.connector import Account, Declaration, Rejection


class Verdict(StrEnum):
    """A run's outcome in one word."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    HELD = "held"
    DEFERRED = "deferred"


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


@dataclass(frozen=True, slots=True)
class Probe:
    """Whether a kind may be read: ``problem`` and ``remedy`` are empty when it may."""

    declaration: Declaration
    problem: str = ""
    remedy: str = ""
    unread: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.problem


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check found."""

    account: Account
    probes: tuple[Probe, ...]

    @property
    def ok(self) -> bool:
        return all(probe.ok for probe in self.probes)

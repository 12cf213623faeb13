"""Results of runs and checks: the frozen data that is shown, stored and given to observers."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Self

from connector_core.beginnings import Began, Proof
from connector_core.data_profile import DataProfile
from connector_core.field_changes import FieldChange
from connector_core.reasons import Reason
from connector_core.sdk.connector import Account, Declaration
from connector_core.sdk.page import Origin
from connector_core.sdk.rejection import Rejection


class Verdict(StrEnum):
    """A run's outcome in one word. Example: ``report.verdict is Verdict.COMPLETE``."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    HELD = "held"
    """All was read as requested. Some of it was not applied, or not believed."""
    PLAN_WAITING = "plan waiting"
    """All was read as requested, and believed. The run was asked to stop at its plan, which has changes."""
    DEFERRED = "deferred"
    CAUGHT_UP = "caught up"
    """A delta has read everything that has changed."""

    @property
    def good(self) -> bool:
        """True if everything requested was read, and no plan waits for a decision."""
        return self in {Verdict.COMPLETE, Verdict.CAUGHT_UP}


class Standing(StrEnum):
    """A certificate's verdict on the reading of a kind. Example: ``certificate.standing is Standing.DEFERRED``."""

    COMPLETE = "complete"
    CAUGHT_UP = "caught up"
    """A delta has read everything that has changed. Of removed rows only those are known that it reports."""
    INCOMPLETE = "incomplete"
    DEFERRED = "deferred"
    """The provider asked to wait longer than a run may."""

    @property
    def good(self) -> bool:
        """True if everything requested of the kind was read."""
        return self in {Standing.COMPLETE, Standing.CAUGHT_UP}


class Operation(StrEnum):
    """The effect of a change. Example: ``change.operation is Operation.REMOVE``."""

    CREATE = "create"
    UPDATE = "update"
    REMOVE = "remove"


class State(StrEnum):
    """The state of a planned change. Example: ``change.state is State.HELD``."""

    PLANNED = "planned"
    APPLIED = "applied"
    HELD = "held"
    DISCARDED = "discarded"
    REPLACED = "replaced"
    STALE = "stale"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class Run:
    """One discovery of one integration. Example: ``report.run.integration``."""

    id: str
    integration: str
    connector: str
    product: str
    kinds: tuple[str, ...]
    started_at: datetime

    @classmethod
    def begin(cls, integration: str, connector: str, product: str, kinds: Iterable[str]) -> Self:
        return cls(uuid.uuid4().hex, integration, connector, product, tuple(kinds), datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Certificate:
    """A kind's verdict after a run: complete or not, and why not. Example: ``certificate.complete``."""

    kind: str
    standing: Standing
    seen: int
    """Distinct rows of the provider."""
    announced: int | None
    found: int
    """Rows that are of this kind."""
    pages: int
    reasons: tuple[Reason, ...] = ()
    """Reasons why it is not complete."""
    notes: tuple[Reason, ...] = ()
    """Oddities of the responses that cost no row and no field, and do not make it incomplete."""
    rejected: tuple[Rejection, ...] = ()
    began: Began = Began.FRESH
    first_page: int = 1
    """The page at which this run began to read."""
    proof: Proof = Proof.NONE
    origin: Origin | None = None
    """The request of its rows, and where they are in the responses; None where they come from no listing."""
    remedy: str = ""
    """The action to take, where the error or the connector names one."""
    profile: DataProfile = field(default_factory=DataProfile)

    @property
    def complete(self) -> bool:
        return self.standing is Standing.COMPLETE


@dataclass(frozen=True, slots=True)
class Change:
    """One planned or past change. ``label`` is the entity's name while that is stored. Example: ``change.label``."""

    kind: str
    source_id: str
    operation: Operation
    reason: Reason
    fields: tuple[str, ...] = ()
    loss: bool = False
    state: State = State.PLANNED
    label: str = ""
    values: tuple[FieldChange, ...] = ()
    """The old and new values, only while the change waits: those of its ``fields``, or all of a new row."""


@dataclass(frozen=True, slots=True)
class KindPlan:
    """The changes of a kind that a run implies, counted. Example: ``sum(one.plan.removes for one in report.kinds)``."""

    kind: str
    creates: int
    updates: int
    removes: int
    held: int
    held_because: tuple[Reason, ...] = ()
    """The reasons for holding changes. A whole plan may be held without one."""
    unconfirmed: int = 0
    """Rows missing from a complete scan that have no second witness yet: they stay."""


@dataclass(frozen=True, slots=True)
class KindReport:
    """The certificate and the plan of one kind. Example: ``report["Employee"].plan.creates``."""

    certificate: Certificate
    plan: KindPlan

    @property
    def kind(self) -> str:
        return self.certificate.kind


@dataclass(frozen=True, slots=True)
class Traffic:
    """The cost of a run at the provider."""

    requests: int
    retries: int
    throttled: int
    waited: float = 0.0
    """Seconds in which a request waited for the provider's quota."""
    quota: float = 0.0
    """The share of the quota that its busiest window has used."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Requests and time still to come, as far as the announced totals, the quotas and the latency tell."""

    requests: int
    seconds: float


class Step(StrEnum):
    """The step of a run that shows progress."""

    READING = "reading"
    ASKING = "asking"
    """The provider is asked for missing rows by their ids."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of one kind."""

    integration: str
    kind: str
    seen: int
    announced: int | None
    forecast: Forecast
    """For the rest of this run."""
    step: Step = Step.READING
    """Of the rows that are counted: read from the listing, or asked for by their ids because it lacks them."""


@dataclass(frozen=True, slots=True)
class Extent:
    """The extent of a run: everything, or only the changes; and the reason."""

    delta: bool = False
    why: Reason | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """A run's result. Example: ``report["Employee"].certificate.complete``."""

    run: Run
    verdict: Verdict
    kinds: tuple[KindReport, ...]
    applied: bool
    removed: Mapping[str, str]
    """The names of the rows that the plan removes, by id: they are stored no more once it is applied."""
    traffic: Traffic
    finished_at: datetime
    extent: Extent = Extent()

    def __getitem__(self, kind: str) -> KindReport:
        """Return the report of one kind: ``report["Employee"].certificate``."""
        return {one.kind: one for one in self.kinds}[kind]

    def named(self, change: Change) -> Change:
        """Return a change of this run with its name, even where the row is stored no more."""
        gone = change.operation is Operation.REMOVE and not change.label
        return replace(change, label=self.removed.get(change.source_id, "")) if gone else change


@dataclass(frozen=True, slots=True)
class Probe:
    """The permission to read one kind: ``problem`` and ``remedy`` are empty when it may be read."""

    declaration: Declaration
    problem: str = ""
    remedy: str = ""
    unread: tuple[str, ...] = ()
    announced: int | None = None
    """The number of rows, as the provider says."""
    said: str = ""
    """The provider's own words about the problem: to be shown, not to be kept."""

    @property
    def ok(self) -> bool:
        return not self.problem


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The result of a check, and the cost of a full scan."""

    account: Account
    probes: tuple[Probe, ...]
    forecast: Forecast = Forecast(0, 0.0)

    @property
    def ok(self) -> bool:
        return all(probe.ok for probe in self.probes)

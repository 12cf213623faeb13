"""The result of a run, as a schedule and its notices take note of it: counts and codes, and no value of a person."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from connector_core.outcomes import Certificate, KindReport, Operation, Report, Standing, State, Verdict
from connector_core.reasons import Code, Reason
from connector_core.scheduling.engine import Problem
from connector_core.store import RunSummary

Counts = Mapping[tuple[str, Operation, State], int]


@dataclass(frozen=True, slots=True)
class KindResult:
    """One kind of a run."""

    kind: str
    standing: Standing
    seen: int
    announced: int | None
    creates: int
    updates: int
    removes: int
    held: int
    reasons: tuple[Reason, ...]
    """The reasons why it is not complete, and why changes are held."""


@dataclass(frozen=True, slots=True)
class Result:
    """The end of a run: a verdict, or the problem that stopped it."""

    run_id: str | None
    verdict: Verdict | None
    kinds: tuple[KindResult, ...] = ()
    problem: Problem | None = None

    @classmethod
    def of(cls, report: Report) -> "Result":
        return cls(report.run.id, report.verdict, tuple([_of_report(one) for one in report.kinds]))

    @classmethod
    def stored(
        cls, run: RunSummary, counts: Counts, held_because: Mapping[str, tuple[Reason, ...]] = MappingProxyType({})
    ) -> "Result":
        """Return the result of a run as the store knows it."""
        if run.verdict is None:
            problem = Problem(run.error or "error", "The run failed.")
            return cls(run.run.id, None, problem=problem)
        kinds = tuple([_of_store(one, counts, held_because.get(one.kind, ())) for one in run.certificates])
        return cls(run.run.id, Verdict(run.verdict), kinds)

    @property
    def until(self) -> datetime | None:
        """The time until which the provider asks to wait, where it names one."""
        named = [
            datetime.strptime(str(reason["until"]), "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC)
            for one in self.kinds
            for reason in one.reasons
            if reason.code is Code.DEFERRED
        ]
        return max(named, default=None)

    @property
    def held(self) -> str:
        """A digest of what is held; empty where nothing is. It changes with the counts and the reasons."""
        if self.verdict not in {Verdict.HELD, Verdict.PLAN_WAITING}:
            return ""
        parts = [
            (one.kind, one.creates, one.updates, one.removes, one.held, sorted(reason.code for reason in one.reasons))
            for one in self.kinds
        ]
        return hashlib.sha256(repr(parts).encode()).hexdigest()


def _of_report(report: KindReport) -> KindResult:
    one, plan = report.certificate, report.plan
    counts = (plan.creates, plan.updates, plan.removes, plan.held)
    return KindResult(one.kind, one.standing, one.seen, one.announced, *counts, (*one.reasons, *plan.held_because))


def _of_store(one: Certificate, counts: Counts, held_because: tuple[Reason, ...]) -> KindResult:
    made = {
        operation: sum(number for (kind, of, _), number in counts.items() if (kind, of) == (one.kind, operation))
        for operation in Operation
    }
    held = sum(number for (kind, _, state), number in counts.items() if (kind, state) == (one.kind, State.HELD))
    return KindResult(
        kind=one.kind,
        standing=one.standing,
        seen=one.seen,
        announced=one.announced,
        creates=made[Operation.CREATE],
        updates=made[Operation.UPDATE],
        removes=made[Operation.REMOVE],
        held=held,
        reasons=(*one.reasons, *held_because),
    )

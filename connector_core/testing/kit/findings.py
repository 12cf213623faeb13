"""Findings of the kit, the judgement of each rule, and the tier that a connector reaches."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from connector_core.testing.kit.rules import RULES
from connector_core.testing.kit.tiers import Rule, Tier

SHOWN = 3
"""Problems shown for one rule; further ones are counted."""


class Standing(StrEnum):
    KEPT = "kept"
    BROKEN = "broken"
    EXEMPT = "exempt"
    STALE = "stale exemption"


@dataclass
class Findings:
    """Problems by rule, measurements by name, and counts of harm done by faults."""

    problems: dict[str, list[str]] = field(default_factory=dict)
    measures: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    """Harm, which must be zero, and the number of faults tried."""

    def fail(self, rule: str, problem: str) -> None:
        """Record a problem with a rule, once."""
        if problem not in self.problems.setdefault(RULES[rule].name, []):
            self.problems[rule].append(problem)

    def add(self, other: "Findings") -> None:
        """Merge the findings of another job."""
        for rule, problems in other.problems.items():
            self.problems.setdefault(rule, []).extend(problems)
        self.measures.update(other.measures)
        self.counts.update(other.counts)


@dataclass(frozen=True, slots=True)
class Judgement:
    """One rule, and how the connector stands to it."""

    rule: Rule
    standing: Standing
    detail: str = ""
    """Problems found, or the reason for the exemption."""

    @property
    def good(self) -> bool:
        return self.standing in {Standing.KEPT, Standing.EXEMPT}


@dataclass(frozen=True)
class Result:
    """Result of a run of the kit. ``exemptions`` are the manifest's: rule to reason."""

    connector: str
    suites: tuple[str, ...]
    findings: Findings
    exemptions: Mapping[str, str]
    seconds: float

    @property
    def judgements(self) -> tuple[Judgement, ...]:
        """Judgements of all rules of the suites that have run."""
        return tuple(self._judge(rule) for rule in RULES.values() if rule.suite in self.suites)

    def _judge(self, rule: Rule) -> Judgement:
        problems = self.findings.problems.get(rule.name, [])
        reason = self.exemptions.get(rule.name)
        if reason is not None:
            return Judgement(rule, Standing.EXEMPT if problems else Standing.STALE, reason)
        if not problems:
            return Judgement(rule, Standing.KEPT)
        more = f" (and {len(problems) - SHOWN} more)" if len(problems) > SHOWN else ""
        return Judgement(rule, Standing.BROKEN, "; ".join(problems[:SHOWN]) + more)

    @property
    def unknown_exemptions(self) -> tuple[str, ...]:
        """Exemptions from rules that do not exist."""
        return tuple(sorted(self.exemptions.keys() - RULES.keys()))

    @property
    def passed(self) -> bool:
        return all(one.good for one in self.judgements) and not self.unknown_exemptions

    @property
    def tier(self) -> Tier:
        """Highest tier all of whose rules are kept, with those of all lower tiers."""
        broken = [one.rule.tier for one in self.judgements if not one.good]
        return Tier(min(broken) - 1) if broken else Tier.PLATINUM

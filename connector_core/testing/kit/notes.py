"""What a kit's run has found, rule by rule, and the tier that it comes to."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from connector_core.testing.kit.rules import RULES, Rule, Tier

SHOWN = 3
"""Problems that are told of one rule; the others are counted."""


class Standing(StrEnum):
    KEPT = "kept"
    BROKEN = "broken"
    EXEMPT = "exempt"
    STALE = "stale exemption"


@dataclass
class Notes:
    """Problems by rule, figures by name, and what was counted of the worst."""

    problems: dict[str, list[str]] = field(default_factory=dict)
    measures: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    """What must be nought, and how often it was tried."""

    def fail(self, rule: str, problem: str) -> None:
        if problem not in self.problems.setdefault(RULES[rule].name, []):
            self.problems[rule].append(problem)

    def add(self, other: "Notes") -> None:
        for rule, problems in other.problems.items():
            self.problems.setdefault(rule, []).extend(problems)
        self.measures.update(other.measures)
        self.counts.update(other.counts)


@dataclass(frozen=True, slots=True)
class Judgement:
    """One rule, as the connector stands to it."""

    rule: Rule
    standing: Standing
    said: str = ""

    @property
    def good(self) -> bool:
        return self.standing in {Standing.KEPT, Standing.EXEMPT}


@dataclass(frozen=True)
class Result:
    """A run of the kit. ``exemptions`` are the connector's own: rule to reason."""

    connector: str
    suites: tuple[str, ...]
    notes: Notes
    exemptions: Mapping[str, str]
    seconds: float

    @property
    def judgements(self) -> tuple[Judgement, ...]:
        return tuple(self._judge(rule) for rule in RULES.values() if rule.suite in self.suites)

    def _judge(self, rule: Rule) -> Judgement:
        problems = self.notes.problems.get(rule.name, [])
        reason = self.exemptions.get(rule.name)
        if reason is not None:
            return Judgement(rule, Standing.EXEMPT if problems else Standing.STALE, reason)
        if not problems:
            return Judgement(rule, Standing.KEPT)
        more = f" (and {len(problems) - SHOWN} more)" if len(problems) > SHOWN else ""
        return Judgement(rule, Standing.BROKEN, "; ".join(problems[:SHOWN]) + more)

    @property
    def unknown_exemptions(self) -> tuple[str, ...]:
        return tuple(sorted(self.exemptions.keys() - RULES.keys()))

    @property
    def passed(self) -> bool:
        return all(one.good for one in self.judgements) and not self.unknown_exemptions

    @property
    def tier(self) -> Tier:
        """The highest tier whose rules, and those of all below it, are kept."""
        broken = [one.rule.tier for one in self.judgements if not one.good]
        return Tier(min(broken) - 1) if broken else Tier.PLATINUM

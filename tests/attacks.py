"""The tests that are marked as attacks, run and listed: a part of docs/reliability.md (``make reliability``).

A test says what it tries, and what must hold: ``@pytest.mark.attack("what is tried", "what must hold", EMPTY, FULL)``.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

EMPTY, FULL = "empty", "full"
"""Stores that an attack starts from. Some attacks have nothing to do with what is stored."""


@dataclass
class Attack:
    """One attack with all tests of it."""

    what: str
    promise: str
    stores: dict[str, None] = field(default_factory=dict)
    outcomes: set[str] = field(default_factory=set)

    @property
    def outcome(self) -> str:
        if not self.outcomes:
            return "not tried"
        return "holds" if self.outcomes == {"passed"} else "**does not hold**"


class Collection:
    """A pytest plugin that runs only attacks, and notes how each ended."""

    def __init__(self) -> None:
        self.attacks: dict[str, Attack] = {}
        self._by_test: dict[str, Attack] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        marked = [(item, mark) for item in items if (mark := item.get_closest_marker("attack"))]
        items[:] = [item for item, _ in marked]
        for item, mark in marked:
            what, promise, *stores = mark.args
            attack = self.attacks.setdefault(what, Attack(what, promise))
            attack.stores |= dict.fromkeys(stores)
            self._by_test[item.nodeid] = attack

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            self._by_test[report.nodeid].outcomes.add(report.outcome)


def collect(*options: str) -> list[Attack]:
    """Run the attacks, and return them with their outcomes, in the order of their tests."""
    found = Collection()
    folder = Path(__file__).parent
    # In this process: the outcomes are noted here.
    pytest.main(["-q", "--override-ini=addopts=", "--import-mode=importlib", *options, str(folder)], [found])
    return list(found.attacks.values())


def rows(attacks: list[Attack]) -> list[tuple[str, str, str, str]]:
    """Return a row for each attack: what is tried, from which stores, what must hold, and the outcome."""
    return [(one.what, " and ".join(one.stores) or "any", one.promise, one.outcome) for one in attacks]


if __name__ == "__main__":
    for row in rows(collect(*sys.argv[1:])):
        sys.stdout.write(f"{row}\n")

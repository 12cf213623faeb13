"""The tests that are marked as attacks, run and listed: a part of docs/reliability.md (``make reliability``).

A test says what it tries, and what must hold: ``@pytest.mark.attack("what is tried", "what must hold", EMPTY, FULL)``.
"""

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import NamedTuple

import pytest

HOLDS = "holds"
EMPTY, FULL = "empty", "full"
"""Stores that an attack starts from. Some attacks have nothing to do with what is stored."""


class Row(NamedTuple):
    """A row of the table."""

    what: str
    stores: str
    promise: str
    outcome: str


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
        return HOLDS if self.outcomes == {"passed"} else "**does not hold**"


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
    """Run the attacks in this process, and return them with their outcomes, in the order of their tests."""
    found = Collection()
    folder = Path(__file__).parent
    pytest.main(["-q", "--override-ini=addopts=", "--import-mode=importlib", *options, str(folder)], [found])
    return list(found.attacks.values())


def collect_elsewhere() -> list[Row]:
    """Run the attacks in a process of their own, where pytest is the first to import what is tested."""
    with NamedTemporaryFile("r", encoding="utf-8", suffix=".json") as file:
        subprocess.run([sys.executable, __file__, file.name], stdout=sys.stderr, check=False)
        return [Row(*row) for row in json.load(file)]


def rows(attacks: list[Attack]) -> list[Row]:
    return [Row(one.what, " and ".join(one.stores) or "any", one.promise, one.outcome) for one in attacks]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(rows(collect(*sys.argv[2:]))), encoding="utf-8")

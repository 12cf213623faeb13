"""Rounds: each competitor once, then again, beside the same server and in a folder of its own."""

import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from subprocess import SubprocessError

from benchmarks.competitors import Competitor
from benchmarks.ours import environment, facts_of
from benchmarks.process import CUT_OFF, Cost, measure
from benchmarks.serving import Server


@dataclass(frozen=True)
class Result:
    """The costs of one competitor, in every round."""

    name: str
    costs: tuple[Cost, ...]

    @property
    def problem(self) -> str:
        return next((cost.problem for cost in self.costs if cost.problem), "")

    @property
    def cut_off(self) -> bool:
        return self.problem.startswith("cut off")

    @property
    def seconds(self) -> float:
        return median(cost.seconds for cost in self.costs)

    @property
    def spread(self) -> tuple[float, float]:
        return min(cost.seconds for cost in self.costs), max(cost.seconds for cost in self.costs)

    @property
    def cpu(self) -> float:
        return median(cost.cpu for cost in self.costs)

    @property
    def peak(self) -> float:
        return median(cost.peak for cost in self.costs)

    def told(self, name: str) -> float:
        """Return the median of the server's figure of this name."""
        return median(float(cost.server[name]) for cost in self.costs)

    def fact(self, name: str) -> float:
        """Return the median of the figure of this name in its own reports."""
        return median(float(cost.facts[name]) for cost in self.costs)


Results = dict[str, Result]


def compete(server: Server, competitors: Iterable[Competitor], rounds: int) -> Results:
    """Let competitors take turns beside one server."""
    return take_turns([(server, one) for one in competitors], rounds)


def take_turns(entrants: Sequence[tuple[Server, Competitor]], rounds: int) -> Results:
    """Measure each in turn, once a round. A competitor that was cut off is not measured again."""
    costs = dict[str, list[Cost]]()
    for number in range(1, rounds + 1):
        for server, one in entrants:
            had = costs.setdefault(one.name, [])
            if had and had[-1].seconds >= CUT_OFF:
                continue
            cost = measure_one(server, one)
            had.append(cost)
            said = cost.problem or f"{cost.seconds:.2f} s, {cost.cpu:.2f} s of CPU, {cost.peak:.0f} MB"
            sys.stderr.write(f"  round {number}: {one.name}: {said}\n")
    return {name: Result(name, tuple(had)) for name, had in costs.items()}


def measure_one(server: Server, competitor: Competitor, keep: Path | None = None) -> Cost:
    """Measure one turn, and check that all people were found. ``keep`` is a folder for what it leaves."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = keep or Path(scratch)
        if competitor.template:
            shutil.copytree(competitor.template, folder, dirs_exist_ok=True)
        commands = competitor.commands(server, folder)
        server.stats()
        cost = measure(commands, environment(server, folder), folder)
        cost = replace(cost, server=server.stats())
        if cost.problem:
            return cost
        try:
            people = competitor.proof(server, folder)
        except (ValueError, KeyError, OSError, SubprocessError) as error:
            return replace(cost, problem=f"no number of people ({type(error).__name__})")
        if people != server.people:
            return replace(cost, problem=f"{people:,} people of {server.people:,}")
        return replace(cost, facts=facts_of(folder)) if competitor.reports else cost

"""The seven figures: who competes in each, beside which server, and what ours is held to."""

import math
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import ours as command
from benchmarks.competitors import (
    AIRBYTE,
    DLT,
    FETCHED,
    OURS,
    PAGE,
    PEERS,
    REQUESTS,
    SEQUENTIAL,
    SINGER,
    START_MEASURE,
    Competitor,
    floors,
    ours,
    starters,
)
from benchmarks.contest import Results, compete, measure_one, take_turns
from benchmarks.serving import Server, serving

SECOND = "ours, second run"
SMALLER = "ours, a tenth of the people"
DELTA = "ours, --delta"
DELTA_SMALLER = "ours, --delta, a tenth of the people"
THOUSAND, SINGLE = "ours, a thousand integrations", "ours, one integration"
QUOTA, WINDOW, LATENCY, JITTER, ERRORS = 100, 3, 0.35, 0.2, 0.01
STARTS = 10


@dataclass(frozen=True)
class Bound:
    """A bound on ours: ``value`` is at most ``limit``, or at least."""

    said: str
    value: float
    limit: float
    at_least: bool = False

    @property
    def reached(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit


@dataclass(frozen=True)
class Figure:
    number: int
    title: str
    setting: str
    """How it is measured, in a sentence or two."""
    results: Results
    bounds: tuple[Bound, ...]
    floor: str = FETCHED
    """Whom all others are shown as a multiple of."""


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    rounds: int = 3
    share: float = 1.0
    """Of the people, to try the harness out."""
    peers: bool = True
    eight: bool = True
    """True if ours is told to ask eight at once, as the others are; else it decides itself."""

    def people(self, number: int) -> int:
        return max(PAGE, round(number * self.share))

    def chosen(self, *names: str) -> list[Competitor]:
        """The peers of these names, or all of them."""
        return [one.competitor() for one in PEERS if self.peers and (not names or one.name in names)]


@contextmanager
def connected(server: Server, *, eight: bool, limit: tuple[int, float] = command.LIFTED) -> Iterator[Path]:
    """A folder in which acme is connected and has not run yet."""
    with tempfile.TemporaryDirectory() as folder:
        command.connect(server, Path(folder), limit=limit, eight=eight)
        yield Path(folder)


@contextmanager
def ran(server: Server, template: Path) -> Iterator[Path]:
    """A folder in which acme has run once."""
    with tempfile.TemporaryDirectory() as folder:
        cost = measure_one(server, ours(template), keep=Path(folder))
        if cost.problem:
            raise RuntimeError(f"discover run: {cost.problem}")
        yield Path(folder)


def ratio(results: Results, name: str, to: str) -> float:
    """How often ``to`` fits into ``name``, by their seconds; not a number where one of them has none."""
    if any(one not in results or results[one].problem for one in (name, to)):
        return math.nan
    return results[name].seconds / results[to].seconds


def faster_than(results: Results, names: tuple[str, ...], times: float, said: str) -> Iterator[Bound]:
    """Against the fastest of these, where one of them was measured."""
    measured = [ratio(results, name, OURS) for name in names if name in results and not results[name].problem]
    if measured:
        yield Bound(f"{said}: times faster", min(measured), times, at_least=True)


def at_fifty_milliseconds(size: Size) -> Figure:
    people = size.people(10_000)
    with serving(people, latency=0.05) as server, connected(server, eight=size.eight) as home:
        results = compete(server, [*floors(), ours(home), *size.chosen()], size.rounds)
    bounds = [Bound("aiohttp with the bytes dropped: times its seconds", ratio(results, OURS, FETCHED), 1.25)]
    for peer in PEERS:
        bounds += faster_than(results, (peer.name,), 1.0, peer.name)
    setting = f"{people:,} people, 50 ms before each answer, eight requests at once where a competitor can."
    return Figure(1, "A provider that takes its time", setting, results, tuple(bounds))


def at_once(size: Size, number: int = 100_000) -> Figure:
    people = size.people(number)
    with serving(people) as server, connected(server, eight=size.eight) as home, ran(server, home) as again:
        entrants = [*floors(), ours(home), ours(again, name=SECOND), *size.chosen()]
        results = compete(server, entrants, size.rounds)
    bounds = [
        Bound("aiohttp with the bytes dropped: times its seconds", ratio(results, OURS, FETCHED), 3.0),
        *(one for name in REQUESTS for one in faster_than(results, (name,), 2.5, name)),
        *faster_than(results, DLT, 6.0, "dlt, the faster of the two"),
        *faster_than(results, (AIRBYTE,), 10.0, AIRBYTE),
        *faster_than(results, (SINGER,), 10.0, SINGER),
        Bound("the second run, with nothing changed: times the first", ratio(results, SECOND, OURS), 1.0),
    ]
    setting = f"{people:,} people, no latency, eight requests at once where a competitor can."
    return Figure(2, "A provider that answers at once", setting, results, tuple(bounds))


def memory(size: Size) -> Figure:
    people, fewer = size.people(100_000), size.people(10_000)
    with serving(people) as server, connected(server, eight=size.eight) as home:
        results = compete(server, [ours(home)], size.rounds)
    with serving(fewer) as server, connected(server, eight=size.eight) as home:
        results |= compete(server, [ours(home, name=SMALLER)], size.rounds)
    bounds = (
        Bound(f"megabytes at {people:,} people", results[OURS].peak, 100),
        Bound(f"times the peak at {fewer:,}", results[OURS].peak / results[SMALLER].peak, 1.2),
    )
    setting = (
        f"The first run of {people:,} people beside that of {fewer:,}, no latency. The peers' peaks are in figure 2."
    )
    return Figure(3, "Memory", setting, results, bounds, floor=SMALLER)


def at_the_quota(size: Size) -> Figure:
    people = size.people(20_000)
    pages = math.ceil(people / PAGE) + 1  # The empty page ends the listing.
    allowed = (math.ceil(pages / QUOTA) - 1) * WINDOW + LATENCY
    options = {"quota": QUOTA, "window": WINDOW, "latency": LATENCY, "jitter": JITTER, "errors": ERRORS}
    with serving(people, **options) as server, connected(server, eight=False, limit=(QUOTA, WINDOW)) as home:
        results = compete(server, [ours(home), *size.chosen(*SEQUENTIAL)], size.rounds)
    mine = results[OURS]
    bounds: tuple[Bound, ...] = ()
    if not mine.problem:
        run = mine.fact("run_seconds")
        bounds = (
            Bound(f"the run, {run:.2f} s: times the {allowed:.2f} s that the quota allows", run / allowed, 1.05),
            Bound("throttled answers in all rounds", sum(cost.server["throttled"] for cost in mine.costs), 0),
        )
    setting = (
        f"{people:,} people, {QUOTA} requests in {WINDOW} s, {LATENCY:g} s ± {JITTER:.0%} before each answer, "
        f"{ERRORS:.0%} of the pages answered with 502; ours with its default of requests at once. {pages} pages are "
        f"needed, so the quota allows ({math.ceil(pages / QUOTA)} - 1) × {WINDOW} s and one latency. The bound is on "
        "the run, from its first word to its last; the table shows whole processes."
    )
    return Figure(4, "Real pace, in scaled time", setting, results, bounds, floor=OURS)


def delta(size: Size, number: int = 100_000) -> Figure:
    people, fewer = size.people(number), size.people(number // 10)
    entrants = []
    with ExitStack() as stack:
        for count, name in ((people, DELTA), (fewer, DELTA_SMALLER)):
            server = stack.enter_context(serving(count))
            home = stack.enter_context(connected(server, eight=size.eight))
            again = stack.enter_context(ran(server, home))
            entrants.append((server, ours(again, "acme", "--delta", name=name)))
        results = take_turns(entrants, size.rounds)
    bounds: tuple[Bound, ...] = ()
    if not any(one.problem for one in results.values()):
        bounds = (
            Bound("requests that the server counted", results[DELTA].told("requests"), 6),
            Bound(f"times the seconds at {fewer:,}", ratio(results, DELTA, DELTA_SMALLER), 1.25),
        )
    setting = f"{people:,} people of whom none has changed since a full run, beside {fewer:,}; no latency."
    return Figure(5, "Delta on an unchanged tenant", setting, results, bounds, floor=DELTA_SMALLER)


def thousand(size: Size) -> Figure:
    each, integrations = 200, max(10, round(1000 * size.share))
    # Whoever runs many counts each tenant's people.
    with serving(each) as server, tempfile.TemporaryDirectory() as home:
        command.connect_many(server, Path(home), integrations, eight=size.eight)
        many = ours(Path(home), "--all", name=THOUSAND)
        everybody = Competitor(
            many.name, many.commands, lambda s, f: many.proof(s, f) // integrations, many.template, reports=True
        )
        results = compete(server, [everybody], size.rounds)
    with serving(each * integrations) as server, connected(server, eight=size.eight) as home_of_one:
        results |= compete(server, [ours(home_of_one, name=SINGLE)], size.rounds)
    setting = (
        f"{integrations:,} integrations of {each} people each in one process, beside one of {each * integrations:,}; "
        "no latency."
    )
    return Figure(6, "A thousand integrations", setting, results, (), floor=SINGLE)


def start(size: Size) -> Figure:
    with serving(PAGE) as server, connected(server, eight=False) as home:
        entrants = [
            Competitor(one.name, one.commands, one.proof, home) if one.name.startswith("discover") else one
            for one in starters(peers=size.peers)
        ]
        results = compete(server, entrants, STARTS)
    bounds = tuple(
        Bound(f"{name}: times the import of pydantic", ratio(results, name, START_MEASURE), 3.0)
        for name in ("discover --help", "discover list")
    )
    setting = f"Each {STARTS} times: our commands, and each peer's own command or import."
    return Figure(7, "Start-up", setting, results, bounds, floor=START_MEASURE)


FIGURES = (at_fifty_milliseconds, at_once, memory, at_the_quota, delta, thousand, start)


def quick(size: Size) -> Iterator[Figure]:
    """Smaller: what is looked at while one works."""
    yield at_fifty_milliseconds(size)
    yield at_once(size, 20_000)
    yield delta(size, 20_000)
    yield start(size)

"""The figures as Markdown: docs/performance.md, and the terminal."""

import math
import os
import platform
import re
import subprocess
from collections.abc import Iterable, Sequence
from importlib.metadata import requires, version
from pathlib import Path

from benchmarks.competitors import CURL, OURS, PEERS
from benchmarks.contest import Result, Results
from benchmarks.figures import Bound, Figure
from benchmarks.opening import MISSED, REACHED, UNKNOWN, opening, table
from benchmarks.process import CUT_OFF, least_peak

NOTES = Path(__file__).with_name("missed.md")
WEB = Path(__file__).with_name("web.md")
"""Written by ``make bench-web``."""
METHOD = f"""
- Everything is measured on one machine, beside one local server in a process of its own. It speaks TLS and keeps
  connections alive. Its pages are encoded and gzipped before anybody asks, so that an answer costs a look-up and a
  write. "Server CPU" is what it spent during a measurement.
- A profile has 120 keys and 5.2 KB of JSON; pages have 50 profiles, 264 KB, gzipped to 41 KB. All read in order of
  creation.
- Seconds are those of the whole process, from its start to its end, by the wall. CPU is user and system time; peak is
  the largest resident set. Of several processes joined by a pipe both are added up. A peer that starts workers of its
  own is shown with their CPU, and with the peak of the largest among them.
- A process starts as a copy of the one that measures it, so no peak below that one's size can be told.
- Competitors take turns: each once, then each once more. Shown are medians, and in brackets the fastest and
  the slowest round.
- Every competitor must show that it got all people: ours by complete certificates, a peer by the people that it counted
  at its end, a floor by the pages that came. A lost person fails the whole measurement; slowness does not. After
  {CUT_OFF:.0f} s a competitor is cut off.
- Ours does the whole job as an operator starts it, `discover run acme`: checked, validated, staged, certified,
  planned, applied to SQLite, reported. Its quota is lifted, except at real pace. The peers store about 15 fields, or
  hand on what they read: the `namely` client keeps everyone in memory, the Airbyte source writes to a file.
- The peers' environments are made from `benchmarks/peers/*/requirements.txt`; how each is set up is in the `run.py`
  beside it. The `namely` client is given eight threads, in place of the number that it takes by itself.
"""


def document(figures: Sequence[Figure], rounds: int) -> str:
    parts = [
        "# Performance",
        "Written by `make bench`. Timings differ from machine to machine; ratios within one run say more.",
        opening(_all_bounds(figures)),
        *(part for figure in figures for part in ("", *_figure(figure))),
        f"## The web host\n\n<!-- web host -->\n{WEB.read_text(encoding='utf-8')}<!-- end -->",
        *_notes(),
        "## How it is measured",
        f"Medians of {rounds} rounds on {machine()}.",
        METHOD.strip(),
        "## Versions",
        table(("what", "version"), versions()),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _notes() -> list[str]:
    """Return the notes about missed bounds, written by hand: the profile that shows why."""
    return [NOTES.read_text(encoding="utf-8").strip()] if NOTES.exists() else []


def summary(figures: Iterable[Figure]) -> str:
    """For the terminal."""
    return "\n\n".join(
        "\n\n".join((*_figure(one), *([table(HEADS, _bounds(one))] if one.bounds else []))) for one in figures
    )


HEADS = ("ours, beside", "measured", "bound", "")


def _figure(figure: Figure) -> tuple[str, ...]:
    floor, mine = figure.results.get(figure.floor), figure.results.get(OURS)
    heads = ["", "seconds", "CPU s", "peak MB", f"× {_short(figure.floor)}"]
    others = mine is not None and figure.floor != OURS
    heads += ["× ours"] if others else []
    heads += ["requests", "throttled", "502s", "server CPU s"] if figure.number != STARTUP else []
    rows = []
    for result in figure.results.values():
        if result.problem:
            rows.append([result.name, f"not measured: {result.problem}", *[""] * (len(heads) - 2)])
            continue
        row = [result.name, _seconds(result), f"{result.cpu:.2f}", _peak(result), _times(result, floor)]
        row += [_times(result, mine)] if others else []
        if figure.number != STARTUP:
            row += [f"{result.told(name):,.0f}" for name in ("requests", "throttled", "errors")]
            row += [f"{result.told('cpu_seconds'):.2f}"]
        rows.append(row)
    return (
        f"## {figure.number}. {figure.title}",
        figure.setting,
        table(heads, rows),
        *_people_a_second(figure.results),
    )


STARTUP = 7


def _people_a_second(results: Results) -> tuple[str, ...]:
    """In the figure about many integrations."""
    told = [one for one in results.values() if not one.problem and "integration" in one.name]
    if not told:
        return ()
    facts = [f"{one.name}: {one.fact('people') / one.seconds:,.0f}" for one in told]
    return (f"People a second, the whole process: {'; '.join(facts)}.",)


def _seconds(result: Result) -> str:
    low, high = result.spread
    return f"{result.seconds:.2f} ({low:.2f} to {high:.2f})"


def _peak(result: Result) -> str:
    least = least_peak()
    return f"{result.peak:.0f}" if result.peak > least * 1.05 else f"at most {least:.0f}"


def _times(result: Result, other: Result | None) -> str:
    return "" if other is None or other.problem else f"{result.seconds / other.seconds:.2f}"


def _short(name: str) -> str:
    return name.partition(",")[0] if name != name.partition(",")[0] and name.startswith("aiohttp") else name


def _all_bounds(figures: Iterable[Figure]) -> list[tuple[str, ...]]:
    return [(f"{figure.number}", *row) for figure in figures for row in _bounds(figure)]


def _bounds(figure: Figure) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for one in figure.bounds:
        limit = f"{'at least' if one.at_least else 'at most'} {one.limit:g}"
        rows.append((one.said, "" if math.isnan(one.value) else f"{one.value:.2f}", limit, _verdict(one)))
    return rows


def _verdict(bound: Bound) -> str:
    if math.isnan(bound.value):
        return UNKNOWN
    return REACHED if bound.reached else MISSED


def machine() -> str:
    """The machine, as far as it matters: no name of it."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    models = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return f"{os.cpu_count()} cores ({models[0] if models else platform.machine()}), {platform.system()}"


def versions() -> list[tuple[str, str]]:
    told = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=False).stdout.split()
    needed = [re.match(r"[\w.-]+", one) for one in requires("connector-core") or () if "extra ==" not in one]
    ours = ["connector-core", *sorted(one[0] for one in needed if one)]
    rows = [
        ("Python", platform.python_version()),
        ("ours", ", ".join(f"{one} {version(one)}" for one in ours)),
        (CURL, told[1] if len(told) > 1 else "none"),
    ]
    return rows + [(one.name, one.version) for one in PEERS]

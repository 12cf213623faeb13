"""Every planted connector against the whole kit: writes docs/teeth.md (``make teeth``). A few minutes."""

import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from connector_core.sdk.connector import AnyConnector
from connector_core.testing.kit import Notes, examine, jobs
from connector_core.testing.pages import table
from planted.bad import PLANTED
from planted.example import Example

DOCUMENT = Path(__file__).parents[1] / "docs" / "teeth.md"
HEADER = """# The kit's teeth

Made by `make teeth`: connectors that each do one thing that must not be done, held to every rule of
[the kit](kit.md). The first is what they are made from, and keeps them all. Where one rule cannot be kept because
another is broken, both are named. The last columns are what the faults made of it: readings that were certified
and not whole, people removed who were there, fields emptied, people still missing after a quiet run.

"""


def bite(connector: type[AnyConnector]) -> Notes:
    notes = Notes()
    for job in jobs():
        notes.add(examine(connector, job, sizes=(1, 120, 600)))
    return notes


def main() -> int:
    connectors: list[type[AnyConnector]] = [Example, *PLANTED]
    rows, wrong = [], 0
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for connector, notes in zip(connectors, pool.map(bite, connectors), strict=True):
            wanted = PLANTED.get(connector, ())
            good = notes.problems.keys() <= set(wanted) and (not wanted or wanted[0] in notes.problems)
            wrong += not good
            sys.stderr.write(f"{' ' if good else '!'} {connector.__name__}: {notes.problems or 'none'}\n")
            rows.append(_row(connector, notes.problems, notes.counts))
    headings = ("connector", "fails at", "false certificates", "false removals", "fields emptied", "people lost")
    DOCUMENT.write_text(HEADER + table(headings, rows) + "\n", encoding="utf-8")
    return min(wrong, 1)


def _row(connector: type[AnyConnector], problems: dict[str, list[str]], counts: Counter[str]) -> tuple[str, ...]:
    wanted = PLANTED.get(connector, ())
    found = sorted(problems, key=lambda rule: (rule not in wanted, wanted.index(rule) if rule in wanted else 0))
    harm = ("false certificates", "false removals", "fields emptied", "people lost")
    return connector.__name__, ", ".join(f"`{rule}`" for rule in found) or "none", *(str(counts[one]) for one in harm)


if __name__ == "__main__":
    sys.exit(main())

"""Run the whole kit against every planted connector, and write docs/teeth.md (``make teeth``). Takes a few minutes."""

import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from connector_core.sdk.connector import AnyConnector
from connector_core.testing.kit import Findings, jobs, run_examiner, run_job, scale
from connector_core.testing.kit.fault_injection import HARM
from connector_core.testing.readme import table
from planted.bad import PLANTED
from planted.example import Example

DOCUMENT = Path(__file__).parents[1] / "docs" / "teeth.md"
HEADER = """# The kit's teeth

Written by `make teeth`: connectors that each make one mistake, checked against every rule of [the kit](kit.md). The
first is the one they are derived from, which keeps all rules. If one mistake breaks several rules, all of them are
named. The last columns count the harm done by faults: readings certified as complete that were not, people removed who
still existed, fields emptied, and people still missing after a fault-free run.

"""


def findings_of(connector: type[AnyConnector]) -> Findings:
    """Run all jobs, ``scale`` over fewer people than usual."""
    findings = run_examiner(connector, partial(scale.examine, sizes=(1, 120, 600), traced=(1_200, 2_400)))
    for job in jobs():
        if job != "scale":
            findings.add(run_job(connector, job))
    return findings


def main() -> int:
    connectors: list[type[AnyConnector]] = [Example, *PLANTED]
    rows, unexpected = [], 0
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for connector, findings in zip(connectors, pool.map(findings_of, connectors), strict=True):
            expected = PLANTED.get(connector, ())
            broken = findings.problems.keys()
            good = broken <= set(expected) and (not expected or expected[0] in broken)
            unexpected += not good
            sys.stderr.write(f"{' ' if good else '!'} {connector.__name__}: {findings.problems or 'none'}\n")
            rows.append(_row(connector, findings.problems, findings.counts))
    headings = ("connector", "breaks", *HARM)
    DOCUMENT.write_text(HEADER + table(headings, rows) + "\n", encoding="utf-8")
    return min(unexpected, 1)


def _row(connector: type[AnyConnector], problems: dict[str, list[str]], counts: Counter[str]) -> tuple[str, ...]:
    expected = PLANTED.get(connector, ())
    broken = sorted(problems, key=lambda rule: (rule not in expected, expected.index(rule) if rule in expected else 0))
    harm = (str(counts[one]) for one in HARM)
    return connector.__name__, ", ".join(f"`{rule}`" for rule in broken) or "none", *harm


if __name__ == "__main__":
    sys.exit(main())

"""Measure ours beside the floors and the peers: ``make bench`` writes docs/performance.md.

``--quick`` needs no peer's environment, takes less than two minutes, and prints what it measured.
"""

import argparse
import sys
from pathlib import Path

from benchmarks.competitors import PEERS
from benchmarks.document import document, summary
from benchmarks.figures import FIGURES, Figure, Size, quick
from benchmarks.serving import ROOT

DOCUMENT = ROOT / "docs" / "performance.md"


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures ours beside the floors and the peers.")
    parser.add_argument("--quick", action="store_true", help="ours and the floors only, smaller; writes nothing")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--share", type=float, default=1.0, help="of the people: to try the harness out")
    parser.add_argument("--figures", default="1234567", help="which of them, such as 15; fewer than all write nothing")
    parser.add_argument("--without-peers", action="store_true")
    parser.add_argument("--own-pace", action="store_true", help="ours decides how much it asks for at once")
    parser.add_argument("--document", type=Path, default=DOCUMENT)
    given = parser.parse_args()
    size = Size(given.rounds, given.share, peers=not (given.quick or given.without_peers), eight=not given.own_pace)
    if size.peers and not all(one.ready for one in PEERS):
        sys.stderr.write("The peers' environments are not there: run make bench-setup first.\n")
        return 2
    if given.quick:
        figures = list(quick(size))
    else:
        figures = [make(size) for number, make in enumerate(FIGURES, 1) if str(number) in given.figures]
    if given.quick or len(figures) < len(FIGURES):
        sys.stdout.write(summary(figures) + "\n")
    else:
        given.document.write_text(document(figures, size.rounds), encoding="utf-8")
    return _fault(figures)


def _fault(figures: list[Figure]) -> int:
    """Return 1 if a competitor failed or lost people; slowness is no fault."""
    found = [one for figure in figures for one in figure.results.values() if one.problem and not one.cut_off]
    for one in found:
        sys.stderr.write(f"{one.name}: {one.problem}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

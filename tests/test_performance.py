"""docs/performance.md: its beginning is what the generator makes of its own figures."""

from pathlib import Path

import pytest

from benchmarks.opening import MISSED, REACHED, UNKNOWN, WHY, opening

ROOT = Path(__file__).parents[1]
DOCUMENT = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
BEGINNING = DOCUMENT[DOCUMENT.index("## What is reached") : DOCUMENT.index("\n## 1. ")]


def rows(heading: str, verdict: str) -> list[tuple[str, ...]]:
    """The rows of the table below a heading, with a verdict."""
    section = BEGINNING.partition(f"## {heading}")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")][2:]
    return [(*(cell.strip() for cell in line.strip("|").split("|")), verdict) for line in lines]


def test_the_document_opens_with_what_is_reached_and_then_says_what_is_not() -> None:
    reached, missed = rows("What is reached, and why it matters", REACHED), rows("What is not reached", MISSED)
    assert reached
    assert missed
    assert BEGINNING.strip() == opening([*reached, *missed])
    # Each verdict is true.
    for _, _, measured, limit, verdict in (*reached, *missed):
        least, _, value = limit.rpartition(" ")
        kept = float(measured) >= float(value) if least == "at least" else float(measured) <= float(value)
        assert kept is (verdict == REACHED), (measured, limit)


def test_a_bound_that_was_not_measured_is_neither_reached_nor_missed() -> None:
    made = opening([("1", "a", "2.00", "at least 1", REACHED), ("3", "b", "", "at most 1", UNKNOWN)])
    assert "1 of 2 bounds. Ours" in " ".join(made.split())
    assert "0 of 2 bounds. [Why]" in made
    assert made.endswith(
        "## What was not measured\n\n| figure | ours, beside | measured | bound |\n"
        "| --- | --- | --- | --- |\n| 3 | b |  | at most 1 |"
    )
    assert WHY["1"].split()[0] in made
    assert WHY["3"] not in made


COLUMNS = ("ours", "Airbyte CDK", "Singer tap to target-jsonl", "dlt to files", "", "requests, 8 threads")
"""Of the README's table, as the document calls them. Nango was not measured."""


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def measured(figure: int, name: str, column: int) -> float:
    """Return what the document says of a competitor in a figure, without the spread."""
    section = DOCUMENT.partition(f"\n## {figure}. ")[2].partition("\n## ")[0]
    (row,) = [line for line in section.splitlines() if line.startswith(f"| {name} |")]
    return float(cells(row)[column].partition(" ")[0].replace(",", ""))


@pytest.mark.parametrize(
    ("start", "figure", "column", "unit"),
    [
        ("| 10,000 people, 50 ms", 1, 1, "{:.1f} s"),
        ("| 100,000 people, no", 2, 1, "{:.1f} s"),
        ("| memory", 2, 3, "{:.0f} MB"),
    ],
)
def test_the_readme_compares_by_what_the_document_has_measured(start: str, figure: int, column: int, unit: str) -> None:
    (line,) = [line for line in README.splitlines() if line.startswith(start)]
    for said, name in zip(cells(line)[1:], COLUMNS, strict=True):
        assert said == (unit.format(measured(figure, name, column)) if name else "not measured")


def test_the_readme_names_as_many_missed_bounds_as_there_are() -> None:
    missed, reached = rows("What is not reached", MISSED), rows("What is reached, and why it matters", REACHED)
    assert f"[{len(missed)} of {len(missed) + len(reached)} bounds](docs/performance.md#what-is-not-reached)" in README

"""docs/performance.md: its beginning is what the generator makes of its own figures."""

from pathlib import Path

from benchmarks.opening import MISSED, REACHED, UNKNOWN, WHY, opening

DOCUMENT = (Path(__file__).parents[1] / "docs" / "performance.md").read_text(encoding="utf-8")
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

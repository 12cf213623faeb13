"""Tables at every width: words are whole, lines are not longer than the terminal, and nothing is lost."""

import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from connector_core.cli.output import table
from connector_core.cli.tables import fitted
from world import Discover, Running

WORDS = st.lists(st.text("abcdefghij", min_size=1, max_size=12), min_size=1, max_size=12).map(" ".join)
TABLES = st.integers(1, 6).flatmap(
    lambda columns: st.lists(st.lists(WORDS, min_size=columns, max_size=columns), min_size=1, max_size=4)
)


def printed(headings: list[str], rows: list[list[str]], width: int) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False)
    console.print(table(headings, rows))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@given(rows=TABLES, width=st.integers(30, 120))
@settings(max_examples=60, deadline=None)
def test_every_word_is_whole_and_every_line_fits(rows: list[list[str]], width: int) -> None:
    out = printed([f"heading{number}" for number in range(len(rows[0]))], rows, width)
    assert max(len(line) for line in out.splitlines()) <= width
    seen = out.split()
    for row in rows:
        for cell in row:
            assert set(cell.split()) <= set(seen)


@pytest.mark.parametrize(
    ("narrowest", "widest", "room", "widths"),
    [
        ([4, 4], [10, 8], 20, [10, 8]),
        ([4, 4], [10, 8], 14, [7, 7]),
        ([4, 7], [10, 8], 11, [4, 7]),
        ([4, 7], [10, 8], 10, None),
        # A narrow column would have more than five lines.
        ([4, 9], [20, 101], 40, [20, 20]),
        ([4, 9], [20, 101], 39, None),
        ([], [], 10, []),
    ],
)
def test_the_widest_columns_are_narrowed_as_long_as_words_fit(
    narrowest: list[int], widest: list[int], room: int, widths: list[int] | None
) -> None:
    assert fitted(narrowest, widest, room) == widths


def test_where_columns_have_no_room_a_row_becomes_a_list() -> None:
    headings, row = ["Name", "E-mail", "Title", "Office"], ["Ada Diaz", "ada.diaz@acme.example", "Lead", ""]
    assert [line.rstrip() for line in printed(headings, [row, row], 31).splitlines()] == [
        "Ada Diaz",
        "  E-mail  ada.diaz@acme.example",
        "  Title   Lead",
        "",
        "Ada Diaz",
        "  E-mail  ada.diaz@acme.example",
        "  Title   Lead",
    ]


def test_a_sign_without_a_heading_stays_beside_the_name() -> None:
    console = Console(file=io.StringIO(), width=17, markup=False)
    console.print(table(["", "Kind", "Reason"], [[Text("~"), "Department", "renamed"]], title="Plan"))
    assert isinstance(console.file, io.StringIO)
    lines = [line.rstrip() for line in console.file.getvalue().splitlines()]
    assert lines == ["Plan", "~ Department", "  Reason  renamed"]


@pytest.mark.parametrize("columns", ["60", "100"])
def test_the_commands_are_readable_at_any_width(
    acme: Running, discover: Discover, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    assert discover("connect", "namely", "--name", "acme", "--domain", acme.host).code == 0
    monkeypatch.setenv("COLUMNS", columns)
    assert "Certificate" in discover("run", "acme").out
    people = discover("entities", "acme", "employees", "--json").json()["entities"]
    shown = discover("entities", "acme", "employees").out
    assert all(one["email"] in shown for one in people if one["email"])
    assert max(map(len, shown.splitlines())) <= int(columns)
    for command, words in (
        ("list", "bamboohr departments connector-core"),
        ("show namely", "--personal-access-token-file DISCOVER_PERSONAL_ACCESS_TOKEN company.namely.com"),
        ("integrations", "namely complete departments employees"),
        ("check acme", "employees departments read"),
        ("history acme", "Department complete creates"),
    ):
        said = set(re.split(r"\s+", discover(*command.split()).out))
        assert set(words.split()) <= said, command

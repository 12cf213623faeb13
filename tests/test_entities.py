"""``discover entities``: lists, one person, and every form of them in UTF-8."""

import csv
import io
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from stores import changed_by_hand

from connector_core import Employee
from connector_core.cli.encoding import print_json, stream_csv, stream_json
from connector_core.cli.output import console, table
from world import DISCOVER, Discover, Running, Start


@pytest.fixture
def run_once(acme: Running, discover: Discover) -> Discover:
    """The command line, after a first run of acme."""
    assert discover("connect", "namely", "--name", "acme", "--domain", acme.host).code == 0
    assert discover("run", "acme").code == 0
    return discover


def listed(discover: Discover, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = discover("entities", "acme", *arguments, "--json").json()["entities"]
    return found


def test_people_are_chosen_sorted_and_limited(run_once: Discover) -> None:
    everybody = listed(run_once, "Employee")
    assert len(everybody) == 60
    active = [one for one in everybody if one["status"] == "active"]
    assert 0 < len(active) < 60
    assert listed(run_once, "employees", "--where", "status=Active") == active
    name = next(one["department_names"][0] for one in active if one["department_names"])
    chosen = listed(
        run_once,
        "EMPLOYEES",
        "--where",
        "status=active",
        "--where",
        f"department_names={name.upper()}",
        "--sort=-email",
    )
    assert {one["source_id"] for one in chosen} == {
        one["source_id"] for one in active if name in one["department_names"]
    }
    emails = [one["email"] for one in chosen if one["email"]]
    assert emails == sorted(emails, reverse=True)
    assert (
        listed(run_once, "employees", "--sort", "-email", "--limit", "2")
        == listed(run_once, "employees", "--sort", "-email")[:2]
    )
    last = everybody[-1]
    assert last in listed(run_once, "employees", "--search", f"{last['last_name'].upper()} {last['first_name']}")
    done = run_once("entities", "acme", "employees", "--where", "status=active", "--limit", "3")
    assert done.out.endswith("\n3 rows shown, 60 stored.\n")
    assert run_once("entities", "acme", "employees", "--search", "nobody@nowhere").out.endswith(
        "\n0 rows shown, 60 stored.\n"
    )


def test_names_stand_beside_ids_in_json_and_csv(run_once: Discover) -> None:
    everybody = {one["source_id"]: one for one in listed(run_once, "employees")}
    departments = {one["source_id"]: one for one in listed(run_once, "departments")}
    rows = list(csv.DictReader(io.StringIO(run_once("entities", "acme", "employees", "--csv").out)))
    assert [row["source_id"] for row in rows] == list(everybody)
    assert any(one["manager_name"] for one in everybody.values())
    assert any(one["department_names"] for one in everybody.values())
    for row in rows:
        one = everybody[row["source_id"]]
        assert tuple(row) == tuple(one)
        manager = everybody.get(one["manager_source_id"])
        assert one["manager_name"] == (manager and manager["display_name"])
        assert one["department_names"] == [departments[id_]["name"] for id_ in one["department_source_ids"]]
        assert row["manager_name"] == (one["manager_name"] or "")
        assert row["department_names"] == "; ".join(one["department_names"])
    assert (
        len(list(csv.reader(io.StringIO(run_once("entities", "acme", "department", "--csv", "--limit", "3").out)))) == 4
    )


def test_one_person_is_shown_in_full(run_once: Discover) -> None:
    one = next(one for one in listed(run_once, "employees") if one["manager_name"] and one["department_names"])
    show = ("entities", "acme", "employee", one["source_id"])
    assert run_once(*show, "--json").json() == {"entity": one}
    (row,) = csv.DictReader(io.StringIO(run_once(*show, "--csv").out))
    assert tuple(row) == tuple(one)
    assert row["manager_name"] == one["manager_name"]
    shown = run_once(*show).out
    assert [line.split(maxsplit=1)[0] for line in shown.splitlines()] == list(one)
    for line, value in zip(shown.splitlines(), one.values(), strict=True):
        text = ", ".join(value) if isinstance(value, list) else str(value or "")
        assert line.split(maxsplit=1)[1:] == ([text] if text else [])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("employees", "E 12"), "acme has no employee with the id 'E 12'."),
        (("employees", "E 12"), "discover entities acme employees --search 'E 12'"),
        (("employees", "E12", "--limit", "3"), "Give an ID, or --where, --search, --sort and --limit, not both."),
        (("employees", "--where", "status"), "--where status is not of the form FIELD=VALUE."),
        (("employees", "--where", "statu=active"), "Did you mean status?"),
        (("employees", "--where", "status=activ"), "Did you mean active?"),
        (("employees", "--sort", "emial"), "Did you mean email?"),
        (("employees", "--sort", "-emial", "--csv"), "Did you mean email?"),
        (("employee", "--json", "--csv"), "Give --csv or --json, not both."),
        (("emploees",), "Did you mean employees?"),
    ],
)
def test_what_cannot_be_shown_is_the_operators_to_fix(
    connected_only: Discover, arguments: tuple[str, ...], says: str
) -> None:
    done = connected_only("entities", "acme", *arguments)
    assert (done.code, done.out) == (2, "")
    assert says in done.err


@pytest.fixture
def connected_only(acme: Running, discover: Discover) -> Discover:
    assert discover("connect", "namely", "--name", "acme", "--domain", acme.host).code == 0
    return discover


async def test_an_embedder_chooses_and_names_page_by_page(namely: Start) -> None:
    place = await namely(scanned=True)
    host = place.host
    view = await host.view("acme", Employee)
    accepts = view.filter([("status", "active")])
    active = [one async for one in host.entities("acme", Employee) if accepts(one)]
    assert active
    page = active[:3]
    some = await host.view("acme", Employee, page)
    assert [some.row(one) for one in page] == [view.row(one) for one in page]
    # No more names were read than the page needs.
    managers = {one.manager_source_id for one in page}
    other = next(one for one in active if one.manager_source_id not in managers and view.value(one, "manager_name"))
    assert some.value(other, "manager_name") is None


# ---- UTF-8

NAME = "Zoë Łuka 北"


async def rows() -> AsyncIterator[list[str]]:
    yield [NAME]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
@pytest.mark.parametrize("form", ["csv", "list", "value", "error"])
async def test_what_programs_read_is_utf_8_whatever_the_terminal(
    monkeypatch: pytest.MonkeyPatch, encoding: str, form: str
) -> None:
    written = io.BytesIO()
    out = io.TextIOWrapper(written, encoding=encoding, errors="replace")
    monkeypatch.setattr("sys.stdout", out)
    if form == "csv":
        await stream_csv([NAME], rows())
    elif form == "list":
        await stream_json({}, NAME, rows())
    else:
        print_json([NAME, NAME], stream=out if form == "error" else None)
    out.flush()
    assert written.getvalue().decode("utf-8").count(NAME) == 2


@pytest.mark.parametrize(("encoding", "shown"), [("ascii", "Zo? ?uka ?"), ("latin-1", "Zoë ?uka ?"), ("utf-8", NAME)])
def test_a_table_has_what_the_terminal_can_show(monkeypatch: pytest.MonkeyPatch, encoding: str, shown: str) -> None:
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding=encoding, errors="replace"))
    console().print(table(["Name"], [[NAME]]))
    lines = written.getvalue().decode(encoding).splitlines()
    assert lines[2].rstrip() == shown
    assert lines[1].strip("-─ ") == ""


def test_a_process_with_another_encoding_prints_utf_8(run_once: Discover, tmp_path: Path) -> None:
    rename = f"UPDATE bodies SET body = json_set(body, '$.display_name', '{NAME}')"
    changed_by_hand(tmp_path / "discover.sqlite", rename)
    command = [str(DISCOVER), *"entities acme employees --limit 1 --csv".split()]
    done = subprocess.run(command, env={**os.environ, "PYTHONIOENCODING": "latin-1"}, capture_output=True, check=True)
    assert NAME in done.stdout.decode("utf-8")
    assert listed(run_once, "employees", "--search", "zoe luka", "--limit", "1")

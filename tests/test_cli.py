"""The command line as an operator uses it: in this process, in a process of its own, and on a terminal."""

import contextlib
import csv
import importlib
import inspect
import io
import json
import os
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cyclopts import App
from rich.console import Console

from connector_core.cli.encoding import encode, plain, stream_csv, stream_json
from connector_core.cli.flags import Flags
from connector_core.cli.main import COMMANDS, app, invoke
from connector_core.cli.output import console, error_console, table
from connectors.namely.simulator import NamelySimulator, Tenant
from terminal import Terminal
from world import DISCOVER, OURS, Discover, Running, Threaded


@pytest.fixture
def connected(acme: Running, discover: Discover) -> Running:
    assert discover("connect", "namely", "--name", "acme", "--domain", acme.host).code == 0
    return acme


def test_the_report_says_how_many_rows_came_nearly_empty_and_what_one_of_them_lost(
    simulated: Threaded, connected: Running, discover: Discover, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert connected is simulated
    assert discover("run", "acme").code == 0
    assert isinstance(simulated.simulator, NamelySimulator)
    assert isinstance(simulated.simulator.directory, Tenant)
    # The tenant is shared, so the values come back.
    for one in simulated.simulator.directory.people[20:22]:
        for field in ("email", "title", "start"):
            monkeypatch.setattr(one, field, "")
    done = discover("run", "acme")
    assert done.code == 1
    said = " ".join(done.out.split())
    assert "Employee: 2 rows came nearly empty; one lost email, job_title, start_date at once." in said
    assert "rerun with --accept FIELD for each" in said


def test_the_fields_that_a_token_does_not_see_are_one_list(
    simulated: Threaded, connected: Running, discover: Discover, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert connected is simulated
    assert discover("run", "acme").code == 0
    assert isinstance(simulated.simulator, NamelySimulator)
    tenant = simulated.simulator.directory
    assert isinstance(tenant, Tenant)
    # The tenant is shared, so its behaviour comes back.
    monkeypatch.setattr(tenant, "behaviour", tenant.behaviour.model_copy(update={"owner": "limited"}))
    (line,) = [line for line in discover("run", "acme").out.splitlines() if "without" in line and "e-mail" not in line]
    # All lack most of them; some have no primary department either way.
    assert line.startswith("Employee: 60 rows came without country_code, department_source_ids, employee_number,")
    assert re.search(r"worker_type, and \d\d without primary_department_source_id; stored values are kept\.$", line)


def test_the_way_from_connecting_to_looking(acme: Running, discover: Discover) -> None:
    done = discover("connect", "namely", "--name", "acme", "--domain", acme.host)
    assert done.code == 0
    assert "acme (Acme Widgets) is connected." in done.out
    assert "discover run acme" in done.out
    assert discover("check", "acme").code == 0
    done = discover("run", "acme")
    assert done.code == 0
    assert "acme: complete" in done.out
    assert "60 of 60" in done.out
    found = discover("entities", "acme", "employees", "--json").json()["entities"]
    assert len(found) == 60
    assert {"source_id", "display_name", "email", "status", "department_source_ids"} <= set(found[0])
    (one,) = discover("integrations", "--json").json()["integrations"]
    assert (one["verdict"], one["stored"]) == ("complete", {"departments": 12, "employees": 60})
    assert (one["token_age_days"], one["token"]) == (0, "0 days old, 730 left")
    assert "60 employees" in discover("integrations").out
    (run,) = discover("history", "acme", "--json").json()["runs"]
    assert run["changes"] == {"create applied": 72}
    assert [one["proof"] for one in run["certificates"]] == ["one_response", "creation_times"]
    done = discover("history", "acme")
    assert "Employee complete (creation times), 60 of 60" in done.out
    assert "72 creates applied" in done.out


def test_what_a_command_says_to_type_next_works_with_the_settings_and_the_store_that_were_given(
    acme: Running, discover: Discover, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plugins.toml").rename(tmp_path / "it's mine.toml")
    given = ("--settings", "it's mine.toml", "--store", "people.sqlite")

    def following(*arguments: str, code: int = 0) -> list[list[str]]:
        done = discover(*arguments)
        assert done.code == code, done.err
        return [shlex.split(one) for one in re.findall(r"discover (\w+ .*?)(?:\)|   |\n)", done.out + done.err)]

    # Narrower than a command, which is never broken.
    monkeypatch.setenv("COLUMNS", "60")
    (run,) = following("connect", "namely", "--name", "acme", "--domain", acme.host, *given)
    assert run == ["run", "acme", *given]
    apply, discard = following(*run, "--plan", code=1)
    assert following("integrations", *given) == [apply, discard]
    remedies = [one["remedy"] for one in discover("doctor", "--offline", "--json", *given).json()["findings"]]
    assert f"Look at it: discover apply {shlex.join(given)} acme" in remedies
    assert following(*discard, "--yes") == []
    (entities,) = following(*run)
    assert "60 stored" in discover(*entities).out
    # An error that is raised below the command line.
    (plan,) = following(*apply, "--yes", code=2)
    assert plan == ["run", *given, "acme", "--plan"]
    assert following(*plan) == [entities]


def test_only_commands_in_a_hint_get_the_settings_and_the_store() -> None:
    flags = Flags(settings=Path("my own.toml"))
    assert flags.hint("discover list shows every plugin found.") == (
        "discover list --settings 'my own.toml' shows every plugin found."
    )
    for text in ("Every key, with its meaning: discover settings", "It may discover people.", "Run discover --help."):
        assert flags.hint(text) == text
    assert Flags().hint("Make one: discover run acme --plan") == "Make one: discover run acme --plan"
    assert flags.command("run acme") == "discover run acme --settings 'my own.toml'"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ("entities acme employees --limit 0", "discover entities --help"),
        ("check a b", "discover check --help"),
        ("secrets rotate --nope", "discover secrets rotate --help"),
        ("nope", "discover --help"),
    ],
)
def test_a_usage_error_names_the_help_of_its_command(discover: Discover, arguments: str, named: str) -> None:
    done = discover(*arguments.split())
    assert (done.code, f"Run {named}" in done.err) == (2, True)
    assert f"Usage: {named.removesuffix(' --help')} " in discover(*named.split()[1:]).out


def test_no_flag_is_there_only_to_empty_another() -> None:
    help_ = Path(__file__).parents[1].joinpath("docs", "cli.md").read_text(encoding="utf-8")
    assert not re.search("--(empty|no)-(?!browser)", help_)


# ---- the demo's folder


def test_the_demo_empties_what_a_demo_has_left(discover: Discover) -> None:
    assert discover("demo", "--people", "50").code == 0
    store = Path(".demo/plugins.sqlite").stat().st_ctime_ns
    assert discover("demo", "--people", "50").code == 0
    assert Path(".demo/plugins.sqlite").stat().st_ctime_ns != store


@pytest.mark.parametrize("kind", ["file of mine", "settings of mine", "file", "link", "dangling link"])
def test_the_demo_leaves_the_operators_files_alone(discover: Discover, tmp_path: Path, kind: str) -> None:
    folder, elsewhere = tmp_path / ".demo", tmp_path / "mine"
    elsewhere.mkdir()
    if kind == "file":
        folder.write_text("mine")
    elif "link" in kind:
        folder.symlink_to(elsewhere if kind == "link" else tmp_path / "nowhere")
    else:
        folder.mkdir()
        (folder / ("plugins.toml" if "settings" in kind else "plans.txt")).write_text("# mine\n")
    before = {one: one.lstat().st_ino for one in tmp_path.rglob("*")}
    done = discover("demo", "--people", "50")
    assert done.code == 2
    said = "There are files of yours in .demo; move" if "mine" in kind else ".demo is not a folder; move"
    assert said in done.err
    assert before.items() <= {one: one.lstat().st_ino for one in tmp_path.rglob("*")}.items()


@pytest.mark.parametrize("flag", ["--settings", "--store"])
def test_the_demo_refuses_settings_and_a_store(discover: Discover, flag: str) -> None:
    done = discover("demo", flag, "plugins.toml")
    assert (done.code, "leave out --settings and --store" in done.err) == (2, True)
    assert not Path(".demo").exists()


@pytest.mark.usefixtures("connected")
def test_a_plan_is_shown_then_applied_or_dropped(discover: Discover) -> None:
    done = discover("run", "acme", "--plan")
    assert done.code == 1
    assert "discover apply acme" in done.out
    assert "Create" in done.out
    assert discover("entities", "acme", "employees", "--json").json() == {"entities": []}
    refused = discover("apply", "acme")
    assert (refused.code, "--yes" in refused.err) == (2, True)
    done = discover("discard", "acme", "--yes")
    assert done.out.endswith("72 changes discarded.\n")
    assert discover("apply", "acme", "--yes").code == 2
    assert discover("run", "acme", "--plan", "--json").code == 1
    assert discover("apply", "acme", "--yes", "--json").json() == {
        "integration": "acme",
        "applied": 72,
        "stale": 0,
        "held": 0,
    }
    assert len(discover("entities", "acme", "employees", "--json").json()["entities"]) == 60


@pytest.mark.usefixtures("connected")
def test_a_run_may_be_for_a_product_a_kind_or_all(discover: Discover) -> None:
    done = discover("run", "acme", "--product", "EAM", "--json").json()
    assert [one["kind"] for one in done["kinds"]] == ["Employee"]
    done = discover("run", "acme", "--kind", "departments", "--json").json()
    assert [one["kind"] for one in done["kinds"]] == ["Department"]
    done = discover("run", "--all", "--json").json()
    assert [one["verdict"] for one in done["runs"]] == ["complete"]
    assert discover("run", "acme", "--kind", "invoices").code == 2
    assert discover("run", "acme", "--all").code == 2
    assert discover("run").code == 2


@pytest.mark.usefixtures("connected")
def test_removing_asks_first_and_leaves_nothing(discover: Discover, tmp_path: Path) -> None:
    assert discover("run", "acme").code == 0
    assert discover("remove", "acme").code == 2
    assert discover("remove", "acme", "--yes").code == 0
    assert discover("integrations", "--json").json() == {"integrations": []}
    assert b"@acme.example" not in (tmp_path / "discover.sqlite").read_bytes()


def test_the_catalogue_and_the_page_of_an_integration(discover: Discover) -> None:
    listed = discover("list", "--json").json()["plugins"]
    assert [(one["name"], one["standing"], one["authentication"]) for one in listed] == [
        (name, "ready", "API") for name in OURS
    ]
    assert {one["name"]: one["category"] for one in listed}.items() >= {
        ("namely", "HRIS"),
        ("entra", "Single Sign-on & CASB"),
    }
    assert "employees (EAM, SMP)" in discover("list").out
    page = discover("show", "namely").out
    for words in ("Category: HRIS", "Authentication: API", "EAM, SMP", "Profile", "Groups", "Namely resource"):
        assert words in page
    for words in ("--personal-access-token-file", "Set-up in Namely", "Set-up here", "company.namely.com"):
        assert words in page
    assert discover("show", "namely", "--json").json()["capabilities"][0]["resource"] == "Profile"


def test_the_page_of_an_integration_shows_the_limits_in_force(discover: Discover, tmp_path: Path) -> None:
    file = tmp_path / "other.toml"
    file.write_text("[plugins.namely]\nleave_free = 0.25\n")
    assert "100 requests of /profiles in any 60 s" in discover("list").out.replace("\n", " ")
    page = discover("show", "namely", "--settings", str(file))
    assert "At most 75 requests of /profiles in any 60 s.\n25% of the quota stays free" in page.out
    shown = discover("show", "namely", "--settings", str(file), "--json").json()
    assert (shown["limits"], shown["leave_free"]) == ([{"path": "/profiles", "requests": 75, "per": 60}], 0.25)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("connect", "namely", "--name", "acme"), "Missing: --domain"),
        (("connect", "namely", "--name", "acme", "--domain", "https://acme.namely.com"), "type acme.namely.com"),
        (("connect", "namely", "--name", "acme", "--domain", "acme"), "type acme.namely.com"),
        (("connect", "namely", "--name", "a b", "--domain", "acme.namely.com"), "is not a valid integration name"),
        (("connect", "namely", "--name", "acme", "--colour", "red"), "Unknown flag --colour"),
        (("connect", "namely", "--name", "acme", "--domian", "x"), "Did you mean --domain?"),
        (("connect", "namely", "--name", "acme", "--personal-access-token", "canary"), "can see a flag's value"),
        (
            ("connect", "namely", "--name", "acme", "--personal-access-token-file", "missing.txt"),
            "The file given to --personal-access-token-file cannot be read",
        ),
        (("connect", "nothing", "--name", "acme"), "There is no connector named 'nothing'"),
        (("connect", "namely", "--domain", "acme.namely.com"), "Missing: --name, such as --name acme."),
        (("connect", "namely", "--name", "Ácme Corp.", "--domain", "acme.namely.com"), "such as acme-corp."),
        (("show", "nothing"), "There is no connector named 'nothing'"),
        (("check", "nobody"), "There is no integration named nobody"),
        (("run", "--all"), "There is no integration in the store"),
        (("secrets", "rotate"), "There is nothing in the store"),
        (("integrations", "--store", "nowhere/people.sqlite"), "does not exist, and neither does its folder"),
        (("connect", "namely", "--store", "nowhere/people.sqlite"), "does not exist, and neither does its folder"),
        (("run", "nobody"), "There is no integration named nobody"),
        (("entities", "nobody", "employees"), "There is no integration named nobody"),
        (("history", "nobody"), "There is no integration named nobody"),
        (("apply", "nobody", "--yes"), "There is no integration named nobody"),
        (("remove", "nobody", "--yes"), "There is no integration named nobody"),
        (("run", "acme", "--product", "XYZ"), '--product must be one of: "eam", "smp".'),
        (("list", "--settings", "missing.toml"), "missing.toml does not exist"),
        (("simulate", "namely", "--faults", "earthquake"), "is not a valid fault"),
        (("simulate", "namely", "--set", "colour=red"), "colour"),
        (("simulate", "namely", "--set", "colour"), "NAME=VALUE"),
        (("simulate", "namely", "--recorded", "nowhere"), "cannot be read"),
        (("xylophone",), "Unknown command. Available commands: list"),
    ],
)
@pytest.mark.usefixtures("acme")
def test_bad_input_gets_one_clear_sentence(discover: Discover, arguments: tuple[str, ...], says: str) -> None:
    done = discover(*arguments)
    assert done.code == 2
    assert says in done.err
    assert "Traceback" not in done.err + done.out
    assert "canary" not in done.err + done.out
    as_json = discover(*arguments, "--json")
    assert as_json.code == 2
    assert says in json.loads(as_json.err)["error"]["message"] + json.loads(as_json.err)["error"]["hint"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("integrations",),
        ("check", "acme"),
        ("run", "acme"),
        ("run", "--all"),
        ("apply", "acme", "--yes"),
        ("discard", "acme", "--yes"),
        ("entities", "acme", "employees"),
        ("history", "acme"),
        ("remove", "acme", "--yes"),
        ("secrets", "rotate"),
        ("list",),
        ("show", "namely"),
    ],
)
def test_a_command_that_finds_no_store_makes_none_and_names_the_one_that_it_read(
    discover: Discover, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    done = discover(*arguments)
    if arguments[0] not in {"list", "show"}:
        assert f"the store {tmp_path / 'discover.sqlite'}, which does not exist" in done.out + done.err
        assert done.code == (0 if arguments[0] == "integrations" else 2)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_saved_when_the_check_fails(
    acme: Running, discover: Discover, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISCOVER_PERSONAL_ACCESS_TOKEN", "canary-wrong-token")
    done = discover("connect", "namely", "--name", "acme", "--domain", acme.host)
    assert done.code == 2
    assert "Invalid access token provided." in done.err
    assert "canary" not in done.err + done.out
    assert discover("integrations", "--json").json() == {"integrations": []}
    assert not (tmp_path / "discover.sqlite").exists()


def test_a_secret_comes_from_a_file_or_from_standard_input(
    acme: Running, discover: Discover, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISCOVER_PERSONAL_ACCESS_TOKEN")
    (tmp_path / "token").write_text(acme.token + "\n")
    connect = ("connect", "namely", "--name", "acme", "--domain", acme.host, "--personal-access-token-file")
    assert discover(*connect, "token").code == 0
    monkeypatch.setattr("sys.stdin", io.StringIO(acme.token + "\n"))
    done = discover(*connect, "-")
    assert done.code == 0
    assert "is reconnected; its data is kept" in done.out


def test_the_token_is_in_no_file_in_the_clear(connected: Running, discover: Discover, tmp_path: Path) -> None:
    assert discover("run", "acme").code == 0
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path.name for path in files if connected.token.encode() in path.read_bytes()] == []
    assert (tmp_path / "discover.sqlite").stat().st_mode & 0o777 == 0o600


def test_one_integration_that_fails_does_not_keep_the_others_from_running(
    connected: Running, discover: Discover, tmp_path: Path
) -> None:
    assert discover("connect", "namely", "--name", "beta", "--domain", connected.host).code == 0
    assert discover("run", "beta").code == 0
    with sqlite3.connect(tmp_path / "discover.sqlite") as database:
        database.execute("UPDATE integrations SET connector = 'gone' WHERE name = 'acme'")
    database.close()
    done = discover("run", "--all", "--json")
    assert done.code == 2
    acme, beta = done.json()["runs"]
    assert acme["error"]["code"] == "plugin_refused"
    assert beta["verdict"] == "complete"


def test_every_command_has_help_and_takes_json(discover: Discover) -> None:
    for name in app.resolved_commands():
        if name.startswith("-"):
            continue
        done = discover(name, *(("rotate",) if name == "secrets" else ()), "--help")
        assert done.code == 0
        assert "--json" in done.out, name
        assert len(done.out.splitlines()) > 5
    assert "discover" in discover("--version").out or discover("--version").out[0].isdigit()


@contextlib.contextmanager
def without_reader(stream: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Replace a stream by a pipe whose reader has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", buffering=1) as pipe, monkeypatch.context() as patched:
        patched.setattr(sys, stream, pipe)
        yield


@pytest.mark.usefixtures("connected")
def test_a_reader_that_goes_away_ends_a_command_quietly(
    discover: Discover, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert discover("run", "acme").code == 0
    for command in (
        "list",
        "list --json",
        "show namely",
        "integrations",
        "check acme",
        "run acme",
        "run acme --json",
        "entities acme employees",
        "entities acme employees --json",
        "entities acme employees --csv",
        "history acme",
        "history acme --json",
    ):
        capsys.readouterr()
        with without_reader("stdout", monkeypatch):
            assert invoke(command.split()) == 141, command
        assert [line for line in capsys.readouterr().err.splitlines() if not line.startswith("{")] == [], command
    # What was to be done is done.
    assert len(discover("history", "acme", "--json").json()["runs"]) == 3


@pytest.mark.parametrize("arguments", ["check nobody", "check nobody --json", "check --wrong"])
def test_an_error_without_a_reader_has_its_exit_code(arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with without_reader("stderr", monkeypatch):
        assert invoke(arguments.split()) == 2


@pytest.mark.parametrize("arguments", [["--help"], ["list"]])
def test_a_process_whose_reader_has_gone_ends_as_by_sigpipe(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        done = subprocess.run([DISCOVER, *arguments], stdout=pipe, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (141, b"")


def wait_for_connection(port: int) -> None:
    """Until somebody has connected to this port; where the system does not tell, for as long as that should take."""
    table = Path("/proc/net/tcp")
    if not table.exists():
        time.sleep(3)
        return
    # Local address, remote address, state: 01 is an established connection.
    while not re.search(rf":{port:04X} \w+:\w+ 01", table.read_text()):
        time.sleep(0.05)
    time.sleep(0.3)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.usefixtures("acme")
def test_a_signal_ends_a_run_at_once_and_says_so(tmp_path: Path, number: signal.Signals) -> None:
    with subprocess.Popen(
        [DISCOVER, "simulate", "namely", "--port", "0", "--faults", "stall@2:/profiles", "--json"],
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout
        said = json.loads(server.stdout.readline())
        (tmp_path / "plugins.toml").write_text(Running(said["host"], said["port"], "", "").settings())
        environment = {**os.environ, "SSL_CERT_FILE": said["ca_file"]}
        with subprocess.Popen(
            [DISCOVER, "connect", "namely", "--name", "slow", "--domain", said["host"]],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        ) as connecting:
            wait_for_connection(said["port"])
            started = time.monotonic()
            connecting.send_signal(number)
            assert connecting.wait(5) == 130
            assert time.monotonic() - started < 1
            assert connecting.stderr
            assert connecting.stderr.read() == "Interrupted.\n"
        server.terminate()
        assert server.wait(5) == 130


def test_a_signal_during_a_run_says_what_the_next_run_does(tmp_path: Path) -> None:
    faults = ("--faults", "stall@5x9:/profiles")
    with subprocess.Popen(
        [DISCOVER, "simulate", "namely", "--port", "0", "--people", "120", *faults, "--json"],
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout
        said = json.loads(server.stdout.readline())
        (tmp_path / "plugins.toml").write_text(Running(said["host"], said["port"], "", "").settings())
        environment = {
            **os.environ,
            "SSL_CERT_FILE": said["ca_file"],
            "DISCOVER_PERSONAL_ACCESS_TOKEN": said["credentials"]["personal_access_token"],
        }
        connect = [DISCOVER, "connect", "namely", "--name", "slow", "--domain", said["host"]]
        subprocess.run(connect, env=environment, check=True, capture_output=True)
        with subprocess.Popen([DISCOVER, "run", "slow"], env=environment, stderr=subprocess.PIPE, text=True) as running:
            assert running.stderr
            # Its first page has come.
            assert next(line for line in running.stderr if json.loads(line)["event"] == "reading")
            running.send_signal(signal.SIGTERM)
            assert running.wait(5) == 130
            assert running.stderr.read().endswith("Interrupted. The next run resumes or starts over.\n")
        server.terminate()
        assert server.wait(5) == 130


# Escapes of both sorts, NUL, DEL, a change of direction, a lone surrogate, and ends of lines that Unicode knows.
CONTROLS = "\x1b[2J\x9b31m\x00\x7f\u202e\ud800\u2028\x85\r\n\t"
HARMLESS = "Zoë Łuka 北 山田\u3000太郎 علی\u200cرضا o\xa0brien"  # noqa: RUF001 - the letters are meant


def test_a_name_cannot_drive_the_terminal() -> None:
    assert plain(f"Eve {CONTROLS}") == "Eve \ufffd[2J\ufffd31m\ufffd\ufffd\ufffd\ufffd     "
    assert plain("Eve\u2066\u202a\u2069\ufeff") == "Eve\ufffd\ufffd\ufffd\ufffd"


# Spelled as they have to be, with the columns that each takes.
NAMES = {
    "علی\u200cرضا": 6,  # noqa: RUF001 - the letters are meant
    "क्\u200dष": 1,
    "\U0001f469\u200d\U0001f680 Ann": 6,
    "o\xa0brien": 7,
    "Zoe\u0308 Le\u0301a": 7,
    "Łuka": 4,
    "山田\u3000太郎": 10,
    "김민준": 6,
    "Trần": 4,
    "אבי": 3,
}


def test_a_name_is_shown_as_it_is_spelled_and_what_stands_behind_it_is_aligned(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in (*NAMES, HARMLESS):
        assert plain(name) == name
    console().print(table(["Name", "Status"], [[name, "active"] for name in NAMES]))
    for line, (name, columns) in zip(capsys.readouterr().out.splitlines()[2:], NAMES.items(), strict=True):
        assert line.rstrip() == f"{name}{' ' * (10 - columns)}  active"


def test_marks_of_direction_arrange_no_other_column() -> None:
    assert plain("\u200fאבי (x)\u200e \u061cعلي") == "אבי (x) علي"  # noqa: RUF001 - the letters are meant
    assert json.loads(encode("\u200fאבי")) == "\u200fאבי"  # noqa: RUF001 - the letters are meant


@pytest.mark.parametrize("stream", [console, error_console])
def test_nothing_that_is_printed_can_drive_the_terminal(
    capsys: pytest.CaptureFixture[str], stream: Callable[[], Console]
) -> None:
    stream().print(f"line\n{CONTROLS}", style="bold")
    stream().print(table([f"heading {CONTROLS}"], [[CONTROLS], [(CONTROLS, CONTROLS)]], title=CONTROLS))
    printed = "".join(capsys.readouterr())
    assert printed.startswith("line\n")
    assert not set(CONTROLS.replace("[2J", "").replace("31m", "")) - {"\n"} & set(printed)


def test_json_has_every_text_without_loss_and_without_controls() -> None:
    encoded = encode({"name": CONTROLS + HARMLESS + "\U000e0041"})
    assert json.loads(encoded) == {"name": CONTROLS + HARMLESS + "\U000e0041"}
    assert not set(CONTROLS.replace("[2J", "").replace("31m", "")) & set(encoded)
    assert HARMLESS in encoded


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ('=HYPERLINK("http://evil.example")', '\'=HYPERLINK("http://evil.example")'),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+49 30 1", "'+49 30 1"),
        ("-5", "'-5"),
        ("\uff1d1", "'\uff1d1"),
        ("\t=1", " '=1"),
        ("\r\n =1", "   '=1"),
        ("Eve;=1", "Eve;'=1"),
        (["=1", "2", "-3"], "'=1; 2; '-3"),
        ([1, 2], "1; 2"),
        ({"at": "=1"}, '{"at": "=1"}'),
        (CONTROLS, plain(CONTROLS)),
        ("O'Brien-Łuka", "O'Brien-Łuka"),
        (-5, "-5"),
        (True, "true"),
        (False, "false"),
        (None, ""),
    ],
)
async def test_a_cell_of_csv_is_no_formula_and_has_no_controls(
    capsys: pytest.CaptureFixture[str], value: object, cell: str
) -> None:
    async def rows() -> AsyncIterator[list[object]]:
        yield ["first", value]

    await stream_csv(["=id", "name"], rows())
    assert list(csv.reader(io.StringIO(capsys.readouterr().out))) == [["'=id", "name"], ["first", cell]]


@pytest.mark.attack(
    "A person's name is a formula with control characters", "No formula in CSV, no control character anywhere"
)
@pytest.mark.usefixtures("connected")
def test_a_stored_name_is_safe_in_every_form(discover: Discover, tmp_path: Path) -> None:
    assert discover("run", "acme").code == 0
    name = '=HYPERLINK("x")\x1b\x9b'
    with contextlib.closing(sqlite3.connect(tmp_path / "discover.sqlite")) as database, database:
        found = "SELECT n, body FROM bodies WHERE n = (SELECT min(n) FROM entities WHERE kind = 'Employee')"
        number, body = database.execute(found).fetchone()
        changed = json.dumps({**json.loads(body), "display_name": name}, ensure_ascii=False)
        database.execute("UPDATE bodies SET body = ? WHERE n = ?", (changed, number))
    names = {one["display_name"] for one in discover("entities", "acme", "employees", "--json").json()["entities"]}
    assert name in names
    for form, shown in (("--csv", '\'=HYPERLINK(""x"")\ufffd\ufffd'), ("--json", "\\u001b\\u009b"), (None, "\ufffd")):
        printed = discover("entities", "acme", "employees", *([form] if form else [])).out
        assert shown in printed
        assert not {"\x1b", "\x9b"} & set(printed)


@pytest.mark.parametrize(
    "arguments",
    [
        ("entities", "acme", "employees", "--limit", "-1"),
        ("entities", "acme", "employees", "--limit", "0"),
        ("history", "acme", "--limit", "0"),
        ("history", "acme", "--limit", "99999999999999999999"),
        ("history", "acme", "--run", "nope"),
        ("simulate", "namely", "--port", "99999"),
        ("simulate", "namely", "--port", "-1"),
        ("simulate", "namely", "--people", "-1"),
        ("demo", "--people", "2"),
    ],
)
@pytest.mark.usefixtures("connected")
def test_a_number_that_makes_no_sense_is_the_operators_to_fix(discover: Discover, arguments: tuple[str, ...]) -> None:
    done = discover(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Error: ")


@pytest.mark.usefixtures("acme")
def test_a_secret_that_was_typed_in_the_wrong_place_is_not_repeated(discover: Discover) -> None:
    connect = ("connect", "namely", "--name", "acme", "--domain", "acme.namely.com")
    for wrong in (
        ("--personal-access-token-file", "canary-token"),
        ("canary-token",),
        ("--personal-access-token=canary-token",),
    ):
        done = discover(*connect, *wrong)
        assert done.code == 2
        assert "canary" not in done.err + done.out


@pytest.mark.attack("A secret is typed as the value of a wrong flag", "It is not repeated")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("check --personal-access-token=canary-token", "Unknown option: --personal-access-token."),
        ("check acme --personal-access-token=canary-token", "Unknown option: --personal-access-token."),
        ("check acme --personal-access-token canary-token", "Unknown option: --personal-access-token."),
        ("check -pcanary-token", "Unknown option: -p."),
        ("check --stor=canary-token", "Unknown option: --stor. Did you mean --store?"),
        ("check --Canary7f3a", "Unknown option.\n"),
        ("check --canary-7f3a9e", "Unknown option.\n"),
        ("check --canaryaaaaaaaaaaaaaaaaaaaa", "Unknown option.\n"),
        ("check --STORE-canary=1", "Unknown option.\n"),
        ("canary-token", "Unknown command. Available commands: list,"),
        ("--canary-token list", "Unknown command. Available commands: list,"),
        ("secrets canary-token", "Unknown command. Available commands: rotate."),
        ("secrets rotatecanary", 'Unknown command. Did you mean "rotate"? Available commands: rotate.'),
        ("[canary]{token}.", "Unknown command. Available"),
        ("check --canary[red].x", "Unknown option.\n"),
        ("lst", 'Unknown command. Did you mean "list"?'),
        ("run acme --product canary-token", '--product must be one of: "eam", "smp".'),
        ("history acme --limit=canary-token", "--limit must be a whole number."),
        ("history acme --limit 4200000", "--limit must be at most 10000."),
        ("list --json=canary-token", "--json must be true or false."),
        ("list canary-token", "There are more arguments than the command takes."),
        ("list -- canary-token", "There are more arguments than the command takes."),
    ],
)
def test_what_was_typed_and_cannot_be_used_is_named_without_its_value(
    discover: Discover, arguments: str, says: str
) -> None:
    done = discover(*arguments.split())
    assert done.code == 2
    assert done.err.startswith(f"Error: {says}")
    assert "canary" not in done.err + done.out
    assert "4200000" not in done.err


@pytest.mark.usefixtures("connected")
def test_the_changes_of_a_past_run_can_be_looked_at(discover: Discover) -> None:
    run = discover("run", "acme", "--json").json()["run"]
    done = discover("history", "acme", "--run", run[:8])
    assert "new in Namely" in done.out
    listed = discover("history", "acme", "--run", run, "--json").json()["changes"]
    assert {(one["operation"], one["reason"]["code"]) for one in listed} == {("create", "new")}
    assert len(listed) == 72


@pytest.mark.usefixtures("connected")
def test_on_a_terminal_ctrl_c_at_the_question_about_a_plan_leaves_it_held(discover: Discover) -> None:
    assert discover("run", "acme", "--plan").code == 1
    terminal = Terminal("apply", "acme")
    terminal.wait_for("Apply 72 changes?")
    assert "and 55 more Employee creates" in terminal.seen
    assert terminal.interrupt() == 130
    assert discover("apply", "acme", "--yes", "--json").json()["applied"] == 72


@pytest.mark.usefixtures("connected")
@pytest.mark.parametrize("streams", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed_are_no_reason_to_fail(streams: str) -> None:
    done = subprocess.run(f"{DISCOVER} run acme {streams}", shell=True, capture_output=True, check=False)
    assert done.returncode == 0


@pytest.mark.usefixtures("connected")
def test_a_reader_of_the_log_that_goes_away_does_not_end_the_run(discover: Discover) -> None:
    subprocess.run(
        f"{DISCOVER} run acme 2> >(true)", shell=True, executable="/bin/bash", capture_output=True, check=True
    )
    assert discover("history", "acme", "--json").json()["runs"][0]["verdict"] == "complete"


@pytest.mark.usefixtures("connected")
def test_letters_that_the_terminal_lacks_are_no_reason_to_fail() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([DISCOVER, "run", "acme"], env=environment, capture_output=True, check=True)
    assert b"complete" in done.stdout


@pytest.mark.usefixtures("connected")
def test_progress_is_drawn_on_a_terminal_and_logs_are_not() -> None:
    terminal = Terminal("run", "acme")
    assert terminal.end() == 0
    assert "Employee: 60 announced; about 2 requests, under a minute to come." in " ".join(terminal.seen.split())
    assert '"event"' not in terminal.seen
    assert "run_started" not in terminal.seen
    quiet = subprocess.run([DISCOVER, "run", "acme"], capture_output=True, text=True, check=True)
    first = next(iter(quiet.stderr.splitlines()))
    assert json.loads(first)["event"] == "run_started"


def test_the_help_of_a_command_begins_as_the_list_of_commands_says() -> None:
    for name, place, said in COMMANDS:
        module, _, function = place.partition(":")
        found = getattr(importlib.import_module(f"connector_core.cli.{module}"), function)
        first = found.help if isinstance(found, App) else (inspect.getdoc(found) or "").partition("\n\n")[0]
        assert first.replace("\n", " ") == said, name


def test_the_json_of_a_run_lists_updates_and_removals_and_counts_creates(discover: Discover) -> None:
    done = discover("demo", "--people", "60", "--json")
    _, first, _, _, second = (json.loads(line) for line in done.out.splitlines())
    assert (first["changes"], first["kinds"][0]["plan"]["creates"]) == ([], 60)
    assert second["kinds"][0]["plan"]["creates"] == 1
    assert {one["operation"] for one in second["changes"]} == {"update", "remove"}
    (removal,) = [one for one in second["changes"] if one["operation"] == "remove"]
    assert removal["reason"] == {
        "code": "not_found",
        "parameters": {"provider": "Namely"},
        "message": "absent from a complete scan, and unknown to Namely",
        "action": "",
    }
    assert {one["kind"]: one["certificate"]["standing"] for one in second["kinds"]} == {
        "Employee": "complete",
        "Department": "complete",
    }


def test_json_has_moments_in_seconds_and_days_as_they_are() -> None:
    moment = datetime(2026, 3, 1, 12, 30, 15, 999_999, tzinfo=UTC)
    assert json.loads(encode({"at": moment, "on": moment.date(), "in": (None,)})) == {
        "at": "2026-03-01T12:30:15+00:00",
        "on": "2026-03-01",
        "in": [None],
    }


async def test_rows_are_written_as_json_while_they_come() -> None:
    with contextlib.redirect_stdout(io.StringIO()) as out:

        async def rows() -> AsyncIterator[int]:
            yield 1
            assert out.getvalue() == '{"name": "acme", "rows": [1'
            yield 2

        await stream_json({"name": "acme"}, "rows", rows())
    assert json.loads(out.getvalue()) == {"name": "acme", "rows": [1, 2]}


async def test_no_rows_are_an_empty_list() -> None:
    async def rows(number: int) -> AsyncIterator[int]:
        for one in range(number):
            yield one

    with contextlib.redirect_stdout(io.StringIO()) as out:
        await stream_json({}, "rows", rows(0))
    assert out.getvalue() == '{"rows": []}\n'

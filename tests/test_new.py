"""`discover new`: whatever is answered, all rules are kept at once; and where it cannot be, nothing is written."""

import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from connector_core.cli.scaffold import Answers
from connector_core.scaffold import places
from connector_core.scaffold.rendering import render
from connector_core.testing.kit import RULES, prove, prove_suite
from connector_core.testing.kit.rules import Tier
from docs.generate import lines_of
from installed import environment, install
from terminal import Terminal
from world import DISCOVER, OURS, Discover

ROOT = Path(__file__).parents[1]
AUTH, PAGING, TOTAL = (get_args(get_args(get_type_hints(Answers)[one])[0]) for one in ("auth", "paging", "total"))
HOSTS = ("api.acme.example", "*.acme.example", "operator")
NOT_COUNTED = ("graphql", "whole")
LINES = (150, 190)
"""Of code, without the simulator: of a connector of employees, and of one of departments, too."""
PROJECT = ROOT / "pyproject.toml"


def files_in(folder: Path) -> dict[str, str]:
    return {
        str(one.relative_to(folder)): one.read_text(encoding="utf-8", errors="replace")
        for one in folder.rglob("*")
        if one.is_file()
    }


def run(*command: object, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """What it prints. It must end well."""
    done = subprocess.run([*map(str, command)], cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# ---- whatever is answered


def combinations() -> Iterator[tuple[str, str, str, str, int]]:
    """Yield each pair of authentication and paging, with one of the totals, of the hosts, and of the kinds."""
    for (number, auth), (other, paging) in product(enumerate(AUTH), enumerate(PAGING)):
        totals = [one for one in TOTAL if one != "count" or paging not in NOT_COUNTED]
        turn = number + other
        yield auth, paging, totals[(number + number // 3) % len(totals)], HOSTS[turn // 2 % 3], turn % 2


def of_today() -> Iterator[Any]:
    """Yield every combination as a test: every day, each kind of authentication once."""
    for number, (auth, paging, total, host, odd) in enumerate(combinations()):
        often = number % len(PAGING) == number // len(PAGING) % len(PAGING)
        marks = [] if often else [pytest.mark.slow]
        yield pytest.param(auth, paging, total, host, odd, id=f"{auth}-{paging}-{total}", marks=marks)


def test_every_answer_is_tried_every_day_and_every_total_with_every_paging() -> None:
    daily = [one.values for one in of_today() if not one.marks]
    for number, answers in enumerate((AUTH, PAGING, TOTAL, HOSTS)):
        assert {one[number] for one in daily} == set(answers)
    expected = {one for one in product(PAGING, TOTAL) if one not in {(paging, "count") for paging in NOT_COUNTED}}
    assert {one[1:3] for one in combinations()} == expected


@pytest.mark.parametrize(("auth", "paging", "total", "host", "odd"), list(of_today()))
def test_every_combination_reads_what_it_declares(
    auth: str,
    paging: str,
    total: str,
    host: str,
    odd: int,
    discover: Discover,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A name of its own in every test: what is imported once stays imported.
    name = f"new_{AUTH.index(auth)}_{paging}_{total}".replace("-", "_")
    answers = ["--auth", auth, "--paging", paging, "--total", total, "--host", host]
    kinds = ["--kinds", "departments" if odd else "employees"]
    done = discover("new", name, *answers, *kinds, "--into", "made")
    assert done.code == 0, done.err
    monkeypatch.syspath_prepend(str(tmp_path / "made"))
    (connector,) = importlib.import_module(f"connectors.{name}").discovery_connectors()
    assert list(connector.declarations) == ["Employee", *(["Department"] if odd else [])]
    assert lines_of(tmp_path / "made" / "connectors" / name) <= LINES[odd]
    for suite in ("declaration", "reading"):
        assert [one.detail for one in prove_suite(connector, suite).judgements if not one.good] == []


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("auth", "paging", "total", "host"),
    [
        ("authorization-code", "cursor", "count", "operator"),
        ("private-key-jwt", "link-header", "none", "*.acme.example"),
        ("prefixed-header", "graphql", "listing", "api.acme.example"),
    ],
)
def test_chained_listings_and_issued_tokens_keep_every_rule(
    auth: str, paging: str, total: str, host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"whole_{paging}".replace("-", "_")
    given = {"auth": auth, "paging": paging, "total": total, "host": host}
    files = render(name, given, in_tree=False, ask=False)
    places.write(places.standalone(tmp_path, files))
    monkeypatch.syspath_prepend(str(tmp_path))
    # The kit's processes import the connector, too.
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{ROOT}")
    (connector,) = importlib.import_module(f"connectors.{name}").discovery_connectors()
    result = prove(connector)
    assert [one.detail for one in result.judgements if not one.good] == []
    assert result.tier is Tier.PLATINUM


# The shortest, the longest, and those that are no name of a class.
TITLES = ["X", "Employee", "Client", "Staff", "None", "3M", "tüv süd", "Acme Human Resources (International) Ltd"]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_is_written_passes_the_linter_and_the_type_checker_whatever_is_answered(tmp_path: Path) -> None:
    for number, (auth, paging, total, place, odd) in enumerate(combinations()):
        kinds = ["employees", "departments"][: 1 + odd]
        name = f"new_{number}".ljust(30 * (number % 4 > 1), "x")
        title = TITLES[number % len(TITLES)]
        host = place.replace("acme", f"acme{'-human-resources' * (number % 3)}")
        given = {"title": title, "host": host, "auth": auth, "paging": paging, "total": total, "kinds": kinds}
        for file, text in render(name, given, in_tree=True, ask=False).items():
            if len(file.parts) > 1:
                path = tmp_path.joinpath("tests", name, file.name) if file.parts[0] == "tests" else tmp_path / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
    assert len(list(tmp_path.glob("connectors/*/connector.py"))) == len(AUTH) * len(PAGING)
    run("ruff", "check", "--config", PROJECT, ".", cwd=tmp_path, env=environment(tmp_path))
    run("ruff", "format", "--check", "--config", PROJECT, ".", cwd=tmp_path, env=environment(tmp_path))
    mypy = [sys.executable, "-m", "mypy", "--config-file", PROJECT, "--cache-dir", tmp_path / "cache"]
    run(*mypy, "connectors", "tests", cwd=tmp_path, env={**os.environ, "MYPYPATH": str(ROOT)})


# ---- a distribution of its own


@pytest.fixture
def acmehr(discover: Discover, tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A distribution made from answers that differ from the defaults, installed where only it can be seen."""
    flags = "--title|Acme HR|--host|*.acmehr.example|--auth|client-credentials|--paging|offset|--into|mine"
    done = discover("new", "acmehr", *flags.split("|"), "--kinds", "employees", "--kinds", "departments")
    assert done.code == 0, done.err
    assert "discover test acmehr" in done.out
    install(tmp_path / "mine", tmp_path / "site")
    return tmp_path / "mine", environment(tmp_path / "site")


@pytest.mark.slow
def test_a_distribution_installs_beside_the_others_and_runs(
    acmehr: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    _, env = acmehr
    settings = tmp_path / "plugins.toml"
    settings.write_text("".join(f"[plugins.{name}]\n" for name in (*OURS, "acmehr")))
    listed = json.loads(run(DISCOVER, "list", "--json", cwd=tmp_path, env=env))["plugins"]
    standings = {one["name"]: (one["standing"], one["distribution"]) for one in listed}
    ours = dict.fromkeys(OURS, ("ready", "connector-core"))
    assert standings == {**ours, "acmehr": ("ready", "acmehr-connector")}
    simulate = [str(DISCOVER), "simulate", "acmehr", "--port", "0", "--people", "60", "--json"]
    with subprocess.Popen(simulate, cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        told = json.loads(process.stdout.readline())
        resolve = f'[host.resolve]\n"{told["host"]}" = "127.0.0.1:{told["port"]}"\n'
        settings.write_text(settings.read_text() + resolve)
        fields = told["credentials"]
        known = {**env, "SSL_CERT_FILE": told["ca_file"], "DISCOVER_CLIENT_SECRET": fields["client_secret"]}
        given = ["--domain", fields["domain"], "--client-id", fields["client_id"]]
        run(DISCOVER, "connect", "acmehr", "--name", "acme", *given, cwd=tmp_path, env=known)
        report = json.loads(run(DISCOVER, "run", "acme", "--json", cwd=tmp_path, env=known))
        assert report["verdict"] == "complete"
        stored = json.loads(run(DISCOVER, "entities", "acme", "employees", "--json", cwd=tmp_path, env=known))
        assert len(stored["entities"]) == 60
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_distributions_own_tests_prove_every_rule(acmehr: tuple[Path, dict[str, str]]) -> None:
    project, env = acmehr
    # Not as a module: that would import the files in the working folder, in place of those installed.
    printed = run(Path(sys.executable).with_name("pytest"), "-q", "-n", "2", cwd=project, env=env)
    assert f"acmehr: platinum; {len(RULES)} of {len(RULES)} rules kept" in printed
    assert re.search(r"\d\d passed", printed)


def test_it_is_built_by_what_builds_this_project(discover: Discover, tmp_path: Path) -> None:
    assert discover("new", "acmehr").code == 0
    made = tomllib.loads((tmp_path / "acmehr-connector" / "pyproject.toml").read_text())
    assert made["build-system"] == tomllib.loads(PROJECT.read_text())["build-system"]


def test_without_a_terminal_the_defaults_are_taken(discover: Discover, tmp_path: Path) -> None:
    told = discover("new", "acme_hr", "--json").json()
    folder = tmp_path / "acme-hr-connector"
    assert (told["connector"], told["folder"]) == ("acme_hr", "acme-hr-connector")
    assert sorted(told["files"]) == sorted(files_in(folder))
    written = (folder / "connectors" / "acme_hr" / "connector.py").read_text()
    for words in ('title="Acme Hr"', 'hosts=("api.acme-hr.example",)', "Bearer", "PageNumber", "    Department,\n"):
        assert words in written
    assert "{{" not in "".join(files_in(folder).values())


# ---- a checkout


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This project, as somebody has checked it out."""
    left = shutil.ignore_patterns(
        ".*cache*", ".git", ".venv*", ".build", "dist", "site", ".hypothesis", "__pycache__", "*.sqlite*"
    )
    copy = shutil.copytree(ROOT, tmp_path / "checkout", ignore=left)
    monkeypatch.chdir(copy / "docs")
    return copy


def added(before: str, after: str) -> list[str]:
    """The lines that came; those that were there must all be there, in order."""
    old, new = before.splitlines(), []
    for line in after.splitlines():
        if old and line == old[0]:
            del old[0]
        else:
            new.append(line)
    assert old == []
    return new


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_in_the_tree_it_becomes_one_of_the_connectors(checkout: Path, discover: Discover, tmp_path: Path) -> None:
    before = files_in(checkout)
    answers = ["--title", "Acme HR", "--auth", "header", "--paging", "whole", "--kinds", "employees"]
    done = discover("new", "acmehr", "--in-tree", *answers)
    assert done.code == 0, done.err
    assert "make setup" in done.out
    after = files_in(checkout)
    assert {one for one in after if before.get(one) != after[one]} == {
        "plugins.toml",
        "pyproject.toml",
        "tests/acmehr/test_kit.py",
        "tests/acmehr/test_mapping.py",
        "connectors/acmehr/README.md",
        *(
            f"connectors/acmehr/{one}.py"
            for one in ("__init__", "connector", "credentials", "mapping", "simulator", "wire")
        ),
    }
    project = added(before["pyproject.toml"], after["pyproject.toml"])
    assert sorted(project) == ['  "connectors.acmehr",', 'acmehr = "connectors.acmehr"']
    assert added(before["plugins.toml"], after["plugins.toml"]) == ["", "[plugins.acmehr]"]
    site, linked = tmp_path / "site", tmp_path / "linked"
    install(checkout, site)
    # As an editable install: what is known of it lies in the one, the code in the other.
    (metadata,) = site.glob("*.dist-info")
    shutil.copytree(metadata, linked / metadata.name)
    editable = {"url": checkout.as_uri(), "dir_info": {"editable": True}}
    (linked / metadata.name / "direct_url.json").write_text(json.dumps(editable))
    env = {**environment(linked), "PYTHONPATH": f"{checkout}{os.pathsep}{linked}"}
    printed = run(sys.executable, "-m", "pytest", "-q", "tests/acmehr", "tests/test_settings.py", cwd=checkout, env=env)
    assert f"acmehr: platinum; {len(RULES)} of {len(RULES)} rules kept" in printed
    run("ruff", "check", "connectors", "tests", cwd=checkout, env=env)
    run(sys.executable, "-m", "docs.generate", cwd=checkout, env=env)
    index = (checkout / "docs" / "connectors.md").read_text()
    assert re.search(r"^\| \[Acme HR\]\(../connectors/acmehr/README.md\) .* \| platinum \|$", index, re.MULTILINE)
    # The template lies in the wheel, whole.
    run(DISCOVER, "new", "another", cwd=tmp_path, env={**env, "PYTHONPATH": str(site)})
    assert len(files_in(tmp_path / "another-connector")) == 13


# ---- where it cannot


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("Acme-HR", "'Acme-HR' is not a valid name for a connector."),
        ("1acme", "'1acme' is not a valid name for a connector."),
        ("class", "'class' is not a valid name for a connector."),
        ("connectors", "'connectors' is not a valid name for a connector."),
        ("namely", "The name namely is taken: connector-core has a connector of that name."),
        ("acmehr --into full", "full is not empty."),
        ("acmehr --into full/file", "full/file is not empty."),
        ("acmehr --kinds people", '--kinds must be one of: "employees"'),
        ("acmehr --auth magic", '--auth must be one of: "bearer"'),
        ("acmehr --paging pages", '--paging must be one of: "page"'),
        ("acmehr --paging whole --total count", "count does not go with whole paging: use listing or none."),
        ("acmehr --host operators", '"operators" is not a valid host'),
        ("acmehr --host https://acme.example", '"https://acme.example" is not a valid host'),
        ("acmehr --host *.example", '"*.example" is not a valid host'),
        ("acmehr --title a:b", '"a:b" is not a valid title'),
        ("acmehr --in-tree", "is not in a checkout of connector-core."),
        ("acmehr --in-tree --into there", "Give --into or --in-tree, not both."),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence_and_nothing_is_written(
    arguments: str, said: str, discover: Discover, tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("kept")
    done = discover("new", *arguments.split())
    assert (done.code, done.out) == (2, "")
    assert said in " ".join(done.err.split())
    assert files_in(tmp_path) == {"full/file": "kept"}
    assert [one.name for one in tmp_path.iterdir()] == ["full"]


@pytest.mark.parametrize("place", ["tests/acmehr", "connectors/acmehr"])
def test_a_folder_that_the_tree_has_already_is_left_alone(place: str, checkout: Path, discover: Discover) -> None:
    (checkout / place).mkdir()
    before = files_in(checkout)
    done = discover("new", "acmehr", "--in-tree")
    assert (done.code, f"{place} already exists." in done.err) == (2, True)
    assert files_in(checkout) == before


def test_an_empty_folder_is_taken(discover: Discover, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert discover("new", "acmehr", "--into", "empty").code == 0
    assert (tmp_path / "empty" / "plugins.toml").is_file()


def test_without_the_extra_for_authors_it_is_named(
    discover: Discover, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "copier", None)
    done = discover("new", "acmehr")
    assert done.code == 2
    assert 'pip install "connector-core[author]"' in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_keeps_what_was_there(tmp_path: Path) -> None:
    old, new, file = tmp_path / "old", tmp_path / "new" / "deep" / "file", tmp_path / "file"
    old.write_text("old")
    file.write_text("no folder")
    with pytest.raises(OSError, match="Not a directory"):
        places.write({old: "changed", new: "written", file / "below": "impossible"})
    assert files_in(tmp_path) == {"old": "old", "file": "no folder"}
    assert not (tmp_path / "new").exists()


def test_plugins_toml_gets_a_table_and_keeps_the_one_that_it_has() -> None:
    assert tomllib.loads(places.with_plugin("", "acmehr")) == {"plugins": {"acmehr": {}}}
    text = "[plugins.acmehr]  # mine\nenabled = false\n"
    assert places.with_plugin(text, "acmehr") == text


# ---- on a terminal


@pytest.fixture
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("PROMPT_TOOLKIT_NO_CPR", "1")


@pytest.mark.usefixtures("_terminal")
def test_on_a_terminal_what_was_not_given_is_asked(tmp_path: Path) -> None:
    terminal = Terminal("new", "acmehr", "--auth", "basic", "--kinds", "employees")
    terminal.wait_for("Name of the provider")
    terminal.type("\x15Acme HR\r")
    terminal.wait_for("Host of its API")
    terminal.type("\x15acme\r")
    terminal.wait_for("is not a valid host")
    terminal.type("\x15*.acme.example\r")
    terminal.wait_for("How listings are paged")
    terminal.type("\x1b[B\x1b[B\r")
    terminal.wait_for("What tells how many rows")
    terminal.type("\r")
    terminal.wait_for("discover test acmehr")
    assert terminal.end() == 0
    for answered in ("How requests are", "Kinds to discover"):
        assert answered not in terminal.seen
    written = (tmp_path / "acmehr-connector" / "connectors" / "acmehr" / "connector.py").read_text()
    for words in ('title="Acme HR"', 'hosts=("*.acme.example",)', "Basic(", "Cursor("):
        assert words in written


@pytest.mark.usefixtures("_terminal")
def test_ctrl_c_at_a_question_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    terminal = Terminal("new", "acmehr")
    terminal.wait_for("Name of the provider")
    terminal.type("\r")
    terminal.wait_for("Host of its API")
    assert terminal.interrupt() == 130
    assert "Interrupted." in terminal.seen
    assert list(tmp_path.iterdir()) == []

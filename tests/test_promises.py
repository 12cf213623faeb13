"""What the documents promise, kept by machine: public names, layers, docs, the wheel, README examples."""

import ast
import importlib
import inspect
import os
import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography.fernet import Fernet

import connector_core
from connector_core import Employee, Entity, Status, errors, hookspecs, public
from connector_core.cli.main import app
from connector_core.http import open_session
from connector_core.reasons import Code
from connector_core.sdk.connector import Connector
from processes import run_script, simulating, typed
from terminal import Terminal
from world import DISCOVER, OURS, Start

ROOT = Path(__file__).parents[1]
TEMPLATED = "connector_core/scaffold/template/connectors/{{name}}/connector.py.jinja"
CODE = [*ROOT.glob("connector_core/**/*.py"), *ROOT.glob("connectors/**/*.py")]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("connectors/*/README.md")]
COMMAND = re.compile(r"^(?:\$ )?(discover [a-z].*?)(?:\s+#.*|\s+>.*)?$|`(discover [a-z][^`]*)`", re.MULTILINE)


def example(name: str) -> str:
    found = re.search(rf"<!-- example: {name} -->\n```python\n(.*?)```", README, re.DOTALL)
    assert found
    return found[1]


def test_the_public_names_are_sorted_and_complete() -> None:
    # Constants first, as the linter sorts them.
    assert connector_core.__all__ == sorted(connector_core.__all__, key=lambda name: (not name.isupper(), name))
    names = {name for name, value in vars(public).items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert names == set(connector_core.__all__)
    assert all(getattr(connector_core, name) is getattr(public, name) for name in names)
    for one in vars(errors).values():
        if inspect.isclass(one) and issubclass(one, errors.ConnectorCoreError):
            assert one.__name__ in connector_core.__all__


def test_the_public_names_load_neither_the_command_line_nor_the_store_nor_the_network() -> None:
    script = "import sys, connector_core; print('\\n'.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    for heavy in (
        "aiohttp",
        "sqlite3",
        "cyclopts",
        "rich",
        "cryptography",
        "connector_core.store",
        "connector_core.cli",
    ):
        assert heavy not in loaded


def test_help_needs_no_connector() -> None:
    script = "import sys, connector_core.cli.main as m; m.invoke(['--help']); print(*sys.modules, file=sys.stderr)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stderr.split()
    assert "connector_core.cli.main" in loaded
    assert not [name for name in loaded if name.startswith("connectors")]


@pytest.mark.parametrize("file", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_small_and_has_a_name_that_says_something(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 300
    assert not {"utils", "helpers", "common", "base", "manager", "misc"} & set(file.with_suffix("").parts[-2:])


def test_every_module_that_the_architecture_names_exists() -> None:
    named = set(re.findall(r"`([\w/]+\.py)`", (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")))
    assert len(named) > 40
    places = (ROOT, ROOT / "connector_core", ROOT / "connector_core/testing/kit", ROOT / "connector_core/scaffold")
    assert [one for one in sorted(named) if not any((place / one).exists() for place in places)] == []


def test_only_modules_of_that_name_know_which_database_it_is() -> None:
    only_sqlite = re.compile(r"sqlite3|PRAGMA|json_each|json_extract|AUTOINCREMENT|WITHOUT ROWID|\browid\b")
    modules = (ROOT / "connector_core").rglob("*.py")
    found = {one.relative_to(ROOT).as_posix() for one in modules if only_sqlite.search(one.read_text(encoding="utf-8"))}
    assert "connector_core/store/sqlite.py" in found
    assert [one for one in found if not one.startswith("connector_core/store/sqlite")] == []


def test_the_namespace_of_connectors_stays_open() -> None:
    assert not (ROOT / "connectors" / "__init__.py").exists()
    assert not (ROOT / "tests" / "connectors").exists()


def test_a_connector_neither_opens_sessions_nor_sleeps_nor_retries_nor_writes() -> None:
    forbidden = {"aiohttp", "stamina", "time", "sqlite3", "socket", "ssl", "requests", "logging", "os", "pathlib"}
    for file in ROOT.glob("connectors/*/*.py"):
        if file.stem == "simulator":
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert not {name.name.partition(".")[0] for name in node.names} & forbidden, file
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").partition(".")[0] not in forbidden, file
            if isinstance(node, ast.Attribute):
                assert node.attr != "sleep", file
            if isinstance(node, ast.Name):
                assert node.id not in {"open", "print"}, file


def test_no_module_holds_mutable_state() -> None:
    for file in CODE:
        module = ast.parse(file.read_text(encoding="utf-8"))
        for node in module.body:
            value = node.value if isinstance(node, (ast.Assign, ast.AnnAssign)) else None
            names = [one.id for one in getattr(node, "targets", []) if isinstance(one, ast.Name)]
            if isinstance(value, (ast.List, ast.Dict, ast.Set)) and names != ["__all__"]:
                # A table of constants is written in capitals, and nothing may change it.
                assert all(name.strip("_").isupper() for name in names), (file, names)
        assert not [node for node in ast.walk(module) if isinstance(node, ast.Global)], file


def test_every_hook_is_documented_with_its_signature_and_exercised() -> None:
    document = (ROOT / "docs" / "hooks.md").read_text(encoding="utf-8")
    tests = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("*.py"))
    hooks = [name for name in vars(hookspecs) if name.startswith("discovery_")]
    assert len(hooks) == 5
    for name in hooks:
        arguments = ", ".join(inspect.signature(getattr(hookspecs, name)).parameters)
        assert re.search(rf"^def {name}\({arguments.split(',')[0]}", document, re.MULTILINE), name
        assert f"def {name}(" in tests, name


def test_every_error_is_in_the_tree_and_has_a_code_of_its_own() -> None:
    found = [
        one for one in vars(errors).values() if inspect.isclass(one) and issubclass(one, errors.ConnectorCoreError)
    ]
    assert len({one.code for one in found}) == len(found)
    for one in found:
        assert re.search(rf"\b{one.__name__}\b", errors.__doc__ or ""), one
        assert one.exit_code in {1, 2, 3, 4}


def test_every_promise_about_security_names_tests_that_exist() -> None:
    document = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    tests = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py"))
    promised = document.partition("## What is promised")[2].partition("## What is not promised")[0]
    rows = [
        line for line in promised.splitlines() if line.startswith("| ") and not line.startswith(("| promise", "| ---"))
    ]
    assert len(rows) > 15
    for row in rows:
        named = re.findall(r"`(test_\w+)`", row)
        assert named, row
        assert [name for name in named if f"def {name}(" not in tests] == []


def test_every_reason_is_documented() -> None:
    document = (ROOT / "docs" / "reasons.md").read_text(encoding="utf-8")
    for code in Code:
        assert f"\n| `{code}` | " in document, code


def test_the_generated_parts_of_the_documents_are_current() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "docs.generate", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_in_the_documents_is_one_that_the_program_takes(document: Path) -> None:
    for line in ("".join(found) for found in COMMAND.findall(document.read_text(encoding="utf-8"))):
        words = shlex.split(line)[1:]
        if words[0].isupper() or (len(words) == 1 and words[0] not in ("list", "integrations", "demo")):
            assert words[0] in app.resolved_commands()
            continue
        app.parse_args(words, print_error=False, exit_on_error=False)


def test_the_documents_that_operators_read_hold_commands() -> None:
    for document in ("README.md", "docs/cli.md", "docs/howto/schedule.md", "connectors/namely/README.md"):
        assert COMMAND.findall((ROOT / document).read_text(encoding="utf-8")), document


def said_in(module: ast.Module) -> list[str]:
    """The texts of a module that it may print: not its docstrings."""
    silent = {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}
    texts = [node for node in ast.walk(module) if isinstance(node, ast.Constant) and id(node) not in silent]
    return [one.value for one in texts if isinstance(one.value, str)]


def test_no_message_names_a_file_or_a_command_that_only_a_clone_has() -> None:
    only_there = re.compile(
        r"docs/|tests/|benchmarks/|\.venv|ARCHITECTURE|CONTRIBUTING|\bmake (setup|demo|test|dist|docs|generate)\b"
    )
    # It is for those who work in a clone: discover new --in-tree.
    in_tree = "connector_core/cli/scaffold.py"
    found = {
        file.relative_to(ROOT).as_posix(): text
        for file in CODE
        for text in said_in(ast.parse(file.read_text(encoding="utf-8")))
        if only_there.search(text)
    }
    assert found.pop(in_tree)
    assert found == {}


def test_links_in_the_documents_lead_somewhere() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), (document, target)


def test_the_readme_spells_out_the_products_before_it_uses_their_abbreviations() -> None:
    beginning = " ".join(README.partition("\n## ")[0].split())
    assert "enterprise architecture management (**EAM**)" in beginning
    assert "SaaS management platform (**SMP**)" in beginning


async def test_the_readmes_example_of_embedding_discovers_a_tenant(
    namely: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    place = await namely()
    block = example("embedding")
    names: dict[str, Any] = {}
    exec(compile(block, "README.md", "exec"), names)  # noqa: S102 - the README's own example
    body = block[block.index("async def") :]
    assert len(body.strip().splitlines()) <= 10
    async with open_session(place.settings.host.endpoints()) as session:
        await names["discover_people"](session, place.simulator.host, place.tenant.token)
    printed = capsys.readouterr().out
    assert "complete" in printed
    assert printed.count("active") >= 50


def test_the_readmes_connector_is_a_good_one(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("readme_connector")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    names = vars(module)
    exec(compile(example("connector"), "README.md", "exec"), names)  # noqa: S102 - the README's own example
    (connector,) = names["discovery_connectors"]()
    assert issubclass(connector, Connector)
    assert list(connector.declarations) == ["Employee"]
    assert names["to_employee"](names["Person"](id="1", name="Ada", active=True)) == Employee(
        source_id="1", display_name="Ada", status=Status.ACTIVE
    )


def test_the_picture_in_the_readme_is_what_the_demo_shows_and_the_demo_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # pytest loads readline, which sets COLUMNS behind Python's back: children get what Python knows.
    environment = dict(os.environ)
    done = subprocess.run([DISCOVER, "demo"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    shown = re.sub(r"\s+", " ", done.stdout)
    (picture,) = re.findall(r"```text\n(\$ discover run acme --plan.*?)```", README, re.DOTALL)
    lines = [re.sub(r"\s+", " ", line).strip() for line in picture.splitlines()]
    assert len([line for line in lines if line.startswith(("+", "~", "-"))]) == 5
    for line in lines:
        # How long it took is not promised, and a line of dashes is as long as the terminal is wide.
        if not line.startswith(("acme: ", "─")):
            assert line in shown
    _, commands = done.stdout.split("Go on with these:\n")
    # Another shell has other variables, perhaps with a key for other stores.
    monkeypatch.setenv("DISCOVER_SECRET_KEY", Fernet.generate_key().decode())
    apply, history, simulate = (shlex.split(line) for line in commands.splitlines())
    assert {apply[0], history[0], simulate[0]} == {str(DISCOVER)}
    terminal = Terminal(*apply[1:])
    terminal.wait_for("Apply 5 changes?")
    terminal.type("yes\n")
    assert terminal.end() == 0
    assert "5 changes applied." in terminal.seen
    shown = subprocess.run(history, env=dict(os.environ), capture_output=True, text=True, check=True).stdout
    assert "3 updates applied" in shown
    # Another user's simulator may have the port on this machine.
    with simulating(*simulate[2:], "--port", "0") as (said, _):
        # What it says to type opens the store with the key that the demo made.
        assert "acme: complete" in run_script(typed(said))


def test_the_wheel_holds_the_host_and_our_connectors_and_nothing_else(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": f"{DISCOVER.parent}:{os.environ['PATH']}"}
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--wheel-dir", tmp_path, ROOT], env=environment, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "site")
    assert {name.split("/")[0] for name in names} == {"connector_core", "connectors", "connector_core-0.1.0.dist-info"}
    assert "connectors/__init__.py" not in names
    assert {"connector_core/py.typed", "connectors/namely/simulator/server.py"} <= set(names)
    assert {name.split("/")[1] for name in names if name.startswith("connectors/")} - {""} == set(OURS)
    assert {"connector_core/scaffold/template/copier.yml", TEMPLATED} <= set(names)
    # It runs from the wheel, away from the tree.
    script = (
        "import connector_core as c; from connector_core.cli.main import invoke; print(c.__file__); invoke(['list'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(str(tmp_path / "site"))
    assert "ready" in done.stdout


def imported(*arguments: str) -> set[str]:
    """The packages that a command imports."""
    script = (
        "import sys; from connector_core.cli.main import invoke; "
        f"invoke({list(arguments)!r}); print('modules', *sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stderr.partition("modules ")[2].split()}


def test_help_imports_no_client_no_logging_and_no_connector() -> None:
    found = imported("--help")
    assert "cyclopts" in found
    assert not found & {"aiohttp", "structlog", "connectors", "pydantic", "msgspec", "sqlite3", "copier"}


def test_the_catalogue_loads_the_connectors_and_no_client() -> None:
    found = imported("list")
    assert "connectors" in found
    assert not found & {"aiohttp", "structlog", "sqlite3", "isal", "cryptography"}


def test_every_field_of_an_entity_that_is_a_link_names_its_kind() -> None:
    for kind in Entity.__subclasses__():
        if kind.__module__ == "connector_core.sdk.entities":
            for name, target in kind.links.items():
                assert name in kind.model_fields
                assert hasattr(importlib.import_module(kind.__module__), target)


def test_no_module_hides_a_public_name() -> None:
    # An imported module becomes an attribute of its package, in place of the name that is loaded lazily.
    modules = {file.stem for file in Path(connector_core.__file__).parent.iterdir() if file.name != "__init__.py"}
    assert modules & set(connector_core.__all__) == set()

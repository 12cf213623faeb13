"""A connector outside the tree, written from the author's reference alone: installed as a user would, and proved."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from connector_core.testing.kit import RULES
from docs.generate import lines_of
from installed import ROOT, environment, install
from processes import run_script, simulating, typed
from world import DISCOVER

OUTSIDE = ROOT / "tests" / "outside"
CONNECTOR = OUTSIDE / "connectors" / "peopleware"


@pytest.fixture
def env(tmp_path: Path) -> Mapping[str, str]:
    shutil.copy(OUTSIDE / "plugins.toml", tmp_path)
    install(OUTSIDE, tmp_path / "site")
    return environment(tmp_path / "site")


def judged(folder: Path, env: Mapping[str, str], *suites: str) -> dict[str, Any]:
    command = [str(DISCOVER), "test", "peopleware", "--json", *(f"--suite={one}" for one in suites)]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert [one for one in found["rules"] if one["standing"] != "kept"] == []
    assert done.returncode == 0
    return found


def test_it_has_few_lines() -> None:
    assert lines_of(CONNECTOR) <= 170


def test_the_core_is_all_that_it_imports() -> None:
    found = {
        name
        for file in CONNECTOR.glob("*.py")
        for name in re.findall(r"^(?:from|import) ([\w.]+)", file.read_text(), re.MULTILINE)
        if name.startswith("connector")
    }
    own = {one for one in found if one.startswith("connectors.peopleware.")}
    assert found - own == {"connector_core", "connector_core.testing"}


def test_it_reads_what_it_declares_and_is_read_anew_by_a_user_who_has_signed_in(
    tmp_path: Path, env: Mapping[str, str]
) -> None:
    found = judged(tmp_path, env, "declaration", "reading", "values", "deltas")
    assert {"deltas.resync", "values.unreadable"} <= {one["name"] for one in found["rules"]}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_it_reaches_platinum(tmp_path: Path, env: Mapping[str, str]) -> None:
    found = judged(tmp_path, env)
    assert found["tier"] == "platinum"
    assert len(found["rules"]) == len(RULES)
    # So the paging was tried, and a user who had signed in was still.
    assert int(found["measures"]["runs resumed at a page"]) > 0


@pytest.mark.slow
def test_what_its_simulator_says_to_type_signs_in_and_reads(
    tmp_path: Path, env: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", env["PYTHONPATH"])
    with simulating("peopleware", "--people", "60", "--port", "0") as (said, _):
        resolve = re.split(r"\[host.resolve\]|\nRun", said)[1]
        (tmp_path / "plugins.toml").write_text(f"[plugins.peopleware]\n[host.resolve]{resolve}")
        commands, _, browser = typed(said).partition("\nNo browser")
        exports, connect, run = commands.strip().rsplit("\n", 2)
        with subprocess.Popen(
            ["bash", "-ec", f"{exports}\nexec {connect}"], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
        ) as connecting:
            assert connecting.stderr
            seen = ""
            while "back to" not in seen:
                line = connecting.stderr.readline()
                assert line, seen
                seen += line
            (address,) = re.findall(r"https://login.peopleware.example/\S+", seen)
            (curl,) = re.findall(r"^curl .*$", browser, re.MULTILINE)
            assert "The sign-in is back at the command line." in run_script(curl.replace("ADDRESS", address))
            connecting.communicate(timeout=20)
            assert connecting.returncode == 0
        assert "complete" in run_script(f"{exports}\n{run}")

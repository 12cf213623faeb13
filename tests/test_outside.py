"""A connector outside the tree, written from the author's reference alone: installed as a user would, and proved."""

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from connector_core.testing.kit import RULES
from docs.generate import lines_of
from installed import ROOT, environment, install
from world import DISCOVER

OUTSIDE = ROOT / "tests" / "outside"
CONNECTOR = OUTSIDE / "connectors" / "peopleware"


@pytest.fixture
def env(tmp_path: Path) -> Mapping[str, str]:
    (tmp_path / "plugins.toml").write_text("[plugins.peopleware]\n")
    install(OUTSIDE, tmp_path / "site")
    return environment(tmp_path / "site")


def judged(folder: Path, env: Mapping[str, str], *suites: str) -> dict[str, Any]:
    command = [DISCOVER, "test", "peopleware", "--json", *(f"--suite={one}" for one in suites)]
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


@pytest.mark.parametrize("suites", [("declaration", "reading", "deltas"), ("auth",)])
def test_it_keeps_the_rules_of_these_suites(suites: tuple[str, ...], tmp_path: Path, env: Mapping[str, str]) -> None:
    assert judged(tmp_path, env, *suites)["rules"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_it_reaches_platinum(tmp_path: Path, env: Mapping[str, str]) -> None:
    found = judged(tmp_path, env)
    assert found["tier"] == "platinum"
    assert len(found["rules"]) == len(RULES)

"""The README's commands that install the host, typed in a clone. What pip would fetch is here already."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from world import DISCOVER, OURS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def section(heading: str) -> str:
    return README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    place = tmp_path / "clone"
    place.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "plugins.toml"):
        shutil.copy(ROOT / name, place)
    for name in ("connector_core", "connectors"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    return place


@pytest.fixture
def offline(tmp_path: Path) -> dict[str, str]:
    """An environment in which pip fetches nothing, and everything but this project is importable."""
    packages = tmp_path / "packages"
    packages.mkdir()
    for path in [Path(one) for one in sys.path if one.endswith("site-packages")]:
        for one in path.iterdir():
            if "connector_core" not in one.name and not (packages / one.name).exists():
                (packages / one.name).symlink_to(one)
    # The variable of an option that begins with "no" takes the value that the option without it would have.
    pip = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    # The backend's program, and no discover of ours.
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "uv-build").symlink_to(DISCOVER.with_name("uv-build"))
    return {**os.environ, **pip, "PYTHONPATH": str(packages), "PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin"}


def test_the_readmes_installation_leads_to_a_working_command(
    clone: Path, offline: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISCOVER_SECRET_KEY")
    (block,) = re.findall(r"```sh\n(.*?)```", section("Install it"), re.DOTALL)
    python = f"{Path(sys.base_prefix, 'bin')}:{offline['PATH']}"
    done = subprocess.run(
        ["bash", "-ec", block],
        cwd=clone,
        env={**offline, "PATH": python},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for name in OURS:
        assert re.search(rf"^{name} +ready", done.stdout, re.MULTILINE)
    assert re.search(r"^settings +ok +\S+clone/plugins.toml", done.stdout, re.MULTILINE)
    # It is the installed one that was called, and it needs nothing of the clone.
    elsewhere = subprocess.run(
        [clone / ".venv/bin/discover", "list", "--json"],
        cwd=clone.parent,
        env=offline,
        capture_output=True,
        text=True,
        check=True,
    )
    assert all(f'"name": "{name}"' in elsewhere.stdout for name in OURS)

"""What is shipped: built again it has the same bytes; an audit that did not happen does not pass for a clean one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from audit import CLEAN, VULNERABLE, verdict
from world import DISCOVER

ROOT = Path(__file__).parents[1]
BUILD = "import sys, uv_build; uv_build.build_wheel(sys.argv[1]); uv_build.build_sdist(sys.argv[1])"


def built(folder: Path, *, mode: int, moment: float) -> dict[str, bytes]:
    """Build in another place, from files with this mode and time, with a cache of Python's beside them."""
    source, made = folder / "source", folder / "built"
    source.mkdir(parents=True)
    made.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("connector_core", "connectors"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    cache = source / "connector_core" / "__pycache__"
    cache.mkdir()
    (cache / "host.cpython-311.pyc").write_bytes(str(moment).encode())
    for one in source.rglob("*"):
        if one.is_file():
            one.chmod(mode)
        os.utime(one, (moment, moment))
    environment = {
        **os.environ,
        "PATH": f"{DISCOVER.parent}:{os.environ['PATH']}",
        "SOURCE_DATE_EPOCH": f"{moment:.0f}",
    }
    subprocess.run([sys.executable, "-c", BUILD, made], cwd=source, env=environment, check=True, capture_output=True)
    return {one.name: one.read_bytes() for one in made.iterdir()}


def test_a_wheel_and_a_source_distribution_that_are_built_again_are_the_same(tmp_path: Path) -> None:
    first = built(tmp_path / "one", mode=0o644, moment=1_600_000_000)
    again = built(tmp_path / "two" / "deeper", mode=0o600, moment=1_700_000_000)
    assert {name.partition("-")[2] for name in first} == {"0.1.0-py3-none-any.whl", "0.1.0.tar.gz"}
    assert first == again


FLAW = {"id": "PYSEC-1", "fix_versions": ["2.0"], "aliases": [], "description": ""}
FINE = {"name": "fine", "version": "1.0", "vulns": []}
FLAWED = {"name": "flawed", "version": "1.0", "vulns": [FLAW]}
UNKNOWN = {"name": "unknown", "skip_reason": "Dependency not found on PyPI"}


@pytest.mark.parametrize(
    ("dependencies", "code", "said"),
    [
        ([FINE], CLEAN, "1 dependencies audited, 0 known vulnerabilities."),
        ([FINE, FLAWED], VULNERABLE, "flawed 1.0: PYSEC-1, fixed in 2.0\n2 dependencies audited, 1 known"),
        ([FINE, UNKNOWN], CLEAN, "1 dependencies audited, 0 known vulnerabilities.\nNot audited, since the"),
        ([UNKNOWN], CLEAN, "SKIPPED: "),
    ],
)
def test_an_audit_says_what_it_found_and_what_it_did_not_look_at(
    dependencies: list[dict[str, object]], code: int, said: str
) -> None:
    found = verdict({"dependencies": dependencies, "fixes": []})
    assert (found[0], found[1].startswith(said)) == (code, True)


def test_an_audit_without_a_service_is_skipped_and_one_that_fails_is_no_clean_one() -> None:
    assert verdict(None, "requests.exceptions.ConnectionError: HTTPSConnectionPool") == (
        CLEAN,
        "SKIPPED: no advisory service can be reached from here, so nothing was audited.",
    )
    assert verdict(None, "Traceback: KeyError") == (VULNERABLE, "pip-audit failed:\nTraceback: KeyError")

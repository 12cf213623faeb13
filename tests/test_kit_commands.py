"""The kit as authors use it: `discover test`, and one line of tests, also in a distribution of its own."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from connector_core.testing.kit import RULES
from planted.simulator import ExampleSimulator
from world import DISCOVER, Discover

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.timeout(300)

ROOT = Path(__file__).parents[1]
FAST = ("-p", "no:hypothesispytest", "-p", "no:asyncio")
"""Options for nested sessions: without plugins that are slow to load and not needed."""


@pytest.mark.slow
def test_the_command_prints_every_rule_of_the_chosen_suites(discover: Discover) -> None:
    done = discover("test", "namely", "--suite", "declaration", "--suite", "reading")
    assert done.code == 0
    for name, rule in RULES.items():
        assert (name in done.out) is (rule.suite in {"declaration", "reading"})
    assert "16 of 16 rules kept" in done.out


def test_the_command_prints_json(discover: Discover) -> None:
    result = discover("test", "namely", "--suite", "declaration", "--json").json()
    assert result["passed"] is True
    assert result["tier"] is None
    assert {one["standing"] for one in result["rules"]} == {"kept"}


def test_an_unknown_connector_or_suite_is_an_error(discover: Discover) -> None:
    assert discover("test", "nobody").code == 2
    done = discover("test", "namely", "--suite", "speed")
    assert done.code == 2
    assert "The suites are" in done.err


# ---- a distribution of its own


DISTRIBUTION = """
[build-system]
requires = ["uv_build"]
build-backend = "uv_build"

[project]
name = "example-connector"
version = "0.3.0"
dependencies = ["connector-core"]

[project.entry-points."connector_core"]
example = "planted"

[tool.uv.build-backend]
module-name = "planted"
module-root = ""
"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def distribution(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The example as a separate project with one line of tests, and an environment in which it is installed."""
    folder = tmp_path_factory.mktemp("distribution")
    project, site = folder / "example", folder / "site"
    shutil.copytree(ROOT / "tests" / "planted", project / "planted", ignore=shutil.ignore_patterns("__pycache__"))
    (project / "planted" / "__init__.py").write_text(
        "from connector_core import hookimpl\nfrom planted.example import Example\n\n\n"
        "@hookimpl\ndef discovery_connectors():\n    return [Example]\n"
    )
    (project / "pyproject.toml").write_text(DISTRIBUTION)
    (project / "test_example.py").write_text(
        'from connector_core.testing.plugin import kit\n\ntest_example = kit("example")\n'
    )
    path = f"{DISCOVER.parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}"}
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", site, project], env=environment, check=True)
    shutil.rmtree(project / "planted")
    return project, environment


@pytest.fixture
def run(distribution: tuple[Path, dict[str, str]]) -> Run:
    project, environment = distribution
    # The key is this test's own; the rest is the module's.
    settings = {**environment, "DISCOVER_SECRET_KEY": os.environ["DISCOVER_SECRET_KEY"]}
    return partial(subprocess.run, cwd=project, env=settings, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_one_line_proves_a_separate_distribution(run: Run) -> None:
    done = run([sys.executable, "-m", "pytest", "-q", "-k", "reading or declaration", *FAST])
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
    assert re.search(r"example: platinum so far, by 16 of \d+ rules", done.stdout)


@pytest.mark.slow
def test_the_command_exits_with_4_for_a_broken_rule_and_write_repairs_the_readme(
    distribution: tuple[Path, dict[str, str]], run: Run, tmp_path: Path
) -> None:
    settings = tmp_path / "plugins.toml"
    settings.write_text("[plugins.example]\n")
    command = [str(DISCOVER), *"test example --suite declaration --json --settings".split(), str(settings)]
    readme = distribution[0].parent / "site" / "planted" / "README.md"
    readme.write_text(readme.read_text().replace("Settings", "Somewhere"))
    bad = run(command)
    assert bad.returncode == 4, bad.stderr
    (broken,) = [one for one in json.loads(bad.stdout)["rules"] if one["standing"] == "broken"]
    assert broken["name"] == "declaration.readme"
    assert "--write" in broken["said"]
    good = run([*command, "--write"])
    assert good.returncode == 0, good.stderr


def test_one_line_fails_with_the_broken_rule_and_the_tier(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_bad="from connector_core.testing.plugin import kit\n"
        "from planted.misconduct import LogsTheToken\n\ntest_bad = kit(LogsTheToken)\n"
    )
    done = pytester.runpytest_inprocess("-q", "-n0", "-k", "secrecy", *FAST)
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    printed = done.stdout.str()
    assert "secrecy.token (bronze): fault-free run: the api_key appears in logs or output" in printed
    assert "example: none so far" in printed
    assert ExampleSimulator.credentials["api_key"] not in printed


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="this system has no folder in memory")
def test_ctrl_c_ends_the_kit_at_once_and_leaves_no_folder(request: pytest.FixtureRequest) -> None:
    # A separate folder in memory, since other tests may run the kit at the same time.
    parent = Path(tempfile.mkdtemp(dir="/dev/shm"))
    request.addfinalizer(partial(shutil.rmtree, parent))

    def folders() -> set[Path]:
        return set(parent.glob("connector-core-kit-*"))

    command = [str(DISCOVER), "test", "namely", "--suite", "faults", "--suite", "scale"]
    environment = {**os.environ, "TMPDIR": str(parent)}
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        while not folders():
            time.sleep(0.05)
        started = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(20) == 130
        assert time.monotonic() - started < 5
        assert process.stderr
        assert process.stderr.read() == "Interrupted.\n"
    assert not folders()

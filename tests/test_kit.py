"""The kit has teeth: every planted connector fails at its rule; a good one at none; and strangers can use it."""

import asyncio
import gc
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from connector_core import Account, Connector, Employee, Page, PageNumber, Product, discovers
from connector_core.errors import PluginContractError, SettingsError
from connector_core.sdk.connector import AnyConnector
from connector_core.sdk.manifest import Manifest
from connector_core.testing.kit import RULES, SUITES, Notes, Result, Standing, Tier, examine, jobs
from connectors.bamboohr.connector import BambooHR
from connectors.personio.connector import Personio
from planted.bad import PLANTED, AsksOneByOne
from planted.example import Example, ExampleCredentials, People, to_employee
from planted.simulator import ExampleSimulator
from world import DISCOVER, Discover

ROOT = Path(__file__).parents[1]
SIZES = (1, 120, 6_000)
"""So many at most that memory is measured as for real: a thousand rows that wait to be written count little then."""
FEWER = (1, 120, 600)

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("connector", PLANTED, ids=lambda one: one.__name__)
def test_a_planted_connector_fails_at_its_rule_and_at_no_unrelated_one(connector: type[AnyConnector]) -> None:
    named, *related = PLANTED[connector]
    # Who asks for each person alone takes minutes for thousands, and breaks the rule of memory either way.
    sizes = FEWER if connector is AsksOneByOne else SIZES
    for job in jobs([RULES[named].suite]):
        problems = examine(connector, job, sizes=sizes).problems
        assert problems.keys() <= {named, *related}, problems
        if named in problems:
            return
    pytest.fail(f"{connector.__name__} passes {named}")


@pytest.mark.parametrize("job", [job for job in jobs() if job not in {"faults-2", "faults-3", "faults-4"}])
def test_a_good_connector_keeps_every_rule(job: str) -> None:
    notes = examine(Example, job, sizes=SIZES)
    assert notes.problems == {}
    if job == "faults-1":
        assert notes.counts["faults that struck"] == notes.counts["faults tried"] > 50


def test_the_documented_teeth_are_those_of_the_planted_connectors() -> None:
    document = (ROOT / "docs" / "teeth.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (\w+) \| ([\w.`, ]+) \|", document, re.MULTILINE))
    assert rows.keys() - {"connector"} == {"Example", *(one.__name__ for one in PLANTED)}
    for connector, (named, *related) in PLANTED.items():
        found = set(re.findall(r"`([\w.]+)`", rows[connector.__name__]))
        assert named in found
        assert found <= {named, *related}


def test_every_rule_is_of_a_suite_and_is_told_in_the_documents() -> None:
    document = (ROOT / "docs" / "kit.md").read_text(encoding="utf-8")
    for name, rule in RULES.items():
        assert rule.suite in SUITES
        assert f"| `{name}` | {rule.tier} |" in document


# ---- canaries and witnesses


class TellsTheToken(Personio):
    """Digs for the token that the host fetched."""

    async def check(self) -> Account:
        account = await super().check()
        client: Any = self.api
        self.log.info("checked", signed=await client._api._client._signature.headers())
        return account


class TellsThePair(BambooHR):
    """Writes the key as it stands in the header, which is no word of the credentials."""

    async def check(self) -> Account:
        pair = f"{self.credentials.api_key.get_secret_value()}:x"
        self.log.info("checking", signed=b64encode(pair.encode()).decode())
        return await super().check()


@pytest.mark.parametrize(
    ("connector", "found"),
    [
        (TellsTheToken, "a quiet run: a token that was issued is in logs or output"),
        (TellsThePair, "a quiet run: the header that requests are signed with is in logs or output"),
    ],
)
def test_what_a_secret_becomes_is_as_secret_as_itself(connector: type[AnyConnector], found: str) -> None:
    problems = examine(connector, "secrecy").problems
    assert problems.keys() == {"secrecy.token"}
    assert problems["secrecy.token"][0] == found


class OnlySaysThatItIsDerived(Connector[ExampleCredentials]):
    """Calls its rows derived, so that nobody asks it for a witness."""

    manifest = Example.manifest
    check = Example.check

    @discovers(
        Employee,
        products={Product.SMP},
        resource="People",
        description="All people.",
        permission="Settings > API: allow people",
        derived=True,
    )
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages("/people", People, paging=PageNumber(size=25)):
            yield page.map(to_employee)


def test_a_kind_that_only_says_that_it_is_derived_still_needs_a_witness() -> None:
    problems = examine(OnlySaysThatItIsDerived, "declaration").problems["declaration.witness"]
    assert problems == ["Employee is declared as derived, and its pages are a listing's own"]


def test_a_kind_that_is_derived_needs_none() -> None:
    assert Personio.declarations["Department"].witness is None
    assert "declaration.witness" not in examine(Personio, "declaration").problems


# ---- tiers and exemptions


def result(problems: dict[str, list[str]], exemptions: dict[str, str] | None = None) -> Result:
    return Result("example", SUITES, Notes(problems), exemptions or {}, 1.0)


def test_a_tier_is_reached_when_its_rules_and_all_below_are_kept() -> None:
    assert result({}).tier is Tier.PLATINUM
    assert result({"scale.memory": ["too much"]}).tier is Tier.GOLD
    assert result({"manners.quota": ["too many"]}).tier is Tier.SILVER
    assert result({"scale.memory": ["too much"], "faults.removal": ["one"]}).tier is Tier.BRONZE
    assert result({"secrecy.token": ["seen"]}).tier is Tier.NONE
    assert str(Tier.GOLD) == "gold"


def test_an_exemption_stands_for_a_broken_rule_and_is_stale_for_a_kept_one() -> None:
    exempt = result({"scale.memory": ["too much"]}, {"scale.memory": "one answer holds all"})
    assert exempt.passed
    assert exempt.tier is Tier.PLATINUM
    stale = result({}, {"scale.memory": "one answer holds all"})
    assert not stale.passed
    (judged,) = [one for one in stale.judgements if not one.good]
    assert judged.standing is Standing.STALE
    assert not result({}, {"scale.no_such_rule": "for some reason"}).passed


def test_an_exemption_needs_a_reason() -> None:
    told = Example.manifest.model_dump()
    with pytest.raises(ValueError, match="at least 10 characters"):
        Manifest.model_validate({**told, "exemptions": {"scale.memory": ""}})


def test_a_connector_without_a_simulator_is_told_to_write_one() -> None:
    class Unsimulated(Example):
        manifest = Example.manifest.model_copy(update={"simulator": None})

    with pytest.raises(PluginContractError, match="names no simulator") as caught:
        examine(Unsimulated, "reading")
    assert "connector_core.testing.Simulator" in caught.value.hint


def test_a_suite_that_there_is_not_is_named() -> None:
    with pytest.raises(SettingsError, match="'speed' is no suite"):
        jobs(["speed"])


# ---- the command


def test_the_command_prints_every_rule_of_a_suite(discover: Discover) -> None:
    done = discover("test", "namely", "--suite", "declaration", "--suite", "reading")
    assert done.code == 0
    for name, rule in RULES.items():
        assert (name in done.out) is (rule.suite in {"declaration", "reading"})
    assert "10 of 10 rules kept" in done.out
    as_json = discover("test", "namely", "--suite", "declaration", "--json").json()
    assert as_json["passed"] is True
    assert as_json["tier"] is None
    assert {one["standing"] for one in as_json["rules"]} == {"kept"}


def test_the_command_names_what_it_does_not_know(discover: Discover) -> None:
    assert discover("test", "nobody").code == 2
    done = discover("test", "namely", "--suite", "speed")
    assert done.code == 2
    assert "The suites are" in done.err


# ---- strangers


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


@pytest.fixture
def stranger(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A project of its own, with one line of tests; installed where only it can be seen."""
    project = tmp_path / "example"
    shutil.copytree(ROOT / "tests" / "planted", project / "planted", ignore=shutil.ignore_patterns("__pycache__"))
    (project / "planted" / "__init__.py").write_text(
        "from connector_core import hookimpl\nfrom planted.example import Example\n\n\n"
        "@hookimpl\ndef discovery_connectors():\n    return [Example]\n"
    )
    (project / "pyproject.toml").write_text(DISTRIBUTION)
    (project / "test_example.py").write_text(
        'from connector_core.testing.plugin import kit\n\ntest_example = kit("example")\n'
    )
    site = tmp_path / "site"
    environment = {**os.environ, "PATH": f"{DISCOVER.parent}:{os.environ['PATH']}", "PYTHONPATH": str(site)}
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", site, project], env=environment, check=True)
    shutil.rmtree(project / "planted")
    return project, environment


def test_a_distribution_of_its_own_is_proven_by_one_line(stranger: tuple[Path, dict[str, str]]) -> None:
    project, environment = stranger
    chosen = "reading or declaration or secrecy or manners or interruption"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-k", chosen],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "5 passed" in done.stdout
    assert re.search(r"example: platinum so far, by \d+ of \d+ rules", done.stdout)


def test_the_command_proves_a_stranger_and_exits_by_whose_fault_it_is(
    stranger: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    _, environment = stranger
    settings = tmp_path / "plugins.toml"
    settings.write_text("[plugins.example]\n")
    command = [str(DISCOVER), *"test example --suite declaration --json --settings".split(), str(settings)]
    good = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert good.returncode == 0, good.stderr
    page = next((tmp_path / "site").glob("planted/README.md"))
    page.write_text(page.read_text().replace("Settings", "Somewhere"))
    bad = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert bad.returncode == 4
    (broken,) = [one for one in json.loads(bad.stdout)["rules"] if one["standing"] == "broken"]
    assert broken["name"] == "declaration.page"
    assert "--write" in broken["said"]
    subprocess.run([*command, "--write"], env=environment, capture_output=True, text=True, check=True)


def test_the_one_line_fails_at_the_rule_and_names_the_tier(tmp_path: Path) -> None:
    (tmp_path / "test_bad.py").write_text(
        "from connector_core.testing.plugin import kit\n"
        "from planted.bad import LogsTheToken\n\ntest_bad = kit(LogsTheToken)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-k", "secrecy"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "secrecy.token (bronze): a quiet run: the api_key is in logs or output" in done.stdout
    assert "example: none so far" in done.stdout
    assert ExampleSimulator.credentials["api_key"] not in done.stdout


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="this system keeps no files in memory")
def test_ctrl_c_ends_the_kit_at_once_and_leaves_nothing(request: pytest.FixtureRequest) -> None:
    # A place of its own in memory: other tests prove connectors at the same time.
    place = Path(tempfile.mkdtemp(dir="/dev/shm"))
    request.addfinalizer(partial(shutil.rmtree, place))

    def folders() -> set[Path]:
        return set(place.glob("connector-core-kit-*"))

    command = [str(DISCOVER), "test", "namely", "--suite", "faults", "--suite", "scale"]
    environment = {**os.environ, "TMPDIR": str(place)}
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


async def test_an_addition_that_is_cancelled_before_it_began_leaves_nothing_behind() -> None:
    async def work() -> int:
        return 5

    connector = Example.__new__(Example)
    assert await connector.optional(work(), "missing") == 5
    task = asyncio.ensure_future(connector.optional(work(), "missing"))
    task.cancel()
    # A coroutine that was never awaited is a warning, and warnings are errors here.
    with pytest.raises(asyncio.CancelledError):
        await task
    del task
    gc.collect()

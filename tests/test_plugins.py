"""Plugins: the same door for Namely and for a stranger, each isolated, each failure with its reason."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connector_core import PluginRefusedError, Run
from connector_core.plugins import Entry, Standing, load
from connector_core.settings import LimitSettings, PluginSettings, Settings
from installed import CONNECTOR, Folder
from world import DISCOVER, OURS, Discover

RUN = Run("1", "acme", "namely", "SMP", ("Employee",), datetime(2026, 1, 1, tzinfo=UTC))


def allow(*names: str, **more: PluginSettings) -> Settings:
    return Settings(plugins={**{name: PluginSettings() for name in names}, **more})


def entry(settings: Settings, name: str = "stranger") -> Entry:
    return next(one for one in load(settings).entries if one.name == name)


def test_without_settings_the_connectors_of_this_distribution_are_allowed_and_no_others(folder: Folder) -> None:
    folder.add(CONNECTOR)
    found = {one.name: one.standing for one in load(Settings()).entries}
    assert found == {**dict.fromkeys(OURS, Standing.READY), "stranger": Standing.NOT_ALLOWED}


def test_what_is_not_allowed_is_not_imported(folder: Folder) -> None:
    folder.add("raise SystemExit('imported')")
    assert entry(allow("namely")).standing is Standing.NOT_ALLOWED
    assert "add [plugins.stranger]" in entry(allow("namely")).reason
    assert entry(allow("namely", stranger=PluginSettings(enabled=False))).reason == (
        "It is disabled in plugins.toml (enabled = false)."
    )


def test_an_allowed_stranger_stands_beside_namely(folder: Folder) -> None:
    folder.add(CONNECTOR)
    assert set(load(allow("namely", "stranger")).connectors) == {"namely", "stranger"}


MESSAGELESS = """
from connector_core import PluginError

class Odd(PluginError):
    def __init__(self): ...

raise Odd
"""
UNPRINTABLE = """
class Odd(Exception):
    def __str__(self):
        {}

raise Odd
"""


@pytest.mark.attack(
    "A plugin raises anything while it is imported, an error that cannot be printed included", "The others are loaded"
)
@pytest.mark.parametrize(
    ("source", "standing", "reason"),
    [
        ("raise RuntimeError('no luck')", Standing.FAILED, "cannot be loaded: RuntimeError: no luck"),
        ("raise SystemExit(3)", Standing.FAILED, "cannot be loaded: SystemExit: 3"),
        ("raise BaseException('rude')", Standing.FAILED, "BaseException: rude"),
        ("raise KeyboardInterrupt", Standing.FAILED, "KeyboardInterrupt"),
        (UNPRINTABLE.format("raise self"), Standing.FAILED, "Odd: an error that cannot be printed"),
        (UNPRINTABLE.format("raise SystemExit"), Standing.FAILED, "Odd: an error that cannot be printed"),
        (MESSAGELESS, Standing.FAILED, "cannot be loaded: Odd: "),
        (UNPRINTABLE.format("return 5"), Standing.FAILED, "Odd: an error that cannot be printed"),
        (CONNECTOR.replace("return [Stranger]", "raise SystemExit(1)"), Standing.FAILED, "SystemExit: 1"),
        ("import no_such_module", Standing.FAILED, "ModuleNotFoundError"),
        ("", Standing.REFUSED, "implements no hook"),
        (CONNECTOR + "\n@hookimpl\ndef discovery_typo(): ...\n", Standing.REFUSED, "unknown hook"),
        (
            CONNECTOR + "\n@hookimpl\ndef discovery_run_started(run, nonsense): ...\n",
            Standing.REFUSED,
            "hooks are not valid",
        ),
        (
            CONNECTOR.replace("def discovery_connectors", "async def discovery_connectors"),
            Standing.REFUSED,
            "is async, so pluggy would never run it",
        ),
        (CONNECTOR.replace(">=1,<2", ">=2"), Standing.REFUSED, "needs API >=2; this host has 1.0"),
        (CONNECTOR.replace(">=1,<2", "two"), Standing.REFUSED, "is not a version range"),
        (CONNECTOR.replace('title="Stranger"', 'title=""'), Standing.REFUSED, "manifest is not valid: title: "),
        (
            CONNECTOR.replace('api=">', 'limits=(RateLimit("/people", requests=0, per=60),), api=">'),
            Standing.REFUSED,
            "manifest is not valid: limits.0.RateLimit.requests: must be at least 1",
        ),
        (
            CONNECTOR.replace('Bearer("api_key")', 'Header("X Key", "api_key")'),
            Standing.REFUSED,
            "manifest is not valid: auth.Header.name: should match the pattern ^",
        ),
        (
            CONNECTOR.replace('Bearer("api_key")', '"api_key"'),
            Standing.REFUSED,
            "manifest is not valid: auth: should be a Bearer, Header, Basic, ClientCredentials or AuthorizationCode",
        ),
        (
            CONNECTOR.replace('name="stranger"', 'name="other"'),
            Standing.REFUSED,
            "named other, but its entry point stranger",
        ),
        (CONNECTOR.replace('Bearer("api_key")', 'Bearer("domain")'), Standing.REFUSED, "which is not a secret field"),
        (CONNECTOR.replace("return [Stranger]", "return [dict]"), Standing.REFUSED, "subclasses of Connector"),
        (CONNECTOR.replace("return [Stranger]", "return 5"), Standing.REFUSED, "subclasses of Connector"),
        (CONNECTOR.replace("return [Stranger]", "return []"), Standing.REFUSED, "has 0 connectors"),
        (CONNECTOR.replace("return [Stranger]", "raise KeyError('x')"), Standing.FAILED, "KeyError: 'x'"),
        (CONNECTOR.replace("async def check", "async def chek"), Standing.REFUSED, "Stranger does not implement check"),
        (CONNECTOR.replace("    @discovers", "    #"), Standing.REFUSED, "discovers nothing"),
        (CONNECTOR.replace("yield Page", "return Page"), Standing.FAILED, "is not an async generator"),
        (
            CONNECTOR.replace("(Connector[StrangerCredentials])", "(Connector)"),
            Standing.REFUSED,
            "declares no credentials",
        ),
    ],
)
def test_a_plugin_that_cannot_be_used_says_why_and_stops_no_other(
    folder: Folder, source: str, standing: Standing, reason: str
) -> None:
    folder.add(source)
    registry = load(allow("namely", "stranger"))
    found = {one.name: one for one in registry.entries}
    assert (found["stranger"].standing, reason in found["stranger"].reason) == (standing, True), found[
        "stranger"
    ].reason
    assert found["namely"].standing is Standing.READY
    with pytest.raises(PluginRefusedError, match=r"The connector 'stranger' (was refused|failed to load): "):
        registry.connector("stranger")


HANGING = (
    CONNECTOR
    + """
import threading

told, release, ended = [], threading.Event(), threading.Event()

@hookimpl
def discovery_run_started(run):
    told.append(run)

release.wait(9)
ended.set()
"""
)


@pytest.mark.attack("A plugin hangs while it is imported", "It is given up, and the others are loaded")
async def test_a_plugin_that_hangs_is_given_up_and_joins_the_others_no_more(folder: Folder) -> None:
    name = folder.add(HANGING)
    registry = load(allow("namely", "stranger"), timeout=0.05)
    found = {one.name: one for one in registry.entries}
    assert found["namely"].standing is Standing.READY
    assert found["stranger"].standing is Standing.FAILED
    assert found["stranger"].reason == f"{name} has not loaded within 0.05 s."
    module = sys.modules[name]
    module.release.set()
    assert module.ended.wait(9)
    await registry.run_started(RUN)
    assert module.told == []


LATE_PRINTS = """
import sys, threading
release, ended = threading.Event(), threading.Event()
release.wait(9)
print("canary")
sys.stdout.write("canary")
ended.set()
"""


@pytest.mark.attack("A plugin that was given up prints afterwards", "Standard output has none of it")
def test_a_plugin_that_was_given_up_prints_no_more_to_standard_output(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [folder.add(LATE_PRINTS, name=name) for name in ("stranger", "other")]
    load(allow("stranger", "other"), timeout=0.01)
    for name in names:
        sys.modules[name].release.set()
        assert sys.modules[name].ended.wait(9)
    sys.stdout.write("ours\n")
    said = capsys.readouterr()
    assert said.out == "ours\n"
    assert said.err.count("canary") == 4


def test_a_plugin_that_is_slow_is_named_after_a_second(folder: Folder, discover: Discover, tmp_path: Path) -> None:
    folder.add("import time\ntime.sleep(1.05)\n" + CONNECTOR)
    (tmp_path / "plugins.toml").write_text("[plugins.stranger]")
    done = discover("list", "--json")
    assert done.err == "The plugin stranger is still loading …\n"
    assert "ready" in {one["standing"] for one in done.json()["plugins"]}


def test_the_time_that_a_plugin_may_take_is_a_setting_and_a_flag(
    folder: Folder, discover: Discover, tmp_path: Path
) -> None:
    name = folder.add("import time\ntime.sleep(0.2)\n" + CONNECTOR)
    (tmp_path / "plugins.toml").write_text("[plugins.stranger]\n[host]\nload_timeout = 0.001")
    assert f"{name} has not loaded within 0.001 s." in discover("list").out
    assert f"{name} has not loaded within 0.002 s." in discover("list", "--timeout", "0.002").out


def test_one_plugin_by_two_names_is_one(folder: Folder) -> None:
    module = folder.add("from connector_core import hookimpl\n@hookimpl\ndef discovery_run_started(run): ...\n")
    (metadata,) = folder.path.glob("*.dist-info")
    (metadata / "entry_points.txt").write_text(f"[connector_core]\nfirst = {module}\nsecond = {module}\n")
    found = {one.name: (one.standing, one.reason) for one in load(allow("first", "second")).entries}
    assert found["first"] == (Standing.READY, "")
    assert found["second"] == (Standing.REFUSED, f"{module} is a plugin already, by another name.")


def test_options_that_the_connector_does_not_know_are_refused_by_name(folder: Folder) -> None:
    folder.add(CONNECTOR)
    found = entry(allow(stranger=PluginSettings(options={"colour": "red"})))
    assert (found.standing, "colour" in found.reason) == (Standing.REFUSED, True)


def test_two_plugins_of_one_name_are_both_refused_until_one_is_chosen(folder: Folder) -> None:
    folder.add(CONNECTOR, distribution="first")
    folder.add(CONNECTOR, distribution="second")
    both = [one for one in load(allow("stranger")).entries if one.name == "stranger"]
    assert {one.standing for one in both} == {Standing.REFUSED}
    assert "2 distributions have a plugin named stranger" in both[0].reason
    chosen = allow(stranger=PluginSettings(distribution="second"))
    standings = {one.distribution: one.standing for one in load(chosen).entries if one.name == "stranger"}
    assert standings == {"first": Standing.NOT_ALLOWED, "second": Standing.READY}


def test_no_other_distribution_may_pose_as_namely(folder: Folder) -> None:
    folder.add(CONNECTOR.replace('"stranger"', '"namely"'), name="namely", distribution="imposter")
    standings = {one.distribution: one.standing for one in load(Settings()).entries}
    assert standings == {"connector-core": Standing.READY, "imposter": Standing.NOT_ALLOWED}


def test_a_plugin_that_only_observes_is_ready_too(folder: Folder) -> None:
    folder.add("from connector_core import hookimpl\n@hookimpl\ndef discovery_run_started(run): ...\n")
    registry = load(allow("stranger"))
    (found,) = [one for one in registry.entries if one.name == "stranger"]
    assert (found.standing, found.connector) == (Standing.READY, None)
    with pytest.raises(PluginRefusedError, match=r"The connector 'stranger' only observes runs\.$"):
        registry.connector("stranger")


def test_a_plugin_that_is_allowed_and_not_installed_is_named() -> None:
    found = entry(allow("namely", "stranger"))
    assert found.standing is Standing.FAILED
    assert "no installed distribution has it" in found.reason


@pytest.mark.parametrize(
    ("name", "path", "reason"),
    [
        ("namely", "/profile", "known: /profiles. Did you mean /profiles?"),
        ("namely", "/profiles/", "known: /profiles. Did you mean /profiles?"),
        ("namely", "/x", "known: /profiles."),
        ("bamboohr", "/employees", "known: none."),
    ],
)
def test_a_limit_of_a_path_that_has_none_is_refused_with_those_that_have(name: str, path: str, reason: str) -> None:
    limits = {path: LimitSettings(requests=1, per=1)}
    registry = load(Settings(plugins={name: PluginSettings(limits=limits), "personio": PluginSettings()}))
    found = {one.name: one for one in registry.entries}
    assert found[name].standing is Standing.REFUSED
    said = f"plugins.toml sets limits of {path}, for which its manifest declares none; {reason}"
    assert found[name].reason == said
    assert found["personio"].standing is Standing.READY
    with pytest.raises(PluginRefusedError) as caught:
        registry.connector(name)
    assert said in caught.value.message
    assert caught.value.exit_code == 2


def test_what_a_plugin_prints_while_it_loads_is_not_in_our_output(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.add("print('hello')\n" + CONNECTOR)
    assert entry(allow("stranger")).standing is Standing.READY
    assert capsys.readouterr().out == ""


def test_a_regular_package_called_connectors_is_found_and_named(tmp_path: Path) -> None:
    (tmp_path / "connectors").mkdir()
    (tmp_path / "connectors" / "__init__.py").write_text("")
    done = subprocess.run(
        [DISCOVER, "list", "--json"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(done.stdout)["plugins"]
    assert done.returncode == 0
    assert [(one["name"], one["standing"]) for one in found] == [(name, "failed") for name in OURS]
    for one in found:
        assert str(tmp_path / "connectors") in one["reason"]
        assert "hides the connectors" in one["reason"]


PROJECT = """
[build-system]
requires = ["uv_build"]
build-backend = "uv_build"

[project]
name = "stranger-connector"
version = "2.5"
requires-python = ">=3.11"

[project.entry-points."connector_core"]
stranger = "connectors.stranger"

[tool.uv.build-backend]
module-name = "connectors.stranger"
module-root = ""
"""


def test_another_distribution_installs_a_sibling_into_the_namespace(tmp_path: Path) -> None:
    project, site = tmp_path / "project", tmp_path / "site"
    (project / "connectors" / "stranger").mkdir(parents=True)
    (project / "connectors" / "stranger" / "__init__.py").write_text(CONNECTOR)
    (project / "pyproject.toml").write_text(PROJECT)
    environment = {**os.environ, "PATH": f"{DISCOVER.parent}:{os.environ['PATH']}", "PYTHONPATH": str(site)}
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", site, project], env=environment, check=True)
    (tmp_path / "plugins.toml").write_text("".join(f"[plugins.{name}]\n" for name in (*OURS, "stranger")))
    done = subprocess.run([DISCOVER, "list", "--json"], env=environment, capture_output=True, text=True, check=True)
    found = {one["name"]: (one["standing"], one["distribution"]) for one in json.loads(done.stdout)["plugins"]}
    ours = dict.fromkeys(OURS, ("ready", "connector-core"))
    assert found == {**ours, "stranger": ("ready", "stranger-connector")}


def test_what_a_plugin_leaves_open_is_flushed_when_the_command_ends(folder: Folder, tmp_path: Path) -> None:
    folder.add(CONNECTOR + f"log = open({str(tmp_path / 'log')!r}, 'w')\nlog.write('loaded')\n")
    (tmp_path / "plugins.toml").write_text("[plugins.stranger]\n")
    environment = {**os.environ, "PYTHONPATH": str(folder.path)}
    subprocess.run([DISCOVER, "list"], cwd=tmp_path, env=environment, capture_output=True, check=True)
    assert (tmp_path / "log").read_text() == "loaded"

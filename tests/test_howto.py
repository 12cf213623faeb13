"""What the how-tos say to type works: commands are run against a simulated Namely, programs are executed."""

import json
import os
import re
import shlex
import shutil
import subprocess
import textwrap
import time
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import SecretStr
from standardwebhooks import WebhookVerificationError

from connector_core import (
    Department,
    Employee,
    Report,
    SettingsError,
    Standing,
    UnknownIntegrationError,
    Verdict,
    hookspecs,
)
from connector_core.beginnings import Began
from connector_core.host import Host
from connector_core.outcomes import Progress
from connector_core.plugins import Registry, load
from connector_core.scheduling.payloads import payload, trial_payload
from connector_core.scheduling.results import KindResult, Result
from connector_core.scheduling.webhook import secrets_of_environment, sign
from connector_core.secrecy import hiding
from connector_core.settings import PluginSettings, Settings
from connector_core.store import Event, Schedule
from connector_core.vault import Vault
from processes import run_script
from world import DISCOVER, Discover, Running, Start

ROOT = Path(__file__).parents[1]
HOWTOS = sorted((ROOT / "docs" / "howto").glob("*.md"))
FENCE = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def fences(name: str, language: str) -> dict[str, str]:
    """The blocks of one how-to, by title; without one, by place."""
    text = (ROOT / "docs" / "howto" / f"{name}.md").read_text(encoding="utf-8")
    found = [(title, body) for spoken, title, body in FENCE.findall(text) if spoken == language]
    return {title or str(place): body for place, (title, body) in enumerate(found)}


def commands(name: str) -> list[str]:
    return [line for body in fences(name, "sh").values() for line in body.splitlines()]


def executed(name: str, block: str) -> ModuleType:
    module = ModuleType(block.removesuffix(".py"))
    exec(compile(fences(name, "python")[block], block, "exec"), vars(module))  # noqa: S102 - the how-to's own program
    return module


@pytest.fixture
def connected(acme: Running, discover: Discover) -> Running:
    Path("token.txt").write_text(acme.token)
    done = discover(*connecting(acme).split()[1:])
    assert done.code == 0, done.err
    return acme


def connecting(acme: Running) -> str:
    (command,) = [line for line in commands("schedule") if line.startswith("discover connect")]
    return command.replace("acme.namely.com", acme.host)


def type_in(command: str) -> subprocess.CompletedProcess[str]:
    said = command.replace("discover", str(DISCOVER), 1)
    return subprocess.run(["bash", "-c", said], capture_output=True, text=True, check=False)


@pytest.mark.usefixtures("connected")
def test_the_commands_of_a_schedule_work_without_a_terminal() -> None:
    ran = [line for line in commands("schedule") if line.startswith("discover run")]
    assert ran
    for line in ran:
        done = type_in(line)
        assert done.returncode == 0, done.stderr
    assert json.loads(Path("report.json").read_text())["verdict"] == "complete"


@pytest.mark.usefixtures("connected")
def test_the_commands_that_schedule_work(discover: Discover) -> None:
    said = [line for line in commands("schedule") if line.split()[1] in {"schedule", "pause", "resume"}]
    assert len(said) == 5
    for line in said:
        done = discover(*shlex.split(line)[1:])
        assert done.code == 0, done.err
        assert "acme" in done.out


async def test_the_scheduling_how_tos_service_runs_an_integration(
    namely: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    place = await namely(scanned=True)
    assert await executed("schedule", "service.py").run_now(place.settings, "acme") is Verdict.CAUGHT_UP
    assert "Employee: " in capsys.readouterr().out


def test_the_noticing_how_tos_receiver_reads_what_is_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    received = executed("notices", "receiver.py").received
    (line,) = [line for line in commands("notices") if line.startswith("export")]
    secret = run_script(f"{line}\necho -n $DISCOVER_WEBHOOK_SECRET")
    monkeypatch.setenv("DISCOVER_WEBHOOK_SECRET", secret)
    body, moment = trial_payload(datetime.now(UTC), ""), int(time.time())
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(moment),
        "webhook-signature": sign(secrets_of_environment(), "msg_1", moment, body),
    }
    assert received(body.encode(), headers) == "test: This is a test notice."
    with pytest.raises(WebhookVerificationError):
        received(body.encode() + b" ", headers)


def test_the_notice_in_the_how_to_is_one() -> None:
    shown = json.loads(next(body for body in fences("notices", "text").values()))
    kind = KindResult("Employee", Standing.INCOMPLETE, 59, 60, 0, 2, 0, 0, ())
    made = payload(
        Event.INCOMPLETE,
        Schedule("acme", failures=1),
        "namely",
        Result("4f1c", Verdict.INCOMPLETE, (kind,)),
        at=datetime.now(UTC),
        address="https://discovery.example.com",
    )
    content = json.loads(made)
    assert shown.keys() == content.keys()
    assert shown["data"].keys() == content["data"].keys()
    assert shown["data"]["kinds"][0].keys() == content["data"]["kinds"][0].keys()
    assert (shown["data"]["message"], shown["data"]["link"]) == (content["data"]["message"], content["data"]["link"])


def test_the_key_that_the_how_to_makes_is_one(connected: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    if not shutil.which("openssl"):
        pytest.skip("openssl makes it")
    (line,) = [line for line in commands("schedule") if line.startswith("export")]
    monkeypatch.delenv("DISCOVER_SECRET_KEY")
    connect = f"{connecting(connected)} --store other.sqlite".replace("discover", str(DISCOVER), 1)
    done = subprocess.run(["bash", "-c", f"{line}\n{connect}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_commands_about_plans_do_what_they_say(connected: Running, discover: Discover) -> None:
    said = commands("plans")
    assert {line.split()[1] for line in said} == {"run", "history", "apply", "discard", "undo"}
    settings = Path("plugins.toml")
    settings.write_text(f"{settings.read_text()}\n{fences('plans', 'toml')['plugins.toml']}")
    for line in said:
        command = line
        if command.split()[1] in {"apply", "discard", "undo"}:
            # Each finds a plan to decide on, and nobody to ask.
            assert discover("remove", "acme", "--yes").code == 0
            assert discover(*connecting(connected).split()[1:]).code == 0
            assert discover("run", "acme", "--plan").code == 1
            assert "undo" not in command or discover("apply", "acme", "--yes").code == 0
            command = f"{command} --yes"
        if "--run" in command:
            latest = discover("history", "acme", "--json").json()["runs"][0]["id"]
            command = command.replace("4f1c", latest[:6])
        done = discover(*command.split()[1:])
        if command == "discover undo acme --yes":
            # The plan was that of the first run.
            assert (done.code, "would remove more rows" in done.err) == (2, True)
            continue
        assert done.code == (1 if "--plan" in command else 0), (command, done.err)
        assert "discarded" in done.out or line.split()[1] != "discard"
        assert "applied" in done.out or line.split()[1] != "apply"
        assert "put back" in done.out or line.split()[1] != "undo"


@pytest.mark.usefixtures("connected")
def test_the_commands_about_speed_work(discover: Discover) -> None:
    for line in commands("speed"):
        assert discover(*line.split()[1:]).code == 0, line


@pytest.mark.parametrize("howto", HOWTOS, ids=lambda one: one.stem)
def test_the_settings_and_projects_of_a_how_to_are_read(howto: Path, tmp_path: Path) -> None:
    for spoken, title, body in FENCE.findall(howto.read_text(encoding="utf-8")):
        assert spoken in {"sh", "text", "toml", "python", "yaml"}
        if title == "plugins.toml":
            (tmp_path / title).write_text(body)
            assert Settings.load(tmp_path / title) != Settings()
        elif spoken == "toml":
            assert tomllib.loads(body)
        elif spoken == "python":
            # Some are lines of a method.
            compile(f"async def lines():\n{textwrap.indent(body, '    ')}", title, "exec")


async def test_the_embedding_how_tos_programs_read_and_apply(namely: Start, capsys: pytest.CaptureFixture[str]) -> None:
    place = await namely()
    token = place.tenant.token
    found = await executed("embed", "people.py").refresh(place.settings, place.simulator.host, token)
    assert len(found) == 60
    assert "Employee complete" in capsys.readouterr().out
    place.simulator.evolve()
    assert await executed("embed", "plans.py").show_and_apply(place.host) > 0
    assert "new in Namely" in capsys.readouterr().out


async def test_the_embedding_how_to_applies_a_part_and_names_who_acts(
    namely: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    place = await namely(scanned=True)
    gone, changed = place.tenant.people[-1], place.tenant.people[3]
    place.tenant.delete(gone)
    changed.title = "Keeper of the Keys"
    place.tenant._touch(changed)
    await place.run(apply=False)
    assert await executed("embed", "part.py").show_and_apply_removals(place.host) == 1
    assert gone.last_name in capsys.readouterr().out
    assert gone.id not in await place.people()
    assert (await place.host.held_plan("acme")).changes == 1
    await executed("embed", "actors.py").discard(place.host, "ada")
    assert "ada plan_discarded {'discarded': 1, 'held': 0}" in capsys.readouterr().out
    assert await place.host.held("acme") is None


async def test_the_embedding_how_tos_look_up_finds_one_person(namely: Start) -> None:
    place = await namely(scanned=True)
    manager_of = executed("embed", "manager.py").manager_of
    people = await place.people()
    for one in people.values():
        boss = people.get(one.manager_source_id or "")
        assert await manager_of(place.host, one.source_id) == (boss.display_name if boss else None)
    assert any(one.manager_source_id in people for one in people.values())
    assert await manager_of(place.host, "nobody") is None
    assert await place.host.entity("acme", Department, "nothing") is None
    with pytest.raises(UnknownIntegrationError):
        await place.host.entity("other", Employee, "1")


async def test_the_embedding_how_tos_view_chooses_people_and_names_their_manager(namely: Start) -> None:
    place = await namely(scanned=True)
    people = await place.people()
    rows = await executed("embed", "active.py").active_people(place.host, "sales")
    assert rows
    for row in rows:
        one = people[row["source_id"]]
        assert one.is_active()
        assert "sales" in f"{one.display_name} {one.job_title}".lower()
        boss = people.get(one.manager_source_id or "")
        assert row["manager_name"] == (boss.display_name if boss else None)
    started = [row["start_date"] for row in rows if row["start_date"]]
    assert started == sorted(started, reverse=True)


async def test_the_embedding_how_tos_progress_is_printed(namely: Start, capsys: pytest.CaptureFixture[str]) -> None:
    place = await namely(connected=True)
    assert (await executed("embed", "progress.py").run(place.host)).verdict is Verdict.COMPLETE
    assert re.search(r"acme: Employee 50 of 60, \d+ s left\n", capsys.readouterr().out)

    def fail(_: Progress) -> None:
        raise ZeroDivisionError

    # An error of the program's own, not the connector's.
    with pytest.raises(ZeroDivisionError):
        await place.run(progress=fail)
    assert (await place.run()).verdict is Verdict.COMPLETE


@pytest.mark.jumping
async def test_the_embedding_how_tos_time_limit_leaves_a_run_that_resumes(
    namely: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    place = await namely(130, connected=True)
    place.simulator.script("stall@3x99:/profiles")
    assert await executed("embed", "limited.py").run_for(place.host, 2) is None
    assert "\nacme: interrupted\n" in capsys.readouterr().out
    assert await place.people() == {}
    place.simulator.script("")
    report = await executed("embed", "limited.py").run_for(place.host, 30)
    assert report["Employee"].certificate.began is Began.RESUMED
    assert len(await place.people()) == 130


async def test_the_embedding_how_tos_task_group_runs_every_integration(namely: Start) -> None:
    place = await namely(connected=True)
    await place.host.connect("namely", "beta", place.simulator.credentials)
    await place.host.connect("namely", "gamma", place.simulator.credentials)
    place.execute("UPDATE integrations SET secrets = x'00' WHERE name = 'gamma'")
    found = await executed("embed", "several.py").run_all(place.host)
    assert {name for name, one in found.items() if isinstance(one, Report) and one.verdict.good} == {"acme", "beta"}
    assert isinstance(found["gamma"], SettingsError)


async def test_the_embedding_how_tos_own_test_passes(tmp_path: Path) -> None:
    await executed("embed", "test_people.py").test_people_come_and_go(tmp_path)


async def test_the_embedding_how_tos_examination_finds_a_problem(
    namely: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = await namely(scanned=True)
    problems = executed("embed", "examined.py").problems
    assert await problems(place.settings) == []
    monkeypatch.setenv("SSL_CERT_FILE", "missing.pem")
    (found,) = await problems(place.settings)
    assert found.startswith("trust: SSL_CERT_FILE names 'missing.pem', which cannot be read")
    # A host with a key of its own.
    monkeypatch.delenv("SSL_CERT_FILE")
    vault = Vault(SecretStr(os.environ["DISCOVER_SECRET_KEY"]))
    monkeypatch.delenv("DISCOVER_SECRET_KEY")
    assert await problems(place.settings, vault) == []
    (found,) = await problems(place.settings)
    assert found.startswith("key: ")


def test_the_embedding_how_tos_settings_and_logs_are_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert executed("embed", "configured.py").settings.host.losses.share == 0.1
    logs = executed("embed", "logs.py")
    with hiding([SecretStr("token-5d1f")]):
        logs.structlog.get_logger().info("said", what="the token-5d1f")
    assert '"what": "the [secret]"' in capsys.readouterr().out


async def test_the_observing_how_tos_plugin_sees_a_run(namely: Start, capsys: pytest.CaptureFixture[str]) -> None:
    place = await namely()
    plugin: Any = executed("observe", "watching.py")
    registry = load(Settings(plugins={"namely": PluginSettings()}))
    registry._observers._manager.register(plugin, name="watching")
    registry._observers._manager.check_pending()
    async with Host(place.settings, registry=Registry(registry._observers._manager, registry.entries)) as host:
        await host.connect("namely", "acme", place.simulator.credentials)
        place.simulator.script("500@1x99:/groups")
        await host.run("acme")
    said = capsys.readouterr().out
    assert "acme: Department: GET /groups: Namely answered 500" in said
    assert len(re.findall(r"^create Employee \S+ \w+", said, re.MULTILINE)) == 60
    assert re.search(r"acme: incomplete, 0 held, \d+ requests", said)
    assert {name for name in vars(plugin) if name.startswith("discovery_")} <= set(vars(hookspecs))

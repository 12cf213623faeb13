"""Canaries: the token, and what is sent of people's private life, are looked for wherever we print or keep."""

import json
import os
import re
import subprocess
import traceback
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from connector_core import ConnectorCoreError
from connector_core.secrecy import hiding, presentable
from connector_core.testing import Faults
from connectors.bamboohr.simulator import BambooHRSimulator, Behaviour
from world import DISCOVER, Discover, Running, Start, Threaded, serve_in_thread

# How every private value of a simulated profile looks; the simulator's own test holds it to that.
PRIVATE = re.compile(
    rb"Private Lane|@home\.example|999-\d\d-\d{4}|custom-\d+-|555-0\d\d\d|salary-\d+|a relative|3\.72E\+14|50000\.08"
)


def leaks(data: bytes, token: str) -> list[bytes]:
    return [*PRIVATE.findall(data), *([token.encode()] if token.encode() in data else [])]


def kept(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_the_canaries_are_what_the_simulator_sends(namely: Start) -> None:
    place = await namely()
    for person in place.tenant.people:
        sent = json.dumps(place.tenant.profile(person)).encode()
        assert len(PRIVATE.findall(sent)) >= 8


@pytest.mark.parametrize("verbose", [(), ("--verbose",)])
def test_no_command_prints_or_keeps_a_canary(
    acme: Running, discover: Discover, tmp_path: Path, verbose: tuple[str, ...]
) -> None:
    commands = [
        ("list",),
        ("show", "namely"),
        ("connect", "namely", "--name", "acme", "--domain", acme.host),
        ("integrations",),
        ("check", "acme"),
        ("run", "acme", "--plan"),
        ("apply", "acme", "--yes"),
        ("undo", "acme", "--yes"),
        ("run", "acme"),
        ("run", "--all"),
        ("discard", "acme", "--yes"),
        ("entities", "acme", "employees"),
        ("entities", "acme", "employees", "--csv"),
        ("entities", "acme", "departments"),
        ("history", "acme"),
        ("secrets", "rotate"),
        ("doctor",),
    ]
    for command in commands:
        for as_json in ((), ("--json",)) if "--csv" not in command else ((),):
            done = discover(*command, *as_json, *verbose)
            assert leaks(done.out.encode() + done.err.encode(), acme.token) == [], command
            assert leaks(kept(tmp_path), acme.token) == [], command
    done = discover("remove", "acme", "--yes")
    assert done.code == 0
    assert leaks(done.out.encode(), acme.token) == []
    assert b"acme.example" not in kept(tmp_path)


@pytest.mark.parametrize(
    "faults",
    [
        "bad_row:/profiles",
        "null@3x99:/profiles",
        "garbage@3x99:/profiles",
        "cutzip@3x99:/profiles",
        "401@3x99:/profiles",
        "html@3x99:/",
        "reset@3x99:/profiles",
        "500@3x99:/profiles",
    ],
)
def test_no_fault_prints_or_keeps_a_canary(acme: Threaded, discover: Discover, tmp_path: Path, faults: str) -> None:
    (tmp_path / "plugins.toml").write_text(acme.settings(http="[host.http]\nfirst_wait = 0.01\ntries = 2"))
    acme.simulator.script(faults)
    printed = b""
    for arguments in (
        ("connect", "namely", "--name", "acme", "--domain", acme.host),
        ("run", "acme", "--verbose"),
        ("run", "acme", "--json"),
        ("history", "acme", "--json"),
    ):
        done = discover(*arguments)
        printed += done.out.encode() + done.err.encode()
        assert "Traceback" not in done.err
    assert leaks(printed + kept(tmp_path), acme.token) == []
    assert acme.simulator.faults.fired


@pytest.mark.parametrize("fault", ["401", "500", "garbage", "html", "bad_row", "reset"])
async def test_no_exception_holds_a_canary(namely: Start, fault: str) -> None:
    place = await namely()
    place.simulator.script(f"{fault}x99:/profiles")
    try:
        await place.connect()
        report = await place.host.run("acme")
        said = repr(report)
    except ConnectorCoreError as error:
        said = "".join(traceback.format_exception(error)) + repr(error) + error.hint
    assert leaks(said.encode(), place.tenant.token) == []


@pytest.fixture(scope="module")
def quoting() -> Iterator[Threaded]:
    """A simulated BambooHR, whose error messages are in a header."""
    simulator = BambooHRSimulator(60, 1, Behaviour())
    with serve_in_thread(simulator) as served:
        key = simulator.credentials["api_key"]
        yield Threaded(simulator.host, served.port, str(served.ca_file), key, simulator)


@pytest.mark.attack(
    "A provider's error quotes the key, an e-mail and an identity number", "Shown without secrets, and kept nowhere"
)
def test_what_a_provider_says_is_shown_without_secrets_and_never_kept(
    quoting: Threaded, discover: Discover, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    http = "[host.http]\nfirst_wait = 0.01"
    text = f'{http}\n[host.resolve]\n"{quoting.host}" = "127.0.0.1:{quoting.port}"\n[plugins.bamboohr]\n'
    (tmp_path / "plugins.toml").write_text(text)
    monkeypatch.setenv("SSL_CERT_FILE", quoting.ca_file)
    monkeypatch.setenv("DISCOVER_API_KEY", quoting.token)
    company = quoting.simulator.credentials["company"]
    assert discover("connect", "bamboohr", "--name", "acme", "--company", company).code == 0
    quoting.simulator.script("quote:/reports/custom")
    kept_or_for_programs, shown = b"", b""
    for arguments in (
        ("run", "acme", "--verbose"),
        ("run", "acme", "--json"),
        ("history", "acme"),
        ("history", "acme", "--json"),
        ("check", "acme", "--json"),
    ):
        done = discover(*arguments)
        kept_or_for_programs += done.out.encode() + done.err.encode()
    shown = discover("check", "acme").out.encode()
    quoting.simulator.script("quote:/employees/0")
    refused = discover("check", "acme")
    kept_or_for_programs += discover("check", "acme", "--json").err.encode()
    shown += refused.err.encode()
    kept_or_for_programs += kept(tmp_path)
    assert shown.count(b"The provider says: Basic [secret]") == 2
    pair = b64encode(f"{quoting.token}:x".encode())
    for secret in (quoting.token.encode(), pair):
        assert secret not in kept_or_for_programs + shown
    assert b"[secret]" not in kept_or_for_programs
    assert quoting.simulator.private.findall(kept_or_for_programs) == []
    assert b"onlyCurrent" not in kept_or_for_programs


async def test_nothing_that_is_held_in_memory_shows_the_token(namely: Start) -> None:
    place = await namely()
    place.simulator.faults = Faults()
    await place.connect()
    shown = (
        repr(await place.host.integrations())
        + repr(vars(place.host))
        + repr(place.settings)
        + str(place.host.registry.entries)
    )
    assert leaks(shown.encode(), place.tenant.token) == []


def test_the_key_and_the_token_are_in_no_argument_of_a_process(acme: Running) -> None:
    command = [str(DISCOVER), "connect", "namely", "--name", "acme", "--domain", acme.host]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        seen = Path(f"/proc/{process.pid}/cmdline").read_bytes() if Path("/proc").exists() else b""
        process.communicate()
    assert leaks(seen, acme.token) == []
    assert os.environ["DISCOVER_SECRET_KEY"].encode() not in seen


def test_words_of_others_stay_words_and_joined_letters_stay_joined() -> None:
    assert presentable("Jean\xa0Paul,\r\n\tAli\u200cReza\x1b[2J\u202e", 100) == "Jean Paul, Ali\u200cReza[2J"


def test_a_secret_is_hidden_whatever_stands_between_its_letters() -> None:
    with hiding([SecretStr("canary-token")]):
        for said in ("canary-token", "canary\u200d-to\u200cken", "canary-\ntoken", "can\xa0ary-\x00token"):
            assert presentable(f"Wrong: {said}", 100) == "Wrong: [secret]"

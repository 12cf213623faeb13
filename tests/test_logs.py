"""Logs: an event a step, as JSON where there is no terminal, and never a secret."""

import asyncio
import io
import json
import logging
import re
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import structlog
from aiohttp import web
from pydantic import SecretStr
from structlog.dev import ConsoleRenderer, RichTracebackFormatter
from structlog.processors import ExceptionRenderer, JSONRenderer, dict_tracebacks, format_exc_info
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import Processor

from connector_core import ConnectorCoreError, MalformedError, SettingsError, logs
from connector_core.host import Host
from connector_core.logs import hide_secrets
from connector_core.plugins import registry_of
from connector_core.sdk.connector import AnyConnector
from connector_core.secrecy import HIDDEN, hide, hiding, secrets_in_use
from connector_core.testing import Answer, Simulator, json_answer
from connector_core.vault import Vault
from planted.example import Example, ExampleCredentials, Owner
from planted.simulator import JSON, ExampleSimulator
from world import OURS, Start, StartProvider, reached

TOKEN = "canary-token-in-a-log"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    out = io.StringIO()
    logs.configure(verbose=True, stream=out)
    yield out
    root.handlers[:], root.level = before


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_secret_is_dropped_by_its_value_wherever_it_stands(stream: io.StringIO) -> None:
    log, asked = structlog.get_logger(), f"asked with {TOKEN}"
    with hiding([SecretStr(TOKEN)]):
        log.info(
            asked,
            url=f"https://x/?t={TOKEN}",
            deep={"a": [TOKEN, {TOKEN: 1}]},
            obj=SecretStr("x"),
        )
        try:
            raise RuntimeError(f"Bearer {TOKEN}")
        except RuntimeError:
            log.exception("failed", error=ValueError(TOKEN))
        logging.getLogger("some.library").warning("header %s", TOKEN)
    assert TOKEN not in stream.getvalue()
    assert stream.getvalue().count(HIDDEN) >= 6
    assert len(lines(stream)) == 3


async def test_tasks_and_threads_that_are_started_within_hide_too(stream: io.StringIO) -> None:
    def say() -> None:
        structlog.get_logger().info(TOKEN)

    async def speak() -> None:
        say()

    with hiding([SecretStr(TOKEN)]):
        await asyncio.gather(asyncio.create_task(speak()), asyncio.to_thread(say))
    assert [line["event"] for line in lines(stream)] == [HIDDEN] * 2


async def test_a_run_says_an_event_a_step_with_its_run_and_integration(namely: Start, stream: io.StringIO) -> None:
    place = await namely()
    await place.connect()
    report = await place.host.run("acme")
    said = [line for line in lines(stream) if line.get("run") == report.run.id]
    assert [line["event"] for line in said] == [
        "run_started",
        "checked",
        "reading",
        "reading",
        "kind_certified",
        "kind_certified",
        "applied",
        "run_finished",
    ]
    assert {line["integration"] for line in said} == {"acme"}
    assert place.tenant.token not in stream.getvalue()
    assert "@acme.example" not in stream.getvalue()


# ---- the forms of a secret


@pytest.mark.parametrize(
    "written",
    [
        "pa/ss+\"wörd'",
        json.dumps("pa/ss+\"wörd'"),
        json.dumps("pa/ss+\"wörd'", ensure_ascii=False),
        repr("pa/ss+\"wörd'"),
        quote("pa/ss+\"wörd'", safe=""),
        quote("pa/ss+\"wörd'", safe="").lower(),
        quote("pa/ss+\"wörd'"),
        b64encode("pa/ss+\"wörd'".encode()).decode(),
        "pa/ss+&quot;wörd&#x27;",
    ],
)
def test_a_secret_is_hidden_in_every_form_in_which_it_is_written(written: str) -> None:
    with hiding([SecretStr("pa/ss+\"wörd'"), SecretStr("")]):
        shown = secrets_in_use().hidden_in(f"before {written} after")
    assert shown.replace('"', "").replace("'", "") == f"before {HIDDEN} after"
    assert secrets_in_use().hidden_in(written) == written


async def test_what_is_issued_in_a_task_is_hidden_in_all_of_them() -> None:
    async def issue() -> None:
        hide(SecretStr("issued-token"))

    with hiding([SecretStr(TOKEN)]):
        await asyncio.create_task(issue())
        with hiding([SecretStr("another")]):
            assert secrets_in_use().hidden_in(f"{TOKEN} issued-token another") == " ".join([HIDDEN] * 3)
        assert secrets_in_use().hidden_in("another") == "another"
    hide(SecretStr("issued-token"))
    assert not secrets_in_use()


def test_values_that_other_processors_need_stay_and_one_that_cannot_be_shown_ends_nothing() -> None:
    class Unshown:
        def __str__(self) -> str:
            raise RuntimeError

    record = logging.makeLogRecord({"msg": TOKEN})
    with hiding([SecretStr(TOKEN)]):
        said = hide_secrets(None, "", {"_record": record, "positional_args": (TOKEN, 1, True), "what": Unshown()})
    assert said == {"_record": record, "positional_args": (HIDDEN, 1, True), "what": "<Unshown>"}


# ---- tracebacks that show the locals of frames

ALL_LOCALS = ExceptionRenderer(
    ExceptionDictTransformer(show_locals=True, locals_max_string=100_000, locals_max_length=1000)
)
PRETTY = ConsoleRenderer(colors=False, exception_formatter=RichTracebackFormatter(show_locals=True, width=500))
CHAINS: dict[str, list[Processor]] = {
    "structured": [dict_tracebacks, hide_secrets, JSONRenderer()],
    "structured, after it": [hide_secrets, dict_tracebacks, JSONRenderer()],
    "pretty, after it": [hide_secrets, PRETTY],
    "text": [format_exc_info, hide_secrets, JSONRenderer()],
    "without it": [ALL_LOCALS, JSONRenderer()],
}


def secrets_of(simulator: Simulator) -> set[str]:
    """Return the secrets and the tokens of a tenant, and any two of its credentials as Basic encodes them."""
    values = [*simulator.credentials.values(), "x"]
    pairs = {b64encode(f"{one}:{other}".encode()).decode() for one in values for other in values}
    secret = {value for name, value in simulator.credentials.items() if re.search("key|token|secret", name)}
    return secret | pairs | simulator.issued


def logging_check(connector: type[AnyConnector]) -> type[AnyConnector]:
    """Return a connector whose check logs what the client raises, and raises it."""

    async def check(self: Any) -> Any:
        try:
            return await connector.check(self)
        except ConnectorCoreError:
            structlog.get_logger().exception("inside")
            raise

    made: type[AnyConnector] = type(connector.__name__, (connector,), {"check": check})
    return made


@pytest.mark.attack(
    "A program logs tracebacks with the locals of frames, in any order of processors", "No secret, in whatever form"
)
@pytest.mark.filterwarnings("ignore:Remove `format_exc_info`")
@pytest.mark.parametrize(
    ("name", "chain"), sorted({*(("bamboohr", chain) for chain in CHAINS), *((name, "without it") for name in OURS)})
)
async def test_no_traceback_shows_a_secret(provider: StartProvider, name: str, chain: str) -> None:
    out = io.StringIO()
    structlog.configure(processors=CHAINS[chain], logger_factory=structlog.WriteLoggerFactory(file=out))
    place = await provider(name)
    connector = logging_check(place.host.registry.connector(name))
    async with Host(place.host.settings, registry=registry_of(connector)) as host:
        for script in ("garbage", "500"):
            place.simulator.script(script)
            try:
                await host.connect(name, "acme", place.simulator.credentials)
            except ConnectorCoreError:
                structlog.get_logger().exception("outside")
    shown = out.getvalue()
    assert shown.count("inside") >= 2
    assert shown.count("outside") >= 2
    assert [secret for secret in secrets_of(place.simulator) if secret in shown] == []


@pytest.mark.jumping
async def test_no_frame_of_a_request_that_is_cancelled_holds_its_signature() -> None:
    simulator = ExampleSimulator(1, 1)
    simulator.script("stall")
    async with reached(simulator, Example.manifest, ExampleCredentials.parse(simulator.credentials)) as api:
        asking = asyncio.create_task(api.get("/me", Owner))
        await asyncio.sleep(1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await asking
        shown = json.dumps(ALL_LOCALS(None, "", {"exc_info": caught.value}))
    assert "_send" in shown
    assert simulator.credentials["api_key"] not in shown


class Renamed(ExampleSimulator):
    """Answers what is not the account, with a private value beside it."""

    def answer(self, _: web.Request) -> Answer:
        return json_answer({"uuid": "o1", "ssn": "private-1"}, 200, JSON)


async def test_no_frame_of_an_error_holds_the_body_of_a_response() -> None:
    simulator = Renamed(1, 1)
    async with reached(simulator, Example.manifest, ExampleCredentials.parse(simulator.credentials), tries=1) as api:
        with pytest.raises(MalformedError) as caught:
            await api.get("/me", Owner)
    shown = json.dumps(ALL_LOCALS(None, "", {"exc_info": caught.value}))
    assert "_request_with_retries" in shown
    assert "private-1" not in shown


async def test_no_frame_of_an_error_of_the_key_holds_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key_file = tmp_path / "secret.key"
    key_file.write_text("not a key")
    key_file.chmod(0o600)
    monkeypatch.delenv("DISCOVER_SECRET_KEY")
    async with Vault(key_file=key_file).sealing() as seal:
        with pytest.raises(SettingsError, match="key") as caught:
            seal({"token": SecretStr(TOKEN)})
    shown = json.dumps(ALL_LOCALS(None, "", {"exc_info": caught.value}))
    assert "seal" in shown
    assert TOKEN not in shown

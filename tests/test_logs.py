"""Logs: an event a step, as JSON where there is no terminal, and never a secret."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from pydantic import SecretStr

from connector_core import logs
from world import Start

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
    with logs.hiding([SecretStr(TOKEN)]):
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
    assert stream.getvalue().count(logs.HIDDEN) >= 6
    assert len(lines(stream)) == 3


async def test_tasks_and_threads_that_are_started_within_hide_too(stream: io.StringIO) -> None:
    def say() -> None:
        structlog.get_logger().info(TOKEN)

    async def speak() -> None:
        say()

    with logs.hiding([SecretStr(TOKEN)]):
        await asyncio.gather(asyncio.create_task(speak()), asyncio.to_thread(say))
    assert [line["event"] for line in lines(stream)] == [logs.HIDDEN] * 2


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

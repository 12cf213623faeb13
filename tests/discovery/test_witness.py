"""The second witness: the provider's answers about rows that a scan lacked."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from builders import GONE, PRESENT, SILENT, declaration
from connector_core import Call, UnavailableError
from connector_core.discovery.evidence import WITNESS_AT_ONCE, ask

pytestmark = pytest.mark.jumping


def connector(answer: Any) -> Any:
    return SimpleNamespace(exists=answer, manifest=SimpleNamespace(name="example"))


async def test_an_error_counts_as_no_answer() -> None:
    async def exists(source_id: str) -> bool:
        if source_id == "error":
            raise UnavailableError("Example HR answered 503", call=Call("GET", "/people"))
        if source_id == "bug":
            raise KeyError("canary-person")
        return source_id == "present"

    said = await ask(connector(exists), declaration(witness="exists"), ["present", "gone", "error", "bug"])
    assert said == {"present": PRESENT, "gone": GONE, "error": SILENT, "bug": SILENT}


async def test_a_kind_without_a_witness_is_not_asked_about() -> None:
    assert await ask(connector(None), declaration(), ["a"]) == {}


async def test_only_a_few_requests_run_at_once() -> None:
    now = most = 0

    async def exists(_: str) -> bool:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(1)
        now -= 1
        return False

    said = await ask(connector(exists), declaration(witness="exists"), [f"p{one}" for one in range(20)])
    assert set(said.values()) == {GONE}
    assert most == WITNESS_AT_ONCE

"""The second witness: the provider's answers about rows that a scan lacked."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from builders import GONE, PRESENT, SILENT
from connector_core import Call, UnavailableError
from connector_core.discovery.witness import AT_ONCE, LIMIT, ask

pytestmark = pytest.mark.jumping

CONTROLS = ("read", "read, too")


def knowing(*known: str) -> Callable[[str], Awaitable[bool]]:
    async def exists(source_id: str) -> bool:
        return source_id in {*CONTROLS, *known}

    return exists


async def said(exists: Any, *source_ids: str, **more: Any) -> Any:
    values: dict[str, Any] = {"controls": CONTROLS, "deadline": 1e6, **more}
    return await ask(exists, source_ids, **values)


async def test_an_error_counts_as_no_answer() -> None:
    async def exists(source_id: str) -> bool:
        if source_id == "error":
            raise UnavailableError("Example HR answered 503", call=Call("GET", "/people"))
        return source_id != "gone"

    found = await said(exists, "present", "gone", "error")
    assert found == {"present": PRESENT, "gone": GONE, "error": SILENT}


async def test_a_witness_that_does_not_know_a_row_just_read_is_not_believed() -> None:
    assert await said(knowing("present"), "present", "gone") == {"present": PRESENT, "gone": GONE}
    assert await said(knowing("present"), "present", "gone", controls=("read", "unknown to it")) == {}
    # Nor is one that cannot be put to the test.
    assert await said(knowing("present"), "present", "gone", controls=()) == {}


async def test_only_a_few_requests_run_at_once() -> None:
    now = most = 0

    async def exists(source_id: str) -> bool:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(1)
        now -= 1
        return source_id in CONTROLS

    found = await said(exists, *(f"p{one}" for one in range(20)))
    assert set(found.values()) == {GONE}
    assert most == AT_ONCE


async def test_a_run_asks_for_a_limited_number_of_rows() -> None:
    assert len(await said(knowing(), *(f"p{one}" for one in range(LIMIT + 100)))) == LIMIT


async def test_asking_stops_when_the_answers_are_enough() -> None:
    told: list[int] = []
    found = await said(
        knowing(), *(f"p{one}" for one in range(100)), enough=lambda so_far: len(so_far) >= 6, tell=told.append
    )
    assert len(found) == 8
    assert told == [4, 8]


@pytest.mark.attack(
    "A witness that denies everybody from some answer on", "What it said since the last control does not count"
)
async def test_a_route_that_dies_meanwhile_is_noticed_and_what_it_said_since_does_not_count() -> None:
    asked: list[str] = []

    async def exists(source_id: str) -> bool:
        asked.append(source_id)
        return source_id in CONTROLS and len(asked) < 9

    # Two controls, four rows, a control that is known; from the next four on it denies everything.
    found = await said(exists, *(f"p{one}" for one in range(20)))
    assert found == dict.fromkeys(("p0", "p1", "p2", "p3"), GONE)


async def test_asking_ends_at_the_deadline_and_what_was_answered_counts() -> None:
    async def exists(source_id: str) -> bool:
        await asyncio.sleep(5)
        return source_id in CONTROLS

    loop = asyncio.get_running_loop()
    began = loop.time()
    found = await said(exists, *(f"p{one}" for one in range(100)), deadline=began + 27)
    assert loop.time() - began == pytest.approx(27, abs=0.1)
    assert set(found.values()) == {GONE}
    assert len(found) == 2 * AT_ONCE

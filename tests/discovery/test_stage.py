"""Staging beside the reading: pages in order, errors raised, and no write left behind."""

import asyncio
from datetime import UTC, datetime

import pytest

from builders import person
from connector_core import StoreError
from connector_core.discovery.stage import StageWriter, staged_rows
from connector_core.store.staging import Checkpoint, StagedRow
from run_steps import RunSteps


def rows(*ids: str) -> list[StagedRow]:
    return staged_rows([person(one) for one in ids], ())


def behind(page: int, staged: int) -> Checkpoint:
    moment = datetime.now(UTC).isoformat()
    return Checkpoint("/people", page, 0, None, b"", True, staged, "key", moment)  # noqa: FBT003 - as it is stored


async def test_every_page_is_written_in_order_with_the_last_checkpoint(steps: RunSteps) -> None:
    _, reading = await steps.start()
    writer = StageWriter(steps.store.staging, reading)
    for number in range(1, 30):
        await writer.add(rows(f"p{number:02}", f"q{number:02}"), behind(number, 2 * number))
    await writer.flush()
    await writer.aclose()
    staged = [source_id for (source_id,) in steps.ask("SELECT source_id FROM bodies ORDER BY n")]
    assert staged == [f"{letter}{number:02}" for number in range(1, 30) for letter in "pq"]
    assert steps.ask("SELECT page, staged FROM checkpoints") == [(29, 58)]


async def test_a_failed_write_raises(steps: RunSteps) -> None:
    _, reading = await steps.start()
    steps.ask("CREATE TRIGGER refused BEFORE INSERT ON bodies BEGIN SELECT RAISE(ABORT, 'refused'); END")
    writer = StageWriter(steps.store.staging, reading)
    await writer.add(rows("a"), behind(1, 1))
    with pytest.raises(StoreError, match="refused"):
        await writer.flush()
    await writer.aclose()
    assert steps.ask("SELECT count(*) FROM checkpoints") == [(0,)]


async def test_a_cancelled_reading_leaves_no_write_behind(steps: RunSteps) -> None:
    _, reading = await steps.start()
    writer = StageWriter(steps.store.staging, reading)

    async def read() -> None:
        try:
            await writer.add(rows("a"), behind(1, 1))
            await asyncio.sleep(60)
        finally:
            await writer.aclose()

    reader = asyncio.create_task(read())
    await asyncio.sleep(0)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert steps.ask("SELECT page FROM checkpoints") == [(1,)]

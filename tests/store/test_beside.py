"""Reads beside writes: they do not wait for one that is under way, see one state, and keep nothing open."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, closing
from pathlib import Path

import pytest
from stores import ACCOUNT

from connector_core import StoreError
from connector_core.store import Store
from connector_core.store.sqlite import Cursor


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    async with aclosing(Store(path)) as opened:
        await opened.integrations.save("acme", "namely", {}, b"sealed", ACCOUNT)
        yield opened


async def names(store: Store) -> list[str]:
    return [one.name for one in await store.integrations.all()]


def add(cursor: Cursor, name: str) -> None:
    cursor.execute(
        f"INSERT INTO integrations VALUES ('{name}', 'namely', '{{}}', x'', 'One', '1', '', '2026-01-01', '2026-01-01')"
    )


@asynccontextmanager
async def writing(store: Store, name: str) -> AsyncIterator[None]:
    """Within this context a large write is under way: it adds an integration, and has not committed."""
    began, go_on = threading.Event(), threading.Event()

    def write(cursor: Cursor) -> None:
        add(cursor, name)
        began.set()
        go_on.wait(10)

    task = asyncio.create_task(store._database.write(write))
    await asyncio.to_thread(began.wait)
    try:
        yield
    finally:
        go_on.set()
        await task


def is_read_by_none(path: Path) -> bool:
    """Return True if no connection has a read open: the log can be emptied."""
    with closing(sqlite3.connect(path, timeout=0)) as other:
        (busy, *_) = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


async def test_a_read_does_not_wait_for_a_write_and_sees_what_was_committed_before(store: Store) -> None:
    async with writing(store, "beta"), asyncio.timeout(2):
        assert await names(store) == ["acme"]
    assert await names(store) == ["acme", "beta"]


async def test_a_read_sees_every_write_that_has_ended(store: Store) -> None:
    for number in range(20):
        await store._database.write(add, f"n{number}")
        assert len(await names(store)) == number + 2


async def test_a_question_in_turn_waits_for_the_write_before_it(store: Store) -> None:
    def count(cursor: Cursor) -> int:
        (number,) = cursor.execute("SELECT count(*) FROM integrations").fetchone()
        return int(number)

    async with writing(store, "beta"):
        waiting = asyncio.create_task(store._database.in_turn(count))
        assert await store._database.read(count) == 1
        assert not waiting.done()
    assert await waiting == 2


async def test_a_read_sees_one_state_whatever_is_committed_meanwhile(store: Store) -> None:
    began, go_on = threading.Event(), threading.Event()

    def read_twice(cursor: Cursor) -> tuple[int, int]:
        (first,) = cursor.execute("SELECT count(*) FROM integrations").fetchone()
        began.set()
        go_on.wait(10)
        (second,) = cursor.execute("SELECT count(*) FROM integrations").fetchone()
        return first, second

    reading = asyncio.create_task(store._database.read(read_twice))
    await asyncio.to_thread(began.wait)
    await store._database.write(add, "beta")
    go_on.set()
    assert await reading == (1, 1)
    assert len(await names(store)) == 2


async def test_a_read_can_write_nothing(store: Store) -> None:
    with pytest.raises(StoreError, match="readonly"):
        await store._database.read(add, "beta")
    assert await names(store) == ["acme"]


async def test_no_read_stays_open_however_it_ends(path: Path, store: Store) -> None:
    def unfinished(cursor: Cursor) -> None:
        cursor.execute("SELECT * FROM sqlite_schema").fetchone()

    def failed(cursor: Cursor) -> None:
        unfinished(cursor)
        raise ZeroDivisionError

    await names(store)
    await store._database.read(unfinished)
    with pytest.raises(ZeroDivisionError):
        await store._database.read(failed)
    with pytest.raises(StoreError):
        await store._database.read(lambda cursor: cursor.execute("SELECT * FROM nowhere"))
    await store._database.write(add, "beta")
    assert is_read_by_none(path)


async def test_a_cancelled_read_has_ended_when_its_caller_goes_on(path: Path, store: Store) -> None:
    began, go_on = threading.Event(), threading.Event()

    def slow(cursor: Cursor) -> None:
        cursor.execute("SELECT * FROM integrations").fetchone()
        began.set()
        go_on.wait(10)

    reading = asyncio.create_task(store._database.read(slow))
    await asyncio.to_thread(began.wait)
    reading.cancel()
    await asyncio.sleep(0.01)
    assert not reading.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await store._database.write(add, "beta")
    assert is_read_by_none(path)


async def test_the_log_is_emptied_though_this_process_reads_all_the_time(path: Path, store: Store) -> None:
    ended = False

    async def look() -> int:
        looks = 0
        while not ended:
            await names(store)
            looks += 1
        return looks

    readers = [asyncio.create_task(look()) for _ in range(8)]
    log = path.with_name("people.sqlite-wal")
    for number in range(10):
        await store._database.write(add, f"n{number}")
        assert log.stat().st_size > 0
        assert await store._database.erase(insist=True)
        assert log.stat().st_size == 0
    ended = True
    assert min(await asyncio.gather(*readers)) > 0


async def test_a_store_of_which_nothing_is_left_open_leaves_only_its_file(path: Path, store: Store) -> None:
    await names(store)
    await store.aclose()
    assert [one.name for one in path.parent.iterdir()] == ["people.sqlite"]

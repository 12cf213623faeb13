"""The database: whole transactions, on a thread of its own, and clear about what is wrong."""

import asyncio
import gc
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from stores import ACCOUNT

from connector_core import StoreError, UnknownIntegrationError
from connector_core.store import Store
from connector_core.store.sqlite import Cursor, Database


async def settings_of(database: Database, *names: str) -> list[object]:
    """The settings of the connection that writes."""
    return [
        await database.in_turn(lambda cursor, name: cursor.execute(f"PRAGMA {name}").fetchone()[0], name)
        for name in names
    ]


# ---- transactions and errors


async def test_deleted_rows_are_overwritten_and_writes_reach_the_disk(store: Store) -> None:
    names = ("secure_delete", "journal_mode", "synchronous", "foreign_keys", "temp_store")
    await store.integrations.save("acme", "namely", {}, b"", ACCOUNT)
    # FULL is 2, MEMORY is 2.
    assert await settings_of(store._database, *names) == [1, "wal", 2, 1, 2]


async def test_a_transaction_is_whole_or_not_at_all(store: Store) -> None:
    def interrupted(cursor: Cursor) -> None:
        cursor.execute("INSERT INTO integrations VALUES ('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i')")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store._database.write(interrupted)
    assert await store.integrations.all() == []


async def test_a_full_disk_is_an_error_of_the_store(store: Store) -> None:
    await store.integrations.save("acme", "namely", {}, b"", ACCOUNT)
    await settings_of(store._database, "max_page_count = 1")
    with pytest.raises(StoreError, match="full") as caught:
        for number in range(1000):
            await store.integrations.save(f"n{number}", "namely", {"domain": "x" * 500}, b"x" * 500, ACCOUNT)
    assert "make room" in caught.value.hint


async def test_a_closed_store_says_so_and_may_be_closed_again(store: Store) -> None:
    await store.integrations.all()
    await store.aclose()
    await store.aclose()
    with pytest.raises(StoreError, match=r"people\.sqlite is closed"):
        await store.integrations.all()


@pytest.mark.parametrize("writes", [False, True])
async def test_a_call_of_another_event_loop_does_not_open_a_closed_store_again(store: Store, *, writes: bool) -> None:
    database = store._database
    await database.erase()
    began, go_on = threading.Event(), threading.Event()

    def slow(_: Cursor) -> None:
        began.set()
        go_on.wait(10)

    def call_elsewhere() -> str:
        try:
            return str(asyncio.run(call()))
        except StoreError as error:
            return error.message

    def call() -> Coroutine[Any, Any, object]:
        return database.write(fetch) if writes else store.integrations.all()

    def fetch(cursor: Cursor) -> list[object]:
        return cursor.execute("SELECT * FROM integrations").fetchall()

    thread = database._thread if writes else database._reading
    async with asyncio.TaskGroup() as group:
        group.create_task(database.write(slow) if writes else database.read(slow))
        await asyncio.to_thread(began.wait)
        # Closing waits for its turn, and the call from elsewhere comes after it.
        group.create_task(store.aclose())
        await asyncio.sleep(0.01)
        late = group.create_task(asyncio.to_thread(call_elsewhere))
        while thread._work_queue.qsize() < 2:  # noqa: ASYNC110 - another thread's call
            await asyncio.sleep(0.001)
        go_on.set()
    assert late.result().endswith("people.sqlite is closed.")
    assert (database._connection, database._reader) == (None, None)
    assert (await asyncio.to_thread(call_elsewhere)).endswith("people.sqlite is closed.")


async def test_an_unknown_integration_names_those_that_are_known(store: Store) -> None:
    await store.integrations.save("acme", "namely", {}, b"", ACCOUNT)
    with pytest.raises(UnknownIntegrationError, match="known: acme"):
        await store.integrations.get("other")


# ---- threads, cancellation and locks


async def test_hanging_name_lookups_do_not_stall_the_store(store: Store) -> None:
    loop, answer = asyncio.get_running_loop(), threading.Event()
    loop.set_default_executor(ThreadPoolExecutor(2))
    lookups = [loop.run_in_executor(None, answer.wait) for _ in range(2)]
    try:
        async with asyncio.timeout(5):
            assert await store.integrations.all() == []
        assert not any(one.done() for one in lookups)
    finally:
        answer.set()
        await asyncio.gather(*lookups)


@pytest.mark.parametrize("cancellations", [1, 3])
async def test_a_cancelled_write_ends_before_the_lock_is_released(store: Store, cancellations: int) -> None:
    began, go_on = threading.Event(), threading.Event()

    def slow(cursor: Cursor) -> None:
        cursor.execute("INSERT INTO integrations VALUES ('acme', 'namely', '{}', x'', 'One', '1', '', '2026', '2026')")
        began.set()
        go_on.wait(10)

    async def write() -> None:
        async with store.locks.hold("acme"):
            await store._database.write(slow)

    writing = asyncio.create_task(write())
    await asyncio.to_thread(began.wait)
    for _ in range(cancellations):
        writing.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert not writing.done()
    assert await store.locks.is_held("acme")
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert not await store.locks.is_held("acme")
    assert await store._database.read(lambda cursor: cursor.execute("SELECT name FROM integrations").fetchall()) == [
        ("acme",)
    ]


async def test_an_error_of_a_cancelled_write_is_not_reported_again_by_the_loop(store: Store) -> None:
    began, go_on, reported = threading.Event(), threading.Event(), list[object]()

    def fail(cursor: Cursor) -> None:
        began.set()
        go_on.wait(10)
        cursor.execute("INSERT INTO nothing VALUES (1)")

    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    writing = asyncio.create_task(store._database.write(fail))
    await asyncio.to_thread(began.wait)
    writing.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    del writing
    gc.collect()
    assert reported == []

"""A store that another process keeps busy: waited for, in the end an error, and never at the expense of the rest."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, closing, contextmanager
from pathlib import Path

import pytest
from attacks import EMPTY
from stores import ACCOUNT

from connector_core import BusyError
from connector_core.outcomes import Progress
from connector_core.store import Store
from connector_core.store.erasure import Erasures
from connector_core.store.integrations import Integrations
from connector_core.store.sqlite import Database
from processes import beside
from world import Start


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    async with aclosing(Store(path)) as opened:
        await opened.integrations.save("acme", "namely", {}, b"sealed", ACCOUNT)
        yield opened


@contextmanager
def written_by_another_process(path: Path) -> Iterator[None]:
    """Within this context another process is writing."""
    code = f"""
import sqlite3, time
connection = sqlite3.connect({str(path)!r}, isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("writing", flush=True)
time.sleep(60)
"""
    with beside(code):
        yield


async def add(store: Store, name: str) -> None:
    await store.integrations.save(name, "namely", {}, b"", ACCOUNT)


async def names(store: Store) -> list[str]:
    return [one.name for one in await store.integrations.all()]


@pytest.mark.attack(
    "Another process writes to the store for long", "The write waits; the loop and other integrations do not"
)
async def test_a_write_waits_for_another_process_and_delays_nothing_else(path: Path, store: Store) -> None:
    with written_by_another_process(path):
        writing = asyncio.create_task(add(store, "beta"))
        loop = asyncio.get_running_loop()
        began = loop.time()
        for _ in range(20):
            # The store's thread is free: other integrations are read meanwhile.
            assert await names(store) == ["acme"]
            await asyncio.sleep(0.01)
        assert loop.time() - began < 5
        assert not writing.done()
    await writing
    assert await names(store) == ["acme", "beta"]


@pytest.mark.attack(
    "Another process writes to the store for more than a minute", "Busy, exit code 1; nothing is changed"
)
@pytest.mark.jumping
async def test_it_waits_for_a_minute_and_is_busy_then(path: Path, store: Store) -> None:
    loop = asyncio.get_running_loop()
    with written_by_another_process(path):
        began = loop.time()
        with pytest.raises(BusyError, match="is busy: another process is writing") as caught:
            await add(store, "beta")
        assert loop.time() - began == pytest.approx(60, abs=1)
    assert (caught.value.exit_code, caught.value.retryable) == (1, True)
    await add(store, "beta")
    assert await names(store) == ["acme", "beta"]


async def test_waiting_ends_at_once_when_it_is_cancelled(path: Path, store: Store) -> None:
    with written_by_another_process(path):
        writing = asyncio.create_task(add(store, "beta"))
        await asyncio.sleep(0.05)
        writing.cancel()
        async with asyncio.timeout(1):
            with pytest.raises(asyncio.CancelledError):
                await writing
    assert await names(store) == ["acme"]


@pytest.mark.attack(
    "A run is cancelled while another process writes to the store", "It ends in seconds, as interrupted", EMPTY
)
@pytest.mark.jumping
async def test_a_run_that_is_cancelled_does_not_wait_for_a_busy_store(namely: Start) -> None:
    place = await namely(connected=True)
    loop = asyncio.get_running_loop()
    with closing(sqlite3.connect(place.settings.host.store, isolation_level=None)) as other:

        def cancel(_: Progress) -> None:
            if not other.in_transaction:
                other.execute("BEGIN IMMEDIATE")
                run.cancel()

        run = asyncio.create_task(place.run(progress=cancel))
        with pytest.raises(asyncio.CancelledError):
            await run
        assert loop.time() < 15
    # It had no time to note its end: the next one does.
    await place.run()
    assert [one.error for one in await place.host.history("acme")] == [None, "interrupted"]


async def test_a_new_store_is_opened_by_several_at_once(path: Path) -> None:
    stores = [Store(path) for _ in range(4)]
    await asyncio.gather(*[add(one, f"n{number}") for number, one in enumerate(stores)])
    assert await names(stores[0]) == ["n0", "n1", "n2", "n3"]
    for one in stores:
        await one.aclose()


async def test_what_a_reader_keeps_in_the_log_is_an_error_of_a_removal_that_may_be_repeated(
    path: Path, store: Store
) -> None:
    await store.aclose()
    async with aclosing(Database(path, patience=0.05)) as database:
        await Integrations(database).remove("acme")
        with closing(sqlite3.connect(path)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM integrations").fetchall()
            with pytest.raises(BusyError, match="still in its write-ahead log"):
                await Erasures(database).finish(insist=True)
            assert await Erasures(database).is_due("acme")
        await Erasures(database).finish(insist=True)
        assert not await Erasures(database).is_due("acme")
    assert b"sealed" not in path.read_bytes()

"""The database file: private, whole or not at all, and clear about what is wrong with it."""

import asyncio
import gc
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, closing
from pathlib import Path

import pytest

from connector_core import Account, StoreError, UnknownIntegrationError
from connector_core.store import Store
from connector_core.store.sqlite import Cursor, Database

ACCOUNT = Account("One", "1")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "people.sqlite"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    async with aclosing(Store(path)) as opened:
        yield opened


def changed_by_hand(path: Path, script: str) -> bytes:
    """Run a script against the file, as another program would; return what is in it then."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    return path.read_bytes()


async def settings_of(database: Database, *names: str) -> list[object]:
    return [
        await database.read(lambda cursor, name: cursor.execute(f"PRAGMA {name}").fetchone()[0], name) for name in names
    ]


# ---- the file


async def test_only_its_owner_may_read_it(path: Path, store: Store) -> None:
    await store.integrations.save("acme", "namely", {}, b"", ACCOUNT)
    await store.runs.history("acme", 1)
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.glob("people.sqlite*")} == {0o600}


async def test_a_store_that_others_could_read_is_made_private(path: Path) -> None:
    async with aclosing(Store(path)) as store:
        await store.integrations.all()
    path.chmod(0o644)
    async with aclosing(Store(path)) as store:
        await store.integrations.all()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_deleted_rows_are_overwritten_and_writes_reach_the_disk(store: Store) -> None:
    names = ("secure_delete", "journal_mode", "synchronous", "foreign_keys", "temp_store")
    # FULL is 2, MEMORY is 2.
    assert await settings_of(store._database, *names) == [1, "wal", 2, 1, 2]


async def test_nothing_is_opened_before_the_first_call(path: Path) -> None:
    async with aclosing(Store(path)):
        assert not path.exists()
    assert not path.exists()


# ---- files that are not ours


@pytest.mark.parametrize(
    "script",
    [
        "PRAGMA application_id = 1234;",
        "CREATE TABLE bookmarks (url TEXT); INSERT INTO bookmarks VALUES ('https://example.com');",
        "PRAGMA user_version = 1;",
        # A number that would be a newer version of our own.
        "CREATE TABLE bookmarks (url TEXT); PRAGMA user_version = 75;",
        "CREATE TABLE integrations (name TEXT);",
    ],
)
async def test_the_database_of_another_program_is_refused_and_left_as_it_was(
    path: Path, store: Store, script: str
) -> None:
    before = changed_by_hand(path, script)
    path.chmod(0o644)
    for _ in range(2):
        with pytest.raises(StoreError, match="is the database of another program"):
            await store.integrations.all()
    assert path.read_bytes() == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [file.name for file in path.parent.glob("people*")] == ["people.sqlite"]


async def test_a_store_of_a_newer_version_is_refused_and_left_as_it_was(path: Path, store: Store) -> None:
    async with aclosing(Store(path)) as older:
        await older.integrations.all()
    before = changed_by_hand(path, "PRAGMA user_version = 99;")
    with pytest.raises(StoreError, match="written by a newer version"):
        await store.integrations.all()
    assert path.read_bytes() == before


async def test_a_file_that_is_not_a_database_is_named(path: Path, store: Store) -> None:
    path.write_bytes(b"not a database, " * 100)
    with pytest.raises(StoreError, match=r"people\.sqlite: file is not a database") as caught:
        await store.integrations.all()
    assert "restore it" in caught.value.hint


async def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    async with aclosing(Store(tmp_path / "nowhere" / "people.sqlite")) as store:
        with pytest.raises(StoreError, match="cannot be opened: No such file or directory"):
            await store.integrations.all()


# ---- transactions and errors


async def test_a_transaction_is_whole_or_not_at_all(store: Store) -> None:
    def interrupted(cursor: Cursor) -> None:
        cursor.execute("INSERT INTO integrations VALUES ('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i')")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store._database.write(interrupted)
    assert await store.integrations.all() == []


async def test_a_full_disk_is_an_error_of_the_store(store: Store) -> None:
    await store.integrations.all()
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
        cursor.execute("INSERT INTO integrations VALUES ('acme', 'namely', '{}', x'', 'One', '1', '1', '2026', '2026')")
        began.set()
        go_on.wait(10)

    async def write() -> None:
        with store.lock("acme"):
            await store._database.write(slow)

    writing = asyncio.create_task(write())
    await asyncio.to_thread(began.wait)
    for _ in range(cancellations):
        writing.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert not writing.done()
    assert store.is_locked("acme")
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert not store.is_locked("acme")
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


def test_the_lock_of_a_process_that_died_is_free(path: Path) -> None:
    store = Store(path)
    script = (
        "import sys, time; from pathlib import Path; from connector_core.store import Store\n"
        f"with Store(Path({str(path)!r})).lock('acme'): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StoreError, match="another process"), store.lock("acme"):
            pass
        assert store.is_locked("acme")
        with store.lock("beta"):
            pass
        holder.kill()
        holder.wait()
        with store.lock("acme"):
            pass

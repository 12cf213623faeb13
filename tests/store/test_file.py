"""The file of the store: ours, private, still there, and no reason for raw errors when it is damaged."""

import os
import sqlite3
import stat
from contextlib import aclosing, closing
from pathlib import Path

import pytest
from attacks import EMPTY, FULL
from stores import ACCOUNT, changed_by_hand, connected

from connector_core import SettingsError, StoreError, UnknownIntegrationError
from connector_core.store import Store
from connector_core.store.sqlite import Cursor, Database
from processes import elsewhere

# ---- the file


def modes(path: Path) -> dict[str, int]:
    """Return the modes of a store's file and of those that SQLite keeps beside it, by suffix."""
    return {one.name.removeprefix(path.name): stat.S_IMODE(one.stat().st_mode) for one in path.parent.glob("*.sqlite*")}


async def test_only_its_owner_may_read_it(path: Path, store: Store) -> None:
    await store.integrations.save("acme", "namely", {}, b"", ACCOUNT)
    assert modes(path) == {"": 0o600, "-wal": 0o600, "-shm": 0o600}


@pytest.mark.attack(
    "The file of the store is there before, readable for all users",
    "It is private, and so are the files beside it",
    EMPTY,
    FULL,
)
@pytest.mark.parametrize("exists", ["empty", "as a store", "with a log"])
async def test_a_file_that_others_could_read_is_made_private(path: Path, store: Store, exists: str) -> None:
    if exists == "empty":
        path.touch()
    else:
        await connected(path)
    if exists == "with a log":
        # A process that was killed left it.
        write = f"import os, sqlite3; c = sqlite3.connect({str(path)!r}); c.execute('DELETE FROM integrations'); "
        elsewhere(f"{write} c.commit(); os._exit(0)")
    for file in path.parent.iterdir():
        file.chmod(0o666)
    await store.integrations.save("beta", "namely", {}, b"", ACCOUNT)
    assert modes(path) == {"": 0o600, "-wal": 0o600, "-shm": 0o600}


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
        # One that has no tables yet, and one that has none any more.
        "PRAGMA journal_mode = WAL;",
        "CREATE TABLE bookmarks (url TEXT); DROP TABLE bookmarks;",
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


@pytest.mark.attack("The store is the file of another program", "It is refused and left as it was, its log too")
async def test_a_log_of_another_program_is_neither_recovered_nor_removed(path: Path, store: Store) -> None:
    script = (
        f"import os, sqlite3; c = sqlite3.connect({str(path)!r}); c.execute('PRAGMA journal_mode = WAL'); "
        "c.execute('CREATE TABLE bookmarks (url TEXT)'); c.commit(); os._exit(0)"
    )
    elsewhere(script)
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    assert "people.sqlite-wal" in before
    with pytest.raises(StoreError, match="is the database of another program"):
        await store.integrations.all()
    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before


def test_a_program_that_makes_its_tables_meanwhile_gets_none_of_ours(path: Path) -> None:
    elsewhere(f"""
import asyncio, sqlite3, sys
from pathlib import Path
from connector_core import StoreError
from connector_core.store.sqlite import Database
others = []
def at_event(event, arguments):
    if event == "sqlite3.connect" and not others:
        others.append("under way")
        others.append(sqlite3.connect({str(path)!r}, isolation_level=None))
        others[1].execute("CREATE TABLE bookmarks (url TEXT)")
sys.addaudithook(at_event)
try:
    asyncio.run(Database(Path({str(path)!r})).erase())
except StoreError as error:
    assert "is the database of another program" in str(error)
else:
    sys.exit("it was taken for ours")
""")
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT name FROM sqlite_schema").fetchall() == [("bookmarks",)]


@pytest.mark.attack("The store has a hard link", "It is refused", FULL)
async def test_a_file_with_two_names_is_refused(path: Path, store: Store) -> None:
    await connected(path)
    path.with_name("other.sqlite").hardlink_to(path)
    with pytest.raises(StoreError, match="has a second name, as a hard link"):
        await store.integrations.all()


async def test_a_store_behind_a_symbolic_link_is_made_where_the_link_points(path: Path) -> None:
    link = path.with_name("link.sqlite")
    link.symlink_to(path)
    await connected(link)
    assert [file.name for file in sorted(path.parent.iterdir())] == ["link.sqlite", "people.sqlite"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_store_of_a_newer_version_is_refused_and_left_as_it_was(path: Path, store: Store) -> None:
    await connected(path)
    before = changed_by_hand(path, "PRAGMA user_version = 99;")
    with pytest.raises(StoreError, match="written by a newer version"):
        await store.integrations.all()
    assert path.read_bytes() == before


async def test_a_file_that_is_not_a_database_is_named(path: Path, store: Store) -> None:
    path.write_bytes(b"not a database, " * 100)
    with pytest.raises(StoreError, match=r"people\.sqlite: file is not a database") as caught:
        await store.integrations.all()
    assert "restore it" in caught.value.hint


@pytest.mark.parametrize("folder", ["nowhere", "nowhere/below", "file"])
async def test_a_folder_that_does_not_exist_is_named(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").touch()
    async with aclosing(Store(tmp_path / folder / "people.sqlite")) as store:
        for call in (store.integrations.all, store.erasures.finish):
            with pytest.raises(SettingsError, match=rf"{folder}/people\.sqlite .* neither does its folder") as caught:
                await call()
            assert "--store FILE" in caught.value.hint
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


# ---- a store that does not exist


async def test_reading_finds_nothing_and_makes_no_file(path: Path, store: Store) -> None:
    assert await store.integrations.all() == []
    assert await store.entities.counts("acme") == {}
    assert await store.plans.held("acme") is None
    assert not await store.is_removed("acme")
    assert not await store.locks.is_held("acme")
    with pytest.raises(UnknownIntegrationError, match=r"in the store \S+/people.sqlite, which does not exist\.$"):
        await store.integrations.get("acme")
    for change in (store.remove("acme"), store.integrations.unsealed("acme", bytes)):
        with pytest.raises(UnknownIntegrationError):
            await change
    assert list(path.parent.iterdir()) == []


async def test_reading_leaves_an_empty_file_empty_and_writing_makes_it_the_store(path: Path, store: Store) -> None:
    path.touch()
    assert await store.integrations.all() == []
    assert (path.read_bytes(), len(list(path.parent.iterdir()))) == (b"", 1)
    await store.integrations.save("acme", "example", {}, b"", ACCOUNT)
    assert [one.name for one in await store.integrations.all()] == ["acme"]


async def test_what_another_process_writes_meanwhile_is_read(path: Path, store: Store) -> None:
    assert await store.integrations.all() == []
    await connected(path)
    assert [one.name for one in await store.integrations.all()] == ["acme"]
    with pytest.raises(UnknownIntegrationError, match=r"in the store \S+/people\.sqlite; known: acme\.$"):
        await store.integrations.get("beta")


@pytest.mark.parametrize("kind", ["folder", "pipe", "path"])
async def test_what_is_no_file_is_named(tmp_path: Path, kind: str) -> None:
    place = tmp_path / ("people\0.sqlite" if kind == "path" else "people.sqlite")
    if kind == "folder":
        place.mkdir()
    elif kind == "pipe":
        os.mkfifo(place)
    with pytest.raises(SettingsError, match=r"is not a (file|valid path)") as caught:
        async with aclosing(Store(place)) as store:
            await store.integrations.all()
    assert "--store FILE" in caught.value.hint


@pytest.mark.attack("kill -9 while the log is written back", "The store is opened, with all rows", FULL)
async def test_a_store_whose_log_was_half_written_back_is_opened(path: Path) -> None:
    """Also seen while another process is writing: the file says that it is longer than it is."""
    log = path.with_name("people.sqlite-wal")

    def grow(cursor: Cursor) -> None:
        rows = [(f"n{number}", b"x" * 1000) for number in range(100)]
        columns = "?, 'namely', '{}', ?, 'One', '1', '', '2026-01-01', '2026-01-01'"
        cursor.executemany(f"INSERT INTO integrations VALUES ({columns})", rows)

    async with aclosing(Database(path)) as database:
        await database.write(grow)
        before, written = path.read_bytes(), log.read_bytes()
    page = 4096
    path.write_bytes(path.read_bytes()[:page] + before[page:])
    log.write_bytes(written)
    async with aclosing(Store(path)) as store:
        assert len(await store.integrations.all()) == 100


# ---- files beside it


@pytest.mark.attack(
    "Two hosts of one process use a store, and another process closes it last", "No log in use is removed", FULL
)
async def test_one_store_that_is_closed_leaves_the_other_one_of_the_process_its_locks(path: Path) -> None:
    async with aclosing(Store(path)) as first:
        await first.integrations.save("acme", "namely", {}, b"", ACCOUNT)
        async with aclosing(Store(path)) as second:
            await second.integrations.all()
        # Another process that is the last to close a store removes its log.
        script = (
            f"import sqlite3; c = sqlite3.connect({str(path)!r}); c.execute('SELECT * FROM runs').fetchall(); c.close()"
        )
        elsewhere(script)
        await first.integrations.save("beta", "namely", {}, b"", ACCOUNT)


@pytest.mark.attack("Large changes and sorts", "No row in a temporary file", FULL)
async def test_rows_are_never_in_temporary_files(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    await connected(path)
    script = f"""
import asyncio
from pathlib import Path
from connector_core.store.sqlite import Database
def work(cursor):
    cursor.execute("CREATE TABLE large (n INTEGER PRIMARY KEY, body TEXT UNIQUE)")
    numbers = "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 5000)"
    # A sort, a statement that may have to be undone, and a table of its own: each would be a file.
    cursor.execute(f"{{numbers}} INSERT INTO large SELECT n, hex(randomblob(100)) FROM c ORDER BY random()")
    cursor.execute("UPDATE OR ABORT large SET body = body || n")
    cursor.execute("SELECT count(*) FROM (SELECT DISTINCT substr(body, 2) FROM large ORDER BY body)").fetchall()
    cursor.execute("DELETE FROM large")
async def main():
    database = Database(Path({str(path)!r}))
    await database.write(work)
    await database.aclose()
asyncio.run(main())
"""
    made = folder.stat().st_mtime_ns
    elsewhere(script, SQLITE_TMPDIR=str(folder))
    # A file that was made and removed would show in the folder's time.
    assert folder.stat().st_mtime_ns == made

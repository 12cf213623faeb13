"""Migrations: a copy is kept, the rows survive, and a migration that was cut off changes nothing."""

import asyncio
import sqlite3
import stat
from contextlib import aclosing, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from attacks import FULL
from stores import changed_by_hand, connected

from builders import NOON, PEOPLE
from connector_core import Account, StoreError
from connector_core.store import LastScan, Store
from connector_core.store.erasure import Erasures
from connector_core.store.integrations import Integrations
from connector_core.store.schema import APPLICATION_ID, VERSION
from connector_core.store.sqlite import Database
from processes import killed_at_every_instant

NEXT = VERSION + 1
MIGRATION = "ALTER TABLE integrations ADD COLUMN note TEXT; CREATE TABLE notes (id {identity}, data {bytes});"
CUT_OFF = "ALTER TABLE integrations ADD COLUMN note TEXT; INSERT INTO nothing VALUES (1);"


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    return await connected(tmp_path / "people.sqlite")


def newer(path: Path, migration: str = MIGRATION) -> Database:
    """Open the store as an invented next version of this program."""
    return Database(path, version=NEXT, migrations={VERSION: migration})


def asked(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def copy_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.v{VERSION}")


async def migrate(path: Path, migration: str = MIGRATION) -> None:
    async with aclosing(newer(path, migration)) as database:
        await Integrations(database).all()


async def test_the_rows_survive_and_a_private_copy_is_kept(path: Path) -> None:
    await migrate(path)
    assert asked(path, "PRAGMA user_version") == [(NEXT,)]
    assert asked(path, "PRAGMA application_id") == [(APPLICATION_ID,)]
    assert asked(path, "SELECT name, secrets, note FROM integrations") == [("acme", b"sealed", None)]
    assert asked(path, "SELECT count(*) FROM notes") == [(0,)]
    copy = copy_of(path)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert asked(copy, "PRAGMA user_version") == [(VERSION,)]
    assert asked(copy, "SELECT name, secrets FROM integrations") == [("acme", b"sealed")]
    with pytest.raises(sqlite3.OperationalError):
        asked(copy, "SELECT note FROM integrations")


async def test_a_new_store_is_created_at_the_current_version_without_a_copy(tmp_path: Path) -> None:
    path = tmp_path / "new.sqlite"
    async with aclosing(Database(path)) as database:
        await database.erase()
    assert asked(path, "PRAGMA user_version") == [(VERSION,)]
    assert [file.name for file in tmp_path.iterdir()] == ["new.sqlite"]


async def test_an_interrupted_migration_leaves_the_previous_version(path: Path) -> None:
    with pytest.raises(StoreError, match="nothing"):
        await migrate(path, CUT_OFF)
    assert asked(path, "PRAGMA user_version") == [(VERSION,)]
    with pytest.raises(sqlite3.OperationalError):
        asked(path, "SELECT note FROM integrations")
    # The program of today goes on with it, and so does the next one once it is repaired.
    async with aclosing(Store(path)) as store:
        assert [one.name for one in await store.integrations.all()] == ["acme"]
    await migrate(path)
    assert asked(path, "SELECT name, note FROM integrations") == [("acme", None)]


async def test_a_copy_of_an_interrupted_migration_is_replaced_by_a_current_one(path: Path) -> None:
    with pytest.raises(StoreError):
        await migrate(path, CUT_OFF)
    async with aclosing(Store(path)) as store:
        await store.integrations.save("beta", "namely", {}, b"", Account("Two", "2"))
    await migrate(path)
    assert asked(copy_of(path), "SELECT name FROM integrations") == [("acme",), ("beta",)]


@pytest.mark.attack(
    "kill -9 at every step of a migration", "The copy is whole or not there; the next start ends the migration", FULL
)
async def test_a_migration_that_is_killed_at_any_instant_leaves_a_whole_copy_or_none(path: Path) -> None:
    imports = (
        "import asyncio; from pathlib import Path; from connector_core.store.sqlite import Database\n"
        f"database = Database(Path({str(path)!r}), version={NEXT}, migrations={{{VERSION}: {MIGRATION!r}}})"
    )
    before, left = path.read_bytes(), set()
    for _ in killed_at_every_instant(imports, "asyncio.run(database.read(lambda cursor: None))"):
        left |= {file.name.removeprefix(path.name) for file in path.parent.glob("*.v*")}
        if copy_of(path).exists():
            assert asked(copy_of(path), "SELECT name FROM integrations") == [("acme",)]
        # The next start ends what was begun, and nothing half done is left.
        await migrate(path)
        assert asked(path, "SELECT name, note FROM integrations") == [("acme", None)]
        assert asked(copy_of(path), "SELECT name FROM integrations") == [("acme",)]
        assert {file.name for file in path.parent.iterdir()} == {path.name, copy_of(path).name}
        copy_of(path).unlink()
        path.write_bytes(before)
    # Kills fell before, into and behind the copying.
    assert left == {f".v{VERSION}", f".v{VERSION}.draft"}


async def test_concurrent_migrations_run_once(path: Path) -> None:
    await asyncio.gather(*[migrate(path) for _ in range(4)])
    assert asked(path, "PRAGMA user_version") == [(NEXT,)]
    assert asked(path, "SELECT name, note FROM integrations") == [("acme", None)]
    assert asked(copy_of(path), "PRAGMA user_version") == [(VERSION,)]
    assert not list(path.parent.glob("*.draft"))


async def test_several_migrations_run_in_order(path: Path) -> None:
    steps = {VERSION: MIGRATION, NEXT: "INSERT INTO notes (data) SELECT secrets FROM integrations;"}
    async with aclosing(Database(path, version=NEXT + 1, migrations=steps)) as database:
        await Integrations(database).all()
    assert asked(path, "SELECT data FROM notes") == [(b"sealed",)]
    assert asked(path, "PRAGMA user_version") == [(NEXT + 1,)]


async def test_an_older_program_refuses_the_migrated_store(path: Path) -> None:
    await migrate(path)
    async with aclosing(Store(path)) as store:
        with pytest.raises(StoreError, match="newer version"):
            await store.integrations.all()


@pytest.mark.attack(
    "An integration is removed beside files that are named like copies of the store", "Only our copies go", FULL
)
async def test_copies_and_drafts_go_with_a_removed_integration_and_no_other_file_does(tmp_path: Path) -> None:
    # A name that would be a pattern, and files that look like ours.
    path = await connected(tmp_path / "people[1].sqlite")
    await migrate(path)
    copy_of(path).with_name(f"{copy_of(path).name}.draft").write_bytes(b"sealed")
    others = [
        tmp_path / f"{path.name}.v{VERSION}-backup",
        tmp_path / f"{path.name}.v{VERSION}.copy",
        tmp_path / f"{path.name}.v2024-prod.lock",
        tmp_path / "people1.sqlite.v1",
    ]
    for other in others:
        other.write_bytes(b"an operator's")
    async with aclosing(newer(path)) as database:
        await Integrations(database).remove("acme")
        await Erasures(database).finish(insist=True)
    assert sorted(tmp_path.iterdir()) == sorted([path, *others])


# ---- from version 1


def schema_of(path: Path) -> list[tuple[Any, ...]]:
    return asked(path, "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")


async def test_a_store_of_version_1_is_brought_up_to_date_with_its_rows_and_its_waiting_plan(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(Path(__file__).with_name("version_1.sql").read_text(encoding="utf-8"))
    async with aclosing(Store(path)) as store:
        held = await store.plans.held("acme")
        assert held
        (change,) = [one async for one in store.plans.changes(held.run_id)]
        assert [(one.field, one.old, one.new) for one in change.values] == [("job_title", "Lead", "Head")]
        await store.plans.apply_held("acme", held, undoable=True)
        undoable = await store.undo.last("acme", 1)
        assert undoable
        assert (await store.undo.put_back("acme", undoable)).put_back == 1
        assert [one async for one in store.entities.decoded(PEOPLE, str)] == [
            '{"source_id":"a","display_name":"Ada","job_title":"Lead"}',
            '{"source_id":"b","display_name":"Bea"}',
        ]
    assert asked(path, "PRAGMA user_version") == [(VERSION,)]
    assert asked(path.with_name("old.sqlite.v1"), "PRAGMA user_version") == [(1,)]
    # Its runs are counted from the beginning.
    ended = asked(path, "SELECT count(*), sum(requests) FROM runs WHERE finished_at IS NOT NULL")
    assert asked(path, "SELECT sum(runs), sum(requests) FROM run_totals") == ended
    # It is the same store as one that was created today.
    assert schema_of(path) == schema_of(await connected(tmp_path / "new.sqlite"))


# ---- from version 3

BACK_TO_3 = """
INSERT INTO readings (id, integration, kind) VALUES (7, 'acme', 'Employee');
INSERT INTO checkpoints (reading, listing, page, rows_before, ids_digest, resumable, staged, resume_key, began_at,
    taken_at) VALUES (7, '/people', 3, 50, x'00', 1, 75, 'key', '2026-03-01', '2026-03-01');
INSERT INTO last_scans (integration, kind, resume_key, full_at, watermark, others, unread)
    VALUES ('acme', 'Employee', 'key', '2026-03-01T12:00:00+00:00', '2026-03-01T11:00:00+00:00', 2, '["email"]');
ALTER TABLE checkpoints DROP COLUMN cursor;
ALTER TABLE checkpoints DROP COLUMN token;
ALTER TABLE last_scans DROP COLUMN token;
ALTER TABLE last_scans DROP COLUMN token_at;
PRAGMA user_version = 3;
"""


async def test_a_store_of_version_3_keeps_its_checkpoints_and_last_scans(path: Path) -> None:
    changed_by_hand(path, BACK_TO_3)
    async with aclosing(Store(path)) as store:
        scan = await store.last_scans.find(PEOPLE)
    assert scan == LastScan("key", NOON, NOON - timedelta(hours=1), 2, frozenset({"email"}))
    found = asked(path, "SELECT listing, page, staged, resume_key, cursor, token FROM checkpoints")
    assert found == [("/people", 3, 75, "key", None, None)]
    assert asked(path, "PRAGMA user_version") == [(VERSION,)]

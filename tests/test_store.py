"""The store: whole or not at all, private, and clear about what is wrong with it."""

import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from connector_core import Account, StoreError, UnknownIntegrationError
from connector_core.store import Store, schema
from connector_core.store.database import Database


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "people.sqlite"


def test_only_its_owner_may_read_it(path: Path) -> None:
    with closing(Store(path)) as store:
        store.integrations.save("acme", "namely", {}, b"", Account("1", "One"))
        modes = {stat.S_IMODE(file.stat().st_mode) for file in path.parent.glob("people.sqlite*")}
    assert modes == {0o600}


def test_deleted_rows_are_overwritten_and_writes_reach_the_disk(path: Path) -> None:
    database = Database(path)
    assert database.query("PRAGMA secure_delete") == [(1,)]
    assert database.query("PRAGMA journal_mode") == [("wal",)]
    assert database.query("PRAGMA synchronous") == [(2,)]
    assert database.query("PRAGMA foreign_keys") == [(1,)]
    database.close()


def test_a_transaction_is_whole_or_not_at_all(path: Path) -> None:
    database = Database(path)
    with pytest.raises(ZeroDivisionError), database.transaction() as cursor:
        cursor.execute("INSERT INTO integrations VALUES ('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h')")
        raise ZeroDivisionError
    assert database.query("SELECT count(*) FROM integrations") == [(0,)]
    database.close()


def test_a_store_of_a_newer_version_is_refused_and_left_alone(path: Path) -> None:
    Store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="newer version"):
        Store(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_named(path: Path) -> None:
    path.write_bytes(b"not a database, " * 100)
    with pytest.raises(StoreError, match=r"people\.sqlite: file is not a database") as caught:
        Store(path)
    assert "restore it" in caught.value.hint


def test_a_place_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened: No such file or directory"):
        Store(tmp_path / "nowhere" / "people.sqlite")


def test_no_exception_of_sqlite_comes_out(path: Path) -> None:
    store = Store(path)
    store._database.query("PRAGMA max_page_count = 1")
    with pytest.raises(StoreError, match="full") as caught:
        for number in range(1000):
            store.integrations.save(f"n{number}", "namely", {"domain": "x" * 500}, b"x" * 500, Account("1", "One"))
    assert "make room" in caught.value.hint
    store.close()
    with pytest.raises(StoreError):
        store.integrations.all()


def test_an_unknown_integration_names_those_that_are_known(path: Path) -> None:
    with closing(Store(path)) as store:
        store.integrations.save("acme", "namely", {}, b"", Account("1", "One"))
        with pytest.raises(UnknownIntegrationError, match="known: acme"):
            store.integrations.get("other")


def test_the_lock_of_a_process_that_died_is_free(path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from connector_core.store import Store\n"
        f"with Store(Path({str(path)!r})).lock('acme'): print('held', flush=True); time.sleep(60)"
    )
    with (
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as holder,
        closing(Store(path)) as store,
    ):
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StoreError, match="another process"), store.lock("acme"):
            pass
        with store.lock("beta"):
            pass
        holder.kill()
        holder.wait()
        with store.lock("acme"):
            pass


def test_a_store_of_an_older_version_is_brought_forward_and_a_copy_is_kept(path: Path) -> None:
    with closing(sqlite3.connect(path)) as old:
        old.executescript(schema.FIRST)
        old.execute(
            "INSERT INTO integrations VALUES ('acme', 'namely', '{}', x'', '1', 'One', '2026-01-01', '2026-01-01')"
        )
        old.execute("PRAGMA user_version = 1")
        old.commit()
    with closing(Store(path)) as store:
        assert store.integrations.get("acme").connector == "namely"
        assert store._database.query("PRAGMA user_version") == [(schema.VERSION,)]
        assert store._database.query("SELECT count(*) FROM checkpoints") == [(0,)]
        assert store._database.query("PRAGMA foreign_key_check") == []
    copy = path.with_name("people.sqlite.v1")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(copy)) as kept:
        assert kept.execute("PRAGMA user_version").fetchone() == (1,)
        assert kept.execute("SELECT name FROM integrations").fetchall() == [("acme",)]


V2_STORE = """
INSERT INTO integrations VALUES ('acme', 'namely', '{}', x'', '1', 'One', '2026-01-01', '2026-01-01');
INSERT INTO runs VALUES
    ('first', 'acme', 'namely', '', 'Employee', '2026-01-02', '2026-01-02', 'complete', NULL, 3),
    ('planned', 'acme', 'namely', '', 'Employee', '2026-01-03', '2026-01-03', 'complete', NULL, 3),
    ('cut', 'acme', 'namely', '', 'Employee', '2026-01-04', NULL, NULL, NULL, 0);
INSERT INTO entities VALUES
    ('acme', 'Employee', 'a', '{"source_id":"a","display_name":"Ada"}', x'01', 'first', NULL),
    ('acme', 'Employee', 'b', '{"source_id":"b","display_name":"Bea"}', x'02', 'first', 'planned');
INSERT INTO staged VALUES
    ('planned', 'Employee', 'c', '{"source_id":"c","display_name":"Cleo"}', x'03'),
    ('cut', 'Employee', 'd', '{"source_id":"d","display_name":"Dan"}', x'04');
INSERT INTO checkpoints VALUES ('cut', 'Employee', '/p', 1, 0, 9, x'', 1, 1, 's', '2026-01-04', '2026-01-04');
INSERT INTO changes VALUES
    ('first', 'acme', 'Employee', 'a', 'create', 'applied', 0, '[]', 'new', NULL, x'01', NULL, '2026-01-02'),
    ('planned', 'acme', 'Employee', 'a', 'update', 'held', 2, '["display_name"]', 'changed',
     '{"source_id":"a","display_name":"Ada L."}', x'11', x'01', NULL),
    ('planned', 'acme', 'Employee', 'b', 'remove', 'held', 1, '[]', 'gone', NULL, NULL, x'02', NULL),
    ('planned', 'acme', 'Employee', 'c', 'create', 'held', 0, '[]', 'new', NULL, x'03', NULL, NULL);
PRAGMA user_version = 2;
"""


def test_a_store_of_version_2_keeps_its_people_and_its_held_plan(path: Path) -> None:
    with closing(sqlite3.connect(path)) as old:
        old.executescript(schema.FIRST + schema.MIGRATIONS[1] + V2_STORE)
    with closing(Store(path)) as store:
        assert dict(store.entities.bodies("acme", "Employee")) == {
            "a": '{"source_id":"a","display_name":"Ada"}',
            "b": '{"source_id":"b","display_name":"Bea"}',
        }
        named = {one.source_id: (one.operation, one.label) for one in store.plans.changes("planned")}
        assert named == {"a": ("update", "Ada L."), "b": ("remove", "Bea"), "c": ("create", "Cleo")}
        applied = store.plans.apply_held("planned")
        assert (applied.applied, applied.stale) == (3, 0)
        assert dict(store.entities.bodies("acme", "Employee")) == {
            "a": '{"source_id":"a","display_name":"Ada L."}',
            "c": '{"source_id":"c","display_name":"Cleo"}',
        }
        # What the run that was cut off had staged is read again; nothing else lies about.
        assert store._database.query("SELECT count(*) FROM bodies") == [(2,)]
        store.integrations.remove("acme")
        tables = ("runs", "readings", "bodies", "latest", "entities", "changes", "checkpoints", "scans")
        assert [store._database.query(f"SELECT count(*) FROM {table}") for table in tables] == [[(0,)]] * len(tables)


def test_a_body_that_is_stored_cannot_be_dropped(path: Path) -> None:
    with closing(sqlite3.connect(path)) as old:
        old.executescript(schema.FIRST + schema.MIGRATIONS[1] + V2_STORE)
    with closing(Store(path)) as store:
        with pytest.raises(StoreError, match="an entity points to this body"):
            store._database.execute("DELETE FROM bodies")
        assert len(dict(store.entities.bodies("acme", "Employee"))) == 2

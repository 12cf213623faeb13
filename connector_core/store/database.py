"""One SQLite connection, whole transactions, and its errors in our words."""

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connector_core.errors import StoreError
from connector_core.store import schema


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Database:
    """Safe to share between threads: one statement, or one transaction, at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        with self._explained():
            # Made here, not by SQLite, so that nobody else may read it: it holds people.
            try:
                handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            except ValueError:
                raise StoreError(f"The store {str(path)!r} is no path.") from None
            os.close(handle)
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        with self._explained():
            for pragma in (
                "secure_delete = ON",
                "journal_mode = WAL",
                "synchronous = FULL",
                "foreign_keys = ON",
            ):
                self._connection.execute(f"PRAGMA {pragma}").close()
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version > schema.VERSION:
            raise StoreError(
                f"{self._path} was written by a newer version of this program (store version {version}).",
                hint="Use that version, or another store.",
            )
        if version:
            # Ours, whoever made it readable for others. Another program's file is left as it is.
            self._path.chmod(0o600)
        if 0 < version < schema.VERSION:
            self._keep_copy(version)
        if version < schema.VERSION:
            self._migrate()

    def _migrate(self) -> None:
        with self.transaction() as cursor:
            # Asked again inside the transaction: another process may have been faster.
            (version,) = cursor.execute("PRAGMA user_version").fetchone()
            scripts = [] if version else [schema.FIRST]
            scripts += [script for before, script in sorted(schema.MIGRATIONS.items()) if before >= version]
            for statement in _statements(";".join(scripts)):
                cursor.execute(statement)
            cursor.execute(f"PRAGMA user_version = {schema.VERSION}")

    def _keep_copy(self, version: int) -> None:
        """The store as it was before a migration, beside it."""
        copy = self._path.with_name(f"{self._path.name}.v{version}")
        if copy.exists():
            return
        with self._explained():
            os.close(os.open(copy, os.O_RDWR | os.O_CREAT, 0o600))
            with closing(sqlite3.connect(copy)) as target:
                self._connection.backup(target)

    def query(self, sql: str, arguments: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._lock, self._explained():
            return self._connection.execute(sql, arguments).fetchall()

    def execute(self, sql: str, arguments: Sequence[Any] = ()) -> int:
        """Runs one statement in a transaction of its own; how many rows it touched."""
        with self.transaction() as cursor:
            return cursor.execute(sql, arguments).rowcount

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        with self.transaction() as cursor:
            cursor.executemany(sql, rows)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Cursor]:
        """All of it or nothing."""
        with self._lock, self._explained():
            cursor = self._connection.cursor()
            cursor.execute("BEGIN IMMEDIATE")
            try:
                yield cursor
            except BaseException:
                if self._connection.in_transaction:
                    cursor.execute("ROLLBACK")
                raise
            cursor.execute("COMMIT")

    def forget(self, *, copies: bool = False) -> None:
        """Leaves no deleted row behind in the write-ahead log; the pages themselves are zeroed as they go.

        With ``copies`` those that migrations kept go too. StoreError when somebody who reads keeps the log busy.
        """
        with self._lock, self._explained():
            (busy, *_) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if copies:
                for copy in self._path.parent.glob(f"{self._path.name}.v[0-9]*"):
                    copy.unlink()
        if busy and copies:
            raise StoreError(
                f"What was deleted from {self._path} is still in its write-ahead log: another process is reading.",
                hint="It goes when that process has ended and something is written.",
            )

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"The store {self._path}: {error}.", hint=_hint(error)) from None
        except OSError as error:
            raise StoreError(f"The store {self._path} cannot be opened: {error.strerror}.") from None


def _statements(script: str) -> Iterator[str]:
    """One by one: a trigger holds semicolons of its own."""
    statement = ""
    for part in script.split(";"):
        statement += f"{part};"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _hint(error: sqlite3.Error) -> str:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith("SQLITE_FULL"):
        return "The disk is full. What was applied before is whole; make room and run again."
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return "Another process is writing to it; try again."
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return "The file is not a database, or is damaged; restore it from a copy."
    return ""

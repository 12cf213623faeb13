"""SQLite: one connection on a thread of its own, whole transactions, and its errors as ours.

Everything that only SQLite understands is in this module.
"""

import asyncio
import os
import sqlite3
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial, wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from connector_core.errors import StoreError
from connector_core.store import schema

Cursor = sqlite3.Cursor
P = ParamSpec("P")
T = TypeVar("T")

_TYPES = {"identity": "INTEGER PRIMARY KEY AUTOINCREMENT", "clustered": "WITHOUT ROWID", "bytes": "BLOB"}
_PRAGMAS = (
    "auto_vacuum = INCREMENTAL",  # Before anything is written: it takes effect in a new file only.
    "secure_delete = ON",
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "temp_store = MEMORY",
)


def now() -> str:
    return timestamp(datetime.now(UTC))


def timestamp(moment: datetime) -> str:
    """Return a moment as the store keeps it, in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def filled(field: str) -> str:
    """Return an expression over ``b.body``: whether the field of that name holds a value."""
    return f"coalesce(json_extract(b.body, '$.{field}'), '') NOT IN ('', '[]', 0)"


def holds(body: str, field: str) -> str:
    """Return an expression over a column of bodies: whether the field of that name came, even as null."""
    return f"json_type({body}, '$.{field}') IS NOT NULL"


def value_of(body: str, field: str) -> str:
    """Return an expression over a column of bodies: the value of the field of that name."""
    return f"json_extract({body}, '$.{field}')"


def values_of(body: str, field: str) -> str:
    """Return a table with the column ``value``: the single value, or each of the several, of that field."""
    return f"json_each({body}, '$.{field}')"


IDS = "json_each(?)"
"""A table with the column ``value``, from a parameter that is a JSON list."""
IN_THIS_ORDER = "CROSS JOIN"
"""A join that starts with its left side, where the planner cannot know which side is small."""


class Database:
    """One SQLite file. Each call runs on the thread that owns the connection, one at a time.

    The thread is the store's own: the event loop's default executor also resolves host names, and look-ups that hang
    would stall it.
    """

    def __init__(
        self, path: Path, *, version: int = schema.VERSION, migrations: Mapping[int, str] = schema.MIGRATIONS
    ) -> None:
        self.path = path
        self._version = version
        self._migrations = migrations
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._connection: sqlite3.Connection | None = None
        self._closed = False

    async def read(self, function: Callable[Concatenate[Cursor, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what ``function(cursor, ...)`` reads."""
        return await self._call(self._read, function, args, kwargs)

    async def write(self, function: Callable[Concatenate[Cursor, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``function(cursor, ...)`` in one transaction: all of it or nothing."""
        return await self._call(self._write, function, args, kwargs)

    async def _call(self, how: Callable[..., T], *args: Any) -> T:
        if self._closed:
            raise StoreError(f"The store {self.path} is closed.")
        work = asyncio.get_running_loop().run_in_executor(self._thread, how, *args)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            # The caller releases the integration's lock: not before the transaction has ended, however often cancelled.
            while not work.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([work])
            if not work.cancelled():
                work.exception()
            raise

    def _read(self, function: Callable[..., T], args: Any, kwargs: Any) -> T:
        with self._mapped(), closing(self._opened().cursor()) as cursor:
            return function(cursor, *args, **kwargs)

    def _write(self, function: Callable[..., T], args: Any, kwargs: Any) -> T:
        with self._mapped(), _transaction(self._opened()) as cursor:
            return function(cursor, *args, **kwargs)

    async def erase(self, *, copies: bool = False) -> None:
        """Leave no deleted row behind in the write-ahead log; the pages themselves are zeroed as rows go.

        With ``copies`` the copies that migrations kept go, too. StoreError when another process keeps the log busy.
        """
        await self._call(self._erase, copies)

    def _erase(self, copies: bool) -> None:
        with self._mapped():
            (busy, *_) = self._opened().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            for copy in self.path.parent.glob(f"{self.path.name}.v[0-9]*") if copies else ():
                copy.unlink()
        if busy and copies:
            raise StoreError(
                f"Rows deleted from {self.path} are still in its write-ahead log: another process is reading.",
                hint="They go when that process has ended and something is written.",
            )

    async def aclose(self) -> None:
        """Close the connection and end the thread. May be called again."""
        if not self._closed:
            try:
                await self._call(self._close)
            finally:
                self._closed = True
                self._thread.shutdown(wait=False)

    def _close(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None

    # ---- opening

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = self._connect()
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        # Made here, not by SQLite, so that only its owner may read it: it holds personal data.
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        except ValueError:
            raise StoreError(f"The store {str(self.path)!r} is not a valid path.") from None
        return sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=10)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        version, application, tables = _identity(connection)
        if application != schema.APPLICATION_ID and (application or version or tables):
            raise StoreError(
                f"{self.path} is the database of another program.", hint="Name another file for the store."
            )
        if version > self._version:
            raise StoreError(
                f"{self.path} was written by a newer version of this program (store version {version}).",
                hint="Use that version, or another store.",
            )
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").close()
        if version:
            # Even if others were allowed to read it.
            self.path.chmod(0o600)
        if version < self._version:
            self._migrate(connection)

    def _migrate(self, connection: sqlite3.Connection) -> None:
        with _transaction(connection) as cursor:
            # Read again inside the transaction: another process may have been faster.
            version, *_ = _identity(connection)
            if 0 < version < self._version:
                self._keep_copy(version)
            steps = [self._migrations[step] for step in range(version, self._version)] if version else [schema.TABLES]
            for statement in _statements("\n".join(steps).format_map(_TYPES)):
                cursor.execute(statement)
            cursor.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
            cursor.execute(f"PRAGMA user_version = {self._version}")

    def _keep_copy(self, version: int) -> None:
        """Keep the store as it was before a migration, beside it. A copy that was cut off never has its name."""
        copy = self.path.with_name(f"{self.path.name}.v{version}")
        if copy.exists():
            return
        handle, name = tempfile.mkstemp(".draft", f"{copy.name}.", copy.parent)
        draft = Path(name)
        try:
            # By a connection of its own: the other one holds the lock of the migration.
            with closing(sqlite3.connect(self.path)) as source, closing(sqlite3.connect(draft)) as target:
                source.backup(target)
            os.fsync(handle)
            draft.replace(copy)
        finally:
            os.close(handle)
            draft.unlink(missing_ok=True)
        _sync_folder(copy.parent)

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        """Within this context errors of SQLite and the system become StoreError."""
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"The store {self.path}: {error}.", hint=_hint(error)) from None
        except OSError as error:
            raise StoreError(f"The store {self.path} cannot be opened: {error.strerror}.") from None


class Table:
    """A part of the store, on one database."""

    def __init__(self, database: Database) -> None:
        self._database = database


S = TypeVar("S", bound=Table)


def reads(function: Callable[Concatenate[S, Cursor, P], T]) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]:
    """Make an async method of one that is given a cursor to read with."""

    @wraps(function)
    async def method(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._database.read(partial(function, self), *args, **kwargs)

    return method


def writes(function: Callable[Concatenate[S, Cursor, P], T]) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]:
    """Make an async method of one that is given a cursor to write with, in a transaction of its own."""

    @wraps(function)
    async def method(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._database.write(partial(function, self), *args, **kwargs)

    return method


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[Cursor]:
    with closing(connection.cursor()) as cursor:
        cursor.execute("BEGIN IMMEDIATE")
        try:
            yield cursor
        except BaseException:
            if connection.in_transaction:
                cursor.execute("ROLLBACK")
            raise
        cursor.execute("COMMIT")


def _identity(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """Return the store's version, the mark of its program, and how many tables there are."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return version, application, tables


def _statements(script: str) -> Iterator[str]:
    """Split a script: a trigger holds semicolons of its own."""
    statement = ""
    for part in script.split(";"):
        statement += f"{part};"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _sync_folder(folder: Path) -> None:
    """Write a rename to the disk, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _hint(error: sqlite3.Error) -> str:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith("SQLITE_FULL"):
        return "The disk is full. What was applied before is whole; make room and run again."
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return "Another process is writing to it; try again."
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return "The file is not a database, or is damaged; restore it from a copy."
    return ""

"""SQLite: one connection on a thread of its own, whole transactions, and its errors as ours.

Everything that only SQLite understands is in this module and in ``sqlite_file``.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from contextvars import copy_context
from datetime import UTC, datetime
from functools import partial, wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import msgspec

from connector_core.errors import BusyError, StoreError
from connector_core.store import schema
from connector_core.store.sqlite_file import DatabaseFile, StoreFile, transaction

Cursor = sqlite3.Cursor
P = ParamSpec("P")
T = TypeVar("T")

_PATIENCE = 60.0
"""Seconds to wait for another process that keeps the store busy: the largest change takes about half of them."""
_ERASE_PATIENCE = 1.0
"""Seconds to wait where rows that stay in the log for a while do no harm."""
_FIRST_WAIT, _LONGEST_WAIT = 0.001, 0.1


def now() -> str:
    return timestamp(datetime.now(UTC))


def timestamp(moment: datetime) -> str:
    """Return a moment as the store keeps it, in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def filled(field: str, unknown: str = "") -> str:
    """Return an expression over ``b.body``: whether the field of that name holds a value other than ``unknown``."""
    return f"coalesce(json_extract(b.body, '$.{field}'), '') NOT IN ('', '[]', 0, '{unknown}')"


def holds(body: str, field: str) -> str:
    """Return an expression over a column of bodies: whether the field of that name came, even as null."""
    return f"json_type({body}, '$.{field}') IS NOT NULL"


def values_of(body: str, field: str) -> str:
    """Return a table with the column ``value``: the single value, or each of the several, of that field."""
    return f"json_each({body}, '$.{field}')"


IDS = "json_each(?)"
"""A table with the column ``value``, from a parameter that is a JSON list."""


class Database:
    """One SQLite file. Each call runs on the thread that owns the connection, one at a time.

    The thread is the store's own: the event loop's default executor belongs to the whole program, which may block it.
    Neither waits while another process keeps the store busy: the call is made again, until ``patience`` seconds are
    over. Any event loop of the program may call: observers have their own.
    """

    def __init__(
        self,
        path: Path,
        *,
        version: int = schema.VERSION,
        migrations: Mapping[int, str] = schema.MIGRATIONS,
        patience: float = _PATIENCE,
    ) -> None:
        self._file = DatabaseFile(path, version, migrations)
        self._patience = patience
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._connection: sqlite3.Connection | None = None
        self._closed = False

    @property
    def path(self) -> Path:
        """The file, without symbolic links."""
        return self._file.path

    def look(self) -> StoreFile | None:
        """Return the facts of the file without opening it. The call blocks."""
        with self._mapped():
            return self._file.look()

    @property
    def described(self) -> str:
        """The store in a sentence, which says so if it does not exist yet."""
        return f"the store {self.path}" if self.path.exists() else f"the store {self.path}, which does not exist"

    def require_folder(self) -> None:
        """Raise SettingsError if the folder of the file does not exist."""
        self._file.require_folder()

    async def read(self, function: Callable[Concatenate[Cursor, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what ``function(cursor, ...)`` reads: nothing where there is no file, and none is made."""

        def read(connection: sqlite3.Connection) -> T:
            with closing(connection.cursor()) as cursor:
                return function(cursor, *args, **kwargs)

        return await self._call(read, self._patience, create=False)

    async def write(self, function: Callable[Concatenate[Cursor, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``function(cursor, ...)`` in one transaction: all of it or nothing."""

        def write(connection: sqlite3.Connection) -> T:
            with transaction(connection) as cursor:
                return function(cursor, *args, **kwargs)

        return await self._call(write, self._patience)

    async def erase(self, *, copies: bool = False, insist: bool = False) -> bool:
        """Leave no deleted row behind in the write-ahead log; the pages themselves are zeroed as rows go.

        With ``copies`` the copies that migrations kept go, too. With ``insist`` another process that reads the log for
        long is a BusyError. Without, the rows in the log may go later: False is returned.
        """

        def erase(connection: sqlite3.Connection) -> None:
            (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if copies:
                self._file.remove_copies()
            if busy:
                raise BusyError(
                    f"Rows deleted from {self.path} are still in its write-ahead log: another process is reading.",
                    hint="They go when that process has ended and something is written.",
                )

        try:
            await self._call(erase, self._patience if insist else _ERASE_PATIENCE)
        except BusyError:
            if insist:
                raise
            return False
        return True

    async def aclose(self) -> None:
        """Close the connection and end the thread. May be called again."""
        if not self._closed:
            try:
                await self._on_thread(self._close)
            finally:
                self._thread.shutdown(wait=False)

    async def _call(self, work: Callable[[sqlite3.Connection], T], patience: float, *, create: bool = True) -> T:
        """Do work on the store's thread; once more, later, if another process keeps the store busy."""
        clock, wait = asyncio.get_running_loop().time, _FIRST_WAIT
        deadline = clock() + patience
        while True:
            try:
                return await self._on_thread(self._do, work, create)
            except BusyError:
                if clock() >= deadline:
                    raise
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)

    async def _on_thread(self, function: Callable[..., T], *args: Any) -> T:
        try:
            call = asyncio.get_running_loop().run_in_executor(self._thread, function, *args)
        except RuntimeError:
            raise self._is_closed() from None
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            # The caller releases the integration's lock: not before the transaction has ended, however often cancelled.
            while not call.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([call])
            if not call.cancelled():
                call.exception()
            raise

    def _do(self, work: Callable[[sqlite3.Connection], T], create: bool) -> T:
        if self._closed:
            # By another event loop, while this call waited for its turn.
            raise self._is_closed()
        with self._mapped():
            if self._connection is None:
                self._file.require_folder()
                if not (create or self._file.is_made()):
                    with closing(self._file.open_empty()) as connection:
                        return work(connection)
                self._connection = self._file.open()
            result = work(self._connection)
            self._file.check()
            return result

    def _close(self) -> None:
        self._closed = True
        if self._connection:
            self._connection.close()
            self._connection = None

    def _is_closed(self) -> StoreError:
        return StoreError(f"The store {self.path} is closed.")

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        """Within this context errors of SQLite, of the system and of damaged values become StoreError."""
        try:
            yield
        except sqlite3.Error as error:
            raise _explain(self.path, error) from None
        except UnicodeEncodeError:
            raise StoreError(f"The store {self.path} cannot hold a text that is not valid Unicode.") from None
        except (ValueError, msgspec.MsgspecError):
            raise _damaged(self.path) from None
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
        context = copy_context()

        def in_context(cursor: Cursor, /, *args: P.args, **kwargs: P.kwargs) -> T:
            # The caller's, on the store's thread, too: the audit log names its actor.
            return context.run(function, self, cursor, *args, **kwargs)

        return await self._database.write(in_context, *args, **kwargs)

    return method


def _explain(path: Path, error: sqlite3.Error) -> StoreError:
    if isinstance(error, sqlite3.OperationalError) and not hasattr(error, "sqlite_errorname"):
        # Not SQLite's own, but the driver's: it quotes the text that it cannot decode.
        return _damaged(path)
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL")):
        return BusyError(f"The store {path} is busy: another process is writing to it.", hint="Try again later.")
    return StoreError(f"The store {path}: {error}.", hint=_hint(name))


def _damaged(path: Path) -> StoreError:
    return StoreError(
        f"The store {path} is damaged: it holds a value that cannot be read.", hint="Restore the file from a copy."
    )


def _hint(name: str) -> str:
    if name.startswith("SQLITE_FULL"):
        return "The disk is full. What was applied before is whole; make room and run again."
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return "The file is not a database, or is damaged; restore it from a copy."
    return ""

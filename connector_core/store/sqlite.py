"""SQLite: a connection that writes and one that reads, each on a thread of its own, and whole transactions.

Everything that only SQLite understands is in this module and in those whose names begin with ``sqlite_``.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine, Mapping
from contextlib import closing, suppress
from contextvars import copy_context
from datetime import UTC, datetime
from functools import partial, wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from connector_core.errors import BusyError, StoreError
from connector_core.store import schema
from connector_core.store.own_thread import EndedError, OwnThread
from connector_core.store.sqlite_errors import mapped
from connector_core.store.sqlite_file import DatabaseFile, StoreFile, transaction

Cursor = sqlite3.Cursor
P = ParamSpec("P")
T = TypeVar("T")

_PATIENCE = 60.0
"""Seconds to wait for another process that keeps the store busy: the largest change takes about half of them."""
_ERASE_PATIENCE = 1.0
"""Seconds to wait where rows that stay in the log for a while do no harm."""
_FIRST_WAIT, _LONGEST_WAIT = 0.001, 0.1
_BEGIN_TO_READ = ("BEGIN",)


def now() -> str:
    return timestamp(datetime.now(UTC))


def timestamp(moment: datetime) -> str:
    """Return a moment as the store keeps it, in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


IDS = "json_each(?)"
"""A table with the column ``value``, from a parameter that is a JSON list."""


class Database:
    """One SQLite file, with two connections. Each is used by its own thread only, one call at a time.

    One connection writes. The other one only reads, what was committed last, so that those who look need not wait
    until a run has written. The threads are the store's own: the event loop's default executor belongs to the whole
    program, which may block it. Neither waits while another process keeps the store busy: the call is made again, until
    ``patience`` seconds are over. Any event loop of the program may call: observers have their own.
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
        self._thread = OwnThread("store")
        self._reading = OwnThread("store-reader")
        self._connection: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        self._closed = self._reading_ended = False

    @property
    def path(self) -> Path:
        """The file, without symbolic links."""
        return self._file.path

    def look(self) -> StoreFile | None:
        """Return the facts of the file without opening it. The call blocks."""
        with mapped(self.path):
            return self._file.look()

    @property
    def described(self) -> str:
        """The store in a sentence, which says so if it does not exist yet."""
        return f"the store {self.path}" if self.path.exists() else f"the store {self.path}, which does not exist"

    def require_folder(self) -> None:
        """Raise SettingsError if the folder of the file does not exist."""
        self._file.require_folder()

    async def read(self, function: Callable[Concatenate[Cursor, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what ``function(cursor, ...)`` reads: nothing where there is no file, and none is made.

        It sees one state of the store, the last that was committed, and does not wait for a write that is under way.
        """

        def read(connection: sqlite3.Connection) -> T:
            with transaction(connection, begin=_BEGIN_TO_READ) as cursor:
                return function(cursor, *args, **kwargs)

        if self._connection is None:
            await self._call(self._thread, self._open_if_made)
        return await self._call(self._reading, self._read, read)

    async def in_turn(self, function: Callable[Concatenate[Cursor, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what ``function(cursor, ...)`` returns, called in its turn with the writes, outside a transaction.

        For upkeep, and for a run's questions about all of its rows: what is read for people would wait for them.
        """

        def call(connection: sqlite3.Connection) -> T:
            with closing(connection.cursor()) as cursor:
                return function(cursor, *args, **kwargs)

        return await self._call(self._thread, self._do, call, False)  # noqa: FBT003 - through an executor

    async def write(self, function: Callable[Concatenate[Cursor, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``function(cursor, ...)`` in one transaction: all of it or nothing."""

        def write(connection: sqlite3.Connection) -> T:
            with transaction(connection) as cursor:
                return function(cursor, *args, **kwargs)

        return await self._call(self._thread, self._do, write)

    async def erase(self, *, copies: bool = False, insist: bool = False) -> bool:
        """Leave no deleted row behind in the write-ahead log; the pages themselves are zeroed as rows go.

        With ``copies`` the copies that migrations kept go, too. With ``insist`` another process that reads the log for
        long is a BusyError. Without, the rows in the log may go later: False is returned.
        """

        def erase(connection: sqlite3.Connection) -> None:
            # Most of the log is written back beside the reads, which have to pause only for the rest.
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").close()
            with self._reading.paused():
                (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if copies:
                self._file.remove_copies()
            if busy:
                raise BusyError(
                    f"Rows deleted from {self.path} are still in its write-ahead log: another process is reading.",
                    hint="They go when that process has ended and something is written.",
                )

        try:
            await self._call(self._thread, self._do, erase, patience=self._patience if insist else _ERASE_PATIENCE)
        except BusyError:
            if insist:
                raise
            return False
        return True

    async def aclose(self) -> None:
        """Close the connections and end the threads. May be called again."""
        if self._closed:
            return
        try:
            # Another event loop may have ended the threads meanwhile.
            with suppress(EndedError):
                await self._reading.call(self._end_reading)
                await self._thread.call(self._close)
        finally:
            self._reading.shutdown(wait=False)
            self._thread.shutdown(wait=False)

    async def _call(
        self, thread: OwnThread, function: Callable[..., T], *args: Any, patience: float | None = None
    ) -> T:
        """Call a function on a thread; once more, later, if another process keeps the store busy."""
        clock, wait = asyncio.get_running_loop().time, _FIRST_WAIT
        deadline = clock() + (self._patience if patience is None else patience)
        while True:
            try:
                return await thread.call(function, *args)
            except EndedError:
                raise self._is_closed() from None
            except BusyError:
                if clock() >= deadline:
                    raise
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)

    # ---- on the thread that writes

    def _do(self, work: Callable[[sqlite3.Connection], T], create: bool = True) -> T:
        self._open_if_made(create)
        with mapped(self.path):
            if self._connection is None:
                with closing(self._file.open_empty()) as connection:
                    return work(connection)
            result = work(self._connection)
            self._file.check()
            return result

    def _open_if_made(self, create: bool = False) -> None:
        if self._closed:
            # By another event loop, while this call waited for its turn.
            raise self._is_closed()
        with mapped(self.path):
            if self._connection is None:
                self._file.require_folder()
                if create or self._file.is_made():
                    opened = self._file.open()
                    try:
                        self._reader = self._file.open_again()
                    except BaseException:
                        opened.close()
                        raise
                    self._connection = opened

    def _close(self) -> None:
        self._closed = True
        # The one that writes is closed last: it takes the log with it.
        for connection in (self._reader, self._connection):
            if connection:
                connection.close()
        self._reader = self._connection = None

    # ---- on the thread that reads

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._reading_ended:
            raise self._is_closed()
        with mapped(self.path):
            if self._reader is None:
                with closing(self._file.open_empty()) as connection:
                    return work(connection)
            result = work(self._reader)
            self._file.check()
            return result

    def _end_reading(self) -> None:
        self._reading_ended = True

    def _is_closed(self) -> StoreError:
        return StoreError(f"The store {self.path} is closed.")


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


def reads_in_turn(
    function: Callable[Concatenate[S, Cursor, P], T],
) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]:
    """Make an async method of one that is given a cursor to read with, in its turn with the writes."""

    @wraps(function)
    async def method(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._database.in_turn(partial(function, self), *args, **kwargs)

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

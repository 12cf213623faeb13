"""The file of an SQLite database: ours, private, of the current version, and still the one that was opened."""

import os
import sqlite3
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from connector_core.errors import SettingsError, StoreError
from connector_core.files import replace
from connector_core.store import schema

_TYPES = {"identity": "INTEGER PRIMARY KEY AUTOINCREMENT", "clustered": "WITHOUT ROWID", "bytes": "BLOB"}
_PRAGMAS = (
    "secure_delete = ON",
    "synchronous = FULL",
    "foreign_keys = ON",
    "temp_store = MEMORY",
)
_BEGIN = ("BEGIN IMMEDIATE",)
_BEGIN_NEW = ("BEGIN", "PRAGMA auto_vacuum = INCREMENTAL")
"""The pragma comes before anything else, and writes the head of the file: in the same transaction as the mark of this
program, so that no file is ever without it."""
_ANOTHER = "Name another store: --store FILE, or [host] store in plugins.toml."
_LOG = "-wal"
_SIDE_FILES = (_LOG, "-shm", "-journal")
"""The suffixes of the files that SQLite keeps beside a database: rows are in them, too."""


@dataclass(frozen=True, slots=True)
class StoreFile:
    """The facts of a store's file. ``version`` is that of its tables, ``current`` the one that this program writes."""

    size: int
    """Bytes, with those of its log."""
    version: int
    current: int


class DatabaseFile:
    """One file. ``path`` is absolute, without symbolic links: SQLite and the locks know a file by its name."""

    def __init__(self, path: Path, version: int, migrations: Mapping[int, str]) -> None:
        self.path = _resolved(path)
        self._version = version
        self._migrations = migrations
        self._opened: Mapping[Path, tuple[int, int] | None] = {}

    def open(self) -> sqlite3.Connection:
        """Create the file or bring it up to date, and open it. A file that is not ours is left as it was."""
        with suppress(FileExistsError):
            # Made here, not by SQLite, so that only its owner may read it. One that exists is not opened: to close it
            # again would free the locks of other connections of this process.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        self._refuse_files_of_others()
        self._make_private()
        found = _identity(self.path)
        # Without a time limit: to wait for other processes here would block the store's thread.
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=0)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._opened = {self.path: found, self._beside(_LOG): _identity(self._beside(_LOG))}
        return connection

    def open_again(self) -> sqlite3.Connection:
        """Open it once more, only to read: right after `open`, so that it is ours, up to date, and has a log."""
        # Not made anew if it was deleted in between: `check` says so.
        name = f"{self.path.as_uri()}?mode=rw"
        connection = sqlite3.connect(name, uri=True, isolation_level=None, check_same_thread=False, timeout=0)
        for pragma in (*_PRAGMAS, "query_only = ON"):
            connection.execute(f"PRAGMA {pragma}").close()
        return connection

    def look(self) -> StoreFile | None:
        """Return the facts of the file, or None if there is no store yet. Nothing is created, locked or changed."""
        if not self.is_made():
            return None
        self._refuse_files_of_others()
        version = self._header("user_version")
        self._refuse_newer(version)
        size = sum(one.stat().st_size for one in (self.path, self._beside(_LOG)) if one.exists())
        return StoreFile(size, version, self._version)

    def is_made(self) -> bool:
        """Return False for no file, and for an empty one, which holds no store yet."""
        return self.path.exists() and (self.path.stat().st_size > 0 or not self.path.is_file())

    def open_empty(self) -> sqlite3.Connection:
        """Open a database like a new one, in memory."""
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        with transaction(connection) as cursor:
            self._make_tables(cursor, [schema.TABLES])
        return connection

    def require_folder(self) -> None:
        """Raise SettingsError if the folder of the file does not exist."""
        if not self.path.parent.is_dir():
            raise SettingsError(
                f"The store {self.path} does not exist, and neither does its folder.",
                hint="Create the folder, or name another store: --store FILE, or [host] store in plugins.toml.",
            )

    def check(self) -> None:
        """Raise StoreError if the file was deleted or replaced since it was opened: what is written to it is lost."""
        for file, identity in self._opened.items():
            if _identity(file) != identity:
                raise StoreError(
                    f"{file} was deleted or replaced while it was in use.",
                    hint="What was written since is lost. Restore the store from a copy, and run again.",
                )

    def remove_copies(self) -> None:
        """Remove the copies that migrations kept."""
        for version in range(1, self._version):
            for copy in (self._copy(version), self._draft(version)):
                copy.unlink(missing_ok=True)

    # ---- before it is opened

    def _refuse_files_of_others(self) -> None:
        found = self.path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise SettingsError(f"The store {self.path} is not a file.", hint=_ANOTHER)
        if found.st_nlink > 1:
            raise StoreError(
                f"The store {self.path} has a second name, as a hard link, by which another process may open it.",
                hint="Remove one of the names; a copy is no link.",
            )
        if found.st_size and self._header("application_id") != schema.APPLICATION_ID:
            raise self._foreign()

    def _header(self, name: str) -> int:
        """Return a number in the head of the file itself: without a lock, a log or a recovery. Nothing is changed."""
        with closing(sqlite3.connect(f"{self.path.as_uri()}?immutable=1", uri=True)) as header:
            # Another process may be writing: the file is shorter than it says then, which would be an error otherwise.
            header.execute("PRAGMA writable_schema = ON").close()
            (value,) = header.execute(f"PRAGMA {name}").fetchone()
        return int(value)

    def _foreign(self) -> StoreError:
        return StoreError(f"{self.path} is the database of another program.", hint="Name another file for the store.")

    def _make_private(self) -> None:
        """Let only the owner read it, even if others were allowed to; SQLite makes its files with the same mode."""
        for file in (self.path, *[self._beside(suffix) for suffix in _SIDE_FILES]):
            with suppress(FileNotFoundError):
                if file.stat().st_mode & 0o077:
                    file.chmod(0o600)

    # ---- bringing it up to date

    def _prepare(self, connection: sqlite3.Connection) -> None:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").close()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        self._refuse_newer(version)
        if version < self._version:
            self._migrate(connection)
        # Only now, so that the file itself, and not its log, says from the beginning whose it is.
        connection.execute("PRAGMA journal_mode = WAL").close()
        connection.execute("SELECT count(*) FROM sqlite_schema").close()

    def _refuse_newer(self, version: int) -> None:
        if version > self._version:
            raise StoreError(
                f"{self.path} was written by a newer version of this program (store version {version}).",
                hint="Use that version, or another store.",
            )

    def _migrate(self, connection: sqlite3.Connection) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        with transaction(connection, begin=_BEGIN if pages else _BEGIN_NEW) as cursor:
            # Read inside the transaction: another process may have been faster.
            (version,) = cursor.execute("PRAGMA user_version").fetchone()
            (application,) = cursor.execute("PRAGMA application_id").fetchone()
            (tables,) = cursor.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            if application != schema.APPLICATION_ID and (application or version or tables):
                raise self._foreign()
            self._refuse_newer(version)
            if 0 < version < self._version:
                self._keep_copy(version)
            steps = [self._migrations[step] for step in range(version, self._version)] if version else [schema.TABLES]
            self._make_tables(cursor, steps)

    def _make_tables(self, cursor: sqlite3.Cursor, steps: Iterable[str]) -> None:
        for statement in _statements("\n".join(steps).format_map(_TYPES)):
            cursor.execute(statement)
        cursor.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        cursor.execute(f"PRAGMA user_version = {self._version}")

    def _keep_copy(self, version: int) -> None:
        """Keep the store as it was before a migration, beside it. A copy that was cut off never has its name."""
        draft = self._draft(version)
        draft.unlink(missing_ok=True)
        handle = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            # By a connection of its own: the other one holds the lock of the migration.
            with closing(sqlite3.connect(self.path)) as source, closing(sqlite3.connect(draft)) as target:
                source.backup(target)
            os.fsync(handle)
            replace(self._copy(version), draft)
        finally:
            os.close(handle)
            draft.unlink(missing_ok=True)

    # ---- names

    def _beside(self, suffix: str) -> Path:
        return self.path.with_name(self.path.name + suffix)

    def _copy(self, version: int) -> Path:
        return self._beside(f".v{version}")

    def _draft(self, version: int) -> Path:
        return self._beside(f".v{version}.draft")


@contextmanager
def transaction(connection: sqlite3.Connection, begin: Sequence[str] = _BEGIN) -> Iterator[sqlite3.Cursor]:
    """One transaction: all of it or nothing."""
    with closing(connection.cursor()) as cursor:
        first, *others = begin
        cursor.execute(first)
        try:
            for statement in others:
                cursor.execute(statement)
            yield cursor
            cursor.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                cursor.execute("ROLLBACK")
            raise


def _resolved(path: Path) -> Path:
    try:
        return Path(os.path.realpath(path))
    except ValueError:
        raise SettingsError(f"The store {str(path)!r} is not a valid path.", hint=_ANOTHER) from None


def _identity(file: Path) -> tuple[int, int] | None:
    """Return the file that a name stands for; None where there is none."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _statements(script: str) -> Iterator[str]:
    """Split a script: a trigger holds semicolons of its own."""
    statement = ""
    for part in script.split(";"):
        statement += f"{part};"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""

"""SQLite: its errors, those of the system, and damaged values, as errors of the store."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from connector_core.errors import BusyError, StoreError


@contextmanager
def mapped(path: Path) -> Iterator[None]:
    """Within this context errors of SQLite, of the system and of damaged values become StoreError."""
    try:
        yield
    except sqlite3.Error as error:
        raise _explain(path, error) from None
    except UnicodeEncodeError:
        raise StoreError(f"The store {path} cannot hold a text that is not valid Unicode.") from None
    except (ValueError, msgspec.MsgspecError):
        raise _damaged(path) from None
    except OSError as error:
        raise StoreError(f"The store {path} cannot be opened: {error.strerror}.") from None


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

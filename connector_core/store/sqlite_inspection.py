"""SQLite: a store's file, looked at without being changed."""

import sqlite3
from time import monotonic

from connector_core.store.sqlite import Cursor, Table, reads_in_turn
from connector_core.store.sqlite_file import StoreFile

_INSTRUCTIONS = 10_000
"""Steps of SQLite between two looks at the time: well under a millisecond."""


class Inspection(Table):
    """Looks at the store itself, and not at what it holds."""

    def file(self) -> StoreFile | None:
        """Return the facts of the file, or None if there is no store yet. StoreError if it is the file of another.

        Nothing is created, locked or changed, whatever the version is. The call blocks.
        """
        return self._database.look()

    @reads_in_turn
    def damage(self, cursor: Cursor, seconds: float) -> str | None:
        """Return the first damage that is found, or an empty text. None if so many seconds were not enough to tell."""
        until = monotonic() + seconds
        cursor.connection.set_progress_handler(lambda: monotonic() > until, _INSTRUCTIONS)
        try:
            (found,) = cursor.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_INTERRUPT":
                raise
            return None
        finally:
            cursor.connection.set_progress_handler(None, 0)
        return "" if found == "ok" else str(found).splitlines()[-1]

"""Erasure: what was removed is left in no file. What could not be erased at once is remembered until it is."""

from connector_core.store.sqlite import Cursor, Table, reads, reads_in_turn, writes
from connector_core.store.sqlite_space import shrink


def note_removal(cursor: Cursor, integration: str | None = None) -> None:
    """Remember, in the transaction of a removal, that its traces are still to be erased.

    ``integration`` is one that was removed as a whole; the copies that migrations kept have its secrets, too.
    """
    cursor.execute("INSERT INTO erasures (integration) VALUES (?)", (integration,))


class Erasures(Table):
    """Erases the traces of removals: those of this process, and those that another one had no time for."""

    async def finish(self, *, insist: bool = False) -> None:
        """Give free pages back, and erase what is due. What cannot be erased now stays due.

        With ``insist`` it is a BusyError if another process prevents it.
        """
        last, copies = await self._due()
        await shrink(self._database, anew=last > 0)
        if await self._database.erase(copies=copies, insist=insist) and last:
            await self._forget(last)

    @reads
    def is_due(self, cursor: Cursor, integration: str) -> bool:
        """Return True if traces of an integration that was removed are still to be erased."""
        found = cursor.execute("SELECT 1 FROM erasures WHERE integration = ? LIMIT 1", (integration,))
        return found.fetchone() is not None

    @reads_in_turn
    def _due(self, cursor: Cursor) -> tuple[int, bool]:
        """Return the last removal whose traces are due, or 0, and whether copies may hold them, too."""
        last, integrations = cursor.execute("SELECT coalesce(max(n), 0), count(integration) FROM erasures").fetchone()
        return last, integrations > 0

    @writes
    def _forget(self, cursor: Cursor, last: int) -> None:
        # What was removed meanwhile, by another process, stays due.
        cursor.execute("DELETE FROM erasures WHERE n <= ?", (last,))

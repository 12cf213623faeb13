"""SQLite: the free pages of the file are given back to the system."""

from connector_core.store.sqlite import Cursor, Database

_SPARE = 0.25
"""Free pages that stay in the file, as a share of those in use: a run stages its rows in them."""
_PAGES = 1_000
"""Pages given back in one transaction, and the fewest that stay."""


async def shrink(database: Database) -> None:
    """Give free pages back, except for some that the next run needs. The file is cut when its log is emptied."""
    while await database.read(_give_back):
        pass


def _give_back(cursor: Cursor) -> bool:
    """Give some pages back; return False when there are none left to give."""
    (free,) = cursor.execute("PRAGMA freelist_count").fetchone()
    (pages,) = cursor.execute("PRAGMA page_count").fetchone()
    surplus = free - max(_PAGES, int(_SPARE * (pages - free)))
    if surplus > 0:
        # As a script, a transaction of its own: by execute(), Python would take one step of it, which is one page.
        cursor.executescript(f"PRAGMA incremental_vacuum({min(surplus, _PAGES)})")
    (left,) = cursor.execute("PRAGMA page_count").fetchone()
    return bool(left < pages)

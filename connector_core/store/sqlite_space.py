"""SQLite: the free pages of the file are given back to the system."""

from connector_core.store.sqlite import Cursor, Database

_SPARE = 0.25
"""Free pages that stay in the file, as a share of those in use: a run stages its rows in them."""
_PAGES = 1_000
"""Pages given back in one transaction, and the fewest that stay."""
_STEPS = 20
"""Most such transactions at a time: to find a page among very many free ones takes long."""
_SMALL = 8_000
"""Pages in use, up to which the whole file is written anew instead: in memory, within a moment."""


async def shrink(database: Database, *, anew: bool = False, small: int = _SMALL) -> None:
    """Give free pages back, except for some that the next run needs. The file is cut when its log is emptied.

    A small file is written ``anew`` in any case: SQLite moves rows between pages, and does not overwrite the old place.
    """
    for _ in range(_STEPS):
        if not await database.in_turn(_give_back, small, anew=anew):
            break


def _give_back(cursor: Cursor, small: int, *, anew: bool) -> bool:
    """Give some pages back; return False when there are none left to give."""
    (free,) = cursor.execute("PRAGMA freelist_count").fetchone()
    (pages,) = cursor.execute("PRAGMA page_count").fetchone()
    surplus = free - max(_PAGES, int(_SPARE * (pages - free)))
    if (anew or surplus > 0) and pages - free <= small:
        cursor.execute("VACUUM")
        return False
    if surplus <= 0:
        return False
    # As a script, a transaction of its own: by execute(), Python would take one step of it, which is one page.
    cursor.executescript(f"PRAGMA incremental_vacuum({min(surplus, _PAGES)})")
    (left,) = cursor.execute("PRAGMA page_count").fetchone()
    return bool(left < pages)

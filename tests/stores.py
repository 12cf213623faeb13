"""Stores for tests: with an integration in them, and changed by hand."""

import sqlite3
from contextlib import aclosing, closing
from pathlib import Path

from connector_core import Account
from connector_core.store import Store

ACCOUNT = Account("One", "1")


async def connected(path: Path) -> Path:
    """Make a store of today's version with one integration in it."""
    async with aclosing(Store(path)) as store:
        await store.integrations.save("acme", "namely", {}, b"sealed", ACCOUNT)
    return path


def changed_by_hand(path: Path, script: str) -> bytes:
    """Run a script against the file, as another program would; return what is in it then."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    return path.read_bytes()

"""Addresses in the store: a kind of an integration, and one reading of it; and the way bodies are dropped."""

from dataclasses import dataclass
from typing import Any

from connector_core.store.sqlite import Cursor


@dataclass(frozen=True, slots=True)
class StoredKind:
    """The stored entities of one kind of one integration."""

    integration: str
    kind: str


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of a kind by a run; its rows are staged under ``id``."""

    id: int
    run_id: str
    of: StoredKind


def drop_bodies(cursor: Cursor, integration: str, which: str, *arguments: Any) -> None:
    """Delete bodies, except those that a stored entity points to. The only way in which a body is ever deleted.

    ``which`` is a condition on bodies.
    """
    cursor.execute(
        f"DELETE FROM bodies WHERE {which} AND n NOT IN (SELECT n FROM entities WHERE integration = ?)",  # noqa: S608
        (*arguments, integration),
    )

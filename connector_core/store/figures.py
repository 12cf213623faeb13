"""Figures for monitoring, each from one query, so that they survive the process."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from connector_core.store.rows import StoredKind
from connector_core.store.sqlite import Cursor, Table, reads

LAST_COUNTS = (
    "SELECT l.integration, l.kind, h.stored, h.active, (SELECT e.active FROM entities e WHERE "
    "e.integration = l.integration AND e.kind = l.kind LIMIT 1) FROM last_readings l LEFT JOIN headcounts h "
    "ON h.n = (SELECT m.n FROM headcounts m WHERE m.integration = l.integration AND m.kind = l.kind "
    "ORDER BY m.n DESC LIMIT 1)"
)
"""The last head-count of each kind that was read, and the activity of one of its rows."""


@dataclass(frozen=True, slots=True)
class RunTotal:
    """All runs of one connector that ended with one verdict, since the store was made."""

    connector: str
    verdict: str
    """Empty for those that failed or were interrupted."""
    runs: int
    requests: int
    throttled: int


@dataclass(frozen=True, slots=True)
class StoredCount:
    """The stored entities of one kind."""

    stored: int
    active: int | None
    """Those that are in the active set; None for a kind that knows no status."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a store at one moment."""

    totals: tuple[RunTotal, ...]
    entities: Mapping[StoredKind, StoredCount]
    last_complete: Mapping[StoredKind, datetime]
    """The beginning of the last reading that had all of a kind."""
    notices_waiting: int
    """Those that are to be delivered."""
    notices_given_up: int
    """Those of which every attempt has failed, as long as they are kept."""


class Monitoring(Table):
    """Reads figures. None needs a look at every row: they may be asked for every few seconds."""

    @reads
    def figures(self, cursor: Cursor) -> Figures:
        totals = cursor.execute("SELECT connector, verdict, runs, requests, throttled FROM run_totals ORDER BY 1, 2")
        found = tuple([RunTotal(*row) for row in totals.fetchall()])
        complete = cursor.execute(
            "SELECT integration, kind, complete_at FROM last_readings WHERE complete_at IS NOT NULL"
        ).fetchall()
        (waiting,) = cursor.execute("SELECT count(*) FROM notices WHERE next_at IS NOT NULL").fetchone()
        (given_up,) = cursor.execute(
            "SELECT count(*) FROM notices WHERE next_at IS NULL AND delivered_at IS NULL AND channel != ''"
        ).fetchone()
        return Figures(
            totals=found,
            entities=_stored(cursor),
            last_complete={StoredKind(name, kind): datetime.fromisoformat(at) for name, kind, at in complete},
            notices_waiting=waiting,
            notices_given_up=given_up,
        )

    @reads
    def is_readable(self, cursor: Cursor) -> bool:
        """Return True: StoreError is raised for a store that cannot be read."""
        cursor.execute("SELECT 1 FROM integrations LIMIT 1").fetchone()
        return True


def _stored(cursor: Cursor) -> dict[StoredKind, StoredCount]:
    """Return the last head-count of each kind that was read. Whether it knows a status, one of its rows tells."""
    rows = cursor.execute(LAST_COUNTS).fetchall()
    found = dict[StoredKind, StoredCount]()
    for name, kind, stored, active, status in rows:
        of = StoredKind(name, kind)
        # A store of an earlier version has no head-counts yet.
        found[of] = (
            StoredCount(stored, None if status is None else active) if stored is not None else _counted(cursor, of)
        )
    return found


def _counted(cursor: Cursor, of: StoredKind) -> StoredCount:
    row = cursor.execute(
        "SELECT count(*), sum(active) FROM entities WHERE integration = ? AND kind = ?", (of.integration, of.kind)
    ).fetchone()
    return StoredCount(*row)

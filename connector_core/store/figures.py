"""Figures for monitoring, each from one query, so that they survive the process."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from connector_core.store.rows import StoredKind
from connector_core.store.sqlite import Cursor, Table, reads


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
    """The end of the last run that read all of a kind."""


class Monitoring(Table):
    """Reads figures."""

    @reads
    def figures(self, cursor: Cursor) -> Figures:
        totals = cursor.execute("SELECT connector, verdict, runs, requests, throttled FROM run_totals ORDER BY 1, 2")
        found = tuple([RunTotal(*row) for row in totals.fetchall()])
        stored = cursor.execute(
            "SELECT integration, kind, count(*), sum(active) FROM entities GROUP BY integration, kind"
        ).fetchall()
        complete = cursor.execute(
            "SELECT r.integration, c.kind, max(r.finished_at) FROM certificates c JOIN runs r ON r.id = c.run_id "
            "WHERE c.complete > 0 AND r.finished_at IS NOT NULL GROUP BY r.integration, c.kind"
        ).fetchall()
        return Figures(
            totals=found,
            entities={StoredKind(name, kind): StoredCount(count, active) for name, kind, count, active in stored},
            last_complete={StoredKind(name, kind): datetime.fromisoformat(at) for name, kind, at in complete},
        )

    @reads
    def is_readable(self, cursor: Cursor) -> bool:
        """Return True: StoreError is raised for a store that cannot be read."""
        cursor.execute("SELECT 1 FROM integrations LIMIT 1").fetchone()
        return True

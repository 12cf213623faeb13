"""How far each kind has been read: what a delta starts from, and when a full scan is due."""

import json
from dataclasses import dataclass
from datetime import datetime

from connector_core.store.database import Database


@dataclass(frozen=True, slots=True)
class Scan:
    """The last full scan of a kind that was applied whole, and what deltas have read since."""

    read_with: str
    """Account, token, options and version, as one digest."""
    full_at: datetime
    watermark: datetime | None
    """Every change up to here is stored; None where no row tells when it was changed."""
    others: int
    """Rows of the listing that are not of this kind."""
    unread: frozenset[str]
    """Fields that came for no row at all."""
    due: str = ""
    """Why the next scan must be a full one, if it must."""


class Scans:
    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, integration: str, kind: str) -> Scan | None:
        rows = self._database.query(
            "SELECT read_with, full_at, watermark, others, unread, due FROM scans WHERE integration = ? AND kind = ?",
            (integration, kind),
        )
        for read_with, full_at, watermark, others, unread, due in rows:
            return Scan(
                read_with,
                datetime.fromisoformat(full_at),
                datetime.fromisoformat(watermark) if watermark else None,
                others,
                frozenset(json.loads(unread)),
                due,
            )
        return None

    def record(self, integration: str, kind: str, scan: Scan) -> None:
        self._database.execute(
            "INSERT INTO scans (integration, kind, read_with, full_at, watermark, others, unread, due) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (integration, kind) DO UPDATE SET "
            "read_with = excluded.read_with, full_at = excluded.full_at, watermark = excluded.watermark, "
            "others = excluded.others, unread = excluded.unread, due = excluded.due",
            (
                integration,
                kind,
                scan.read_with,
                scan.full_at.isoformat(),
                scan.watermark.isoformat() if scan.watermark else None,
                scan.others,
                json.dumps(sorted(scan.unread)),
                scan.due,
            ),
        )

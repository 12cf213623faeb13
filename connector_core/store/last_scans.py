"""The last full scan of each kind: what a delta starts from, and when a full scan is due."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

import msgspec

from connector_core.reasons import Reason, decode_hook, encode_hook
from connector_core.store.rows import StoredKind
from connector_core.store.sqlite import Cursor, Table, reads


@dataclass(frozen=True, slots=True)
class LastScan:
    """The last full scan of a kind that was applied completely, and what deltas have read since."""

    resume_key: str
    """Account, token, options and version."""
    full_at: datetime
    watermark: datetime | None
    """Every change up to here is stored; None where no row says when it was changed."""
    others: int
    """Rows of the listing that are of another kind."""
    unread: frozenset[str]
    """Fields that came for no row at all."""
    token: str | None = None
    """The provider's token of the changes since."""
    token_at: datetime | None = None
    """The time at which it was given."""
    due: Reason | None = None
    """The reason why the next scan must be a full one, if it must."""

    @classmethod
    def begin(cls, resume_key: str, started_at: datetime, token: str | None) -> Self:
        """Return a scan that begins, with the token that its reading brings."""
        return cls(resume_key, started_at, None, 0, frozenset(), token, started_at if token else None)


class LastScans(Table):
    """Reads the last scans; ``finish`` of a run writes them."""

    @reads
    def find(self, cursor: Cursor, of: StoredKind) -> LastScan | None:
        row = cursor.execute(
            "SELECT resume_key, full_at, watermark, others, unread, token, token_at, due FROM last_scans "
            "WHERE integration = ? AND kind = ?",
            (of.integration, of.kind),
        ).fetchone()
        if row is None:
            return None
        resume_key, full_at, watermark, others, unread, token, token_at, due = row
        return LastScan(
            resume_key=resume_key,
            full_at=datetime.fromisoformat(full_at),
            watermark=datetime.fromisoformat(watermark) if watermark else None,
            others=others,
            unread=frozenset(msgspec.json.decode(unread, type=list[str])),
            token=token,
            token_at=datetime.fromisoformat(token_at) if token_at else None,
            due=msgspec.json.decode(due, type=Reason, dec_hook=decode_hook) if due else None,
        )


def record(cursor: Cursor, of: StoredKind, scan: LastScan) -> None:
    """Replace the last scan of a kind."""
    cursor.execute(
        "INSERT INTO last_scans (integration, kind, resume_key, full_at, watermark, others, unread, token, "
        "token_at, due) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (integration, kind) DO UPDATE SET "
        "resume_key = excluded.resume_key, full_at = excluded.full_at, watermark = excluded.watermark, "
        "others = excluded.others, unread = excluded.unread, token = excluded.token, token_at = excluded.token_at, "
        "due = excluded.due",
        (
            of.integration,
            of.kind,
            scan.resume_key,
            scan.full_at.isoformat(),
            scan.watermark.isoformat() if scan.watermark else None,
            scan.others,
            msgspec.json.encode(sorted(scan.unread)).decode(),
            scan.token,
            scan.token_at.isoformat() if scan.token_at else None,
            msgspec.json.encode(scan.due, enc_hook=encode_hook).decode() if scan.due else None,
        ),
    )

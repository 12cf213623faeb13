"""The origin of a row: the changes of one row, and the runs that have read it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connector_core.outcomes import Certificate, Operation, State
from connector_core.reasons import Reason
from connector_core.store.plans import decode_reason
from connector_core.store.rows import StoredKind
from connector_core.store.runs import decode_certificate
from connector_core.store.sqlite import Cursor, Table, reads

_MOST = 500
"""Changes of one row that are looked at, the newest first."""


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A row as it is stored."""

    body: str
    run_id: str
    """The last run that changed it."""
    missed_run: str | None
    """The first of the last complete readings, which all lacked the row."""
    missed_at: datetime | None


@dataclass(frozen=True, slots=True)
class RowChange:
    """One change of a row, with the place that the row had in the provider's response."""

    run_id: str
    run: int
    """The later a run, the greater."""
    started_at: datetime
    operation: Operation
    state: State
    fields: tuple[str, ...]
    reason: Reason
    decided_at: datetime | None
    page: int | None
    place: int | None
    missed_run: str | None
    certificate: Certificate | None
    """The certificate of the kind in this run."""


@dataclass(frozen=True, slots=True)
class CompleteRun:
    """A run that has read all of a kind."""

    run_id: str
    finished_at: datetime


class Provenance(Table):
    """Questions about one row, for people."""

    @reads
    def row(self, cursor: Cursor, of: StoredKind, source_id: str) -> StoredRow | None:
        found = cursor.execute(
            "SELECT b.body, e.run_id, e.missed_run, r.finished_at FROM entities e JOIN bodies b ON b.n = e.n "
            "LEFT JOIN runs r ON r.id = e.missed_run "
            "WHERE e.integration = ? AND e.kind = ? AND e.source_id = ?",
            (of.integration, of.kind, source_id),
        ).fetchone()
        if not found:
            return None
        body, run_id, missed_run, missed_at = found
        return StoredRow(body, run_id, missed_run, datetime.fromisoformat(missed_at) if missed_at else None)

    @reads
    def changes(self, cursor: Cursor, of: StoredKind, source_id: str) -> list[RowChange]:
        """Return the changes of a row that are kept, the newest first."""
        rows = cursor.execute(
            "SELECT c.run_id, r.n, r.started_at, c.operation, c.state, c.fields, c.reason, c.decided_at, "
            # A created row still points to what was staged, so its place is not copied.
            "coalesce(c.page, b.page), coalesce(c.place, b.place), c.missed_run, t.certificate "
            "FROM changes c JOIN runs r ON r.id = c.run_id LEFT JOIN bodies b ON b.n = c.n "
            "LEFT JOIN certificates t ON t.run_id = c.run_id AND t.kind = c.kind "
            "WHERE c.integration = ? AND c.kind = ? AND c.source_id = ? ORDER BY r.n DESC LIMIT ?",
            (of.integration, of.kind, source_id, _MOST),
        )
        return [_change(row) for row in rows]

    @reads
    def last_complete(
        self, cursor: Cursor, of: StoredKind, source_id: str, since: str, missed_run: str | None
    ) -> CompleteRun | None:
        """Return the last run that read all of a kind, and this row: it is stored, and no removal was planned.

        Args:
            of: The kind.
            source_id: The row.
            since: A run that has read the row. Earlier ones are not looked at.
            missed_run: The first of the last scans that lacked it.
        """
        found = cursor.execute(
            "SELECT r.id, r.finished_at FROM runs r JOIN certificates t ON t.run_id = r.id AND t.kind = ? "
            "WHERE r.integration = ? AND r.verdict IS NOT NULL AND t.complete = 1 "
            "AND r.n >= coalesce((SELECT n FROM runs WHERE id = ?), 0) "
            "AND (? IS NULL OR r.n < (SELECT n FROM runs WHERE id = ?)) "
            "AND NOT EXISTS (SELECT 1 FROM changes c WHERE c.run_id = r.id AND c.kind = t.kind AND c.source_id = ? "
            "AND c.operation = 'remove') ORDER BY r.n DESC LIMIT 1",
            (of.kind, of.integration, since, missed_run, missed_run, source_id),
        ).fetchone()
        return CompleteRun(found[0], datetime.fromisoformat(found[1])) if found else None

    @reads
    def latest_certificate(self, cursor: Cursor, of: StoredKind) -> Certificate | None:
        """Return the certificate of the last reading of a kind."""
        found = cursor.execute(
            "SELECT t.certificate FROM runs r JOIN certificates t ON t.run_id = r.id AND t.kind = ? "
            "WHERE r.integration = ? AND r.verdict IS NOT NULL ORDER BY r.n DESC LIMIT 1",
            (of.kind, of.integration),
        ).fetchone()
        return decode_certificate(found[0]) if found else None


def _change(row: Sequence[Any]) -> RowChange:
    run_id, run, started_at, operation, state, fields, reason, decided_at, page, place, missed_run, certificate = row
    return RowChange(
        run_id=run_id,
        run=run,
        started_at=datetime.fromisoformat(started_at),
        operation=Operation(operation),
        state=State(state),
        fields=tuple(json.loads(fields)),
        reason=decode_reason(reason),
        decided_at=datetime.fromisoformat(decided_at) if decided_at else None,
        page=page,
        place=place,
        missed_run=missed_run,
        certificate=decode_certificate(certificate) if certificate else None,
    )

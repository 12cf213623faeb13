"""Rows as a run reads them, kept apart from what is stored until they are planned and applied."""

import hashlib
from collections.abc import Iterable

from connector_core.entities import Entity
from connector_core.outcomes import Run
from connector_core.store.database import Database

_INSERT = (
    "INSERT INTO staged (run_id, kind, source_id, body, digest) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (run_id, kind, source_id) DO UPDATE SET body = excluded.body, digest = excluded.digest"
)


class Staging:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, run: Run, kind: str, entities: Iterable[Entity], skipped: Iterable[str]) -> None:
        """One page. ``skipped`` are ids that were read and are not of this kind: kept without a body."""
        rows: list[tuple[str, str, str, str | None, bytes | None]] = []
        for entity in entities:
            body = entity.body()
            digest = hashlib.blake2b(body, digest_size=16).digest()
            rows.append((run.id, kind, entity.source_id, body.decode(), digest))
        rows += [(run.id, kind, source_id, None, None) for source_id in skipped]
        self._database.execute_many(_INSERT, rows)

    def count(self, run: Run, kind: str) -> int:
        """Entities that lie staged: rows of other kinds are not counted."""
        rows = self._database.query(
            "SELECT count(*) FROM staged WHERE run_id = ? AND kind = ? AND body IS NOT NULL", (run.id, kind)
        )
        return int(rows[0][0])

    def drop(self, run: Run) -> None:
        """Drops what no held change of this run still needs."""
        self._database.execute(
            "DELETE FROM staged WHERE run_id = ? AND NOT EXISTS (SELECT 1 FROM changes c WHERE "
            "c.run_id = staged.run_id AND c.kind = staged.kind AND c.source_id = staged.source_id "
            "AND c.state = 'held')",
            (run.id,),
        )

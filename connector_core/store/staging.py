"""Rows as a run reads them, kept apart from what is stored; each page is a checkpoint."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from connector_core.entities import Entity
from connector_core.outcomes import Run
from connector_core.store.database import Database, now

_INSERT = (
    "INSERT INTO staged (run_id, kind, source_id, body, digest) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (run_id, kind, source_id) DO UPDATE SET body = excluded.body, digest = excluded.digest"
)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a reading stands after a page: enough to go on, or to see that it must start over."""

    source: str
    """Which listing."""
    page: int
    rows_before: int
    announced: int | None
    ids: bytes
    """A digest of the page's ids."""
    sound: bool
    """Whether all that was read lies staged: false after a rejected or a doubled row."""
    scope: str
    """What it was read with. A run with another token, other options or another version does not go on here."""
    began_at: str
    """When the first page was read: a chain of runs that were cut off grows no older than one."""


def digest_of(ids: Iterable[str]) -> bytes:
    return hashlib.blake2b("\0".join(sorted(ids)).encode(), digest_size=16).digest()


class Staging:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, run: Run, kind: str, entities: Iterable[Entity], skipped: Iterable[str], checkpoint: Checkpoint
    ) -> None:
        """One page, with its checkpoint. ``skipped`` are ids that are not of this kind: kept without a body."""
        rows: list[tuple[str, str, str, str | None, bytes | None]] = []
        for entity in entities:
            body = entity.body()
            digest = hashlib.blake2b(body, digest_size=16).digest()
            rows.append((run.id, kind, entity.source_id, body.decode(), digest))
        rows += [(run.id, kind, source_id, None, None) for source_id in skipped]
        with self._database.transaction() as cursor:
            cursor.executemany(_INSERT, rows)
            cursor.execute("DELETE FROM checkpoints WHERE run_id = ? AND kind = ?", (run.id, kind))
            cursor.execute(
                "INSERT INTO checkpoints SELECT ?, ?, ?, ?, ?, ?, ?, ?, count(*), ?, ?, ? FROM staged "
                "WHERE run_id = ? AND kind = ?",
                (
                    run.id,
                    kind,
                    checkpoint.source,
                    checkpoint.page,
                    checkpoint.rows_before,
                    checkpoint.announced,
                    checkpoint.ids,
                    int(checkpoint.sound),
                    checkpoint.scope,
                    checkpoint.began_at,
                    now(),
                    run.id,
                    kind,
                ),
            )

    def adopt(self, run: Run, kind: str, scope: str, since: datetime) -> Checkpoint | None:
        """Takes over what a run before staged of this kind.

        Only if it is sound, was read with the same ``scope``, began after ``since``, and is all still there.
        """
        with self._database.transaction() as cursor:
            found = cursor.execute(
                "SELECT c.run_id, c.source, c.page, c.rows_before, c.announced, c.ids, c.began_at FROM checkpoints c "
                "JOIN runs r ON r.id = c.run_id WHERE r.integration = ? AND c.kind = ? AND c.run_id <> ? "
                "AND c.sound = 1 AND c.scope = ? AND c.began_at >= ? AND c.taken_at <= ? "
                "AND c.staged = (SELECT count(*) FROM staged s WHERE s.run_id = c.run_id AND s.kind = c.kind) "
                "AND NOT EXISTS (SELECT 1 FROM changes h WHERE h.run_id = c.run_id AND h.kind = c.kind "
                "AND h.state = 'held' AND h.operation = 'create') ORDER BY c.taken_at DESC LIMIT 1",
                (run.integration, kind, run.id, scope, since.isoformat(timespec="milliseconds"), now()),
            ).fetchone()
            if found is None:
                return None
            before, source, page, rows_before, announced, ids, began_at = found
            cursor.execute("UPDATE staged SET run_id = ? WHERE run_id = ? AND kind = ?", (run.id, before, kind))
            cursor.execute("UPDATE checkpoints SET run_id = ? WHERE run_id = ? AND kind = ?", (run.id, before, kind))
        return Checkpoint(source, page, rows_before, announced, ids, sound=True, scope=scope, began_at=began_at)

    def left(self, run: Run, kind: str) -> bool:
        """Whether a run before left a checkpoint of this kind, fit to be resumed or not."""
        return bool(
            self._database.query(
                "SELECT 1 FROM checkpoints c JOIN runs r ON r.id = c.run_id "
                "WHERE r.integration = ? AND c.kind = ? AND c.run_id <> ? LIMIT 1",
                (run.integration, kind, run.id),
            )
        )

    def bodies(self, run: Run, kind: str) -> Iterator[tuple[str, str | None]]:
        """Id and body of every staged row."""
        yield from self._database.query(
            "SELECT source_id, body FROM staged WHERE run_id = ? AND kind = ?", (run.id, kind)
        )

    def count(self, run: Run, kind: str) -> int:
        """Entities that lie staged: rows of other kinds are not counted."""
        rows = self._database.query(
            "SELECT count(*) FROM staged WHERE run_id = ? AND kind = ? AND body IS NOT NULL", (run.id, kind)
        )
        return int(rows[0][0])

    def forget(self, run: Run, kind: str) -> None:
        """Drops what this run has staged of a kind, to start over."""
        with self._database.transaction() as cursor:
            cursor.execute("DELETE FROM staged WHERE run_id = ? AND kind = ?", (run.id, kind))
            cursor.execute("DELETE FROM checkpoints WHERE run_id = ? AND kind = ?", (run.id, kind))

    def drop(self, run: Run, unfinished: Sequence[str]) -> None:
        """Drops what this run and those before it staged, except for held changes and ``unfinished`` kinds."""
        marks = ", ".join("?" for _ in unfinished)
        mine = f"run_id = ? AND kind IN ({marks})"
        arguments = (run.integration, run.id, *unfinished)
        with self._database.transaction() as cursor:
            cursor.execute(
                "DELETE FROM staged WHERE run_id IN (SELECT id FROM runs WHERE integration = ?) "  # noqa: S608 - marks
                f"AND NOT ({mine}) AND NOT EXISTS (SELECT 1 FROM changes c WHERE c.run_id = staged.run_id "
                "AND c.kind = staged.kind AND c.source_id = staged.source_id AND c.state = 'held')",
                arguments,
            )
            cursor.execute(
                "DELETE FROM checkpoints WHERE run_id IN (SELECT id FROM runs WHERE integration = ?) "  # noqa: S608 - marks
                f"AND NOT ({mine})",
                arguments,
            )

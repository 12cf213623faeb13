"""Rows as a run reads them. Each page is a checkpoint; what is applied points to its row, so none is written twice."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from sqlite3 import Cursor

from connector_core.outcomes import Run
from connector_core.sdk.entities import Entity
from connector_core.store.database import Database, now

_ROWS_AT_ONCE = 250
"""Rows in one statement: it takes many at once outside Python's lock, where one by one would wait for it each time."""
_PAGE = 1000

StagedRow = tuple[str, str | None, bytes | None]
"""Id, canonical body and its digest; both are None where the row is not of this kind."""


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
    staged: int
    """How many rows lie staged."""
    scope: str
    """What it was read with. A run with another token, other options or another version does not go on here."""
    began_at: str
    """When the first page was read: a chain of runs that were cut off grows no older than one."""


def digest_of(ids: Iterable[str]) -> bytes:
    return hashlib.blake2b("\0".join(sorted(ids)).encode(), digest_size=16).digest()


def staged_rows(entities: Iterable[Entity], skipped: Iterable[str]) -> list[StagedRow]:
    """A page's rows, ready to be written. ``skipped`` are ids that are not of this kind: kept without a body."""
    rows: list[StagedRow] = []
    for entity in entities:
        body = entity.body()
        rows.append((entity.source_id, body.decode(), hashlib.blake2b(body, digest_size=16).digest()))
    rows += [(source_id, None, None) for source_id in skipped]
    return rows


class Staging:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, run: Run, kind: str, rows: Sequence[StagedRow], checkpoint: Checkpoint) -> None:
        """One page or more, with the checkpoint behind the last."""
        with self._database.transaction() as cursor:
            reading = _reading(cursor, run, kind)
            for start in range(0, len(rows), _ROWS_AT_ONCE):
                _insert(cursor, run.integration, kind, reading, rows[start : start + _ROWS_AT_ONCE])
            cursor.execute(
                "INSERT INTO checkpoints VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (reading) DO UPDATE SET "
                "source = excluded.source, page = excluded.page, rows_before = excluded.rows_before, "
                "announced = excluded.announced, ids = excluded.ids, sound = excluded.sound, "
                "staged = excluded.staged, scope = excluded.scope, began_at = excluded.began_at, "
                "taken_at = excluded.taken_at",
                (
                    reading,
                    checkpoint.source,
                    checkpoint.page,
                    checkpoint.rows_before,
                    checkpoint.announced,
                    checkpoint.ids,
                    int(checkpoint.sound),
                    checkpoint.staged,
                    checkpoint.scope,
                    checkpoint.began_at,
                    now(),
                ),
            )

    def adopt(self, run: Run, kind: str, scope: str, since: datetime) -> Checkpoint | None:
        """Takes over what a run before staged of this kind.

        Only if it is sound, was read with the same ``scope``, began after ``since``, and is all still there.
        """
        with self._database.transaction() as cursor:
            found = cursor.execute(
                "SELECT c.reading, c.source, c.page, c.rows_before, c.announced, c.ids, c.staged, c.began_at "
                "FROM checkpoints c JOIN readings g ON g.id = c.reading JOIN runs r ON r.id = g.run_id "
                "WHERE r.integration = ? AND g.kind = ? AND g.run_id <> ? "
                "AND c.sound = 1 AND c.scope = ? AND c.began_at >= ? AND c.taken_at <= ? "
                "AND c.staged = (SELECT count(*) FROM bodies b WHERE b.reading = c.reading) "
                # Rows without a body are as they are stored, if that is still so.
                "AND NOT EXISTS (SELECT 1 FROM bodies b LEFT JOIN entities e ON e.integration = r.integration "
                "AND e.kind = g.kind AND e.source_id = b.source_id WHERE b.reading = c.reading AND b.body IS NULL "
                "AND b.digest IS NOT NULL AND (e.digest IS NULL OR e.digest <> b.digest)) "
                "AND NOT EXISTS (SELECT 1 FROM changes h WHERE h.run_id = g.run_id AND h.kind = g.kind "
                "AND h.state = 'held' AND h.operation = 'create') "
                "ORDER BY c.taken_at DESC LIMIT 1",
                (run.integration, kind, run.id, scope, since.isoformat(timespec="milliseconds"), now()),
            ).fetchone()
            if found is None:
                return None
            reading, source, page, rows_before, announced, ids, staged, began_at = found
            cursor.execute("UPDATE readings SET run_id = ? WHERE id = ?", (run.id, reading))
        return Checkpoint(
            source, page, rows_before, announced, ids, sound=True, staged=staged, scope=scope, began_at=began_at
        )

    def left(self, run: Run, kind: str) -> bool:
        """Whether a run before left a checkpoint of this kind, fit to be resumed or not."""
        return bool(
            self._database.query(
                "SELECT 1 FROM checkpoints c JOIN readings g ON g.id = c.reading JOIN runs r ON r.id = g.run_id "
                "WHERE r.integration = ? AND g.kind = ? AND g.run_id <> ? LIMIT 1",
                (run.integration, kind, run.id),
            )
        )

    def bodies(self, run: Run, kind: str) -> Iterator[tuple[str, str | None]]:
        """Id and body of every staged row, in order of arrival. Read in pages, so memory stays flat."""
        after = 0
        while rows := self._database.query(
            "SELECT b.n, b.source_id, CASE WHEN b.body IS NULL AND b.digest IS NOT NULL THEN o.body ELSE b.body END "
            "FROM bodies b JOIN readings g ON g.id = b.reading JOIN runs r ON r.id = g.run_id "
            "LEFT JOIN entities e ON e.integration = r.integration AND e.kind = g.kind AND e.source_id = b.source_id "
            "LEFT JOIN bodies o ON o.n = e.n "
            "WHERE g.run_id = ? AND g.kind = ? AND g.done = 0 AND b.n > ? ORDER BY b.n LIMIT ?",
            (run.id, kind, after, _PAGE),
        ):
            for after, source_id, body in rows:  # noqa: B007 - where the next page begins
                yield source_id, body

    def settle(self, run: Run, kind: str) -> None:
        """Tells the last row that came of each id.

        A row that came twice counts as it came last. What follows compares these sets.
        """
        with self._database.transaction() as cursor:
            reading = _reading(cursor, run, kind)
            cursor.execute("DELETE FROM latest WHERE reading = ?", (reading,))
            ids = cursor.execute(
                "INSERT INTO latest (reading, source_id, n, digest) SELECT reading, source_id, max(n), max(digest) "
                "FROM bodies WHERE reading = ? GROUP BY reading, source_id",
                (reading,),
            ).rowcount
            (rows,) = cursor.execute("SELECT count(*) FROM bodies WHERE reading = ?", (reading,)).fetchone()
            if rows > ids:
                # Of those that came twice, the greatest digest is not always the last.
                cursor.execute(
                    "UPDATE latest SET digest = (SELECT b.digest FROM bodies b WHERE b.n = latest.n) "
                    "WHERE reading = ? AND source_id IN (SELECT source_id FROM bodies WHERE reading = ? "
                    "GROUP BY source_id HAVING count(*) > 1)",
                    (reading, reading),
                )

    def count(self, run: Run, kind: str) -> int:
        """Entities that lie staged and settled: rows of other kinds are not counted."""
        rows = self._database.query(
            "SELECT count(*) FROM latest l JOIN readings g ON g.id = l.reading "
            "WHERE g.run_id = ? AND g.kind = ? AND g.done = 0 AND l.digest IS NOT NULL",
            (run.id, kind),
        )
        return int(rows[0][0])

    def forget(self, run: Run, kind: str) -> None:
        """Drops what this run has staged of a kind, to start over."""
        with self._database.transaction() as cursor:
            _close(cursor, run.integration, _reading(cursor, run, kind))

    def drop(self, run: Run, unfinished: Sequence[str]) -> None:
        """Drops what this run and those before it staged and nothing points to, except for ``unfinished`` kinds."""
        with self._database.transaction() as cursor:
            close_readings(cursor, run.integration, but=(run.id, unfinished))


def close_readings(cursor: Cursor, integration: str, *, but: tuple[str, Sequence[str]] = ("", ())) -> None:
    """Nobody goes on with what an integration's runs have staged, except for a run's kinds."""
    run_id, kinds = but
    marks = ", ".join("?" for _ in kinds)
    left = cursor.execute(
        "SELECT g.id FROM readings g JOIN runs r ON r.id = g.run_id WHERE r.integration = ? AND g.done = 0 "  # noqa: S608
        f"AND NOT (g.run_id = ? AND g.kind IN ({marks}))",
        (integration, run_id, *kinds),
    ).fetchall()
    for (reading,) in left:
        _close(cursor, integration, reading)


def _close(cursor: Cursor, integration: str, reading: int) -> None:
    """What is stored or held keeps its row; all others of this reading go."""
    cursor.execute("DELETE FROM checkpoints WHERE reading = ?", (reading,))
    cursor.execute("DELETE FROM latest WHERE reading = ?", (reading,))
    cursor.execute(
        "DELETE FROM bodies WHERE reading = ? "
        "AND NOT EXISTS (SELECT 1 FROM entities e WHERE e.n = bodies.n) "
        "AND n NOT IN (SELECT c.n FROM changes c WHERE c.integration = ? AND c.state = 'held' AND c.n IS NOT NULL)",
        (reading, integration),
    )
    cursor.execute("UPDATE readings SET done = 1 WHERE id = ?", (reading,))


def _reading(cursor: Cursor, run: Run, kind: str) -> int:
    """The number of a run's open reading of a kind; it begins here if there is none."""
    found = cursor.execute(
        "SELECT id FROM readings WHERE run_id = ? AND kind = ? AND done = 0", (run.id, kind)
    ).fetchone()
    if found is None:
        found = cursor.execute(
            "INSERT INTO readings (run_id, kind) VALUES (?, ?) RETURNING id", (run.id, kind)
        ).fetchone()
    return int(found[0])


def _insert(cursor: Cursor, integration: str, kind: str, reading: int, rows: Sequence[StagedRow]) -> None:
    """A row that is as it is stored lies there without its body: most are, from the second run on."""
    marks = ", ".join(["(?, ?, ?)"] * len(rows))
    cursor.execute(
        f"WITH page (source_id, body, digest) AS (VALUES {marks}) "  # noqa: S608 - marks
        "INSERT INTO bodies (reading, source_id, body, digest) "
        "SELECT ?, p.source_id, CASE WHEN e.digest = p.digest THEN NULL ELSE p.body END, p.digest FROM page p "
        "LEFT JOIN entities e ON e.integration = ? AND e.kind = ? AND e.source_id = p.source_id",
        [*(value for row in rows for value in row), reading, integration, kind],
    )

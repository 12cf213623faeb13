"""Rows as a run reads them. Each page is a checkpoint, and what is applied points to its row: none is written twice."""

import hashlib
import json
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from connector_core.outcomes import Run
from connector_core.sdk.entities import Entity
from connector_core.sdk.page import Page
from connector_core.store.rows import Reading, StoredKind, drop_bodies
from connector_core.store.sqlite import IDS, Cursor, Table, now, reads_in_turn, timestamp, writes

_ROWS_AT_ONCE = 250
"""Rows in one statement: many at once are taken outside Python's lock, where one by one would wait for it each time."""
_PAGE = 1000

StagedRow = tuple[str, str | None, bytes | None, bool | None, int | None, int | None]
"""Id, canonical body, its digest, activity, page and place; all but the first are None for a row of another kind."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a reading after a page: enough to resume, or to see that it must start over."""

    listing: str
    """Key of the listing."""
    page: int
    rows_before: int
    announced: int | None
    ids_digest: bytes
    """A digest of the page's ids."""
    resumable: bool
    """True if everything that was read is staged: false after a rejected or a repeated row."""
    staged: int
    """Rows staged so far."""
    resume_key: str
    """Fingerprint of token, account, options and version. A run with another one does not resume here."""
    began_at: str
    """Time at which the first page was read: a chain of interrupted runs grows no older than one."""
    first_total: int | None = None
    """The total that the first page announced."""
    began: float | None = None
    """A time before the first page was made, by the provider's clock; None if creation times are unknown."""
    cursor: str | None = None
    """The cursor or address that the page was requested with; None on the first page, and where pages are numbered."""
    token: str | None = None
    """The token of the changes since the reading began, if its pages have told one."""

    def continues(self, page: Page[Entity]) -> bool:
        """Return True if the listing goes on behind this page as it did when the checkpoint was made.

        Where new rows come last, the same page and the same total mean that no row before it has come or gone.
        """
        return (
            page.place.listing == self.listing
            and page.place.beginning.total == self.first_total
            and digest_of([*page.ids, *page.skipped]) == self.ids_digest
        )


def digest_of(ids: Iterable[str]) -> bytes:
    return hashlib.blake2b("\0".join(sorted(ids)).encode(), digest_size=16).digest()


class Staging(Table):
    """Open readings, their rows and their checkpoints."""

    @writes
    def add(self, cursor: Cursor, reading: Reading, rows: Sequence[StagedRow], checkpoint: Checkpoint) -> None:
        """Stage one page or more, with the checkpoint behind the last."""
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            _insert(cursor, reading, rows[start : start + _ROWS_AT_ONCE])
        cursor.execute(
            "INSERT INTO checkpoints (reading, listing, page, rows_before, announced, ids_digest, resumable, staged, "
            "resume_key, began_at, first_total, began, cursor, token, taken_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (reading) DO UPDATE SET listing = excluded.listing, page = excluded.page, "
            "rows_before = excluded.rows_before, announced = excluded.announced, ids_digest = excluded.ids_digest, "
            "resumable = excluded.resumable, staged = excluded.staged, resume_key = excluded.resume_key, "
            "began_at = excluded.began_at, first_total = excluded.first_total, began = excluded.began, "
            "cursor = excluded.cursor, token = excluded.token, taken_at = excluded.taken_at",
            (
                reading.id,
                checkpoint.listing,
                checkpoint.page,
                checkpoint.rows_before,
                checkpoint.announced,
                checkpoint.ids_digest,
                int(checkpoint.resumable),
                checkpoint.staged,
                checkpoint.resume_key,
                checkpoint.began_at,
                checkpoint.first_total,
                checkpoint.began,
                checkpoint.cursor,
                checkpoint.token,
                now(),
            ),
        )

    @reads_in_turn
    def has_earlier(self, cursor: Cursor, reading: Reading) -> bool:
        """Return True if an interrupted run left a checkpoint of this kind, fit to be resumed or not."""
        found = cursor.execute(
            "SELECT 1 FROM readings g JOIN checkpoints c ON c.reading = g.id "
            "WHERE g.integration = ? AND g.kind = ? AND g.is_open = 1 AND g.id <> ? LIMIT 1",
            (reading.of.integration, reading.of.kind, reading.id),
        )
        return found.fetchone() is not None

    @writes
    def take_over(
        self, cursor: Cursor, reading: Reading, resume_key: str, since: datetime
    ) -> tuple[Reading, Checkpoint] | None:
        """Continue an interrupted run's reading in place of this empty one.

        Only if it is resumable, was read with the same ``resume_key``, began after ``since`` and before now, and all
        its rows are still there. None where there is no such reading.
        """
        moment = now()
        found = cursor.execute(
            "SELECT c.reading, c.listing, c.page, c.rows_before, c.announced, c.ids_digest, c.staged, c.began_at, "
            "c.first_total, c.began, c.cursor, c.token "
            "FROM readings g JOIN checkpoints c ON c.reading = g.id "
            "WHERE g.integration = ? AND g.kind = ? AND g.is_open = 1 AND g.id <> ? "
            "AND c.resumable = 1 AND c.resume_key = ? AND c.began_at BETWEEN ? AND ? AND c.taken_at <= ? "
            "AND c.staged = (SELECT count(*) FROM bodies b WHERE b.reading = c.reading) "
            # Rows without a body equal the stored ones, if that is still so.
            "AND NOT EXISTS (SELECT 1 FROM bodies b LEFT JOIN entities e ON e.integration = g.integration "
            "AND e.kind = g.kind AND e.source_id = b.source_id WHERE b.reading = c.reading AND b.body IS NULL "
            "AND b.digest IS NOT NULL AND (e.digest IS NULL OR e.digest <> b.digest)) "
            "AND NOT EXISTS (SELECT 1 FROM changes h WHERE h.run_id = g.run_id AND h.kind = g.kind "
            "AND h.state = 'held' AND h.operation = 'create') "
            "ORDER BY c.taken_at DESC LIMIT 1",
            (reading.of.integration, reading.of.kind, reading.id, resume_key, timestamp(since), moment, moment),
        ).fetchone()
        if found is None:
            return None
        earlier, listing, page, rows_before, announced, ids_digest, staged, began_at, *more = found
        first_total, began, told, token = more
        cursor.execute("DELETE FROM readings WHERE id = ?", (reading.id,))
        cursor.execute("UPDATE readings SET run_id = ? WHERE id = ?", (reading.run_id, earlier))
        checkpoint = Checkpoint(
            listing=listing,
            page=page,
            rows_before=rows_before,
            announced=announced,
            ids_digest=ids_digest,
            resumable=True,
            staged=staged,
            resume_key=resume_key,
            began_at=began_at,
            first_total=first_total,
            began=began,
            cursor=told,
            token=token,
        )
        return Reading(earlier, reading.run_id, reading.of), checkpoint

    @writes
    def start_over(self, cursor: Cursor, reading: Reading) -> Reading:
        """Drop what was staged, and open an empty reading in its place."""
        _close(cursor, reading.of.integration, reading.id)
        return open_reading(cursor, reading.run_id, reading.of)

    async def rows(self, reading: Reading) -> AsyncIterator[list[tuple[str, str | None]]]:
        """Yield id and body of every staged row, in order of arrival, in batches, so that memory stays flat."""
        after = 0
        while found := await self._rows_after(reading, after):
            after = found[-1][0]
            yield [(source_id, body) for _, source_id, body in found]

    @reads_in_turn
    def _rows_after(self, cursor: Cursor, reading: Reading, after: int) -> list[tuple[int, str, str | None]]:
        return cursor.execute(
            "SELECT b.n, b.source_id, CASE WHEN b.body IS NULL AND b.digest IS NOT NULL THEN o.body ELSE b.body END "
            "FROM bodies b LEFT JOIN entities e ON e.integration = ? AND e.kind = ? AND e.source_id = b.source_id "
            "LEFT JOIN bodies o ON o.n = e.n WHERE b.reading = ? AND b.n > ? ORDER BY b.n LIMIT ?",
            (reading.of.integration, reading.of.kind, reading.id, after, _PAGE),
        ).fetchall()

    @writes
    def index_latest_rows(self, cursor: Cursor, reading: Reading) -> None:
        """Note the last row that came of each id, sorted. A stored row that was read is no longer missed."""
        cursor.execute("DELETE FROM latest WHERE reading = ?", (reading.id,))
        ids = cursor.execute(
            "INSERT INTO latest (reading, source_id, n, digest, active) "
            "SELECT reading, source_id, max(n), max(digest), max(active) "
            "FROM bodies WHERE reading = ? GROUP BY reading, source_id",
            (reading.id,),
        ).rowcount
        (rows,) = cursor.execute("SELECT count(*) FROM bodies WHERE reading = ?", (reading.id,)).fetchone()
        if rows > ids:
            # Of rows that came twice, the greatest values are not always the last.
            cursor.execute(
                "UPDATE latest SET digest = (SELECT b.digest FROM bodies b WHERE b.n = latest.n), "
                "active = (SELECT b.active FROM bodies b WHERE b.n = latest.n) WHERE reading = ? "
                "AND source_id IN (SELECT source_id FROM bodies WHERE reading = ? "
                "GROUP BY source_id HAVING count(*) > 1)",
                (reading.id, reading.id),
            )
        cursor.execute(
            "UPDATE entities SET missed_run = NULL WHERE integration = ? AND kind = ? AND missed_run IS NOT NULL "
            "AND EXISTS (SELECT 1 FROM latest l WHERE l.reading = ? AND l.source_id = entities.source_id)",
            (reading.of.integration, reading.of.kind, reading.id),
        )

    @writes
    def forget_new_rows(self, cursor: Cursor, reading: Reading) -> None:
        """Drop the rows of an indexed reading that are not stored: of a listing without an end none is created."""
        cursor.execute(
            "DELETE FROM latest WHERE reading = ? AND NOT EXISTS (SELECT 1 FROM entities e "
            "WHERE e.integration = ? AND e.kind = ? AND e.source_id = latest.source_id)",
            (reading.id, reading.of.integration, reading.of.kind),
        )

    @writes
    def forget(self, cursor: Cursor, reading: Reading, source_ids: Collection[str]) -> None:
        """Drop rows of an indexed reading: the provider has reported later that they were removed."""
        cursor.execute(
            f"DELETE FROM latest WHERE reading = ? AND source_id IN (SELECT value FROM {IDS})",  # noqa: S608 - a constant
            (reading.id, json.dumps(sorted(source_ids))),
        )

    @writes
    def discard(self, cursor: Cursor, run: Run, keep: Sequence[str]) -> None:
        """Drop staged rows of this run and of earlier ones, except for the kinds to ``keep`` for the next run."""
        close_readings(cursor, run.integration, except_for=(run.id, keep))


def open_reading(cursor: Cursor, run_id: str, of: StoredKind) -> Reading:
    (number,) = cursor.execute(
        "INSERT INTO readings (run_id, integration, kind) VALUES (?, ?, ?) RETURNING id",
        (run_id, of.integration, of.kind),
    ).fetchone()
    return Reading(number, run_id, of)


def close_readings(cursor: Cursor, integration: str, *, except_for: tuple[str, Sequence[str]] = ("", ())) -> None:
    """End an integration's open readings, except for some kinds of one run: no later run resumes them."""
    run_id, kinds = except_for
    found = cursor.execute(
        "SELECT id, run_id, kind FROM readings WHERE integration = ? AND is_open = 1", (integration,)
    ).fetchall()
    for reading, of_run, kind in found:
        if of_run != run_id or kind not in kinds:
            _close(cursor, integration, reading)


def _close(cursor: Cursor, integration: str, reading: int) -> None:
    """Drop the rows of a reading that are neither stored nor held."""
    cursor.execute("DELETE FROM checkpoints WHERE reading = ?", (reading,))
    cursor.execute("DELETE FROM latest WHERE reading = ?", (reading,))
    held = "SELECT n FROM changes WHERE integration = ? AND state = 'held' AND n IS NOT NULL"
    drop_bodies(cursor, integration, f"reading = ? AND n NOT IN ({held})", reading, integration)
    cursor.execute("UPDATE readings SET is_open = 0 WHERE id = ?", (reading,))


def _insert(cursor: Cursor, reading: Reading, rows: Sequence[StagedRow]) -> None:
    """Insert rows; one that equals the stored row goes without its body: most do, from the second run on."""
    marks = ", ".join(["(?, ?, ?, ?, ?, ?)"] * len(rows))
    cursor.execute(
        f"WITH rows (source_id, body, digest, active, page, place) AS (VALUES {marks}) "  # noqa: S608 - marks
        "INSERT INTO bodies (reading, source_id, body, digest, active, page, place) "
        "SELECT ?, p.source_id, CASE WHEN e.digest = p.digest THEN NULL ELSE p.body END, p.digest, p.active, "
        "p.page, p.place FROM rows p LEFT JOIN entities e ON e.integration = ? AND e.kind = ? "
        "AND e.source_id = p.source_id",
        [*(value for row in rows for value in row), reading.id, reading.of.integration, reading.of.kind],
    )

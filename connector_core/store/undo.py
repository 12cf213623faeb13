"""Undo: rows are kept as they were before a plan was applied, for some days if the operator wishes, and put back."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from connector_core.audit import Action
from connector_core.outcomes import Change, Operation, State
from connector_core.reasons import Code, Reason
from connector_core.store.audit import add_entry
from connector_core.store.changes import in_pages, name_in, values_between, with_names
from connector_core.store.erasure import note_removal
from connector_core.store.headcounts import OPPOSITE, moves_of_undo, record
from connector_core.store.rows import StoredKind, drop_bodies
from connector_core.store.sqlite import IDS, Cursor, Table, now, reads, timestamp, writes

_STEP = 2000
"""Rows put back by one statement."""
_ROWS = 5_000
"""Rows erased in one step: other processes wait that long to write."""
_STEPS = 100
"""Most steps after a run: the rest is left to the next one."""
_ROWS_THEN_AND_NOW = (
    "undoable u JOIN applications a ON a.n = u.application LEFT JOIN entities e ON e.integration = a.integration "
    "AND e.kind = u.kind AND e.source_id = u.source_id"
)
_RUN_SINCE = "SELECT 1 FROM runs WHERE integration = ? AND n > (SELECT n FROM runs WHERE id = ?)"
_UNDONE_SINCE = (
    "SELECT 1 FROM runs r JOIN changes c ON c.run_id = r.id "
    "WHERE r.integration = ? AND c.state = 'undone' AND c.decided_at >= ?"
)
# A row is as the plan left it if that run was the last one to change it.
_STALE = "CASE u.operation WHEN 'remove' THEN e.run_id IS NOT NULL ELSE e.run_id IS NOT a.run_id END"


@dataclass(frozen=True, slots=True)
class Undoable:
    """The plan that was applied last, while it can be put back."""

    number: int
    """The later an application, the greater."""
    run_id: str
    applied_at: datetime
    totals: Mapping[tuple[str, Operation], int]
    """Numbers of rows that are put back, by kind and by what is done for that: a row that was created is removed."""
    stale: int
    """Number of rows that have changed since: they stay as they are."""
    overtaken: bool = False
    """The integration has run since, or something was put back: this may not be the plan that is meant."""
    in_part: bool = False
    """Other changes of the same run were put back already."""

    @property
    def changes(self) -> int:
        return sum(self.totals.values())


@dataclass(frozen=True, slots=True)
class Undone:
    """Counts of rows that were put back, and of those that have changed since and stay."""

    put_back: int
    stale: int


class Undo(Table):
    """Shows, puts back and erases what applied plans have replaced."""

    @reads
    def last(self, cursor: Cursor, integration: str, days: int) -> Undoable | None:
        """Return the plan that was applied last, within so many days; None where there is none."""
        found = cursor.execute(
            "SELECT n, run_id, applied_at FROM applications WHERE integration = ? AND applied_at >= ? "
            "ORDER BY n DESC LIMIT 1",
            (integration, _before(days)),
        ).fetchone()
        if not found:
            return None
        number, run_id, applied_at = found
        totals: dict[tuple[str, Operation], int] = {}
        left_out = 0
        for kind, operation, stale, rows in cursor.execute(
            f"SELECT u.kind, u.operation, {_STALE} AS stale, count(*) FROM {_ROWS_THEN_AND_NOW} "  # noqa: S608 - ours
            "WHERE u.application = ? GROUP BY u.kind, u.operation, stale",
            (number,),
        ):
            if stale:
                left_out += rows
            else:
                totals[kind, OPPOSITE[Operation(operation)]] = rows
        in_part = _is_true(cursor, "SELECT 1 FROM changes WHERE run_id = ? AND state = 'undone'", run_id)
        overtaken = in_part or any(
            _is_true(cursor, statement, integration, since)
            for statement, since in ((_RUN_SINCE, run_id), (_UNDONE_SINCE, applied_at))
        )
        return Undoable(number, run_id, datetime.fromisoformat(applied_at), totals, left_out, overtaken, in_part)

    async def changes(
        self, undoable: Undoable, *, limits: Mapping[Operation, int] | None = None
    ) -> AsyncIterator[Change]:
        """Yield what putting back changes, with old and new values; of each operation up to a limit."""
        kinds = sorted({kind for kind, _ in undoable.totals})
        async for change in in_pages(kinds, limits, partial(self._changes_after, undoable)):
            yield change

    @reads
    def _changes_after(
        self, cursor: Cursor, undoable: Undoable, kind: str, operation: Operation, after: str, most: int
    ) -> list[Change]:
        rows = cursor.execute(
            f"SELECT u.source_id, b.body, u.body FROM {_ROWS_THEN_AND_NOW} LEFT JOIN bodies b ON b.n = e.n "  # noqa: S608 - ours
            f"WHERE u.application = ? AND u.kind = ? AND u.operation = ? AND NOT {_STALE} AND u.source_id > ? "
            "ORDER BY u.source_id LIMIT ?",
            (undoable.number, kind, OPPOSITE[operation], after, most),
        )
        found = []
        for source_id, stored, kept in rows:
            values = values_between(stored, kept) if operation is not Operation.REMOVE else ()
            reason = Reason(Code.PUT_BACK, run=undoable.run_id[:8])
            fields = tuple([one.field for one in values]) if operation is Operation.UPDATE else ()
            label = name_in(kept or stored)
            found.append(Change(kind, source_id, operation, reason, fields, label=label, values=values))
        return with_names(cursor, undoable.run_id, kind, found)

    @writes
    def put_back(self, cursor: Cursor, integration: str, undoable: Undoable) -> Undone:
        """Put rows back as they were before the plan, all that have not changed since, as one.

        Their kinds are read from the beginning next time: a delta would not see that they are behind. And what the plan
        has vouched for counts no more, so the next run holds losses.
        """
        number, put_back = undoable.number, 0
        stale = cursor.execute(
            "DELETE FROM undoable WHERE application = ? AND (kind, source_id) IN "  # noqa: S608 - ours
            f"(SELECT u.kind, u.source_id FROM {_ROWS_THEN_AND_NOW} WHERE u.application = ? AND {_STALE})",
            (number, number),
        ).rowcount
        moves = moves_of_undo(cursor, integration, number)
        for (kind,) in cursor.execute("SELECT DISTINCT kind FROM undoable WHERE application = ?", (number,)).fetchall():
            of = StoredKind(integration, kind)
            _remove_created(cursor, of, number)
            _restore_removed(cursor, of, undoable)
            put_back += _restore_updated(cursor, of, undoable)
            cursor.execute("DELETE FROM last_scans WHERE integration = ? AND kind = ?", (integration, kind))
            cursor.execute(
                "UPDATE acceptances SET acceptance_key = '' WHERE integration = ? AND kind = ?", (integration, kind)
            )
        cursor.execute("DELETE FROM applications WHERE n = ?", (number,))
        note_removal(cursor)
        record(cursor, integration, undoable.run_id, moves)
        add_entry(cursor, Action.UNDONE, integration, undoable.run_id, put_back=put_back, stale=stale)
        return Undone(put_back, stale)

    async def erase(self, integration: str, days: int) -> None:
        """Erase what was kept longer ago than so many days: all of it for 0."""
        for _ in range(_STEPS):
            if not await self._erase_some(integration, days):
                break

    @writes
    def _erase_some(self, cursor: Cursor, integration: str, days: int) -> bool:
        # What is dated in the future, by a clock that was ahead, counts from now.
        cursor.execute(
            "UPDATE applications SET applied_at = ? WHERE integration = ? AND applied_at > ?",
            (now(), integration, now()),
        )
        found = cursor.execute(
            "SELECT n FROM applications WHERE integration = ? AND (? = 0 OR applied_at < ?) ORDER BY n LIMIT 1",
            (integration, days, _before(days)),
        ).fetchone()
        if not found:
            return False
        erased = cursor.execute(
            "DELETE FROM undoable WHERE application = ? AND (kind, source_id) IN "
            "(SELECT kind, source_id FROM undoable WHERE application = ? LIMIT ?)",
            (*found, *found, _ROWS),
        ).rowcount
        if erased < _ROWS:
            cursor.execute("DELETE FROM applications WHERE n = ?", found)
        note_removal(cursor)
        return True


def _is_true(cursor: Cursor, statement: str, *arguments: str) -> bool:
    return cursor.execute(f"{statement} LIMIT 1", arguments).fetchone() is not None


def _before(days: int) -> str:
    return timestamp(datetime.now(UTC) - timedelta(days=days))


def _remove_created(cursor: Cursor, of: StoredKind, number: int) -> None:
    gone = cursor.execute(
        "DELETE FROM entities WHERE integration = ? AND kind = ? AND source_id IN (SELECT source_id FROM undoable "
        "WHERE application = ? AND kind = ? AND operation = 'create') RETURNING n",
        (of.integration, of.kind, number, of.kind),
    ).fetchall()
    if gone:
        which = f"n IN (SELECT value FROM {IDS})"  # noqa: S608 - a constant
        drop_bodies(cursor, of.integration, which, json.dumps([n for (n,) in gone]))


def _restore_removed(cursor: Cursor, of: StoredKind, undoable: Undoable) -> None:
    """Store removed rows again, under a reading of their own: the one that brought them may be gone."""
    which = "application = ? AND kind = ? AND operation = 'remove'"
    arguments = (undoable.number, of.kind)
    if not cursor.execute(f"SELECT 1 FROM undoable WHERE {which} LIMIT 1", arguments).fetchone():  # noqa: S608 - ours
        return
    cursor.execute(
        "INSERT INTO readings (run_id, integration, kind, is_open) VALUES (?, ?, ?, 0)",
        (undoable.run_id, of.integration, of.kind),
    )
    reading = cursor.lastrowid
    cursor.execute(
        "INSERT INTO bodies (reading, source_id, body, digest, active) "  # noqa: S608 - ours
        f"SELECT ?, source_id, body, digest, active FROM undoable WHERE {which} ORDER BY source_id",
        (reading, *arguments),
    )
    cursor.execute(
        "INSERT INTO entities (integration, kind, source_id, n, digest, active, run_id) "
        "SELECT ?, u.kind, u.source_id, b.n, u.digest, u.active, u.run_id FROM bodies b JOIN undoable u "
        "ON u.application = ? AND u.kind = ? AND u.source_id = b.source_id WHERE b.reading = ?",
        (of.integration, *arguments, reading),
    )


def _restore_updated(cursor: Cursor, of: StoredKind, undoable: Undoable) -> int:
    """Restore updated rows, then note of every row that it was put back, and forget what was kept; return how many.

    In steps: SQLite keeps what a statement changes in memory.
    """
    rows = "u.application = ? AND u.kind = ? AND u.source_id > ? AND u.source_id <= ?"
    put_back, after = 0, ""
    while last := cursor.execute(
        "SELECT max(source_id) FROM (SELECT source_id FROM undoable WHERE application = ? AND kind = ? "
        "AND source_id > ? ORDER BY source_id LIMIT ?)",
        (undoable.number, of.kind, after, _STEP),
    ).fetchone()[0]:
        step = (undoable.number, of.kind, after, last)
        cursor.execute(
            "UPDATE bodies SET body = u.body, active = u.active FROM undoable u JOIN entities e "  # noqa: S608 - ours
            "ON e.integration = ? AND e.kind = u.kind AND e.source_id = u.source_id "
            f"WHERE {rows} AND u.operation = 'update' AND bodies.n = e.n",
            (of.integration, *step),
        )
        cursor.execute(
            "UPDATE entities SET digest = u.digest, active = u.active, run_id = u.run_id FROM undoable u "  # noqa: S608 - ours
            f"WHERE {rows} AND u.operation = 'update' AND entities.integration = ? AND entities.kind = u.kind "
            "AND entities.source_id = u.source_id",
            (*step, of.integration),
        )
        cursor.execute(
            "UPDATE changes SET state = ?, decided_at = ? WHERE run_id = ? AND kind = ? "  # noqa: S608 - ours
            f"AND source_id IN (SELECT u.source_id FROM undoable u WHERE {rows})",
            (State.UNDONE, now(), undoable.run_id, of.kind, *step),
        )
        put_back += cursor.execute(f"DELETE FROM undoable AS u WHERE {rows}", step).rowcount  # noqa: S608 - ours
        after = last
    return put_back

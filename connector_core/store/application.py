"""Applying a plan: what was staged becomes what is stored, in one transaction."""

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

from connector_core.outcomes import Run, State
from connector_core.store.database import Database, now


@dataclass(frozen=True, slots=True)
class Applied:
    """How many changes were applied, and how many had been overtaken by what is stored."""

    applied: int
    stale: int


NEW = (
    "latest l JOIN readings g ON g.id = l.reading WHERE g.run_id = ? AND g.kind = ? AND g.done = 0 "
    "AND l.digest IS NOT NULL AND NOT EXISTS (SELECT 1 FROM entities e "
    "WHERE e.integration = ? AND e.kind = ? AND e.source_id = l.source_id)"
)
"""The rows of a run that are not stored yet."""


def apply_plan(database: Database, run: Run, reason: str, unproven: Collection[str]) -> int:
    """Applies what a run has planned, creates what it has read besides, and remembers both; how many changes."""
    with database.transaction() as cursor:
        # What was planned first: it is found faster than among all that is created.
        applied = _apply(cursor, run.id, State.PLANNED, unproven)
        created = sum(add_creates(cursor, run, kind, State.APPLIED, reason) for kind in run.kinds)
        _create(cursor, run.id, State.APPLIED)
        return applied + created


def apply_held(database: Database, run_id: str) -> Applied:
    """Applies a run's held changes.

    A change is stale, and not applied, when the stored row is not the one it was planned against.
    """
    with database.transaction() as cursor:
        stale = _mark_stale(cursor, run_id)
        _create(cursor, run_id, State.HELD)
        return Applied(_apply(cursor, run_id, State.HELD, ()), stale)


def add_creates(cursor: sqlite3.Cursor, run: Run, kind: str, state: State, reason: str) -> int:
    """Remembers the creation of every row that is not stored yet; how many there are."""
    return cursor.execute(
        "INSERT INTO changes (run_id, integration, kind, source_id, operation, state, loss, fields, reason, n, "  # noqa: S608
        "digest, decided_at) SELECT ?, ?, ?, l.source_id, 'create', ?, 0, '[]', ?, l.n, l.digest, ? "
        f"FROM {NEW} ORDER BY l.source_id",
        (run.id, run.integration, kind, state, reason, now(), run.id, kind, run.integration, kind),
    ).rowcount


def _create(cursor: sqlite3.Cursor, run_id: str, state: State) -> None:
    """What is stored points to the row as it was read."""
    cursor.execute(
        "INSERT INTO entities (integration, kind, source_id, n, digest, run_id) "
        "SELECT integration, kind, source_id, n, digest, run_id FROM changes "
        "WHERE run_id = ? AND state = ? AND operation = 'create' ORDER BY kind, source_id",
        (run_id, state),
    )


def _apply(cursor: sqlite3.Cursor, run_id: str, state: State, unproven: Collection[str]) -> int:
    """Updates and removals, and what follows from a plan that is applied; how many changes."""
    _write(cursor, run_id, state)
    applied = cursor.execute(
        "UPDATE changes SET state = 'applied', body = NULL, decided_at = ? WHERE run_id = ? AND state = ?",
        (now(), run_id, state),
    ).rowcount
    for (kind,) in cursor.execute("SELECT kind FROM certificates WHERE run_id = ?", (run_id,)).fetchall():
        if kind not in unproven:
            _accept_scope(cursor, run_id, kind, state)
    return applied


def end_held(cursor: sqlite3.Cursor, state: State, which: str, *arguments: str) -> int:
    """Held changes will not be applied, and the bodies that they would have created go; how many there were.

    ``which`` is a condition on changes.
    """
    held = f"{which} AND state = 'held'"
    cursor.execute(
        f"DELETE FROM bodies WHERE n IN (SELECT n FROM changes WHERE {held} AND n IS NOT NULL)",  # noqa: S608 - ours
        arguments,
    )
    return cursor.execute(
        f"UPDATE changes SET state = ?, body = NULL, n = NULL, decided_at = ? WHERE {held}",  # noqa: S608 - ours
        (state, now(), *arguments),
    ).rowcount


def _accept_scope(cursor: sqlite3.Cursor, run_id: str, kind: str, state: State) -> None:
    """The token, account and rule of a reading are accepted when nothing of it is held back.

    That is after a complete reading, after the very first one, or because somebody saw the plan and applied it.
    """
    cursor.execute(
        "INSERT INTO scopes (integration, kind, scope) SELECT r.integration, t.kind, t.scope "
        "FROM certificates t JOIN runs r ON r.id = t.run_id WHERE t.run_id = ? AND t.kind = ? "
        "AND NOT EXISTS (SELECT 1 FROM changes c WHERE c.run_id = t.run_id AND c.kind = t.kind "
        "AND c.state = 'held') AND (t.complete = 1 OR ? = 'held' OR NOT EXISTS (SELECT 1 FROM scopes o "
        "WHERE o.integration = r.integration AND o.kind = t.kind)) "
        "ON CONFLICT (integration, kind) DO UPDATE SET scope = excluded.scope",
        (run_id, kind, state),
    )


def _mark_stale(cursor: sqlite3.Cursor, run_id: str) -> int:
    state, moment = State.HELD, now()
    # Whoever a later run has read, be it cut off, is there.
    seen = cursor.execute(
        "UPDATE changes SET state = 'stale', decided_at = ? WHERE run_id = ? AND state = ? AND operation = 'remove' "
        "AND source_id IN (SELECT b.source_id FROM checkpoints p JOIN readings g ON g.id = p.reading "
        "JOIN runs r ON r.id = g.run_id JOIN bodies b ON b.reading = g.id WHERE r.integration = changes.integration "
        "AND g.run_id <> changes.run_id AND g.kind = changes.kind AND b.digest IS NOT NULL)",
        (moment, run_id, state),
    ).rowcount
    overtaken = (
        "run_id = ? AND state = ? AND ((operation = 'create') = EXISTS (SELECT 1 FROM entities e "
        "WHERE e.integration = changes.integration AND e.kind = changes.kind AND e.source_id = changes.source_id "
        "AND (changes.operation = 'create' OR e.digest = changes.base_digest)))"
    )
    cursor.execute(
        f"DELETE FROM bodies WHERE n IN (SELECT n FROM changes WHERE {overtaken} AND n IS NOT NULL)",  # noqa: S608 - ours
        (run_id, state),
    )
    return (
        seen
        + cursor.execute(
            f"UPDATE changes SET state = 'stale', body = NULL, n = NULL, decided_at = ? WHERE {overtaken}",  # noqa: S608 - ours
            (moment, run_id, state),
        ).rowcount
    )


def _write(cursor: sqlite3.Cursor, run_id: str, state: State) -> None:
    cursor.execute(
        "UPDATE bodies SET body = c.body FROM changes c JOIN entities e ON e.integration = c.integration "
        "AND e.kind = c.kind AND e.source_id = c.source_id "
        "WHERE c.run_id = ? AND c.state = ? AND c.operation = 'update' AND bodies.n = e.n",
        (run_id, state),
    )
    cursor.execute(
        "UPDATE entities SET digest = c.digest, run_id = c.run_id FROM changes c "
        "WHERE c.run_id = ? AND c.state = ? AND c.operation = 'update' AND entities.integration = c.integration "
        "AND entities.kind = c.kind AND entities.source_id = c.source_id",
        (run_id, state),
    )
    gone = cursor.execute(
        "DELETE FROM entities WHERE (integration, kind, source_id) IN (SELECT integration, kind, source_id "
        "FROM changes WHERE run_id = ? AND state = ? AND operation = 'remove') RETURNING n",
        (run_id, state),
    ).fetchall()
    cursor.executemany("DELETE FROM bodies WHERE n = ?", gone)

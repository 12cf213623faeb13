"""Applying a plan: what was staged becomes what is stored, in one transaction."""

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

from connector_core.errors import StoreError
from connector_core.outcomes import State
from connector_core.store.database import Database, now


@dataclass(frozen=True, slots=True)
class Applied:
    """How many changes were applied, and how many had been overtaken by what is stored."""

    applied: int
    stale: int


def apply_changes(database: Database, run_id: str, state: State, unproven: Collection[str]) -> Applied:
    """Applies a run's changes in this state.

    A change is stale, and not applied, when the stored row is not the one it was planned against.
    """
    moment = now()
    with database.transaction() as cursor:
        stale = _mark_stale(cursor, run_id, state, moment)
        _write(cursor, run_id, state)
        applied = cursor.execute(
            "UPDATE changes SET state = 'applied', body = NULL, decided_at = ? WHERE run_id = ? AND state = ?",
            (moment, run_id, state),
        ).rowcount
        for (kind,) in cursor.execute("SELECT kind FROM certificates WHERE run_id = ?", (run_id,)).fetchall():
            if kind not in unproven:
                _accept_scope(cursor, run_id, kind, state)
    return Applied(applied, stale)


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


def _mark_stale(cursor: sqlite3.Cursor, run_id: str, state: State, moment: str) -> int:
    # Whoever a later run has read, be it cut off, is there.
    seen = cursor.execute(
        "UPDATE changes SET state = 'stale', decided_at = ? WHERE run_id = ? AND state = ? AND operation = 'remove' "
        "AND EXISTS (SELECT 1 FROM staged s JOIN runs r ON r.id = s.run_id WHERE r.integration = changes.integration "
        "AND s.run_id <> changes.run_id AND s.kind = changes.kind AND s.source_id = changes.source_id "
        "AND s.body IS NOT NULL)",
        (moment, run_id, state),
    ).rowcount
    return (
        seen
        + cursor.execute(
            "UPDATE changes SET state = 'stale', body = NULL, decided_at = ? WHERE run_id = ? AND state = ? "
            "AND (operation = 'create') = EXISTS (SELECT 1 FROM entities e WHERE e.integration = changes.integration "
            "AND e.kind = changes.kind AND e.source_id = changes.source_id "
            "AND (changes.operation = 'create' OR e.digest = changes.base_digest))",
            (moment, run_id, state),
        ).rowcount
    )


def _write(cursor: sqlite3.Cursor, run_id: str, state: State) -> None:
    (creates,) = cursor.execute(
        "SELECT count(*) FROM changes WHERE run_id = ? AND state = ? AND operation = 'create'", (run_id, state)
    ).fetchone()
    created = cursor.execute(
        "INSERT INTO entities (integration, kind, source_id, body, digest, run_id) "
        "SELECT c.integration, c.kind, c.source_id, s.body, s.digest, c.run_id FROM changes c JOIN staged s "
        "ON s.run_id = c.run_id AND s.kind = c.kind AND s.source_id = c.source_id "
        "WHERE c.run_id = ? AND c.state = ? AND c.operation = 'create'",
        (run_id, state),
    ).rowcount
    if created != creates:
        raise StoreError(f"The plan has {creates} to create, and {created} of them are staged; nothing was applied.")
    cursor.execute(
        "UPDATE entities SET body = c.body, digest = c.digest, run_id = c.run_id FROM changes c "
        "WHERE c.run_id = ? AND c.state = ? AND c.operation = 'update' AND entities.integration = c.integration "
        "AND entities.kind = c.kind AND entities.source_id = c.source_id",
        (run_id, state),
    )
    cursor.execute(
        "DELETE FROM entities WHERE EXISTS (SELECT 1 FROM changes c WHERE c.run_id = ? AND c.state = ? "
        "AND c.operation = 'remove' AND c.integration = entities.integration AND c.kind = entities.kind "
        "AND c.source_id = entities.source_id)",
        (run_id, state),
    )

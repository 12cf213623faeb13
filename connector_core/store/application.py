"""Applying a plan: what was staged becomes what is stored, in one transaction."""

import json
from collections.abc import Collection
from dataclasses import dataclass

import msgspec

from connector_core.audit import Action
from connector_core.outcomes import Operation, Run, State
from connector_core.reasons import Reason, encode_hook
from connector_core.store.audit import add_entry
from connector_core.store.comparison import NEW_ROWS
from connector_core.store.erasure import note_removal
from connector_core.store.headcounts import Moves, moves_of, record
from connector_core.store.kept import application_of, keep
from connector_core.store.rows import Reading, drop_bodies
from connector_core.store.selection import Selection, count_held, take
from connector_core.store.sqlite import IDS, Cursor, now

_STEP = 2000
"""Changes applied by one statement."""
_encode = msgspec.json.Encoder(enc_hook=encode_hook).encode


@dataclass(frozen=True, slots=True)
class Applied:
    """Counts of changes that were applied, and of those that were overtaken by what is stored."""

    applied: int
    stale: int
    held: int = 0
    """The rest of the plan, which still waits."""


def apply_plan(
    cursor: Cursor, run: Run, readings: Collection[Reading], new: Reason, unproven: Collection[str], *, undoable: bool
) -> int:
    """Apply what a run has planned, create what it has read besides, and record both; return how many changes."""
    kinds = _kinds(cursor, run.id)
    moves = {kind: Moves() for kind in kinds} | moves_of(cursor, run.id, State.PLANNED)
    with application_of(cursor, run.integration, run.id, undoable=undoable) as application:
        # What was planned first: it is found faster than among all that is created.
        applied = _apply_changes(cursor, run.integration, run.id, State.PLANNED, application)
        for reading in readings:
            moves.setdefault(reading.of.kind, Moves()).created = add_creates(cursor, reading, State.APPLIED, new)
        _create(cursor, run.id, State.APPLIED, application)
    _accept(cursor, run.id, State.PLANNED, [kind for kind in kinds if kind not in unproven])
    record(cursor, run.integration, run.id, moves)
    return applied + sum(one.created for one in moves.values())


def apply_held_plan(
    cursor: Cursor, integration: str, run_id: str, *, undoable: bool, only: Selection | None = None
) -> Applied:
    """Apply a run's held changes, or only a selection of them; the rest stays held.

    A change is stale, and not applied, when the stored row is not the one it was planned against.
    """
    state = take(cursor, run_id, only)
    stale = _mark_stale(cursor, integration, run_id, state)
    moves = moves_of(cursor, run_id, state)
    with application_of(cursor, integration, run_id, undoable=undoable) as application:
        _create(cursor, run_id, state, application)
        applied = _apply_changes(cursor, integration, run_id, state, application)
    held = count_held(cursor, integration, run_id)
    # While some of it waits, only a kind is accepted of which a part was decided now, and that was the last one.
    _accept(cursor, run_id, State.HELD, list(moves) if held else _kinds(cursor, run_id))
    record(cursor, integration, run_id, moves)
    add_entry(cursor, Action.PLAN_APPLIED, integration, run_id, applied=applied, stale=stale, held=held)
    return Applied(applied, stale, held)


def discard_held_plan(cursor: Cursor, integration: str, run_id: str, *, only: Selection | None = None) -> int:
    """Drop a run's held changes, or only a selection of them; return how many."""
    state = take(cursor, run_id, only)
    discarded = end_held(cursor, integration, State.DISCARDED, "run_id = ?", run_id, was=state)
    held = count_held(cursor, integration, run_id)
    add_entry(cursor, Action.PLAN_DISCARDED, integration, run_id, discarded=discarded, held=held)
    return discarded


def add_creates(cursor: Cursor, reading: Reading, state: State, reason: Reason) -> int:
    """Record the creation of every row that is not stored yet; return how many there are."""
    of = reading.of
    return cursor.execute(
        "INSERT INTO changes (run_id, integration, kind, source_id, operation, state, loss, fields, reason, n, "  # noqa: S608 - a constant
        "active, digest, decided_at) SELECT ?, ?, ?, l.source_id, 'create', ?, 0, '[]', ?, l.n, l.active, l.digest, ? "
        f"FROM {NEW_ROWS} ORDER BY l.source_id",
        (
            reading.run_id,
            of.integration,
            of.kind,
            state,
            reason_text(reason),
            now(),
            reading.id,
            of.integration,
            of.kind,
        ),
    ).rowcount


def reason_text(reason: Reason) -> str:
    """Encode a reason for its column."""
    return _encode(reason).decode()


def end_held(
    cursor: Cursor, integration: str, state: State, which: str, *arguments: str, was: State = State.HELD
) -> int:
    """End held changes without applying them, and drop what they would have created; return how many there were.

    Args:
        cursor: Of the transaction.
        integration: The one whose changes they are.
        state: The one that they get.
        which: A condition on changes.
        arguments: Those of the condition.
        was: The one that they have: see ``take``.
    """
    held = f"{which} AND state = '{was}'"
    bodies = f"n IN (SELECT n FROM changes WHERE {held} AND n IS NOT NULL)"  # noqa: S608 - ours
    drop_bodies(cursor, integration, bodies, *arguments)
    if state is State.REPLACED:
        runs = f"SELECT run_id FROM changes WHERE {held}"  # noqa: S608 - ours
        cursor.execute(f"UPDATE runs SET replaced = 1 WHERE id IN ({runs})", arguments)  # noqa: S608 - ours
        # The newer plan has the creates, too: with each run there would be as many more of them.
        cursor.execute(f"DELETE FROM changes WHERE {held} AND operation = 'create'", arguments)  # noqa: S608 - ours
    return cursor.execute(
        f"UPDATE changes SET state = ?, body = NULL, n = NULL, decided_at = ? WHERE {held}",  # noqa: S608 - ours
        (state, now(), *arguments),
    ).rowcount


def _create(cursor: Cursor, run_id: str, state: State, application: int | None) -> None:
    """Let the stored entities point to the rows as they were read."""
    if application is not None:
        keep(cursor, application, run_id, state, Operation.CREATE)
    cursor.execute(
        "INSERT INTO entities (integration, kind, source_id, n, digest, active, run_id) "
        "SELECT integration, kind, source_id, n, digest, active, run_id FROM changes "
        "WHERE run_id = ? AND state = ? AND operation = 'create' ORDER BY kind, source_id",
        (run_id, state),
    )


def _apply_changes(cursor: Cursor, integration: str, run_id: str, state: State, application: int | None) -> int:
    """Apply updates and removals, and mark everything of that state as applied; return how many changes."""
    if application is not None:
        keep(cursor, application, run_id, state, Operation.UPDATE, Operation.REMOVE)
    arguments = (run_id, state)
    kinds = cursor.execute("SELECT DISTINCT kind FROM changes WHERE run_id = ?", (run_id,)).fetchall()
    updated = sum([_update(cursor, run_id, state, kind) for (kind,) in kinds])
    gone = cursor.execute(
        "DELETE FROM entities WHERE (integration, kind, source_id) IN (SELECT integration, kind, source_id "
        "FROM changes WHERE run_id = ? AND state = ? AND operation = 'remove') RETURNING n",
        arguments,
    ).fetchall()
    if gone:
        note_removal(cursor)
        which = f"n IN (SELECT value FROM {IDS})"  # noqa: S608 - a constant
        drop_bodies(cursor, integration, which, json.dumps([n for (n,) in gone]))
    rest = cursor.execute(
        "UPDATE changes SET state = 'applied', decided_at = ? WHERE run_id = ? AND state = ?", (now(), *arguments)
    ).rowcount
    return updated + rest


def _update(cursor: Cursor, run_id: str, state: State, kind: str) -> int:
    """Update the stored rows of a kind; return how many. In steps: SQLite keeps what a statement changes in memory."""
    rows = "c.run_id = ? AND c.kind = ? AND c.source_id > ? AND c.source_id <= ?"
    step = f"{rows} AND c.state = ? AND c.operation = 'update'"
    updated, after = 0, ""
    while last := cursor.execute(
        "SELECT max(source_id) FROM (SELECT source_id FROM changes WHERE run_id = ? AND kind = ? AND source_id > ? "
        "ORDER BY source_id LIMIT ?)",
        (run_id, kind, after, _STEP),
    ).fetchone()[0]:
        arguments = (run_id, kind, after, last, state)
        cursor.execute(
            "UPDATE bodies SET body = c.body, active = c.active FROM changes c JOIN entities e "  # noqa: S608 - ours
            "ON e.integration = c.integration AND e.kind = c.kind AND e.source_id = c.source_id "
            f"WHERE {step} AND bodies.n = e.n",
            arguments,
        )
        cursor.execute(
            "UPDATE entities SET digest = c.digest, active = c.active, run_id = c.run_id FROM changes c "  # noqa: S608
            f"WHERE {step} AND entities.integration = c.integration AND entities.kind = c.kind "
            "AND entities.source_id = c.source_id",
            arguments,
        )
        updated += cursor.execute(
            f"UPDATE changes AS c SET state = 'applied', body = NULL, decided_at = ? WHERE {step}",  # noqa: S608 - ours
            (now(), *arguments),
        ).rowcount
        after = last
    return updated


def _kinds(cursor: Cursor, run_id: str) -> list[str]:
    rows = cursor.execute("SELECT kind FROM certificates WHERE run_id = ? ORDER BY kind", (run_id,))
    return [kind for (kind,) in rows.fetchall()]


def _accept(cursor: Cursor, run_id: str, state: State, kinds: Collection[str]) -> None:
    """Accept the token, account and rule of each of these kinds of which all that the run has planned was applied.

    That is after a complete reading, after the very first one, or because an operator saw the plan and applied it. A
    change that waits, or that an operator has discarded or put back, says that the plan is not agreed to.
    """
    for kind in kinds:
        cursor.execute(
            "INSERT INTO acceptances (integration, kind, acceptance_key, was_complete) "
            "SELECT r.integration, t.kind, t.acceptance_key, t.complete FROM certificates t "
            "JOIN runs r ON r.id = t.run_id WHERE t.run_id = ? AND t.kind = ? AND NOT EXISTS (SELECT 1 FROM changes c "
            "WHERE c.run_id = t.run_id AND c.kind = t.kind AND c.state IN ('held', 'discarded', 'undone')) "
            "AND (t.complete = 1 OR ? = 'held' "
            "OR NOT EXISTS (SELECT 1 FROM acceptances o WHERE o.integration = r.integration AND o.kind = t.kind)) "
            "ON CONFLICT (integration, kind) DO UPDATE SET acceptance_key = excluded.acceptance_key, "
            "was_complete = CASE excluded.was_complete WHEN 1 THEN 1 ELSE acceptances.was_complete END",
            (run_id, kind, state),
        )


def _mark_stale(cursor: Cursor, integration: str, run_id: str, was: State) -> int:
    seen = sum([_mark_present(cursor, run_id, was, kind, integration) for kind in _removing(cursor, run_id, was)])
    overtaken = (
        "run_id = ? AND ((operation = 'create') = EXISTS (SELECT 1 FROM entities e "
        "WHERE e.integration = changes.integration AND e.kind = changes.kind AND e.source_id = changes.source_id "
        "AND (changes.operation = 'create' OR e.digest = changes.base_digest)))"
    )
    return seen + end_held(cursor, integration, State.STALE, overtaken, run_id, was=was)


def _removing(cursor: Cursor, run_id: str, state: State) -> list[str]:
    """Return the kinds of which the changes in this state remove rows."""
    rows = cursor.execute(
        "SELECT DISTINCT kind FROM changes WHERE run_id = ? AND state = ? AND operation = 'remove'", (run_id, state)
    )
    return [kind for (kind,) in rows.fetchall()]


def _mark_present(cursor: Cursor, run_id: str, was: State, kind: str, integration: str) -> int:
    """Mark removals of rows that a later run has read, even an interrupted one, as stale: the rows exist."""
    # Once for all removals: asked for each of them, every row of the reading would be looked at again.
    read = (
        "SELECT b.source_id FROM readings g JOIN checkpoints p ON p.reading = g.id JOIN bodies b ON b.reading = g.id "
        "WHERE g.integration = ? AND g.kind = ? AND g.is_open = 1 AND g.run_id <> ? AND b.digest IS NOT NULL"
    )
    which = f"run_id = ? AND kind = ? AND operation = 'remove' AND source_id IN ({read})"
    return end_held(cursor, integration, State.STALE, which, run_id, kind, integration, kind, run_id, was=was)

"""Plans: the changes of a run, saved before anything is changed, and held until an operator decides."""

import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from connector_core.field_changes import FieldChange
from connector_core.outcomes import Change, Operation, Run, State
from connector_core.reasons import Reason, decode_hook
from connector_core.store.application import (
    Applied,
    add_creates,
    apply_held_plan,
    apply_plan,
    discard_held_plan,
    end_held,
    reason_text,
)
from connector_core.store.changes import behind, in_pages, name_in, values_between, with_names
from connector_core.store.held import Held, find_held
from connector_core.store.planned import GuardedPlan, Hold, Removal, Update
from connector_core.store.rows import Reading, StoredKind
from connector_core.store.runs import save_certificate
from connector_core.store.selection import Selection, Totals, count_changes
from connector_core.store.sqlite import Cursor, Table, reads, writes

_WAITING = {State.PLANNED, State.HELD}
"""Not decided yet."""
decode_reason = msgspec.json.Decoder(Reason, dec_hook=decode_hook).decode
decode_reasons = msgspec.json.Decoder(tuple[Reason, ...], dec_hook=decode_hook).decode


class Plans(Table):
    """Saves, applies, holds and lists planned changes."""

    @writes
    def add_updates(self, cursor: Cursor, run: Run, of: StoredKind, updates: Sequence[Update], hold: Hold) -> None:
        """Save updates, held or planned. They count once the plan is saved: an interrupted run's are dropped."""
        key = (run.id, of.integration, of.kind)
        cursor.executemany(
            _INSERT,
            [
                (
                    *(*key, one.source_id, Operation.UPDATE, _state(one, hold), one.loss, json.dumps(one.fields)),
                    *(json.dumps(one.cleared) if one.cleared else None, reason_text(one.reason)),
                    *(one.body, one.active, one.digest, one.base_digest, one.page, one.place, None),
                )
                for one in updates
            ],
        )

    @writes
    def save(self, cursor: Cursor, run: Run, plans: Sequence[GuardedPlan]) -> dict[str, str]:
        """Save certificates and plans whose updates were added; return the names of the rows that are removed, by id.

        A newer reading of a kind replaces the held changes of older ones.
        """
        for plan in plans:
            save_certificate(cursor, run, plan.certificate, plan.acceptance_key, plan.held_because)
            if plan.certificate.pages:
                older = "integration = ? AND kind = ? AND run_id <> ?"
                end_held(cursor, run.integration, State.REPLACED, older, run.integration, plan.certificate.kind, run.id)
            _insert_removals(cursor, run, plan)
            if Hold.CREATES in plan.hold:
                add_creates(cursor, plan.reading, State.HELD, plan.new)
        rows = cursor.execute(
            "SELECT c.source_id, b.body FROM changes c JOIN entities e ON e.integration = c.integration "
            "AND e.kind = c.kind AND e.source_id = c.source_id JOIN bodies b ON b.n = e.n "
            "WHERE c.run_id = ? AND c.operation = 'remove'",
            (run.id,),
        )
        return {source_id: name_in(body) for source_id, body in rows}

    @writes
    def apply(
        self,
        cursor: Cursor,
        run: Run,
        readings: Collection[Reading],
        new: Reason,
        unproven: Collection[str],
        *,
        undoable: bool = False,
    ) -> int:
        """Apply what a run has read and planned and is not held, as one; return how many changes.

        Args:
            run: It has just been planned, under the integration's lock.
            readings: Its readings: rows that are not stored yet are created.
            new: The reason of those.
            unproven: Kinds with rows that are missing and not proven gone.
            undoable: Keep the rows as they were, so that they can be put back.
        """
        return apply_plan(cursor, run, readings, new, unproven, undoable=undoable)

    @writes
    def apply_held(
        self, cursor: Cursor, integration: str, held: Held, *, undoable: bool = False, only: Selection | None = None
    ) -> Applied:
        """Apply a held plan, or a selection of it, as one. ``undoable``: as for `apply`."""
        return apply_held_plan(cursor, integration, held.run_id, undoable=undoable, only=only)

    @writes
    def discard(self, cursor: Cursor, integration: str, held: Held, *, only: Selection | None = None) -> int:
        """Drop a held plan, or a selection of it; return how many changes that were."""
        return discard_held_plan(cursor, integration, held.run_id, only=only)

    @reads
    def is_held(self, cursor: Cursor, of: StoredKind) -> bool:
        """Return True if changes of this kind wait for an operator."""
        found = cursor.execute(
            "SELECT 1 FROM changes WHERE integration = ? AND kind = ? AND state = 'held' LIMIT 1",
            (of.integration, of.kind),
        )
        return found.fetchone() is not None

    @reads
    def held(self, cursor: Cursor, integration: str) -> Held | None:
        """Return the held plan, or None if there is none."""
        return find_held(cursor, integration)

    @reads
    def held_because(self, cursor: Cursor, run_id: str) -> dict[str, tuple[Reason, ...]]:
        """Return the reasons why changes of a run were held, by kind."""
        rows = cursor.execute("SELECT kind, held_because FROM certificates WHERE run_id = ? ORDER BY kind", (run_id,))
        return {kind: decode_reasons(text) for kind, text in rows}

    @reads
    def counts(self, cursor: Cursor, run_id: str, only: Selection | None = None) -> Totals:
        """Return the number of changes, or of selected ones, by kind, operation and state."""
        return count_changes(cursor, run_id, only)

    async def changes(
        self,
        run_id: str,
        state: State | None = None,
        *,
        limits: Mapping[Operation, int] | None = None,
        only: Selection | None = None,
    ) -> AsyncIterator[Change]:
        """Yield a run's changes, with the names of entities that are stored or staged; of each operation up to a limit.

        Those that wait have their old and new values. Read in pages, so that memory stays flat.
        """
        page = partial(self._changes_after, run_id, state, only)
        async for change in in_pages(await self._kinds(run_id), limits, page):
            yield change

    async def page(
        self, run_id: str, state: State, after: tuple[str, Operation, str] | None, most: int
    ) -> list[Change]:
        """Return a run's changes behind one of a kind, an operation and an id; in the order of ``changes``."""
        return await behind(await self._kinds(run_id), after, most, partial(self._changes_after, run_id, state, None))

    @reads
    def _kinds(self, cursor: Cursor, run_id: str) -> list[str]:
        rows = cursor.execute("SELECT kind FROM certificates WHERE run_id = ? ORDER BY kind", (run_id,))
        return [kind for (kind,) in rows]

    @reads
    def _changes_after(
        self,
        cursor: Cursor,
        run_id: str,
        state: State | None,
        only: Selection | None,
        kind: str,
        operation: Operation,
        after: str,
        most: int,
    ) -> list[Change]:
        which, ids = only.condition(kind, operation) if only else ("1 = 1", ())
        rows = cursor.execute(
            "SELECT c.source_id, c.reason, c.fields, c.loss, c.state, c.body, b.body FROM changes c "  # noqa: S608 - ours
            "LEFT JOIN entities e ON e.integration = c.integration AND e.kind = c.kind "
            "AND e.source_id = c.source_id LEFT JOIN bodies b ON b.n = coalesce(e.n, c.n) "
            "WHERE c.run_id = ? AND c.kind = ? AND c.operation = ? AND (? IS NULL OR c.state = ?) "
            f"AND c.source_id > ? AND {which} ORDER BY c.source_id LIMIT ?",
            (run_id, kind, operation, state, state, after, *ids, most),
        )
        return with_names(cursor, run_id, kind, [_change(kind, operation, row) for row in rows])


_INSERT = (
    "INSERT INTO changes (run_id, integration, kind, source_id, operation, state, loss, fields, cleared, reason, body, "
    "active, digest, base_digest, page, place, missed_run) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def _insert_removals(cursor: Cursor, run: Run, plan: GuardedPlan) -> None:
    key = (run.id, run.integration, plan.certificate.kind)
    cursor.executemany(
        _INSERT,
        [
            (
                *(*key, one.source_id, Operation.REMOVE, _state(one, plan.hold), one.loss, "[]", None),
                *(reason_text(one.reason), None, None, None, one.base_digest, None, None, one.missed_run),
            )
            for one in plan.removals
        ],
    )


def _state(one: Update | Removal, hold: Hold) -> State:
    return State.HELD if one.held(hold) else State.PLANNED


def _change(kind: str, operation: Operation, row: tuple[Any, ...]) -> Change:
    source_id, reason, fields, loss, state, new, found = row
    names, now_in = tuple(json.loads(fields)), State(state)
    return Change(
        kind=kind,
        source_id=source_id,
        operation=operation,
        reason=decode_reason(reason),
        fields=names,
        loss=bool(loss),
        state=now_in,
        label=name_in(new or found),
        values=_values(operation, names, new, found) if now_in in _WAITING else (),
    )


def _values(operation: Operation, fields: Sequence[str], new: str | None, found: str | None) -> tuple[FieldChange, ...]:
    """Return old and new values. ``found`` is the stored body or, of a row that is created, the one that was read.

    Those of a row that goes are none: to decide on it, its name is enough.
    """
    match operation:
        case Operation.CREATE:
            return values_between(None, found)
        case Operation.UPDATE:
            return values_between(found, new, fields)
        case Operation.REMOVE:
            return ()

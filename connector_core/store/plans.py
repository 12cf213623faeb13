"""Plans: the changes of a run, saved before anything is changed, and held until an operator decides."""

import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Flag, auto
from functools import partial
from typing import Any

import msgspec

from connector_core.field_changes import FieldChange
from connector_core.outcomes import Certificate, Change, Operation, Run, State
from connector_core.reasons import Code, Reason, decode_hook
from connector_core.store.application import (
    Applied,
    add_creates,
    apply_held_plan,
    apply_plan,
    end_held,
    reason_text,
)
from connector_core.store.changes import behind, in_pages, name_in, values_between, with_names
from connector_core.store.comparison import Loss
from connector_core.store.rows import Reading, StoredKind
from connector_core.store.runs import save_certificate
from connector_core.store.sqlite import Cursor, Table, reads, writes

_WAITING = {State.PLANNED, State.HELD}
"""Not decided yet."""
_reason = msgspec.json.Decoder(Reason, dec_hook=decode_hook).decode


class Hold(Flag):
    """The changes of a plan that wait for an operator."""

    NOTHING = 0
    CREATES = auto()
    UPDATES = auto()
    LOSSES = auto()
    """Removals, and rows turned inactive."""
    VANISHED = auto()
    """Removals of rows that the listing lacks."""
    EVERYTHING = CREATES | UPDATES | LOSSES


@dataclass(frozen=True, slots=True)
class Update:
    """A stored row that gets another content. ``body`` is the merged one."""

    source_id: str
    reason: Reason
    fields: tuple[str, ...]
    """The fields that changed."""
    cleared: tuple[str, ...]
    """Those of them whose value is gone, unless the operator has accepted that."""
    loss: Loss
    body: str
    active: bool | None
    digest: bytes
    """Of the row as it was read; empty where a part of it was not believed, so that it is compared again."""
    base_digest: bytes

    def held(self, hold: Hold) -> bool:
        return Hold.UPDATES in hold or (Hold.LOSSES in hold and self.loss is not Loss.NONE)


@dataclass(frozen=True, slots=True)
class Removal:
    """A stored row that goes."""

    source_id: str
    reason: Reason
    loss: Loss
    base_digest: bytes

    @property
    def vanished(self) -> bool:
        """True if the listing lacks the row; False if it was read, and is of another kind now."""
        return self.reason.code is not Code.OTHER_KIND

    def held(self, hold: Hold) -> bool:
        return Hold.LOSSES in hold or (Hold.VANISHED in hold and self.vanished)


@dataclass(frozen=True, slots=True)
class GuardedPlan:
    """Everything that a run decided about one kind."""

    reading: Reading
    certificate: Certificate
    acceptance_key: str
    removals: tuple[Removal, ...]
    new: Reason
    """The reason of rows that are not stored yet."""
    hold: Hold


@dataclass(frozen=True, slots=True)
class Held:
    """The held changes of an integration's newest plan."""

    run_id: str
    changes: int


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
                    *(one.body, one.active, one.digest, one.base_digest),
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
            save_certificate(cursor, run, plan.certificate, plan.acceptance_key)
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
    def apply_held(self, cursor: Cursor, integration: str, held: Held, *, undoable: bool = False) -> Applied:
        """Apply a held plan, as one. ``undoable``: keep the rows as they were, so that they can be put back."""
        return apply_held_plan(cursor, integration, held.run_id, undoable=undoable)

    @writes
    def discard(self, cursor: Cursor, integration: str, held: Held) -> int:
        """Drop a held plan; return how many changes it had."""
        return end_held(cursor, integration, State.DISCARDED, "run_id = ?", held.run_id)

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
        """Return the held plan: after a run for one kind, another kind's may be of an older run."""
        row = cursor.execute(
            "SELECT run_id, count(*) FROM changes c JOIN runs r ON r.id = c.run_id WHERE c.integration = ? "
            "AND c.state = 'held' AND r.verdict IS NOT NULL GROUP BY run_id ORDER BY max(r.n) DESC LIMIT 1",
            (integration,),
        ).fetchone()
        return Held(*row) if row else None

    @reads
    def counts(self, cursor: Cursor, run_id: str) -> dict[tuple[str, Operation, State], int]:
        """Return the number of changes by kind, operation and state."""
        rows = cursor.execute(
            "SELECT kind, operation, state, count(*) FROM changes WHERE run_id = ? GROUP BY kind, operation, state",
            (run_id,),
        )
        return {(kind, Operation(operation), State(state)): count for kind, operation, state, count in rows}

    async def changes(
        self, run_id: str, state: State | None = None, *, limits: Mapping[Operation, int] | None = None
    ) -> AsyncIterator[Change]:
        """Yield a run's changes, with the names of entities that are stored or staged; of each operation up to a limit.

        Those that wait have their old and new values. Read in pages, so that memory stays flat.
        """
        page = partial(self._changes_after, run_id, state)
        async for change in in_pages(await self._kinds(run_id), limits, page):
            yield change

    async def page(
        self, run_id: str, state: State, after: tuple[str, Operation, str] | None, most: int
    ) -> list[Change]:
        """Return a run's changes behind one of a kind, an operation and an id; in the order of ``changes``."""
        return await behind(await self._kinds(run_id), after, most, partial(self._changes_after, run_id, state))

    @reads
    def _kinds(self, cursor: Cursor, run_id: str) -> list[str]:
        rows = cursor.execute("SELECT kind FROM certificates WHERE run_id = ? ORDER BY kind", (run_id,))
        return [kind for (kind,) in rows]

    @reads
    def _changes_after(
        self, cursor: Cursor, run_id: str, state: State | None, kind: str, operation: Operation, after: str, most: int
    ) -> list[Change]:
        rows = cursor.execute(
            "SELECT c.source_id, c.reason, c.fields, c.loss, c.state, c.body, b.body FROM changes c "
            "LEFT JOIN entities e ON e.integration = c.integration AND e.kind = c.kind "
            "AND e.source_id = c.source_id LEFT JOIN bodies b ON b.n = coalesce(e.n, c.n) "
            "WHERE c.run_id = ? AND c.kind = ? AND c.operation = ? AND (? IS NULL OR c.state = ?) "
            "AND c.source_id > ? ORDER BY c.source_id LIMIT ?",
            (run_id, kind, operation, state, state, after, most),
        )
        return with_names(cursor, run_id, kind, [_change(kind, operation, row) for row in rows])


_INSERT = (
    "INSERT INTO changes (run_id, integration, kind, source_id, operation, state, loss, fields, cleared, reason, body, "
    "active, digest, base_digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def _insert_removals(cursor: Cursor, run: Run, plan: GuardedPlan) -> None:
    key = (run.id, run.integration, plan.certificate.kind)
    cursor.executemany(
        _INSERT,
        [
            (
                *(*key, one.source_id, Operation.REMOVE, _state(one, plan.hold), one.loss, "[]", None),
                *(reason_text(one.reason), None, None, None, one.base_digest),
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
        reason=_reason(reason),
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

"""Plans: what a run would change, found by comparing sets in SQL, and applied in one transaction."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any

import msgspec

from connector_core.outcomes import Change, Operation, Run, State
from connector_core.store.application import NEW, Applied, add_creates, apply_held, apply_plan, end_held
from connector_core.store.database import Database
from connector_core.store.entities import ACTIVE
from connector_core.store.staging import close_readings

_PAGE = 1000
_READ = "(SELECT id FROM readings WHERE run_id = ? AND kind = ? AND done = 0)"
_INSERT = (
    "INSERT INTO changes (run_id, integration, kind, source_id, operation, state, loss, fields, reason, "
    "body, digest, base_digest) VALUES (?, ?, ?, ?, ?, 'planned', ?, ?, ?, ?, ?, ?)"
)


class Loss(IntEnum):
    """What a change takes away."""

    NONE = 0
    OTHER = 1
    """A row that was not active, or is of a kind that knows no status."""
    ACTIVE = 2


@dataclass(frozen=True, slots=True)
class Candidate:
    """A stored row that was read again with other content. ``read`` and ``stored`` are JSON bodies."""

    source_id: str
    read: str
    stored: str
    digest: bytes
    base_digest: bytes


@dataclass(frozen=True, slots=True)
class Missing:
    """A stored row that the scan lacked; ``skipped`` when its row was read and is not of this kind any more."""

    source_id: str
    skipped: bool
    missed_before: bool
    active: bool
    base_digest: bytes


@dataclass(frozen=True, slots=True)
class Held:
    """The held changes of an integration's newest plan."""

    run_id: str
    changes: int


class Plans:
    def __init__(self, database: Database) -> None:
        self._database = database

    def replace_older(self, run: Run, kind: str) -> None:
        """A newer reading of a kind replaces its held changes."""
        with self._database.transaction() as cursor:
            end_held(
                cursor, State.REPLACED, "integration = ? AND kind = ? AND run_id <> ?", run.integration, kind, run.id
            )

    def withdraw(self, integration: str) -> None:
        """Drops every held plan, and what runs left to go on from: both were made with credentials of before."""
        with self._database.transaction() as cursor:
            end_held(cursor, State.REPLACED, "integration = ?", integration)
            close_readings(cursor, integration)

    def creates(self, run: Run, kind: str) -> int:
        """How many rows were read that are not stored yet."""
        rows = self._database.query(
            f"SELECT count(*) FROM {NEW}",  # noqa: S608 - a constant
            (run.id, kind, run.integration, kind),
        )
        return int(rows[0][0])

    def hold_creates(self, run: Run, kind: str, reason: str) -> None:
        """The rows that are not stored yet wait for a person."""
        with self._database.transaction() as cursor:
            add_creates(cursor, run, kind, State.HELD, reason)

    def candidates(self, run: Run, kind: str) -> list[Candidate]:
        rows = self._database.query(
            "SELECT l.source_id, b.body, o.body, l.digest, e.digest FROM latest l JOIN entities e "  # noqa: S608
            "ON e.integration = ? AND e.kind = ? AND e.source_id = l.source_id JOIN bodies b ON b.n = l.n "
            f"JOIN bodies o ON o.n = e.n WHERE l.reading = {_READ} AND l.digest <> e.digest ORDER BY l.source_id",
            (run.integration, kind, run.id, kind),
        )
        return [Candidate(*row) for row in rows]

    def missing(self, run: Run, kind: str, scope: str) -> list[Missing]:
        """``missed_before`` counts only a scan that was made with the same ``scope``."""
        rows = self._database.query(
            "SELECT e.source_id, l.source_id IS NOT NULL, EXISTS (SELECT 1 FROM certificates t "  # noqa: S608
            "WHERE t.run_id = e.missed_run AND t.kind = e.kind AND t.scope = ?), b.body, e.digest FROM entities e "
            f"LEFT JOIN latest l ON l.reading = {_READ} AND l.source_id = e.source_id JOIN bodies b ON b.n = e.n "
            "WHERE e.integration = ? AND e.kind = ? AND l.digest IS NULL ORDER BY e.source_id",
            (scope, run.id, kind, run.integration, kind),
        )
        return [
            Missing(source_id, bool(skipped), bool(missed), ACTIVE in body, base)
            for source_id, skipped, missed, body, base in rows
        ]

    def add_updates(self, run: Run, kind: str, updates: list[tuple[Candidate, Change, str]]) -> None:
        """Each with its change and the merged body."""
        self._database.execute_many(
            _INSERT,
            [
                (
                    *_key(run, kind, change),
                    Loss.ACTIVE if change.loss else Loss.NONE,
                    json.dumps(change.fields),
                    change.reason,
                    body,
                    candidate.digest,
                    candidate.base_digest,
                )
                for candidate, change, body in updates
            ],
        )

    def add_removes(self, run: Run, kind: str, removes: list[tuple[Missing, Change]]) -> None:
        self._database.execute_many(
            _INSERT,
            [
                (
                    *_key(run, kind, change),
                    Loss.ACTIVE if missing.active else Loss.OTHER,
                    "[]",
                    change.reason,
                    None,
                    None,
                    missing.base_digest,
                )
                for missing, change in removes
            ],
        )

    def hold(self, run: Run, kind: str, *, losses_only: bool) -> None:
        """The planned changes wait for a person: those that lose somebody, or all."""
        sql = "UPDATE changes SET state = 'held' WHERE run_id = ? AND kind = ? AND state = 'planned'"
        self._database.execute(sql + (" AND loss > 0" if losses_only else ""), (run.id, kind))

    def losses(self, run: Run, kind: str, least: Loss) -> frozenset[str]:
        """The ids that this run's plan would lose."""
        rows = self._database.query(
            "SELECT source_id FROM changes WHERE run_id = ? AND kind = ? AND loss >= ? AND state = 'planned'",
            (run.id, kind, least),
        )
        return frozenset(source_id for (source_id,) in rows)

    def recent_losses(self, run: Run, kind: str, days: int, least: Loss) -> dict[str, bool]:
        """The ids lost within these days, and whether they were removed."""
        since = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="milliseconds")
        rows = self._database.query(
            "SELECT source_id, max(CASE operation WHEN 'remove' THEN 1 ELSE 0 END) FROM changes "
            "WHERE integration = ? AND kind = ? AND loss > 0 AND loss >= ? AND state = 'applied' AND decided_at >= ? "
            "GROUP BY source_id",
            (run.integration, kind, least, since),
        )
        return {source_id: bool(removed) for source_id, removed in rows}

    def is_held(self, integration: str, kind: str) -> bool:
        """Whether changes of this kind wait for a person."""
        return bool(
            self._database.query(
                "SELECT 1 FROM changes WHERE integration = ? AND kind = ? AND state = 'held' LIMIT 1",
                (integration, kind),
            )
        )

    def held(self, integration: str) -> Held | None:
        """The held plan: after a run for one kind, another kind's may be of an older run."""
        rows = self._database.query(
            "SELECT run_id, count(*) FROM changes c JOIN runs r ON r.id = c.run_id WHERE c.integration = ? "
            "AND c.state = 'held' AND r.verdict IS NOT NULL GROUP BY run_id ORDER BY r.started_at DESC LIMIT 1",
            (integration,),
        )
        return Held(*rows[0]) if rows else None

    def removed(self, run_id: str) -> dict[str, str]:
        """The names of those whom a run's plan removes, by id."""
        rows = self._database.query(
            "SELECT c.source_id, b.body FROM changes c JOIN entities e ON e.integration = c.integration "
            "AND e.kind = c.kind AND e.source_id = c.source_id JOIN bodies b ON b.n = e.n "
            "WHERE c.run_id = ? AND c.operation = 'remove'",
            (run_id,),
        )
        return {source_id: _name(body) for source_id, body in rows}

    def changes(
        self, run_id: str, state: State | None = None, *, limits: Mapping[Operation, int] | None = None
    ) -> Iterator[Change]:
        """A run's changes, with the names of entities that are still stored or staged; of each sort, at most so many.

        Read in pages, so memory stays flat.
        """
        kinds = self._database.query("SELECT DISTINCT kind FROM changes WHERE run_id = ? ORDER BY kind", (run_id,))
        for (kind,) in kinds:
            for operation in sorted(Operation):
                limit = limits[operation] if limits else None
                yield from self._changes(run_id, kind, operation, state, limit)

    def _changes(
        self, run_id: str, kind: str, operation: Operation, state: State | None, limit: int | None
    ) -> Iterator[Change]:
        after, left = "", limit
        while left is None or left > 0:
            rows = self._database.query(
                "SELECT c.source_id, c.reason, c.fields, c.loss, c.state, coalesce(c.body, b.body) FROM changes c "
                "LEFT JOIN entities e ON e.integration = c.integration AND e.kind = c.kind "
                "AND e.source_id = c.source_id LEFT JOIN bodies b ON b.n = coalesce(e.n, c.n) "
                "WHERE c.run_id = ? AND c.kind = ? AND c.operation = ? AND (? IS NULL OR c.state = ?) "
                "AND c.source_id > ? ORDER BY c.source_id LIMIT ?",
                (run_id, kind, operation, state, state, after, min(_PAGE, left or _PAGE)),
            )
            if not rows:
                return
            after, left = rows[-1][0], None if left is None else left - len(rows)
            for source_id, reason, fields, loss, stands, body in rows:
                yield Change(
                    kind=kind,
                    source_id=source_id,
                    operation=operation,
                    reason=reason,
                    fields=tuple(json.loads(fields)) if fields != "[]" else (),
                    loss=bool(loss),
                    state=State(stands),
                    label=_name(body),
                )

    def discard(self, run_id: str) -> int:
        """Drops a held plan; how many changes it had."""
        with self._database.transaction() as cursor:
            return end_held(cursor, State.DISCARDED, "run_id = ?", run_id)

    def apply_held(self, run_id: str) -> Applied:
        """Applies a held plan, as one."""
        return apply_held(self._database, run_id)

    def apply(self, run: Run, reason: str, unproven: Collection[str] = ()) -> int:
        """Applies what a run has read and planned, and is not held, as one; how many changes.

        Args:
            run: Which has just been planned, under the integration's lock.
            reason: Of the rows that are not stored yet.
            unproven: Kinds with losses yet to be told.
        """
        return apply_plan(self._database, run, reason, unproven)

    def scope(self, integration: str, kind: str) -> str | None:
        """What the last applied reading of this kind was made with: token, account, rule."""
        rows = self._database.query("SELECT scope FROM scopes WHERE integration = ? AND kind = ?", (integration, kind))
        return rows[0][0] if rows else None

    def counts(self, run_id: str, kind: str | None = None) -> dict[tuple[str, str, str], int]:
        """Changes by kind, operation and state."""
        rows = self._database.query(
            "SELECT kind, operation, state, count(*) FROM changes WHERE run_id = ? AND (? IS NULL OR kind = ?) "
            "GROUP BY kind, operation, state",
            (run_id, kind, kind),
        )
        return {(kind, operation, state): count for kind, operation, state, count in rows}


class _Named(msgspec.Struct):
    """What an entity is called."""

    display_name: str | None = None
    name: str | None = None


def _name(body: str | None) -> str:
    named = msgspec.json.decode(body, type=_Named) if body else _Named()
    return named.display_name or named.name or ""


def _key(run: Run, kind: str, change: Change) -> tuple[Any, ...]:
    return run.id, run.integration, kind, change.source_id, change.operation

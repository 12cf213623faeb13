"""Plans: what a run would change, found by comparing sets in SQL, and applied in one transaction."""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any

from connector_core.outcomes import Change, Operation, Run, State
from connector_core.store.application import Applied, apply_changes
from connector_core.store.database import Database, now
from connector_core.store.entities import ACTIVE

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
            cursor.execute(
                "UPDATE changes SET state = 'replaced', body = NULL, decided_at = ? "
                "WHERE integration = ? AND kind = ? AND state IN ('held', 'planned') AND run_id <> ?",
                (now(), run.integration, kind, run.id),
            )
            cursor.execute(
                "DELETE FROM staged WHERE kind = ? AND run_id <> ? AND run_id IN "
                "(SELECT id FROM runs WHERE integration = ?)",
                (kind, run.id, run.integration),
            )

    def withdraw(self, integration: str) -> None:
        """Drops every held plan: it was made with credentials that are no longer those of the integration."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "UPDATE changes SET state = 'replaced', body = NULL, decided_at = ? "
                "WHERE integration = ? AND state = 'held'",
                (now(), integration),
            )
            cursor.execute(
                "DELETE FROM staged WHERE run_id IN (SELECT id FROM runs WHERE integration = ?)", (integration,)
            )

    def add_creates(self, run: Run, kind: str, reason: str) -> None:
        self._database.execute(
            "INSERT INTO changes (run_id, integration, kind, source_id, operation, state, loss, fields, reason, "
            "digest) SELECT s.run_id, ?, s.kind, s.source_id, 'create', 'planned', 0, '[]', ?, s.digest FROM staged s "
            "WHERE s.run_id = ? AND s.kind = ? AND s.body IS NOT NULL AND NOT EXISTS (SELECT 1 FROM entities e "
            "WHERE e.integration = ? AND e.kind = s.kind AND e.source_id = s.source_id)",
            (run.integration, reason, run.id, kind, run.integration),
        )

    def candidates(self, run: Run, kind: str) -> list[Candidate]:
        rows = self._database.query(
            "SELECT s.source_id, s.body, e.body, s.digest, e.digest FROM staged s JOIN entities e "
            "ON e.integration = ? AND e.kind = s.kind AND e.source_id = s.source_id "
            "WHERE s.run_id = ? AND s.kind = ? AND s.body IS NOT NULL AND s.digest <> e.digest ORDER BY s.source_id",
            (run.integration, run.id, kind),
        )
        return [Candidate(*row) for row in rows]

    def missing(self, run: Run, kind: str, scope: str) -> list[Missing]:
        """``missed_before`` counts only a scan that was made with the same ``scope``."""
        rows = self._database.query(
            "SELECT e.source_id, s.source_id IS NOT NULL, EXISTS (SELECT 1 FROM certificates t "
            "WHERE t.run_id = e.missed_run AND t.kind = e.kind AND t.scope = ?), e.body, e.digest FROM entities e "
            "LEFT JOIN staged s ON s.run_id = ? AND s.kind = e.kind AND s.source_id = e.source_id "
            "WHERE e.integration = ? AND e.kind = ? AND s.body IS NULL ORDER BY e.source_id",
            (scope, run.id, run.integration, kind),
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
            "WHERE integration = ? AND kind = ? AND loss >= ? AND state = 'applied' AND decided_at >= ? "
            "GROUP BY source_id",
            (run.integration, kind, least, since),
        )
        return {source_id: bool(removed) for source_id, removed in rows}

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
            "SELECT c.source_id, e.body FROM changes c JOIN entities e ON e.integration = c.integration "
            "AND e.kind = c.kind AND e.source_id = c.source_id WHERE c.run_id = ? AND c.operation = 'remove'",
            (run_id,),
        )
        return {source_id: _name(body) for source_id, body in rows}

    def changes(self, run_id: str, state: State | None = None) -> Iterator[Change]:
        """A run's changes, with the names of entities that are still stored or staged."""
        rows = self._database.query(
            "SELECT c.kind, c.source_id, c.operation, c.reason, c.fields, c.loss, c.state, "
            "coalesce(c.body, s.body, e.body) FROM changes c "
            "LEFT JOIN staged s ON s.run_id = c.run_id AND s.kind = c.kind AND s.source_id = c.source_id "
            "LEFT JOIN entities e ON e.integration = c.integration AND e.kind = c.kind AND e.source_id = c.source_id "
            "WHERE c.run_id = ? AND (? IS NULL OR c.state = ?) ORDER BY c.kind, c.operation, c.source_id",
            (run_id, state, state),
        )
        for kind, source_id, operation, reason, fields, loss, stands, body in rows:
            yield Change(
                kind=kind,
                source_id=source_id,
                operation=Operation(operation),
                reason=reason,
                fields=tuple(json.loads(fields)),
                loss=bool(loss),
                state=State(stands),
                label=_name(body),
            )

    def discard(self, run_id: str) -> int:
        """Drops a held plan; how many changes it had."""
        with self._database.transaction() as cursor:
            count = cursor.execute(
                "UPDATE changes SET state = 'discarded', body = NULL, decided_at = ? "
                "WHERE run_id = ? AND state = 'held'",
                (now(), run_id),
            ).rowcount
            cursor.execute("DELETE FROM staged WHERE run_id = ?", (run_id,))
        return count

    def apply(self, run_id: str, state: State, unproven: Collection[str] = ()) -> Applied:
        """Applies a run's changes in this state, as one. ``unproven`` kinds have losses yet to be told."""
        return apply_changes(self._database, run_id, state, unproven)

    def scope(self, integration: str, kind: str) -> str | None:
        """What the last applied reading of this kind was made with: token, account, rule."""
        rows = self._database.query("SELECT scope FROM scopes WHERE integration = ? AND kind = ?", (integration, kind))
        return rows[0][0] if rows else None

    def counts(self, run_id: str) -> dict[tuple[str, str, str], int]:
        """Changes by kind, operation and state."""
        rows = self._database.query(
            "SELECT kind, operation, state, count(*) FROM changes WHERE run_id = ? GROUP BY kind, operation, state",
            (run_id,),
        )
        return {(kind, operation, state): count for kind, operation, state, count in rows}


def _name(body: str | None) -> str:
    named = json.loads(body) if body else {}
    return str(named.get("display_name") or named.get("name") or "")


def _key(run: Run, kind: str, change: Change) -> tuple[Any, ...]:
    return run.id, run.integration, kind, change.source_id, change.operation

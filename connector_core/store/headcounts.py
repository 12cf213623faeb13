"""Head-counts over time: what each application of a plan, and each undo, has made of the stored rows of a kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from connector_core.outcomes import Operation, State
from connector_core.store.rows import StoredKind
from connector_core.store.sqlite import Cursor, Table, now, reads, timestamp

OPPOSITE = {
    Operation.CREATE: Operation.REMOVE,
    Operation.UPDATE: Operation.UPDATE,
    Operation.REMOVE: Operation.CREATE,
}
"""By what is done to a row, what puts it back."""


@dataclass(frozen=True, slots=True)
class Headcount:
    """The rows of a kind after a plan was applied or put back, and how many came, left and changed by that."""

    at: datetime
    run_id: str
    """The run whose plan it was."""
    stored: int
    active: int
    """Those of them that are active; all of them, where the kind knows no status."""
    created: int
    updated: int
    removed: int
    losses: int
    """Those that were active and are no longer: they turned inactive, or were removed."""


@dataclass(slots=True)
class Moves:
    """Changes of one kind that are applied, counted."""

    created: int = 0
    updated: int = 0
    removed: int = 0
    losses: int = 0

    def add(self, operation: Operation, rows: int, losses: int) -> None:
        self.losses += losses
        match operation:
            case Operation.CREATE:
                self.created += rows
            case Operation.UPDATE:
                self.updated += rows
            case Operation.REMOVE:
                self.removed += rows


class Headcounts(Table):
    """Reads head-counts; only applying a plan and undoing one add any."""

    @reads
    def since(self, cursor: Cursor, of: StoredKind, moment: datetime | None = None) -> list[Headcount]:
        """Return the head-counts of a kind since a moment, or all that are kept: the oldest first."""
        rows = cursor.execute(
            "SELECT at, run_id, stored, active, created, updated, removed, losses FROM headcounts "
            "WHERE integration = ? AND kind = ? AND at >= ? ORDER BY n",
            (of.integration, of.kind, timestamp(moment) if moment else ""),
        )
        return [Headcount(datetime.fromisoformat(at), *counts) for at, *counts in rows]

    @reads
    def by_day(self, cursor: Cursor, of: StoredKind, moment: datetime | None = None) -> list[Headcount]:
        """Return one head-count for each day (UTC) on which a row changed: the last of that day, with its sums.

        Rows that the first reading stored did not come then: they are not counted as created.
        """
        rows = cursor.execute(
            # SQLite takes the other columns from the row that has the maximum.
            "SELECT at, run_id, stored, active, sum(CASE WHEN created = stored THEN 0 ELSE created END), sum(updated), "
            "sum(removed), sum(losses), max(n) FROM headcounts "
            "WHERE integration = ? AND kind = ? AND at >= ? AND created + updated + removed > 0 "
            "GROUP BY substr(at, 1, 10) ORDER BY max(n)",
            (of.integration, of.kind, timestamp(moment) if moment else ""),
        )
        return [Headcount(datetime.fromisoformat(at), *counts) for at, *counts, _ in rows]


def moves_of(cursor: Cursor, run_id: str, state: State) -> dict[str, Moves]:
    """Count a run's changes in a state that are about to be applied, by kind."""
    rows = cursor.execute(
        "SELECT c.kind, c.operation, count(*), total(CASE c.operation WHEN ? THEN (SELECT e.active FROM entities e "
        "WHERE e.integration = c.integration AND e.kind = c.kind AND e.source_id = c.source_id) = 1 "
        "ELSE c.loss > 0 END) FROM changes c WHERE c.run_id = ? AND c.state = ? GROUP BY c.kind, c.operation",
        (Operation.REMOVE, run_id, state),
    )
    moves: dict[str, Moves] = {}
    for kind, operation, number, lost in rows:
        moves.setdefault(kind, Moves()).add(Operation(operation), number, int(lost))
    return moves


def moves_of_undo(cursor: Cursor, integration: str, application: int) -> dict[str, Moves]:
    """Count what putting back the rows of an application is about to do, by kind."""
    rows = cursor.execute(
        "SELECT u.kind, u.operation, count(*), total(e.active = 1 AND coalesce(u.active, 0) = 0) FROM undoable u "
        "LEFT JOIN entities e ON e.integration = ? AND e.kind = u.kind AND e.source_id = u.source_id "
        "WHERE u.application = ? GROUP BY u.kind, u.operation",
        (integration, application),
    )
    moves: dict[str, Moves] = {}
    for kind, operation, number, lost in rows:
        moves.setdefault(kind, Moves()).add(OPPOSITE[Operation(operation)], number, int(lost))
    return moves


def record(cursor: Cursor, integration: str, run_id: str, moves: Mapping[str, Moves]) -> None:
    """Record the head-count of each of these kinds, after the moves were made."""
    for kind, one in sorted(moves.items()):
        # Where nothing has changed it is the last one: to count would take longer than the rest of a delta's apply.
        unchanged = not (one.created or one.updated or one.removed)
        counts = (unchanged and _last_counts(cursor, integration, kind)) or _count(cursor, integration, kind)
        cursor.execute(
            "INSERT INTO headcounts (integration, kind, run_id, at, stored, active, created, updated, removed, "
            "losses) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (integration, kind, run_id, now(), *counts, one.created, one.updated, one.removed, one.losses),
        )


def _last_counts(cursor: Cursor, integration: str, kind: str) -> tuple[int, int] | None:
    found: tuple[int, int] | None = cursor.execute(
        "SELECT stored, active FROM headcounts WHERE integration = ? AND kind = ? ORDER BY n DESC LIMIT 1",
        (integration, kind),
    ).fetchone()
    return found


def _count(cursor: Cursor, integration: str, kind: str) -> tuple[int, int]:
    """Return the number of stored rows of a kind, and of active ones: all of a kind that knows no status."""
    stored, active = cursor.execute(
        "SELECT count(*), coalesce(sum(coalesce(active, 1)), 0) FROM entities WHERE integration = ? AND kind = ?",
        (integration, kind),
    ).fetchone()
    return stored, active


def last_move(cursor: Cursor, integration: str) -> int:
    """Return the number of the last application that has changed a stored row of an integration; 0 if none has.

    As long as it stays the same, so do the stored rows.
    """
    found = cursor.execute(
        "SELECT n FROM headcounts WHERE integration = ? AND created + updated + removed > 0 ORDER BY n DESC LIMIT 1",
        (integration,),
    ).fetchone()
    return found[0] if found else 0

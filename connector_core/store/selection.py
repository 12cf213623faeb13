"""A part of a held plan: chosen by kind and operation, or row by row."""

import json
from collections.abc import Collection
from dataclasses import dataclass

from connector_core.outcomes import Operation, State
from connector_core.store.sqlite import IDS, Cursor

Totals = dict[tuple[str, Operation, State], int]
"""Numbers of changes by kind, operation and state."""
ONE_OF = f"c.source_id IN (SELECT value FROM {IDS})"  # noqa: S608 - a constant
"""A condition on changes ``c``: the row is one of a list."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Changes of a plan: all of some kinds and operations, and single rows besides. An empty one selects nothing."""

    operations: frozenset[tuple[str, Operation]] = frozenset()
    """Kinds and what is done to their rows."""
    rows: frozenset[tuple[str, str]] = frozenset()
    """Kinds and ids of rows."""

    def ids_by_kind(self) -> dict[str, list[str]]:
        """Return the ids of the single rows by kind."""
        found: dict[str, list[str]] = {}
        for kind, source_id in sorted(self.rows):
            found.setdefault(kind, []).append(source_id)
        return found

    def condition(self, kind: str, operation: Operation) -> tuple[str, Collection[str]]:
        """Return a condition on changes of this kind and operation, and its arguments."""
        if (kind, operation) in self.operations:
            return "1 = 1", ()
        return ONE_OF, (json.dumps(self.ids_by_kind().get(kind, [])),)


def take(cursor: Cursor, run_id: str, only: Selection | None) -> State:
    """Return the state by which the held changes are told that are decided now: all, or the selected ones.

    Selected ones become planned ones, for the transaction in which they are decided.
    """
    if only is None:
        return State.HELD
    planned = "UPDATE changes AS c SET state = 'planned' WHERE c.run_id = ? AND c.kind = ? AND c.state = 'held' AND"
    for kind, operation in only.operations:
        cursor.execute(f"{planned} c.operation = ?", (run_id, kind, operation))
    for kind, ids in only.ids_by_kind().items():
        cursor.execute(f"{planned} {ONE_OF}", (run_id, kind, json.dumps(ids)))
    return State.PLANNED


def count_changes(cursor: Cursor, run_id: str, only: Selection | None) -> Totals:
    """Return the numbers of a run's changes: of all, or of those that are selected."""
    totals = _totals(cursor, "c.run_id = ?", run_id)
    if only is None:
        return totals
    selected = {key: number for key, number in totals.items() if key[:2] in only.operations}
    for kind, ids in only.ids_by_kind().items():
        found = _totals(cursor, f"c.run_id = ? AND c.kind = ? AND {ONE_OF}", run_id, kind, json.dumps(ids))
        selected |= {key: number for key, number in found.items() if key[:2] not in only.operations}
    return selected


def count_held(cursor: Cursor, integration: str, run_id: str) -> int:
    """Return the number of a run's changes that wait for an operator."""
    (number,) = cursor.execute(
        "SELECT count(*) FROM changes WHERE integration = ? AND state = 'held' AND run_id = ?", (integration, run_id)
    ).fetchone()
    return int(number)


def _totals(cursor: Cursor, which: str, *arguments: str) -> Totals:
    rows = cursor.execute(
        f"SELECT kind, operation, state, count(*) FROM changes c WHERE {which} GROUP BY kind, operation, state",  # noqa: S608 - ours
        arguments,
    )
    return {(kind, Operation(operation), State(state)): number for kind, operation, state, number in rows}

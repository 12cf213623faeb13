"""Rows are kept as they were, in the transaction that applies a plan, if they are to be put back some day."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from connector_core.outcomes import Operation, State
from connector_core.store.sqlite import IDS, Cursor, now


@contextmanager
def application_of(cursor: Cursor, integration: str, run_id: str, *, undoable: bool) -> Iterator[int | None]:
    """Within this context a plan is applied.

    Yield the number under which the rows are kept that it changes; None if they are not to be kept.
    """
    if not undoable:
        yield None
        return
    cursor.execute(
        "INSERT INTO applications (integration, run_id, applied_at) VALUES (?, ?, ?)", (integration, run_id, now())
    )
    application = cursor.lastrowid
    yield application
    # One that has changed nothing must not hide the one before it.
    cursor.execute(
        "DELETE FROM applications WHERE n = ? AND NOT EXISTS (SELECT 1 FROM undoable u WHERE u.application = ?)",
        (application, application),
    )


def keep(cursor: Cursor, application: int, run_id: str, state: State, *operations: Operation) -> None:
    """Keep the rows that changes of a run are about to change. Of one that is created there is nothing to keep."""
    cursor.execute(
        "INSERT INTO undoable (application, kind, source_id, operation, body, active, digest, run_id) "  # noqa: S608 - a constant
        "SELECT ?, c.kind, c.source_id, c.operation, b.body, e.active, e.digest, e.run_id FROM changes c "
        "LEFT JOIN entities e ON e.integration = c.integration AND e.kind = c.kind AND e.source_id = c.source_id "
        "LEFT JOIN bodies b ON b.n = e.n WHERE c.run_id = ? AND c.state = ? "
        f"AND c.operation IN (SELECT value FROM {IDS}) ORDER BY c.kind, c.source_id",
        (application, run_id, state, json.dumps(operations)),
    )

"""Snapshots: all stored rows of a kind, read in pages, of which those that are known are not read again."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from connector_core.outcomes import Operation, State
from connector_core.reasons import Reason
from connector_core.store.headcounts import last_move
from connector_core.store.plans import decode_reason
from connector_core.store.rows import StoredKind
from connector_core.store.sqlite import IDS, Cursor, Table, reads

_PAGE = 2000
"""Rows of one trip: others that read wait for it, for some milliseconds."""


class Marked(Protocol):
    """A row that says which state of the stored row it was made from: a change of that changes one of both."""

    @property
    def source_id(self) -> str: ...
    @property
    def n(self) -> int:
        """The number of the body."""

    @property
    def run_id(self) -> str:
        """The run that was the last to change it."""


M = TypeVar("M", bound=Marked)


@dataclass(frozen=True, slots=True)
class SnapshotPage(Generic[M]):
    """Some rows of a kind."""

    ids: list[str]
    """Of all of them, in their order."""
    changed: list[M]
    """Those that were not known, or not as they are stored."""


@dataclass(frozen=True, slots=True)
class EntityChange:
    """One planned or past change of one row."""

    run_id: str
    at: datetime
    """The time of the decision; while it waits, the beginning of its run."""
    operation: Operation
    reason: Reason
    fields: tuple[str, ...]
    """Those that an update changed."""
    state: State


class Snapshots(Table):
    """Reads everything that is stored of a kind, and the history of one row."""

    @reads
    def revision(self, cursor: Cursor, integration: str) -> int:
        """Return the number of the last application that has changed a row: as long as it is the same, so are all rows.

        It is 0 before the first.
        """
        return last_move(cursor, integration)

    @reads
    def page(
        self,
        cursor: Cursor,
        of: StoredKind,
        after: str,
        known: Mapping[str, M],
        decode: Callable[[str, int, str, str], M],
    ) -> SnapshotPage[M]:
        """Return some rows behind an id, by id.

        Those that are not in ``known``, or have changed since, are decoded on the store's thread, by
        ``decode(source_id, n, run_id, body)``.
        """
        # Not joined where rows are known: most of their bodies need not be looked up then.
        body, join = ("", "") if known else (", b.body", "JOIN bodies b ON b.n = e.n")
        found = cursor.execute(
            f"SELECT e.source_id, e.n, e.run_id{body} FROM entities e {join} "  # noqa: S608 - ours
            "WHERE e.integration = ? AND e.kind = ? AND e.source_id > ? ORDER BY e.source_id LIMIT ?",
            (of.integration, of.kind, after, _PAGE),
        ).fetchall()
        ids = [row[0] for row in found]
        if not known:
            return SnapshotPage(ids, [decode(*row) for row in found])
        changed = [
            (source_id, n, run_id)
            for source_id, n, run_id in found
            if (row := known.get(source_id)) is None or row.n != n or row.run_id != run_id
        ]
        bodies = _bodies(cursor, [n for _, n, _ in changed])
        return SnapshotPage(ids, [decode(source_id, n, run_id, bodies[n]) for source_id, n, run_id in changed])

    @reads
    def history(self, cursor: Cursor, of: StoredKind, source_id: str, limit: int) -> list[EntityChange]:
        """Return the changes of one row, the newest first."""
        rows = cursor.execute(
            "SELECT c.run_id, coalesce(c.decided_at, r.started_at), c.operation, c.reason, c.fields, c.state "
            "FROM changes c JOIN runs r ON r.id = c.run_id "
            "WHERE c.integration = ? AND c.kind = ? AND c.source_id = ? ORDER BY r.n DESC LIMIT ?",
            (of.integration, of.kind, source_id, limit),
        )
        return [
            EntityChange(
                run_id=run_id,
                at=datetime.fromisoformat(at),
                operation=Operation(operation),
                reason=decode_reason(reason),
                fields=tuple(json.loads(fields)),
                state=State(state),
            )
            for run_id, at, operation, reason, fields, state in rows
        ]


def _bodies(cursor: Cursor, numbers: Sequence[int]) -> dict[int, str]:
    if not numbers:
        return {}
    return dict(
        cursor.execute(
            f"SELECT b.n, b.body FROM {IDS} j JOIN bodies b ON b.n = j.value",  # noqa: S608 - a constant
            (json.dumps([*numbers]),),
        ).fetchall()
    )

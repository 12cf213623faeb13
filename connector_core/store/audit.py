"""The audit log. An entry and what it tells of are one transaction, so that neither exists without the other."""

import json
from datetime import datetime
from typing import Any

from connector_core.audit import ACTOR, Action, AuditEntry, Detail
from connector_core.store.sqlite import Cursor, Table, now, reads, writes


def add_entry(
    cursor: Cursor, action: Action, integration: str | None = None, run_id: str | None = None, /, **details: Detail
) -> None:
    """Add an entry: the actor is that of the context in which the store was called."""
    cursor.execute(
        "INSERT INTO audit (at, actor, action, integration, run_id, details) VALUES (?, ?, ?, ?, ?, ?)",
        (now(), ACTOR.get(), action, integration, run_id, json.dumps(details)),
    )


class AuditLog(Table):
    """The actions of users and of the program itself. It is only ever added to, and kept for ever."""

    @writes
    def note(
        self,
        cursor: Cursor,
        /,
        action: Action,
        integration: str | None = None,
        run_id: str | None = None,
        **details: Detail,
    ) -> None:
        """Note an action that changes nothing in the store. Those that do note themselves."""
        add_entry(cursor, action, integration, run_id, **details)

    @reads
    def entries(
        self,
        cursor: Cursor,
        integration: str | None = None,
        *,
        actor: str | None = None,
        action: Action | None = None,
        run_id: str | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[AuditEntry]:
        """Return the newest entries first: those that meet all conditions which are given.

        ``before`` is the number of an entry: only earlier ones are returned.
        """
        conditions = {
            "integration = ?": integration,
            "actor = ?": actor,
            "action = ?": action,
            "run_id = ?": run_id,
            "n < ?": before,
        }
        given = {condition: value for condition, value in conditions.items() if value is not None}
        where = f"WHERE {' AND '.join(given)} " if given else ""
        rows = cursor.execute(
            f"SELECT n, at, actor, action, integration, run_id, details FROM audit {where}ORDER BY n DESC LIMIT ?",  # noqa: S608 - ours
            (*given.values(), limit),
        )
        return [_entry(row) for row in rows]


def _entry(row: tuple[Any, ...]) -> AuditEntry:
    number, at, actor, action, integration, run_id, details = row
    return AuditEntry(
        number, datetime.fromisoformat(at), actor, Action(action), integration, run_id, json.loads(details)
    )

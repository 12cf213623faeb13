"""Schedules: when each integration runs by itself, and how its last runs went."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connector_core.audit import Action, Detail
from connector_core.store.audit import add_entry
from connector_core.store.notices import NewNotice, add_notices
from connector_core.store.sqlite import Cursor, Table, now, reads, timestamp, writes

_SELECT = (
    "SELECT integration, cron, delta, due_at, paused_at, paused_by, failures, problem, retry_at, quarantined_at, "
    "pending, noted_run, held FROM schedules"
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The schedule of one integration; without ``cron`` it runs only when it is told to."""

    integration: str
    cron: str = ""
    delta: bool = False
    """Read only what has changed, where that is possible."""
    due_at: datetime | None = None
    """The next time by the cron expression."""
    paused_at: datetime | None = None
    paused_by: str = ""
    failures: int = 0
    """Runs that have failed in a row."""
    problem: str = ""
    """The problem of the last run, in a sentence; empty if it had none."""
    retry_at: datetime | None = None
    """The next run in place of ``due_at``: later than that, or sooner, after one that has failed."""
    quarantined_at: datetime | None = None
    pending: str = ""
    """The options of a run that has begun and not ended, as its engine wrote them."""
    noted_run: str | None = None
    """The last run whose end was noted here; None where none ever was."""
    held: str = ""
    """A digest of what that run has held: a notice tells of it once."""

    @property
    def next_at(self) -> datetime | None:
        """The time of the next run; None if it is paused, or has no schedule."""
        if self.paused_at or not self.cron:
            return None
        return self.retry_at or self.due_at


Edited = tuple[Schedule, Sequence[NewNotice]]
"""A schedule as it is from now on, and the notices that tell of it."""


@dataclass(frozen=True, slots=True)
class LastEnded:
    """An integration, its connector, and the last of its runs that has ended by itself."""

    integration: str
    connector: str
    run_id: str | None
    schedule: Schedule


class ScheduleTable(Table):
    """Finds and edits schedules."""

    @reads
    def get(self, cursor: Cursor, integration: str) -> Schedule:
        """Return the schedule of an integration; an empty one where none was ever set."""
        return _found(cursor, integration)

    @reads
    def all(self, cursor: Cursor) -> list[Schedule]:
        """Return the schedule of every integration that ever had one, or has run in a service, by name."""
        rows = cursor.execute(f"{_SELECT} ORDER BY integration").fetchall()
        return [_schedule(row) for row in rows]

    @reads
    def last_ended(self, cursor: Cursor) -> list[LastEnded]:
        """Return every integration with the last of its runs that has ended by itself: none that was interrupted."""
        rows = cursor.execute(
            "SELECT i.name, i.connector, (SELECT r.id FROM runs r WHERE r.integration = i.name "
            "AND r.finished_at IS NOT NULL AND coalesce(r.error, '') <> 'interrupted' ORDER BY r.n DESC LIMIT 1) "
            "FROM integrations i ORDER BY i.name"
        ).fetchall()
        return [LastEnded(name, connector, run_id, _found(cursor, name)) for name, connector, run_id in rows]

    @writes
    def edit(
        self,
        cursor: Cursor,
        /,
        integration: str,
        edit: Callable[[Schedule], Edited],
        action: Action | None = None,
        **details: Detail,
    ) -> Schedule | None:
        """Replace a schedule by what a function of it returns, and add its notices, in one transaction.

        None is returned for an integration that was removed. The function runs on the store's thread. ``action`` is an
        operator's, which the audit log tells of if it changes anything.
        """
        if not cursor.execute("SELECT 1 FROM integrations WHERE name = ?", (integration,)).fetchone():
            return None
        before = _found(cursor, integration)
        after, notices = edit(before)
        if after != before:
            _save(cursor, after)
            if action:
                add_entry(cursor, action, integration, None, **details)
        add_notices(cursor, notices)
        return after


def retry_now(cursor: Cursor, integration: str) -> None:
    """Let the next run of an integration that fails come at once: its credentials have been replaced."""
    moment = now()
    cursor.execute(
        "UPDATE schedules SET retry_at = ? WHERE integration = ? AND retry_at > ?", (moment, integration, moment)
    )


def _found(cursor: Cursor, integration: str) -> Schedule:
    row = cursor.execute(f"{_SELECT} WHERE integration = ?", (integration,)).fetchone()
    return _schedule(row) if row else Schedule(integration)


def _save(cursor: Cursor, one: Schedule) -> None:
    cursor.execute("DELETE FROM schedules WHERE integration = ?", (one.integration,))
    cursor.execute(
        "INSERT INTO schedules (integration, cron, delta, due_at, paused_at, paused_by, failures, problem, retry_at, "
        "quarantined_at, pending, noted_run, held) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(one.integration, one.cron, int(one.delta), _text(one.due_at), _text(one.paused_at), one.paused_by),
            *(one.failures, one.problem, _text(one.retry_at), _text(one.quarantined_at)),
            *(one.pending, one.noted_run, one.held),
        ),
    )


def _text(moment: datetime | None) -> str | None:
    return timestamp(moment) if moment else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _schedule(row: tuple[Any, ...]) -> Schedule:
    integration, cron, delta, due, paused, by, failures, problem, retry, quarantined, pending, noted, held = row
    return Schedule(
        integration=integration,
        cron=cron,
        delta=bool(delta),
        due_at=_moment(due),
        paused_at=_moment(paused),
        paused_by=by or "",
        failures=failures,
        problem=problem,
        retry_at=_moment(retry),
        quarantined_at=_moment(quarantined),
        pending=pending,
        noted_run=noted,
        held=held,
    )

"""Notices: an outbox, written with the state that a notice tells of, and read until it is delivered."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from connector_core.store.sqlite import Cursor, Table, reads, timestamp, writes

_SELECT = "SELECT id, at, integration, event, channel, payload, tries, next_at, delivered_at, problem FROM notices"


class Event(StrEnum):
    """The occasion of a notice."""

    HELD = "run.held"
    FAILED = "run.failed"
    INCOMPLETE = "run.incomplete"
    QUARANTINED = "integration.quarantined"
    RECOVERED = "integration.recovered"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class NewNotice:
    """A notice to be added: one for each channel, and one without a channel where there is none."""

    at: datetime
    integration: str
    event: Event
    channel: str
    payload: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice, and the attempts to deliver it."""

    id: str
    at: datetime
    integration: str
    event: str
    channel: str
    """``webhook``, ``email``, or empty where no channel is configured: it is shown only."""
    payload: str
    tries: int
    next_at: datetime | None
    """The next attempt; None if there is none."""
    delivered_at: datetime | None
    problem: str
    """The problem of the last attempt; empty if it had none."""

    @classmethod
    def unsaved(cls, at: datetime, event: Event, channel: str, payload: str) -> Self:
        """Return a notice that is sent and not kept."""
        return cls(_new_id(), at, "", event, channel, payload, 0, None, None, "")

    @property
    def state(self) -> str:
        """The state of its delivery in a word or two."""
        if self.delivered_at:
            return "delivered"
        if not self.channel:
            return "shown only"
        return "waiting" if self.next_at else "given up"


class NoticeTable(Table):
    """Lists notices, and keeps the state of their delivery."""

    @reads
    def recent(self, cursor: Cursor, limit: int = 50, *, integration: str | None = None) -> list[Notice]:
        """Return the last notices, the newest first; of one integration, if it is given."""
        rows = cursor.execute(
            f"{_SELECT} WHERE ? IS NULL OR integration = ? ORDER BY n DESC LIMIT ?",
            (integration, integration, limit),
        ).fetchall()
        return [_notice(row) for row in rows]

    @reads
    def due(self, cursor: Cursor, now: datetime, limit: int) -> list[Notice]:
        """Return notices whose next attempt is due, the one that has waited longest first."""
        rows = cursor.execute(
            f"{_SELECT} WHERE next_at IS NOT NULL AND next_at <= ? ORDER BY next_at, n LIMIT ?",
            (timestamp(now), limit),
        ).fetchall()
        return [_notice(row) for row in rows]

    @writes
    def tried(
        self,
        cursor: Cursor,
        notice: Notice,
        *,
        delivered_at: datetime | None = None,
        next_at: datetime | None = None,
        problem: str = "",
    ) -> None:
        """Note an attempt. A notice that was not delivered, and has no next attempt, is given up."""
        moments = [timestamp(one) if one else None for one in (next_at, delivered_at)]
        cursor.execute(
            "UPDATE notices SET tries = tries + 1, next_at = ?, delivered_at = ?, problem = ? WHERE id = ?",
            (*moments, problem, notice.id),
        )

    @writes
    def prune(self, cursor: Cursor, before: datetime) -> None:
        """Delete notices of before a moment."""
        cursor.execute("DELETE FROM notices WHERE at < ?", (timestamp(before),))


def add_notices(cursor: Cursor, notices: Sequence[NewNotice]) -> None:
    cursor.executemany(
        "INSERT INTO notices (id, at, integration, event, channel, payload, next_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (
                _new_id(),
                timestamp(one.at),
                one.integration,
                one.event,
                one.channel,
                one.payload,
                timestamp(one.at) if one.channel else None,
            )
            for one in notices
        ],
    )


def drop_notices(cursor: Cursor, integration: str) -> None:
    """Delete the notices of an integration that is removed."""
    cursor.execute("DELETE FROM notices WHERE integration = ?", (integration,))


def _new_id() -> str:
    return f"msg_{uuid.uuid4().hex}"


def _notice(row: tuple[Any, ...]) -> Notice:
    notice_id, at, integration, event, channel, payload, tries, next_at, delivered_at, problem = row
    return Notice(
        id=notice_id,
        at=datetime.fromisoformat(at),
        integration=integration,
        event=event,
        channel=channel,
        payload=payload,
        tries=tries,
        next_at=datetime.fromisoformat(next_at) if next_at else None,
        delivered_at=datetime.fromisoformat(delivered_at) if delivered_at else None,
        problem=problem,
    )

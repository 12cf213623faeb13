"""A delta by token reads what has changed since the provider gave it: its tombstones, and what it proves."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connector_core.reasons import Code, Reason
from connector_core.sdk.entities import Entity
from connector_core.sdk.page import Page
from connector_core.store import LastScan

MARGIN = 0.1
"""The part of a token's lifetime in which it is not used any more: a run takes time, and clocks differ."""


@dataclass(slots=True)
class TokenCursor:
    """Follows the changes since a token to their end. The last word on each id counts: a row, or that it was removed."""

    done: bool = False
    next_token: str | None = None
    """The token of the last page."""
    _removed: dict[str, None] = field(default_factory=dict)

    def reached(self, page: Page[Entity]) -> bool:
        """Note a page. It never ends a delta: the method that reads it does."""
        self._removed |= dict.fromkeys(page.removed)
        # On one page nothing tells which came later, so the row stays.
        for source_id in page.listed:
            self._removed.pop(source_id, None)
        self.done, self.next_token = page.place.last, page.delta_token
        return False

    @property
    def removed(self) -> tuple[str, ...]:
        """The ids of rows that were removed, and not listed again later."""
        return tuple(self._removed)


def token_problems(cursor: TokenCursor, *, failed: bool) -> list[Reason]:
    """Return why a delta by token has not caught up; nothing when it has.

    Args:
        cursor: How it followed the changes.
        failed: The reading ended early, or rows were rejected: that is said elsewhere.
    """
    if failed:
        return []
    if not cursor.done:
        return [Reason(Code.CHANGES_ENDED_EARLY)]
    return [] if cursor.next_token else [Reason(Code.TOKEN_MISSING)]


def token_unfit(scan: LastScan, lifetime: timedelta | None, now: datetime) -> Reason | None:
    """Return why no delta can start from the token of a scan; None if one can."""
    if scan.token is None or scan.token_at is None:
        return Reason(Code.NO_TOKEN)
    age = now - scan.token_at
    if lifetime is not None and age > lifetime * (1 - MARGIN):
        return Reason(Code.TOKEN_OLD, hours=int(age / timedelta(hours=1)))
    return None

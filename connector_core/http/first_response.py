"""The first response of a listing. Its rows and its total were true at one moment, to which later rows are compared."""

from dataclasses import dataclass, replace
from datetime import datetime

from connector_core.http.parsing import ParsedPage
from connector_core.sdk.page import Beginning, Page, PlaceInListing
from connector_core.sdk.position import Position
from connector_core.sdk.values import moment
from connector_core.sdk.wire import Maybe, R

_CLOCKS_APART = 2.0
"""Seconds by which the provider's times may differ: its headers and its rows tell whole seconds, of two machines."""


@dataclass(frozen=True, slots=True)
class FirstResponse:
    """The rows and the total that were listed when a reading began."""

    beginning: Beginning
    size: int
    ids: frozenset[str]

    @classmethod
    def of(cls, page: ParsedPage[R], seconds: float = 0.0, clock: float | None = None) -> "FirstResponse":
        """Return what a page says that came after this time, when the provider's clock said ``clock``."""
        before = None if clock is None else clock - seconds - _CLOCKS_APART
        return cls(Beginning(page.announced, before), page.size, frozenset(page.ids))

    def placed(self, page: ParsedPage[R], place: PlaceInListing, start: Position, end: Position) -> Page[R]:
        """Return a page at its place, with what is known of its rows at the beginning of the reading.

        Args:
            page: The page.
            place: Its place.
            start: The position at which the reading started.
            end: The position behind the page.
        """
        # A reading that resumes began in an earlier run.
        began = self.beginning.moment if start == Position() else start.began
        only_page = place.last and end.pages == 1
        one_response = self.size == end.rows and (only_page or self.beginning.total == end.rows)
        beginning = replace(self.beginning, moment=began)
        return page.at(replace(place, one_response=one_response, beginning=beginning), self._recent(page, began))

    def _recent(self, page: ParsedPage[R], began: float | None) -> tuple[str, ...] | None:
        """Return the ids of rows that may have come after ``began``; None if their creation times are unknown."""
        later = [number for number, one in enumerate(page.ids) if one not in self.ids]
        if not later:
            return ()
        if page.created is None or began is None:
            return None
        found = []
        for number in later:
            seconds = _epoch_seconds(page.created[number])
            if seconds is None:
                return None
            if seconds >= began:
                found.append(page.ids[number])
        return tuple(found)


def _epoch_seconds(created: Maybe[str | float]) -> float | None:
    if isinstance(created, int | float):
        return created
    time = moment(created)
    # Without an offset it could be any hour of two days.
    return time.timestamp() if isinstance(time, datetime) and time.tzinfo else None

"""Completeness counters of one reading."""

from collections.abc import Iterable

from connector_core.sdk.entities import Entity
from connector_core.sdk.hash_set import HashSet
from connector_core.sdk.page import Page, Rejection, TotalSource

BARREN_PAGES = 10
"""Consecutive pages without a usable row that end a reading."""


class Tally:
    """Running totals for one reading, used to decide whether it was complete."""

    def __init__(self, announced: int | None = None) -> None:
        self.pages = 0
        self.entities = 0
        self.announced = announced
        """The last total."""
        self.total_source = TotalSource.NONE
        self.ended = False
        """True if the last page was the one that ends the listing."""
        self.total_fell = False
        self.repeated_page: int | None = None
        self.repeated_rows = 0
        self.rejected: list[Rejection] = []
        self.repaired = 0
        """Places with a text that is not valid, outside of what is declared."""
        self._seen = HashSet()
        self._barren = 0

    @property
    def seen(self) -> int:
        """Distinct rows of the listing."""
        return len(self._seen)

    @property
    def all_staged(self) -> bool:
        """True if everything that was read is staged, so that a later run may resume behind it."""
        return not (self.rejected or self.repeated_rows)

    @property
    def differs(self) -> bool:
        """True if the rows are not as many as the last total says."""
        return self.announced is not None and self.seen + len(self.rejected) != self.announced

    @property
    def moved(self) -> bool:
        """True if the listing seems to have changed while it was read, so that reading it again may help."""
        return self.repeated_page is not None or (
            self.ended and (self.total_fell or self.repeated_rows > 0 or self.differs)
        )

    def restore(self, ids: Iterable[str], entities: int) -> None:
        """Count rows that an interrupted run has staged."""
        self._seen.add(ids)
        self.entities += entities

    def note_listing(self, page: Page[Entity]) -> None:
        """Note what a page says of its listing. Its rows may have been counted by an interrupted run."""
        self.pages += 1
        if page.total_source is not TotalSource.NONE:
            self.total_source = page.total_source
        self.ended = page.place.last
        # A new row is appended and is read. A row that goes moves others up, across the edge of a page.
        self.total_fell |= page.place.total_fell
        if page.announced is not None:
            self.announced = page.announced

    def add(self, page: Page[Entity]) -> bool:
        """Count a page; return False when it repeats earlier ones, so that reading on would never end."""
        self.note_listing(page)
        self.rejected += page.rejected
        self.repaired += page.repaired
        listed = page.listed
        fresh = self._seen.add(listed)
        # A page of rejected rows has nothing fresh either, and may be followed by better ones: a few are tolerated.
        self._barren = 0 if fresh or not page.rejected else self._barren + 1
        if not page.place.last and ((listed and not fresh) or self._barren == BARREN_PAGES):
            self.repeated_page = page.place.number
            return False
        self.repeated_rows += len(listed) - fresh
        self.entities += len(page.rows)
        return True

"""Completeness counters of one reading."""

from collections import Counter
from collections.abc import Iterable

from connector_core.beginnings import Proof
from connector_core.discovery.dependence import traced
from connector_core.sdk.entities import Entity
from connector_core.sdk.hash_set import HashSet
from connector_core.sdk.page import Beginning, Origin, Page, PlaceInListing, TotalSource
from connector_core.sdk.rejection import Rejection

_TRACED = 5
"""Rows of the first page by which it is found of what keys each field is made."""
BARREN_PAGES = 10
"""Consecutive pages without a usable row that end a reading."""


class Tally:
    """Running totals for one reading, used to decide whether it was complete.

    Args:
        beginning: That of the interrupted reading that this one resumes.
        earlier: The totals of the pass before this one, if the listing is read again.
        token: The token of the changes since the interrupted reading began.
        replayed: True for a delta whose rows may come more than once, so that a page of known rows is no repeated one.
    """

    def __init__(
        self,
        beginning: Beginning | None = None,
        earlier: "Tally | None" = None,
        *,
        token: str | None = None,
        replayed: bool = False,
    ) -> None:
        self.earlier = earlier
        self.beginning = beginning
        self.delta_token: str | None = None
        """The token of the changes since, as the last page that has one tells it."""
        self._first_token = token or (earlier.token if earlier else None)
        self._replayed = replayed
        self.pages = 0
        self.entities = 0
        self.announced = beginning.total if beginning else None
        """The last total."""
        self.total_source = TotalSource.NONE
        self.ended = False
        """True if the last page was the one that ends the listing."""
        self.total_fell = False
        self.row_left = False
        """True if a row that was read was reported as removed later in the same reading."""
        self.repeated_page: int | None = None
        self.repeated_rows = 0
        self.rejected: list[Rejection] = []
        self.repaired = 0
        """Places with a text that is not valid, outside of what is declared."""
        self.unreadable: Counter[str] = Counter()
        """Rows that are used without a value that could not be read, by its place."""
        self.recent = 0
        """Rows that may have come after the reading began."""
        self.added = 0
        """Rows that the earlier pass has not brought."""
        self.dated = beginning is None or beginning.moment is not None
        """False if the creation times of some rows are unknown."""
        self.origin: Origin | None = None
        """The request of the listing, and where its rows are; None where they come from no listing."""
        self._one_response = True
        self._place: PlaceInListing | None = None
        """That of the page before."""
        self._one_listing = True
        """False if the rows come from several listings: a row may change over to one that was read before."""
        self._cut_short = False
        """True if a listing was left for another one before its end."""
        self._chained = False
        self._keeps_place = True
        self._seen = HashSet()
        self._barren = 0

    @property
    def seen(self) -> int:
        """Distinct rows of the listing."""
        return len(self._seen)

    @property
    def resumable(self) -> bool:
        """True if a later run may resume behind what was read.

        All of it has to be staged, by one pass. Behind a row that came after the beginning, no count would tell which
        others came then.
        """
        came_later = self.dated and self.recent > 0
        return not (self.rejected or self.repeated_rows or self.row_left or self.earlier or came_later)

    @property
    def token(self) -> str | None:
        """The oldest token from which all changes of these rows are known: an earlier pass has staged some of them.

        None where a staged row may have been removed before the token was given: no delta would tell it again.
        """
        return self._first_token or (None if self.earlier or self.row_left else self.delta_token)

    @property
    def counted(self) -> bool:
        """True if another response was to count the rows."""
        return self.total_source in {TotalSource.COUNT, TotalSource.ESTIMATE}

    @property
    def differs(self) -> bool:
        """True if the rows are not as many as the last total says."""
        return self.announced is not None and self.seen + len(self.rejected) != self.announced

    @property
    def agrees(self) -> bool:
        """True if the rows are as many as a total says."""
        return self.announced is not None and not self.differs

    @property
    def moved(self) -> bool:
        """True if the listing seems to have changed while it was read, so that reading it again may help."""
        return self.repeated_page is not None or (
            self.ended
            and (
                self.total_fell
                or self.repeated_rows > 0
                or (self.differs and self.total_source is not TotalSource.ESTIMATE)
                or self.rows_unaccounted
            )
        )

    @property
    def proof(self) -> Proof:
        """The proof that every row which was listed throughout was read, provided that the counters agree."""
        # The end of a chain is its last page's word only, and a count that was asked for has to agree.
        if self._one_response and self._one_listing and (self.agrees or not (self._chained or self.counted)):
            return Proof.ONE_RESPONSE
        if self.total_source is TotalSource.EXPECTED_IDS:
            return Proof.EXPECTED_IDS
        if self._keeps_place and self._one_listing and self.agrees:
            return Proof.COUNT
        if self._all_accounted:
            # Without a total, it is the earlier pass that tells how many rows there were.
            return Proof.CREATION_TIMES if self.dated and self._total is not None else Proof.READ_TWICE
        return Proof.NONE

    @property
    def rows_unaccounted(self) -> bool:
        """True if the rows that were there when the reading began can be told from later ones, and some did not come.

        A row has left, then, and others may have moved up across the edge of a page, past the reader.
        """
        return self.proof is Proof.NONE and (self.earlier is not None or (self.dated and self._total is not None))

    @property
    def needs_another_pass(self) -> bool:
        """True if only another pass can prove that no row moved past the reader."""
        settled = self.moved or self.rejected or (self.announced is None and self.total_source is TotalSource.LISTING)
        return self.ended and not settled and self.proof is Proof.NONE

    @property
    def _total(self) -> int | None:
        # The first response of several listings tells the total of one of them.
        return self.beginning.total if self.beginning and self._one_listing else None

    @property
    def _all_accounted(self) -> bool:
        """True if every row that was there when the reading began has been read.

        A row that was created before, or read by an earlier pass, was there, unless it had left and came back. Where
        as many such rows were read as there were, they are all of them.
        """
        if self._total is not None:
            came = self.seen + len(self.rejected)
            return (self.dated or self.earlier is not None) and came - self.recent == self._total
        # Without a total, two passes that brought the same rows, and as many entities of them, prove each other.
        before = self.earlier
        if before is None or before.moved or self.added:
            return False
        return (self.seen, self.entities) == (before.seen, before.entities)

    @property
    def rows_wanted(self) -> int:
        """The number of rows of the next page that tell how its fields are made."""
        return 0 if self.origin else _TRACED

    def restore(self, ids: Iterable[str], entities: int) -> None:
        """Count rows that an interrupted run has staged."""
        self._seen.add(ids)
        self.entities += entities

    def note_listing(self, page: Page[Entity]) -> None:
        """Note what a page says of its listing. Its rows may have been counted by an interrupted run."""
        self.pages += 1
        self._place = page.place
        if page.place.number == 1 and self.pages > 1:
            self._one_listing = False
            self._cut_short |= not self.ended
        # A second listing, if it begins again, came in a second response.
        self._one_response &= page.place.one_response and (page.place.number > 1 or self.pages == 1)
        self._chained |= page.place.chained
        self._keeps_place &= page.place.keeps_place
        self.delta_token = self.delta_token if page.delta_token is None else page.delta_token
        self.beginning = self.beginning or page.place.beginning
        self.origin = self.origin or traced(page)
        if page.total_source is not TotalSource.NONE:
            self.total_source = page.total_source
        self.ended = page.place.last and not self._cut_short
        # A new row is appended and is read. A row that goes moves others up, across the edge of a page.
        self.total_fell |= page.place.total_fell
        if page.announced is not None:
            self.announced = page.announced

    def add(self, page: Page[Entity]) -> bool:
        """Count a page; return False when it repeats earlier ones, so that reading on would never end."""
        same_again = page.place.follows_itself(self._place)
        self.note_listing(page)
        self.rejected += page.rejected
        self.repaired += page.repaired
        self.unreadable.update(page.unreadable)
        listed = page.listed
        fresh = self._seen.add(listed)
        # A page of rejected rows has nothing fresh either, and may be followed by better ones: a few are tolerated.
        self._barren = 0 if fresh or not page.rejected else self._barren + 1
        repeats = listed and not fresh and not self._replayed
        if not page.place.last and (repeats or same_again or self._barren == BARREN_PAGES):
            self.repeated_page = page.place.number
            return False
        self.repeated_rows += len(listed) - fresh
        self.row_left |= not self._replayed and any(one in self for one in page.removed)
        self._count_recent(page)
        self.entities += len(page.rows)
        return True

    def _count_recent(self, page: Page[Entity]) -> None:
        """Count the rows that may have come after the reading began: an earlier pass has not read them either."""
        self.dated &= page.recent is not None
        recent = page.listed if page.recent is None else page.recent
        if self.earlier is None:
            self.recent += len(recent)
        else:
            self.recent += sum(one not in self.earlier for one in recent)
            self.added += sum(one not in self.earlier for one in page.listed)

    def __contains__(self, source_id: str) -> bool:
        return source_id in self._seen

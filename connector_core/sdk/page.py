"""Pages of a listing: rows, and facts about the whole listing."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Generic, TypeVar, TypeVarTuple

from connector_core.sdk.absence import with_nulls
from connector_core.sdk.entities import Entity
from connector_core.sdk.expected_ids import ExpectedIds
from connector_core.sdk.rejection import Rejection, mapped_or_rejected, rejection_of_text
from connector_core.sdk.tracing import Mapped, rows_kept
from connector_core.sdk.wire import Identified

T = TypeVar("T")
U = TypeVar("U")
E = TypeVar("E", bound=Entity)
One = TypeVar("One", bound=Entity | Identified)
Data = TypeVarTuple("Data")


class TotalSource(StrEnum):
    """Source of the total number of rows in a listing.

    Example: ``page.with_count(1200, exact=False).total_source is TotalSource.ESTIMATE``.
    """

    NONE = "none"
    LISTING = "listing"
    """The listing announces its total, so one that never comes is a fault."""
    EXPECTED_IDS = "expected_ids"
    """Another response names the rows that must be there."""
    COUNT = "count"
    """Another response counts the rows."""
    ESTIMATE = "estimate"
    """Another response counts the rows, from an index that lags behind the listing."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """The beginning of a reading: what is known of the rows that were listed then."""

    total: int | None = None
    """The number of rows, as the first response announced it."""
    moment: float | None = None
    """A time before the first response was made, in epoch seconds by the provider's clock; None if it is unknown."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The request that brings a listing's rows, and the place of the rows in its responses."""

    request: str
    """Method and path: ``GET /profiles``."""
    pointer: str
    """A JSON pointer to the rows: ``/profiles``."""
    rule: str = ""
    """The function that maps the rows; empty where that is unknown."""
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """For each field the keys of a row that its value is made of, as found on the first rows that came."""


@dataclass(frozen=True, slots=True)
class PlaceInListing:
    """Place of a page in its listing. Set by the HTTP client.

    Example: ``page.place.last and page.place.number == 3``.
    """

    listing: str = ""
    """The listing; empty if a reading cannot resume in the middle of it."""
    number: int = 1
    last: bool = True
    """True on the page that ends the listing."""
    total_fell: bool = False
    """True if an earlier response announced more rows: some have left the listing since."""
    one_response: bool = False
    """True if all rows of the listing so far came in one response, so that none could move while it was read."""
    beginning: Beginning = Beginning()
    response: int | None = None
    """The number of the response that brought the page; None where each page is one of its own."""
    cursor: str | None = None
    """The cursor, address or position that this page was requested with; None on the first one, and for numbers."""
    chained: bool = False
    """True if each page tells where the next one is, so that the end of the listing is its last page's word only."""
    keeps_place: bool = False
    """True if no row can move past the reader between two pages (``Cursor.keeps_place``)."""

    def follows_itself(self, before: "PlaceInListing | None") -> bool:
        """Return True if the page was requested by the same cursor as the one before it, which told it."""
        return (
            before is not None
            and self.cursor is not None
            and (before.cursor, before.number + 1) == (self.cursor, self.number)
        )


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page: its rows, and what it tells about the whole listing.

    Example: ``page.with_count(1200).map(to_employee)``.
    """

    rows: tuple[T, ...]
    ids: tuple[str, ...]
    """The provider's ids of the rows, in the same order."""
    announced: int | None = None
    """The number of rows in the whole listing."""
    total_source: TotalSource = TotalSource.NONE
    rejected: tuple[Rejection, ...] = ()
    repaired: int = 0
    """Places with a text that is not valid JSON or Unicode, outside of what is declared: it was ignored."""
    unreadable: tuple[str, ...] = ()
    """The place of each value that could not be read, in rows that are used without it: ``office``, ``office``."""
    skipped: tuple[str, ...] = ()
    """The ids of rows that are not of this kind."""
    derived_from: tuple[str, ...] | None = None
    """The ids of the listing's rows, if ``rows`` were derived from them."""
    removed: tuple[str, ...] = ()
    """The ids of rows of which a delta says that they were removed (``Listing.removed``)."""
    delta_token: str | None = field(default=None, compare=False, repr=False)
    """The token of the changes since this page."""
    recent: tuple[str, ...] | None = ()
    """The ids of rows that may have come after the reading began. None if their creation times are unknown."""
    place: PlaceInListing = field(default_factory=PlaceInListing)
    places: Sequence[int] | None = field(default=None, compare=False)
    """The place of each row in its response, from 1; None where it is unknown."""
    origin: Origin | None = field(default=None, compare=False)
    mapped: Mapped | None = field(default=None, compare=False, repr=False)
    """The rows before they were mapped, while ``keeping_rows()`` asks for them."""

    @classmethod
    def single(cls, rows: Iterable[One]) -> "Page[One]":
        """Return the only page of a listing, with all rows or entities of one response.

        A row is rejected if a text in it is not valid JSON or Unicode.
        """
        found: list[One] = []
        rejected: list[Rejection] = []
        for row in rows:
            rejection = None if isinstance(row, Entity) else rejection_of_text(row)
            if rejection:
                rejected.append(rejection)
            else:
                found.append(row)
        ids = tuple([row.source_id if isinstance(row, Entity) else row.id for row in found])
        return Page(tuple(found), ids, rejected=tuple(rejected), place=PlaceInListing(one_response=True))

    @property
    def listed(self) -> tuple[str, ...]:
        """The ids of the listing's rows, including those of other kinds."""
        return (*(self.ids if self.derived_from is None else self.derived_from), *self.skipped)

    @property
    def response(self) -> int:
        """The number of the response that brought the page."""
        return self.place.number if self.place.response is None else self.place.response

    def without_rows(self) -> "Page[Any]":
        """Return the page of a preparatory listing, all of which has to be known before the first entity can be made.

        Yield one for each page of that listing: a check takes the first page only, and progress is told by pages.
        """
        return Page((), (), place=PlaceInListing(beginning=self.place.beginning))

    def with_nulls(self, *, always: bool = False) -> "Page[T]":
        """Return the page with null for each field that a row lacks and another row has.

        For providers that leave out nulls: otherwise a field that was emptied would keep its stored value. One that no
        row of the page has is still ``UNSET``, and so is one that could not be read in some row.

        Args:
            always: True for a row that was requested by its id: no other one tells which fields may come.
        """
        return replace(self, rows=with_nulls(self.rows, self.unreadable, always=always))

    def with_expected_ids(self, expected: ExpectedIds | None) -> "Page[T]":
        """Return the page with the total that another response implies. With None, the reading is not complete."""
        total = None if expected is None else expected.total_with(self.listed)
        # A reading that resumed would not compare the rows of its earlier pages with them.
        place = replace(self.place, listing="")
        return replace(self, announced=total, total_source=TotalSource.EXPECTED_IDS, place=place)

    def with_count(self, count: int | None, *, exact: bool = True) -> "Page[T]":
        """Return the page with the number of rows that another request has counted: of all, on every page the same.

        Where it is not as many as were read, the reading is not complete; with None neither, unless a second reading
        agrees. A count that agrees proves the reading only where the paging keeps its place (``Cursor``): elsewhere
        the host reads the listing a second time all the same. Totals that the listing itself announces count no more.

        Args:
            count: The number of rows; None if it could not be fetched, or if the listing's own total is wrong.
            exact: False if the provider counts by an index that lags. A second reading that agrees outweighs it.
        """
        source = TotalSource.COUNT if exact else TotalSource.ESTIMATE
        place = replace(self.place, total_fell=False, beginning=replace(self.place.beginning, total=None))
        return replace(self, announced=count, total_source=source, place=place)

    def with_delta_token(self, token: str | None) -> "Page[T]":
        """Return the page with the token from which the next delta starts, fetched before the listing was requested.

        A response that has it itself says so by ``Listing.delta_token``.
        """
        return replace(self, delta_token=token)

    def map(self, function: Callable[[T, *Data], U | None], *data: *Data) -> "Page[U]":
        """Return the page with ``function(row, *data)`` in place of each row.

        A row for which it returns None is skipped; an exception rejects the row. ``function`` must be pure: if one row
        is rejected, it is called again for all rows of the page.
        """
        try:
            mapped = [function(row, *data) for row in self.rows]
        except Exception:  # noqa: BLE001 - any exception rejects one row, which _map_each names
            return self._map_each(function, *data)
        rows: tuple[Any, ...] = tuple(mapped)
        used = [number for number, row in enumerate(rows) if row is not None]
        if len(used) == len(rows):
            return _with_rows(self, rows, self.ids, mapped=self._traced(function, data))
        skipped = tuple([one for one, row in zip(self.ids, rows, strict=True) if row is None])
        return self._with_some(
            used,
            [rows[number] for number in used],
            skipped=(*self.skipped, *skipped),
            mapped=self._traced(function, data),
        )

    def derive(self, function: Callable[[T, *Data], Iterable[E]], *data: *Data) -> "Page[E]":
        """Return the page with the entities of ``function(row, *data)``, under their own ids, in place of the rows.

        An exception rejects a row. Completeness is judged by the rows.
        """
        found: dict[str, Any] = {}
        first: dict[str, int] = {}
        used: list[str] = []
        rejected = list(self.rejected)
        for number, (source_id, row) in enumerate(zip(self.ids, self.rows, strict=True)):
            derived = mapped_or_rejected(source_id, row, lambda one: tuple(function(one, *data)))
            if isinstance(derived, Rejection):
                rejected.append(derived)
            else:
                used.append(source_id)
                found |= {one.source_id: one for one in derived}
                first = {one.source_id: number for one in derived} | first
        return _with_rows(
            self,
            tuple(found.values()),
            tuple(found),
            rejected=tuple(rejected),
            derived_from=tuple(used),
            # Those that were removed have other ids than what is derived.
            removed=(),
            # Of the row that mentions it first.
            places=self._places_of([first[one] for one in found]),
            # The rows of earlier pages are not staged under their own ids, so no reading can resume after them.
            place=replace(self.place, listing=""),
        )

    def _map_each(self, function: Callable[[T, *Data], U | None], *data: *Data) -> "Page[U]":
        """Map row by row, to find the rejected ones."""
        rows: list[Any] = []
        used: list[int] = []
        skipped = list(self.skipped)
        rejected = list(self.rejected)
        for number, (source_id, row) in enumerate(zip(self.ids, self.rows, strict=True)):
            mapped = mapped_or_rejected(source_id, row, lambda one: function(one, *data))
            if isinstance(mapped, Rejection):
                rejected.append(mapped)
            elif mapped is None:
                skipped.append(source_id)
            else:
                rows.append(mapped)
                used.append(number)
        traced = self._traced(function, data)
        return self._with_some(used, rows, rejected=tuple(rejected), skipped=tuple(skipped), mapped=traced)

    def _with_some(self, used: Sequence[int], rows: Sequence[Any], **more: Any) -> "Page[Any]":
        """Return the page with what was made of some of its rows."""
        ids = tuple([self.ids[number] for number in used])
        return _with_rows(self, tuple(rows), ids, places=self._places_of(used), **more)

    def _places_of(self, used: Iterable[int]) -> Sequence[int] | None:
        return None if self.places is None else [self.places[number] for number in used]

    def _traced(self, function: Callable[..., Any], data: tuple[Any, ...]) -> Mapped | None:
        """Return the rows as they came, and what maps them, for a caller that has asked for both."""
        most = rows_kept()
        if not most:
            return None
        if self.mapped:
            return Mapped(self.mapped.rows, (*self.mapped.steps, (function, data)))
        return Mapped(dict(zip(self.ids[:most], self.rows[:most], strict=True)), ((function, data),))


def _with_rows(page: Page[Any], rows: tuple[Any, ...], ids: tuple[str, ...], **more: Any) -> Page[Any]:
    """Return the page with rows of another type, which ``replace`` cannot express."""
    return replace(page, rows=rows, ids=ids, **more)

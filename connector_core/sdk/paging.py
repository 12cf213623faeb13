"""Paging: the part of a request that asks for one page of a listing. The HTTP client sends the requests.

A position is a number (``PageNumber``, ``Offset``), or what the page before told of its successor: a cursor
(``Cursor``), or a whole address, in the body (``NextUrl``) or in a header (``LinkHeader``). Pages that are numbered can
be requested several at once; of the others each is requested as soon as the one before it has told where it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

from connector_core.sdk.position import Body, PageQuery, Parameters, Position

if TYPE_CHECKING:
    from connector_core.sdk.wire import Listing

EXPIRED = frozenset({400, 410})
"""The statuses by which most providers say that a cursor is no longer valid."""


class Paging(Protocol):
    """Paging of a listing: what asks for the next page; None at the end. Example: ``paging: Paging = Offset(100)``."""

    @property
    def resumable(self) -> bool:
        """True if a reading may resume in the middle of the listing."""
        ...

    def query(self, position: Position) -> PageQuery | None: ...


@runtime_checkable
class Sliced(Paging, Protocol):
    """Paging with access to any part of a listing: pages may be fetched concurrently, and in smaller slices."""

    numbered: ClassVar[bool]
    """True if the server computes where a page begins. If it is False, a page that is shorter than requested shifts
    all pages after it."""

    @property
    def size(self) -> int: ...

    def slice(self, offset: int, size: int) -> PageQuery:
        """Return what asks for ``size`` rows after ``offset``, which is a multiple of ``size``."""
        ...


@runtime_checkable
class Chained(Paging, Protocol):
    """Paging in which each page tells where the next one is."""

    @property
    def expired_by(self) -> frozenset[int]:
        """The statuses by which the provider says that a cursor is no longer valid."""
        ...

    @property
    def keeps_place(self) -> bool:
        """True if the next page begins behind the last row of this one, whatever has come or gone meanwhile."""
        ...

    def following(self, response: "Listing[Any]", links: Mapping[str, str]) -> str | None:
        """Return what a response tells of the next page; None on the last one.

        Args:
            response: The response.
            links: The addresses of its ``Link`` headers, by relation in lower case.
        """
        ...


@dataclass(frozen=True, slots=True)
class RowRange:
    """Rows of a listing that can be requested in pages of several sizes."""

    paging: Sliced
    start: int
    count: int

    def queries(self, size: int) -> list[PageQuery]:
        """Return what asks for the pages of this size that hold the rows."""
        return [self.paging.slice(offset, size) for offset in range(self.start, self.start + self.count, size)]


@dataclass(frozen=True, slots=True)
class PageNumber:
    """Paging by ``?page=1&per_page=50``, ended by the first empty page. The first page is ``first``: 1 or 0.

    A short page does not end the listing: a server that clamps the size, or leaves out rows, sends short pages.
    Set ``appends`` if the request sorts the rows by a key that never changes and grows, such as their creation: only
    then does an interrupted reading resume. ``sent_in=Body()`` puts the parameters into the body of a POST.
    Example: ``paging = PageNumber(size=50, page="pageNumber", per_page="pageSize", first=0)``.
    """

    numbered: ClassVar[bool] = True

    size: int
    page: str = "page"
    per_page: str = "per_page"
    appends: bool = False
    first: Literal[0, 1] = 1
    sent_in: Body | None = None

    @property
    def resumable(self) -> bool:
        return self.appends

    def query(self, position: Position) -> PageQuery | None:
        if position.pages and not position.last_rows:
            return None
        return self.slice(position.pages * self.size, self.size)

    def slice(self, offset: int, size: int) -> PageQuery:
        return PageQuery({self.page: offset // size + self.first, self.per_page: size}, self.sent_in)


@dataclass(frozen=True, slots=True)
class Offset:
    """Paging by ``?offset=100&limit=50``, ended by the first empty page. The first row is ``first``: 0 or 1.

    ``appends`` and ``sent_in`` are as for ``PageNumber``. SCIM counts from 1.
    Example: ``paging = Offset(size=100, offset="startIndex", limit="count", first=1)``.
    """

    numbered: ClassVar[bool] = False

    size: int
    offset: str = "offset"
    limit: str = "limit"
    appends: bool = False
    first: Literal[0, 1] = 0
    sent_in: Body | None = None

    @property
    def resumable(self) -> bool:
        return self.appends

    def query(self, position: Position) -> PageQuery | None:
        if position.pages and not position.last_rows:
            return None
        return self.slice(position.rows, self.size)

    def slice(self, offset: int, size: int) -> PageQuery:
        return PageQuery({self.offset: offset + self.first, self.limit: size}, self.sent_in)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Paging by ``?cursor=…&limit=100``: each page tells the cursor of the next one (``Listing.next_cursor``).

    The page without a cursor ends the listing. An empty page with one does not. An interrupted reading resumes at its
    last cursor. If the provider answers a cursor with one of the statuses ``expired_by``, the reading starts over; 400
    and 410 are those unless it says otherwise. In a method with ``@changes_since`` they mean, for any request, that the
    provider no longer accepts the token. Without a ``limit`` no size is sent. ``sent_in=Body("variables")`` is for
    GraphQL. ``first`` is the cursor of the first page where that wants one, too: SCIM's is empty.

    Set ``keeps_place`` only if the provider's documentation says that a cursor names the row behind which it goes on,
    and that rows keep their order: then no row can move past the reader, and a total or a count that agrees proves
    the reading. A cursor may well be a number of rows in disguise, so otherwise the listing is read twice.
    Example: ``paging = Cursor(size=100, cursor="after", limit="first")``.
    """

    resumable: ClassVar[bool] = True

    size: int
    cursor: str = "cursor"
    limit: str = "limit"
    sent_in: Body | None = None
    expired_by: frozenset[int] = EXPIRED
    keeps_place: bool = False
    first: str | None = None

    def query(self, position: Position) -> PageQuery | None:
        size: Parameters = {self.limit: self.size} if self.limit else {}
        cursor = position.next_cursor if position.pages else self.first
        if position.pages and not cursor:
            return None
        return PageQuery(size if cursor is None else {**size, self.cursor: cursor}, self.sent_in)

    def following(self, response: "Listing[Any]", links: Mapping[str, str]) -> str | None:  # noqa: ARG002 - named by the protocol
        return response.next_cursor or None


@dataclass(frozen=True, slots=True)
class NextUrl:
    """Paging in which each page tells the whole address of the next one (``Listing.next_url``).

    The address is requested as it came, if its host is one of the connector's; one without a host is taken as relative
    to that of the first page. The parameters of the request are those of the first page; its headers are sent with
    every page. ``expired_by`` and ``keeps_place`` are as for ``Cursor``.

    Example: ``self.api.pages("/users", Users, paging=NextUrl(), params={"$top": "100"})``.
    """

    resumable: ClassVar[bool] = True

    expired_by: frozenset[int] = EXPIRED
    keeps_place: bool = False

    def query(self, position: Position) -> PageQuery | None:
        return _at_address(position)

    def following(self, response: "Listing[Any]", links: Mapping[str, str]) -> str | None:  # noqa: ARG002 - named by the protocol
        return response.next_url or None


@dataclass(frozen=True, slots=True)
class LinkHeader:
    """Paging by the header ``Link: <https://…>; rel="next"``, used as ``NextUrl`` is. Example: ``LinkHeader()``."""

    resumable: ClassVar[bool] = True

    rel: str = "next"
    expired_by: frozenset[int] = EXPIRED
    keeps_place: bool = False

    def query(self, position: Position) -> PageQuery | None:
        return _at_address(position)

    def following(self, response: "Listing[Any]", links: Mapping[str, str]) -> str | None:  # noqa: ARG002 - named by the protocol
        return links.get(self.rel.lower())


def _at_address(position: Position) -> PageQuery | None:
    if not position.pages:
        return PageQuery()
    return PageQuery(url=position.next_cursor) if position.next_cursor else None


@dataclass(frozen=True, slots=True)
class Streamed:
    """One response with all rows, cut into pages of ``rows`` while it arrives. Example: ``Streamed(rows=50)``."""

    resumable: ClassVar[bool] = False

    rows: int = 100

    def query(self, position: Position) -> PageQuery | None:
        return None if position.pages else PageQuery()


@dataclass(frozen=True, slots=True)
class SinglePage:
    """One response with all rows. Further pages are requested only if it announces more rows than it has.

    Example: ``self.api.pages("/departments", Departments, paging=SinglePage())``.
    """

    resumable: ClassVar[bool] = False

    page: str = "page"

    def query(self, position: Position) -> PageQuery | None:
        if not position.pages:
            return PageQuery()
        if not position.last_rows or position.announced is None or position.rows >= position.announced:
            return None
        return PageQuery({self.page: position.pages + 1})

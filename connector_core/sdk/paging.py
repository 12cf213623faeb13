"""Paging: the query of each page of a listing. The HTTP client sends the requests."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Position:
    """Position in a listing: pages read, rows of the last page, rows in all, and the last total announced."""

    pages: int = 0
    last_rows: int = 0
    rows: int = 0
    announced: int | None = None
    began: float | None = None
    """For a reading that resumes: the moment of its beginning."""
    next_cursor: str | None = None
    """The cursor of the next page, as the last page told it."""

    def after(self, rows: int, announced: int | None, next_cursor: str | None = None) -> "Position":
        """Return the position after one more page. A page without a total keeps the last one."""
        return replace(
            self,
            pages=self.pages + 1,
            last_rows=rows,
            rows=self.rows + rows,
            announced=self.announced if announced is None else announced,
            next_cursor=next_cursor,
        )


class Paging(Protocol):
    """Paging of a listing. ``query`` returns the parameters of the next page, and None at the end."""

    @property
    def appends(self) -> bool:
        """True if new rows come last, so that a reading may resume in the middle of the listing."""
        ...

    def query(self, position: Position) -> Mapping[str, str] | None: ...


@runtime_checkable
class Sliced(Paging, Protocol):
    """Paging with access to any part of a listing: pages may be fetched concurrently, and in smaller slices."""

    numbered: ClassVar[bool]
    """True if the server computes where a page begins. If it is False, a page that is shorter than requested shifts
    all pages after it."""

    @property
    def size(self) -> int: ...

    def slice(self, offset: int, size: int) -> Mapping[str, str]:
        """Return the query for ``size`` rows after ``offset``, which is a multiple of ``size``."""
        ...


@dataclass(frozen=True, slots=True)
class RowRange:
    """Rows of a listing that can be requested in pages of several sizes."""

    paging: Sliced
    start: int
    count: int

    def queries(self, size: int) -> list[Mapping[str, str]]:
        """Return the queries of the pages of this size that hold the rows."""
        return [self.paging.slice(offset, size) for offset in range(self.start, self.start + self.count, size)]


@dataclass(frozen=True, slots=True)
class PageNumber:
    """Paging by ``?page=1&per_page=50``, ended by the first empty page.

    A short page does not end the listing: a server that clamps the size, or leaves out rows, sends short pages.
    Set ``appends`` if the request sorts the rows by a key that never changes and grows, such as their creation: only
    then does an interrupted reading resume.
    """

    numbered: ClassVar[bool] = True

    size: int
    page: str = "page"
    per_page: str = "per_page"
    appends: bool = False

    def query(self, position: Position) -> Mapping[str, str] | None:
        if position.pages and not position.last_rows:
            return None
        return self.slice(position.pages * self.size, self.size)

    def slice(self, offset: int, size: int) -> Mapping[str, str]:
        return {self.page: str(offset // size + 1), self.per_page: str(size)}


@dataclass(frozen=True, slots=True)
class Offset:
    """Paging by ``?offset=100&limit=50``, counted in rows from 0, ended by the first empty page.

    ``appends`` is as for ``PageNumber``.
    """

    numbered: ClassVar[bool] = False

    size: int
    offset: str = "offset"
    limit: str = "limit"
    appends: bool = False

    def query(self, position: Position) -> Mapping[str, str] | None:
        if position.pages and not position.last_rows:
            return None
        return self.slice(position.rows, self.size)

    def slice(self, offset: int, size: int) -> Mapping[str, str]:
        return {self.offset: str(offset), self.limit: str(size)}


@dataclass(frozen=True, slots=True)
class Cursor:
    """Paging by ``?cursor=…&limit=100``: each page tells the cursor of the next one (``Listing.next_cursor``).

    The page without a cursor ends the listing. An empty page with one does not.
    """

    appends: ClassVar[bool] = False

    size: int
    cursor: str = "cursor"
    limit: str = "limit"

    def query(self, position: Position) -> Mapping[str, str] | None:
        first = {self.limit: str(self.size)}
        if not position.pages:
            return first
        return {**first, self.cursor: position.next_cursor} if position.next_cursor else None


@dataclass(frozen=True, slots=True)
class Streamed:
    """One response with all rows, cut into pages of ``rows`` while it arrives, so that memory stays flat."""

    appends: ClassVar[bool] = False

    rows: int = 100

    def query(self, position: Position) -> Mapping[str, str] | None:
        return None if position.pages else {}


@dataclass(frozen=True, slots=True)
class SinglePage:
    """One response with all rows. Further pages are requested only if it announces more rows than it has."""

    appends: ClassVar[bool] = False

    page: str = "page"

    def query(self, position: Position) -> Mapping[str, str] | None:
        if not position.pages:
            return {}
        if not position.last_rows or position.announced is None or position.rows >= position.announced:
            return None
        return {self.page: str(position.pages + 1)}

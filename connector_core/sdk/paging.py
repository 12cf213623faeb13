"""How a provider cuts a listing into pages. Pure: the http room does the asking."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Position:
    """Where the reading of a listing stands: pages read, rows in the last page, rows in all, last total announced."""

    pages: int = 0
    last_rows: int = 0
    rows: int = 0
    announced: int | None = None

    def after(self, rows: int, announced: int | None) -> "Position":
        """Where it stands after one page more. A page that announces nothing leaves the last total."""
        total = self.announced if announced is None else announced
        return replace(self, pages=self.pages + 1, last_rows=rows, rows=self.rows + rows, announced=total)


class Paging(Protocol):
    """``None`` ends the listing."""

    resumable: ClassVar[bool]
    """Whether a reading may go on in the middle of the listing."""

    def query(self, position: Position) -> Mapping[str, str] | None: ...


@runtime_checkable
class Sliced(Paging, Protocol):
    """Paging by which any part of a listing can be asked for: pages may be read at once, and in smaller ones."""

    numbered: ClassVar[bool]
    """Whether it is the server that knows where a page begins. If not, shorter pages than were asked for move all
    that follow."""

    @property
    def size(self) -> int: ...

    def slice(self, offset: int, size: int) -> Mapping[str, str]:
        """Asks for ``size`` rows behind ``offset``, which is a multiple of it."""
        ...


@dataclass(frozen=True, slots=True)
class PageNumber:
    """``?page=1&per_page=50``, ended by the first empty page.

    A short page ends nothing: a server that clamps the size, or leaves rows out, sends short pages.
    """

    resumable: ClassVar[bool] = True
    numbered: ClassVar[bool] = True

    size: int
    page: str = "page"
    per_page: str = "per_page"

    def query(self, position: Position) -> Mapping[str, str] | None:
        if position.pages and not position.last_rows:
            return None
        return self.slice(position.pages * self.size, self.size)

    def slice(self, offset: int, size: int) -> Mapping[str, str]:
        return {self.page: str(offset // size + 1), self.per_page: str(size)}


@dataclass(frozen=True, slots=True)
class Offset:
    """``?offset=100&limit=50``, counted in rows from 0, ended by the first empty page."""

    resumable: ClassVar[bool] = True
    numbered: ClassVar[bool] = False

    size: int
    offset: str = "offset"
    limit: str = "limit"

    def query(self, position: Position) -> Mapping[str, str] | None:
        if position.pages and not position.last_rows:
            return None
        return self.slice(position.rows, self.size)

    def slice(self, offset: int, size: int) -> Mapping[str, str]:
        return {self.offset: str(offset), self.limit: str(size)}


@dataclass(frozen=True, slots=True)
class Streamed:
    """One answer holds all, and is given on while it comes, so many rows a page: memory stays flat."""

    resumable: ClassVar[bool] = False

    rows: int = 100

    def query(self, position: Position) -> Mapping[str, str] | None:
        return None if position.pages else {}


@dataclass(frozen=True, slots=True)
class SinglePage:
    """One answer holds all. Pages on only if the answer announces more rows than it holds."""

    resumable: ClassVar[bool] = False

    page: str = "page"

    def query(self, position: Position) -> Mapping[str, str] | None:
        if not position.pages:
            return {}
        if not position.last_rows or position.announced is None or position.rows >= position.announced:
            return None
        return {self.page: str(position.pages + 1)}

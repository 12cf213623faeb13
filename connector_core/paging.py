"""How a provider cuts a listing into pages. Pure: the http room does the asking."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol


@dataclass(frozen=True, slots=True)
class Progress:
    """What a listing has given so far: pages read, rows in the last page, rows in all, last total announced."""

    pages: int = 0
    last_rows: int = 0
    rows: int = 0
    announced: int | None = None


class Paging(Protocol):
    """``None`` ends the listing."""

    resumable: ClassVar[bool]
    """Whether a reading may go on in the middle of the listing."""

    def query(self, progress: Progress) -> Mapping[str, str] | None: ...


@dataclass(frozen=True, slots=True)
class PageNumber:
    """``?page=1&per_page=50``, ended by the first empty page.

    A short page ends nothing: a server that clamps the size, or leaves rows out, sends short pages.
    """

    resumable: ClassVar[bool] = True

    size: int
    page: str = "page"
    per_page: str = "per_page"

    def query(self, progress: Progress) -> Mapping[str, str] | None:
        if progress.pages and not progress.last_rows:
            return None
        return {self.page: str(progress.pages + 1), self.per_page: str(self.size)}


@dataclass(frozen=True, slots=True)
class Whole:
    """One answer holds all. Pages on only if the answer announces more rows than it holds."""

    resumable: ClassVar[bool] = False

    page: str = "page"

    def query(self, progress: Progress) -> Mapping[str, str] | None:
        if not progress.pages:
            return {}
        if not progress.last_rows or progress.announced is None or progress.rows >= progress.announced:
            return None
        return {self.page: str(progress.pages + 1)}

"""A place in a listing, and what asks for the page there."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

Parameters = Mapping[str, str | int]
"""The parameters of one page, by name."""


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
    """The cursor, or the address, of the next page, as the last page told it."""

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


@dataclass(frozen=True, slots=True)
class Body:
    """Place of a paging's parameters: members of the JSON body that is posted, or of the object ``at`` a dotted key.

    GraphQL is paged so. Example: ``Cursor(size=100, cursor="after", limit="first", sent_in=Body("variables"))``.
    """

    at: str = ""


@dataclass(frozen=True, slots=True)
class PageQuery:
    """The part of a request that asks for one page."""

    params: Parameters = field(default_factory=dict)
    sent_in: Body | None = None
    """Place of the parameters: None for the query."""
    url: str = ""
    """The whole address of the page, as the page before told it. It takes the place of the listing's address."""

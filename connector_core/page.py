"""One page of a listing: its rows, and what it says of the listing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from pydantic import ValidationError

from connector_core.census import Census
from connector_core.entities import Entity
from connector_core.wire import Identified

T = TypeVar("T")
U = TypeVar("U")
E = TypeVar("E", bound=Entity)
One = TypeVar("One", bound=Entity | Identified)


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that was read and could not be used: where and what sort of problem, never its content."""

    source_id: str | None
    field: str
    problem: str


class RowRejectedError(Exception):
    """Raised by a mapping for a row that it cannot tell what to make of. ``problem`` never holds content."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page: its rows, and what it says of the listing."""

    number: int
    rows: tuple[T, ...]
    ids: tuple[str, ...]
    """The provider's ids of ``rows``, in the same order."""
    announced: int | None = None
    promised: bool = False
    """True when this sort of listing announces its total, so that a total that never came is a fault."""
    by_census: bool = False
    """True where another answer than the listing's tells the total."""
    rejected: tuple[Rejection, ...] = ()
    skipped: tuple[str, ...] = ()
    """The ids of rows that were read and are not of this kind."""
    last: bool = False
    """True on the page that ends the listing."""
    fell: bool = False
    """True when an answer before this request had announced more: somebody has left the listing in between."""
    source: str = ""
    """Which listing this is a page of. Set by the host."""
    sources: tuple[str, ...] | None = None
    """The ids of the listing's rows, where ``rows`` are not those but were derived from them."""

    @classmethod
    def whole(cls, rows: Iterable[One]) -> "Page[One]":
        """All rows of a kind, or all entities, that came in one answer."""
        found = tuple(rows)
        ids = tuple(row.source_id if isinstance(row, Entity) else row.id for row in found)
        return Page(number=1, rows=found, ids=ids, last=True)

    @property
    def listed(self) -> tuple[str, ...]:
        """The ids of the listing's rows, those that are of no use here included."""
        return (*(self.ids if self.sources is None else self.sources), *self.skipped)

    def counted(self, census: Census | None) -> "Page[T]":
        """The same page, where another answer tells who must be listed. Without one the reading is not complete."""
        total = None if census is None else census.total_with(self.listed)
        return replace(self, announced=total, promised=True, by_census=True)

    def map(self, function: Callable[[T], U | None]) -> "Page[U]":
        """The same page with every row mapped. None skips a row; an exception rejects it."""
        rows: list[U] = []
        ids: list[str] = []
        skipped = list(self.skipped)
        rejected = list(self.rejected)
        for source_id, row in zip(self.ids, self.rows, strict=True):
            mapped = _mapped(source_id, row, function)
            if isinstance(mapped, Rejection):
                rejected.append(mapped)
            elif mapped is None:
                skipped.append(source_id)
            else:
                rows.append(mapped)
                ids.append(source_id)
        # mypy cannot say that replace() changes the type of the rows.
        return replace(self, rows=tuple(rows), ids=tuple(ids), rejected=tuple(rejected), skipped=tuple(skipped))  # type: ignore[arg-type, return-value]

    def derive(self, function: Callable[[T], Iterable[E]]) -> "Page[E]":
        """What the rows mention, instead of them: entities with ids of their own. An exception rejects a row.

        Whether all was read is judged by the rows.
        """
        found: dict[str, E] = {}
        sources: list[str] = []
        rejected = list(self.rejected)
        for source_id, row in zip(self.ids, self.rows, strict=True):
            mentioned = _mapped(source_id, row, lambda one: tuple(function(one)))
            if isinstance(mentioned, Rejection):
                rejected.append(mentioned)
            else:
                sources.append(source_id)
                found |= {one.source_id: one for one in mentioned}
        return replace(  # type: ignore[return-value]  # As above.
            self,
            rows=tuple(found.values()),  # type: ignore[arg-type]
            ids=tuple(found),
            rejected=tuple(rejected),
            sources=tuple(sources),
            # What came before a page is not staged by the ids of its rows, so nobody could go on behind it.
            source="",
        )


def _mapped(source_id: str, row: T, function: Callable[[T], U]) -> U | Rejection:
    """What the function makes of the row; why it cannot, where it raises."""
    try:
        return function(row)
    except ValidationError as error:
        return rejection(source_id, error)
    except RowRejectedError as error:
        return Rejection(source_id, error.field, error.problem)
    except Exception as error:  # noqa: BLE001 - a mapping is total: a value, or a counted rejection
        return Rejection(source_id, "", f"mapping raised {type(error).__name__}")


def rejection(source_id: str | None, error: ValidationError) -> Rejection:
    """The first problem of a validation error, without its input."""
    problem = error.errors(include_input=False, include_url=False, include_context=False)[0]
    # Behind the field's name comes at most which sort of value was tried.
    return Rejection(source_id, str(problem["loc"][0]) if problem["loc"] else "", problem["type"])

"""The wire rows behind the entities of a page, kept only for a caller that explains how a value was made."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

_ROWS_KEPT: ContextVar[int] = ContextVar("connector_core_rows_kept", default=0)


@dataclass(frozen=True, slots=True)
class Mapped:
    """The rows of a page as they came, and what maps them. No ``repr`` shows the rows."""

    rows: dict[str, Any]
    """By id."""
    steps: tuple[tuple[Callable[..., Any], tuple[Any, ...]], ...]
    """Each function, with the data that it is given beside the row."""

    def __repr__(self) -> str:
        return f"Mapped({len(self.rows)} rows by {self.rule})"

    @property
    def rule(self) -> str:
        """The qualified name of the function, such as ``connectors.namely.mapping.to_employee``."""
        names = [f"{function.__module__}.{getattr(function, '__qualname__', '?')}" for function, _ in self.steps]
        return ", then ".join(names)

    def map(self, row: Any) -> Any:
        """Return what is made of a row."""
        for function, data in self.steps:
            row = function(row, *data)
            if row is None:
                return None
        return row


@contextmanager
def keeping_rows(most: int = sys.maxsize) -> Iterator[None]:
    """Within this context pages keep the rows that they map, or the first ``most`` of them."""
    token = _ROWS_KEPT.set(most)
    try:
        yield
    finally:
        _ROWS_KEPT.reset(token)


def rows_kept() -> int:
    """Return how many rows of a page are kept."""
    return _ROWS_KEPT.get()

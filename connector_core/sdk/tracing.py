"""The wire rows behind the entities of a page, kept only for a caller that explains how a value was made."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

_KEEPS_ROWS: ContextVar[bool] = ContextVar("connector_core_keeps_rows", default=False)


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
def keeping_rows() -> Iterator[None]:
    """Within this context pages keep the rows that they map."""
    token = _KEEPS_ROWS.set(True)
    try:
        yield
    finally:
        _KEEPS_ROWS.reset(token)


def keeps_rows() -> bool:
    return _KEEPS_ROWS.get()

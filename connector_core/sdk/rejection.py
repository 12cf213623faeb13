"""Rows that cannot be used: each is rejected alone, by its id, and never shown."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError

from connector_core.sdk.invalid_text import INVALID_TEXT, PROBLEM, place_of_invalid_text
from connector_core.sdk.wire import Identified
from connector_core.secrecy import presentable

T = TypeVar("T")
U = TypeVar("U")

_LONGEST_PROBLEM = 200
"""Characters of what a mapping says of a row."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that could not be used: the field and the kind of problem, never the content.

    Example: ``Rejection("7", "email", "string_type")``.
    """

    source_id: str | None
    field: str
    problem: str


def rejection_of_text(row: Identified) -> Rejection | None:
    """Return why a row is rejected, if one of its texts is not valid JSON or Unicode."""
    place = place_of_invalid_text(row)
    if place is None:
        return None
    return Rejection(None if INVALID_TEXT in row.id else row.id, place, PROBLEM)


class RowRejectedError(Exception):
    """Raised by a mapping for a row that it cannot use. ``problem`` must not contain data of the row.

    Example: ``raise RowRejectedError("status", "is neither a word nor a number")``.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


def mapped_or_rejected(source_id: str, row: T, function: Callable[[T], U]) -> U | Rejection:
    """Return the result of the function, or the rejection of the row."""
    try:
        return function(row)
    except ValidationError as error:
        return rejection(source_id, error)
    except RowRejectedError as error:
        return Rejection(source_id, error.field, presentable(error.problem, _LONGEST_PROBLEM))
    except Exception as error:  # noqa: BLE001 - each row becomes a value or a counted rejection
        return Rejection(source_id, "", f"mapping raised {type(error).__name__}")


def rejection(source_id: str | None, error: ValidationError) -> Rejection:
    """Return the first problem of a validation error, without the input."""
    problem = error.errors(include_input=False, include_url=False, include_context=False)[0]
    # Only the name of the field: further parts of the location are keys and types of the input.
    return Rejection(source_id, str(problem["loc"][0]) if problem["loc"] else "", problem["type"])

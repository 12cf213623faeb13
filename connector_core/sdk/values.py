"""Provider values as entity fields: the vocabulary that mappings share.

``UNSET`` stands for a value that did not come, and passes through; ``None`` for one that is empty. `Entity.of` leaves
out the first and stores the second.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, TypeVar

from msgspec import UNSET, UnsetType

from connector_core.sdk.wire import Maybe, Titled

T = TypeVar("T")

_NO_DATE = "0000-00-00"


def text(value: Maybe[str | float | Titled]) -> Maybe[str]:
    """Return a number or a titled object as text."""
    if isinstance(value, str):
        return value
    if isinstance(value, Titled):
        return value.title
    return str(value) if isinstance(value, int | float) else value


def first(items: Maybe[Sequence[T]]) -> Maybe[T]:
    """Return the first item, or None if there is none."""
    if items is UNSET:
        return UNSET
    return items[0] if items else None


def as_tuple(item: Maybe[T]) -> tuple[T, ...] | UnsetType:
    """Return the item in a tuple, which is empty for null and for an empty text."""
    if item is UNSET:
        return UNSET
    return (item,) if item else ()


def link(value: Maybe[str | float], placeholder: str = "") -> Maybe[str]:
    """Return the id of another entity as text, or None for the provider's placeholder for no entity.

    An id is not stripped, here or elsewhere. Where a provider pads its ids, the mapping strips them in rows and links.
    """
    found = value if isinstance(value, str) else text(value)
    return None if found == placeholder else found


def full_name(*parts: Maybe[str]) -> str | None:
    """Return the parts of a name that are not blank, joined by spaces; None if all are blank."""
    return " ".join([stripped for part in parts if part and (stripped := part.strip())]) or None


def day(value: Maybe[str], *formats: str) -> Maybe[date]:
    """Return the date that is written in a text, or None for a blank text and ``0000-00-00``.

    The text is ISO 8601 (``2024-01-31``, and a time may follow), or has one of the ``strptime`` formats. Any other text
    is not a fact: ``UNSET``.
    """
    if not value or not (stripped := value.strip()) or stripped == _NO_DATE:
        return UNSET if value is UNSET else None
    # Checked here because fromisoformat() also takes 20240131 and 2024-W05-3.
    if len(stripped) >= 10 and stripped[4] == "-" == stripped[7] and (len(stripped) == 10 or stripped[10] in "T "):
        try:
            return date.fromisoformat(stripped[:10])
        except ValueError:
            return UNSET
    for form in formats:
        with suppress(ValueError):
            return datetime.strptime(stripped, form).date()  # noqa: DTZ007 - a day has no time zone
    return UNSET


def moment(value: Maybe[str | float]) -> datetime | UnsetType:
    """Return the time of an ISO 8601 text or of a number of epoch seconds; ``UNSET`` if the value is neither."""
    if value is None or value is UNSET:
        return UNSET
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return UNSET


@lru_cache(256)  # Most rows hold the same few words.
def words(value: str | None) -> str:
    """Return a text in lower case with one space between words: ``Office_Location`` is ``office location``."""
    return " ".join((value or "").replace("_", " ").replace("-", " ").lower().split())


def lookup(table: Mapping[str, T], word: Maybe[str], otherwise: T) -> T | UnsetType:
    """Return the meaning of a provider's word, or ``otherwise``. The keys of ``table`` are as ``words`` writes them."""
    return UNSET if word is UNSET else table.get(words(word), otherwise)


def department_fields(name: Maybe[str], ids: Mapping[str, str] | None) -> dict[str, Any]:
    """Return the fields of an Employee for the only department, which is given by its name.

    ``ids`` has the id of each name, as ``ids_by_name`` writes it; it is None if it could not be read. Without an id
    the fields are left out, so that the stored values stay.
    """
    if name is UNSET or ids is None:
        return {}
    known = ids.get(name.strip()) if name else None
    if name and known is None:
        return {}
    return {"department_source_ids": as_tuple(known), "primary_department_source_id": known}


def ids_by_name(items: Iterable[tuple[str, str, bool]]) -> dict[str, str]:
    """Return the id of each name, from tuples of name, id, and True if the item is in use.

    A name that several items share is left out, but an item that is in use wins over archived ones of its name.
    """
    found: dict[tuple[str, bool], set[str]] = {}
    for name, one, used in items:
        found.setdefault((name.strip(), used), set()).add(one)
    known: dict[str, str] = {}
    for (name, used), ids in found.items():
        if len(ids) == 1 and (used or (name, True) not in found):
            known[name] = min(ids)
    return known

"""Provider values as entity fields: the vocabulary that mappings share.

``UNSET`` stands for a value that did not come, and passes through; ``None`` for one that is empty. `Entity.of` leaves
out the first and stores the second.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, TypeVar

from msgspec import UNSET, UnsetType

from connector_core.sdk.texts import clean, normal_form
from connector_core.sdk.wire import Maybe, Titled, number_as_text

T = TypeVar("T")

_NO_DATES = frozenset({"0000-00-00", "0001-01-01", "-0001-11-30", "9999-12-31"})
"""Dates that databases and their drivers write where there is none: MySQL's zero, what PHP and .NET make of it, and
the last of all days."""


def text(value: Maybe[str | float | Titled]) -> Maybe[str]:
    """Return a number or a titled object as text. Example: ``text(7) == "7"``."""
    if isinstance(value, str):
        return value
    if isinstance(value, Titled):
        return value.title
    if not isinstance(value, int | float):
        return value
    written = number_as_text(value)
    return UNSET if written is None else written


def first(items: Maybe[Sequence[T]]) -> Maybe[T]:
    """Return the first item, or None if there is none. Example: ``first(["Berlin", "Paris"]) == "Berlin"``."""
    if items is UNSET:
        return UNSET
    return items[0] if items else None


def as_tuple(item: Maybe[T]) -> tuple[T, ...] | UnsetType:
    """Return the item in a tuple, which is empty for null and for an empty text.

    Example: ``as_tuple("d7") == ("d7",)``.
    """
    if item is UNSET:
        return UNSET
    return (item,) if item else ()


def link(value: Maybe[str | float], placeholder: str = "") -> Maybe[str]:
    """Return the id of another entity as text, or None for the provider's placeholder for no entity.

    An id is not stripped, here or elsewhere. Where a provider pads its ids, the mapping strips them in rows and links.

    Example: ``link(7) == "7"``.
    """
    found = value if isinstance(value, str) else text(value)
    return None if found == placeholder else found


def full_name(*parts: Maybe[str]) -> str | None:
    """Return the parts of a name that are not blank, joined by spaces; None if all are blank.

    Example: ``full_name("Ada", " ", "Lovelace") == "Ada Lovelace"``.
    """
    return " ".join([cleaned for part in parts if part and (cleaned := clean(part))]) or None


def day(value: Maybe[str], *formats: str, none: Collection[str] = ()) -> Maybe[date]:
    """Return the date that is written in a text, or None for one that means none.

    The text is ISO 8601 (``2024-01-31``, and a time may follow), or has one of the ``strptime`` formats. Any other text
    is not a fact: ``UNSET``. A blank text means none, and so do ``0000-00-00``, ``0001-01-01``, ``-0001-11-30``,
    ``9999-12-31``, and what the provider writes in its place: ``none=("1900-01-01",)``.

    Example: ``day("31.01.2024", "%d.%m.%Y") == date(2024, 1, 31)``.
    """
    if value is UNSET:
        return UNSET
    stripped = clean(value) if value else ""
    written = stripped.partition("T")[0].partition(" ")[0]
    if not written.strip("0-/.") or written in _NO_DATES:
        return None
    found = _written_day(stripped, formats)
    return None if found and (found.isoformat() in _NO_DATES or found.isoformat() in none) else found


def _written_day(value: str, formats: Iterable[str]) -> date | UnsetType:
    # Checked here because fromisoformat() also takes 20240131 and 2024-W05-3.
    if len(value) >= 10 and value[4] == "-" == value[7] and (len(value) == 10 or value[10] in "T Z+-"):
        try:
            return date.fromisoformat(value[:10])
        except ValueError:
            return UNSET
    for form in formats:
        with suppress(ValueError):
            return datetime.strptime(value, form).date()  # noqa: DTZ007 - a day has no time zone
    return UNSET


def moment(value: Maybe[str | float]) -> datetime | UnsetType:
    """Return the time of an ISO 8601 text or of a number of epoch seconds; ``UNSET`` if the value is neither.

    Example: ``moment("2024-01-31T09:00:00Z") == datetime(2024, 1, 31, 9, tzinfo=UTC)``.
    """
    if value is None or value is UNSET:
        return UNSET
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return UNSET


@lru_cache(256)  # Most rows hold the same few words.
def words(value: str | None) -> str:
    """Return a text in its normal form, with one space between words: ``Office_Location`` is ``office location``.

    Example: ``words("Office_Location") == "office location"``.
    """
    return normal_form((value or "").replace("_", " ").replace("-", " "))


def lookup(table: Mapping[str, T], word: Maybe[str], otherwise: T) -> T | UnsetType:
    """Return the meaning of a provider's word, or ``otherwise``. The keys of ``table`` are as ``words`` writes them.

    Example: ``lookup({"full time": WorkerType.EMPLOYEE}, "Full-Time", WorkerType.UNKNOWN) == WorkerType.EMPLOYEE``.
    """
    return UNSET if word is UNSET else table.get(words(word), otherwise)


class IdsByName:
    """The ids of items by their names, where another response names an item without its id.

    A name finds the item of the same name, else the only one whose name looks the same: whatever its case, blanks and
    composition. Of several items with one name none is found, but one in use wins over archived ones.

    Example: ``IdsByName([("Finance", "d7", True)]).find("finance") == "d7"``.

    Args:
        items: Name, id, and True if the item is in use.
    """

    def __init__(self, items: Iterable[tuple[str, str, bool]]) -> None:
        found = tuple(items)
        self._same = _only((clean(name), one, used) for name, one, used in found)
        self._alike = _only((normal_form(name), one, used) for name, one, used in found)

    def find(self, name: str) -> str | None:
        """Return the id of the only item of this name; None if there is none, or more than one."""
        same = self._same.get(clean(name))
        return self._alike.get(normal_form(name)) if same is None else same


def _only(items: Iterable[tuple[str, str, bool]]) -> dict[str, str]:
    """Return the id of each name that one item has, among those in use or else among the archived ones."""
    found: dict[tuple[str, bool], set[str]] = {}
    for name, one, used in items:
        found.setdefault((name, used), set()).add(one)
    return {
        name: min(ids)
        for (name, used), ids in found.items()
        if name and len(ids) == 1 and (used or (name, True) not in found)
    }


def department_fields(name: Maybe[str], ids: IdsByName | None) -> dict[str, Any]:
    """Return the fields of an Employee for the only department, which is given by its name.

    ``ids`` is None if they could not be read. Without an id the fields are left out, so that the stored values stay.

    Example: ``Employee.of(person, **department_fields(person.department, departments))``.
    """
    if name is UNSET or ids is None:
        return {}
    known = ids.find(name) if name else None
    if name and known is None:
        return {}
    return {"department_source_ids": as_tuple(known), "primary_department_source_id": known}

"""Providers' texts as values: what mappings have in common. What did not come stays ``UNSET``, and null is a fact."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date, datetime
from typing import Any, TypeVar

from msgspec import UNSET, UnsetType

T = TypeVar("T")

_NO_DATE = frozenset({"", "0000-00-00"})


def day(text: str | UnsetType | None) -> date | UnsetType | None:
    """The date that an ISO 8601 text begins with, in the provider's own zone; None for ``0000-00-00``.

    A text that is no date is not a fact: ``UNSET``.
    """
    if not isinstance(text, str):
        return text
    if text.strip() in _NO_DATE:
        return None
    with suppress(ValueError):
        return date.fromisoformat(text.strip()[:10])
    return UNSET


def moment(text: str | UnsetType | None) -> datetime | UnsetType:
    """The moment that an ISO 8601 text tells; ``UNSET`` where it tells none."""
    with suppress(ValueError):
        return datetime.fromisoformat(text) if text else UNSET
    return UNSET


def department_fields(name: str | UnsetType | None, ids: Mapping[str, str] | None) -> dict[str, Any]:
    """The department of somebody who has one at most, as fields of an Employee. ``ids`` tells its id from its name.

    Empty, so that what is stored stays, where the name did not come, or ``ids`` does not know it or is None.
    """
    if isinstance(name, UnsetType) or ids is None:
        return {}
    one = ids.get(name.strip()) if name else None
    if name and one is None:
        return {}
    return {"department_source_ids": (one,) if one else (), "primary_department_source_id": one}


def ids_by_name(items: Iterable[tuple[str, str, bool]]) -> dict[str, str]:
    """The id behind each name, of items that are (name, id, in use). A name that is not one item's alone tells none.

    Where one item in use has a name, it is meant, and none that was put away.
    """
    found: dict[tuple[str, bool], set[str]] = {}
    for name, one, used in items:
        found.setdefault((name.strip(), used), set()).add(one)
    known: dict[str, str] = {}
    for (name, used), ids in found.items():
        if len(ids) == 1 and (used or (name, True) not in found):
            known[name] = min(ids)
    return known


def lookup(table: Mapping[str, T], text: str | UnsetType | None, otherwise: T) -> T | UnsetType:
    """What a provider's word stands for. ``table`` has lower-case words; null and unknown ones are ``otherwise``."""
    return UNSET if text is UNSET else table.get((text or "").strip().lower(), otherwise)

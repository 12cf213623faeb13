"""Fields that a provider leaves out of a row where they are null."""

from collections.abc import Collection, Sequence
from functools import cache
from types import NoneType
from typing import TypeVar, get_args

import msgspec
from msgspec import UNSET, Struct

T = TypeVar("T")


def with_nulls(rows: Sequence[T], unreadable: Collection[str], *, always: bool) -> tuple[T, ...]:
    """Return the rows with null for each field that a row lacks and another one has, or ``always``.

    Not for a field that could not be read in some row: ``unreadable`` are their places, such as ``office.city``.
    """
    known = set[str]()
    for row in rows:
        _note(row, "", known, always=always)
    known.difference_update(unreadable)
    return tuple([_filled(row, "", known) for row in rows])


def _note(value: object, place: str, known: set[str], *, always: bool) -> None:
    """Add the places of the fields that came, or of all."""
    if isinstance(value, Struct):
        for name, key, _ in _fields(type(value)):
            inner = getattr(value, name)
            if always or inner is not UNSET:
                known.add(place + key)
                _note(inner, f"{place}{key}.", known, always=always)


def _filled(value: T, place: str, known: set[str]) -> T:
    if not isinstance(value, Struct):
        return value
    changed: dict[str, object] = {}
    for name, key, nullable in _fields(type(value)):
        inner = getattr(value, name)
        if inner is UNSET:
            if nullable and place + key in known:
                changed[name] = None
        elif (filled := _filled(inner, f"{place}{key}.", known)) is not inner:
            changed[name] = filled
    return msgspec.structs.replace(value, **changed) if changed else value


@cache
def _fields(model: type[Struct]) -> tuple[tuple[str, str, bool], ...]:
    """Return name and key of each field, and True if it may be null."""
    fields = msgspec.structs.fields(model)
    return tuple([(one.name, one.encode_name, NoneType in get_args(one.type)) for one in fields])

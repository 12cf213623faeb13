"""Fields that a provider leaves out of a row where they are null."""

from collections.abc import Collection, Sequence
from functools import cache
from types import NoneType
from typing import TypeVar, get_args

import msgspec
from msgspec import UNSET, Struct

T = TypeVar("T")


def with_nulls(rows: Sequence[T], unreadable: Collection[str]) -> tuple[T, ...]:
    """Return the rows with null for each field that a row lacks and another one has.

    Not for a field that could not be read in some row: ``unreadable`` are their places, such as ``office.city``.
    """
    came = set[str]()
    for row in rows:
        _note(row, "", came)
    came.difference_update(unreadable)
    return tuple([_filled(row, "", came) for row in rows])


def _note(value: object, place: str, came: set[str]) -> None:
    """Add the places of the fields that came."""
    if isinstance(value, Struct):
        for name, key, _ in _fields(type(value)):
            inner = getattr(value, name)
            if inner is not UNSET:
                came.add(place + key)
                _note(inner, f"{place}{key}.", came)


def _filled(value: T, place: str, came: set[str]) -> T:
    if not isinstance(value, Struct):
        return value
    changed: dict[str, object] = {}
    for name, key, nullable in _fields(type(value)):
        inner = getattr(value, name)
        if inner is UNSET:
            if nullable and place + key in came:
                changed[name] = None
        elif (filled := _filled(inner, f"{place}{key}.", came)) is not inner:
            changed[name] = filled
    return msgspec.structs.replace(value, **changed) if changed else value


@cache
def _fields(model: type[Struct]) -> tuple[tuple[str, str, bool], ...]:
    """Return name and key of each field, and True if it may be null."""
    fields = msgspec.structs.fields(model)
    return tuple([(one.name, one.encode_name, NoneType in get_args(one.type)) for one in fields])

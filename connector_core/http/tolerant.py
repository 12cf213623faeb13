"""Reads what does not validate as a whole, as far as no fact is invented.

A number is read as text where text is declared. An empty list or text in place of an object is null, as PHP writes an
empty object. A field that may be absent and cannot be read is ``UNSET``, so that its stored value stays.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
from msgspec import UNSET

from connector_core.sdk.wire import Row, number_as_text

UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)
"""Exceptions of msgspec for input that it cannot parse."""
_CONTAINERS = frozenset({list, tuple, dict})
_EMPTY: tuple[Any, ...] = (None, "", [], {})


class _OtherTypeError(Exception):
    """Raised for a value that is of no declared type, however it is read."""


class _EmptyError(msgspec.ValidationError):
    """Raised for an empty list or text in place of an object that may not be null."""


@dataclass(frozen=True, slots=True)
class _Field:
    """One field of a model."""

    name: str
    key: str
    type: "_Type"
    required: bool
    optional: bool
    """True if it may be ``UNSET``."""


@dataclass(frozen=True, slots=True)
class _Type:
    """A declared type, taken apart once: msgspec would do so for each value."""

    convert: Callable[[Any], Any]
    plain: frozenset[type]
    """Types whose values are valid as they are."""
    struct: Any
    """The only model that it may be; None if there is none, or more than one."""
    nullable: bool
    text: bool
    items: tuple[tuple[type, "_Type"], ...]
    """Containers that it may be, with the types of their items."""


class TolerantReader:
    """Reads one parsed value as a model. ``read`` raises one of ``UNREADABLE`` if a part that is required fails.

    With ``partial``, required fields that cannot be read are ``UNSET``, too, unless they are part of an id.
    """

    def __init__(self, *, partial: bool = False) -> None:
        self.unreadable: list[str] = []
        """The places of fields that are unset because they could not be read, such as ``office.name``."""
        self.filled = 0
        """Values that were read and say something, besides ids."""
        self.failure: Exception | None = None
        """Why the first of ``unreadable`` could not be read."""
        self._partial = partial

    def read(self, value: Any, wanted: Any) -> Any:
        """Return the value as this type."""
        return self._read(value, _taken_apart(wanted), ())

    def _read(self, value: Any, declared: _Type, place: tuple[str, ...]) -> Any:
        if type(value) in declared.plain:
            self.filled += value not in _EMPTY and place[-1:] != ("id",)
            return value
        try:
            found = declared.convert(value)
        except UNREADABLE as error:
            # Without the frames that hold the value: they would keep it in memory.
            failure = error.with_traceback(None)
        else:
            self.filled += _says_something(found) and place[-1:] != ("id",)
            return found
        with suppress(_OtherTypeError):
            return self._read_otherwise(value, declared, place)
        raise _at(place, failure)

    def _read_otherwise(self, value: Any, declared: _Type, place: tuple[str, ...]) -> Any:
        """Return a value that is not valid as it is, read part by part or as text."""
        if declared.struct and (value in ([], "") or isinstance(value, dict)):
            try:
                return self._read_struct(value, declared.struct, place)
            except _EmptyError:
                if declared.nullable:
                    return None
                raise
        if declared.text and isinstance(value, int | float) and not isinstance(value, bool):
            written = number_as_text(value)
            # No id has a fraction.
            if written is not None and not (place[-1:] == ("id",) and "." in written):
                return self._read(written, declared, place)
        for container, item in declared.items:
            if isinstance(value, list) and container is not dict:
                return container([self._read_item(one, item, place) for one in value])
            if isinstance(value, dict) and container is dict:
                return {key: self._read_item(one, item, place) for key, one in value.items()}
        raise _OtherTypeError

    def _read_struct(self, value: Any, wanted: Any, place: tuple[str, ...]) -> Any:
        if not isinstance(value, dict):
            raise _at(place, _EmptyError("Is empty"))
        values: dict[str, Any] = {}
        for one in _fields(wanted):
            inner = (*place, one.key)
            if one.key not in value and not one.required:
                continue
            try:
                if one.key not in value:
                    raise _at(inner, msgspec.ValidationError("Is missing"))
                values[one.name] = self._read(value[one.key], one.type, inner)
            except UNREADABLE as error:
                if isinstance(error, _EmptyError) and not one.optional and all(it in _EMPTY for it in value.values()):
                    # An object of nothing is none either.
                    raise
                # A text that is not valid costs its row, wherever it is.
                optional = one.optional and isinstance(error, msgspec.ValidationError)
                if not (optional or (self._partial and "id" not in inner)):
                    raise _not_empty(error) from None
                values[one.name] = UNSET
                self.unreadable.append(".".join(inner))
                self.failure = self.failure or error.with_traceback(None)
        return (get_origin(wanted) or wanted)(**values)

    def _read_item(self, value: Any, declared: _Type, place: tuple[str, ...]) -> Any:
        try:
            return self._read(value, declared, (*place, "[...]"))
        except _EmptyError as error:
            raise _not_empty(error) from None


def source_id_of(value: Any, row_type: Any) -> str | None:
    """Return the id of a row that cannot be read, if that can be: wherever the model has it."""
    with suppress(Exception):
        row = TolerantReader(partial=True).read(value, row_type)
        return msgspec.convert({"id": row.id}, Row).id
    return None


def _at(place: tuple[str, ...], error: Exception) -> Exception:
    """Return an error of msgspec about a part of a value as one about the part at this place."""
    if isinstance(error, RecursionError):
        return RecursionError()
    if not isinstance(error, msgspec.ValidationError):
        return UnicodeError()
    message, _, inner = str(error).partition(" - at `$.value")
    return type(error)(f"{message} - at `$.{'.'.join(place)}{inner.rstrip('`')}`")


def _not_empty(error: Exception) -> Exception:
    """Return the error of what lacks an object, and is not empty itself."""
    return msgspec.ValidationError(str(error)) if isinstance(error, _EmptyError) else error


def _says_something(found: Any) -> bool:
    if isinstance(found, msgspec.Struct):
        return any(_says_something(getattr(found, name)) for name in found.__struct_fields__)
    return found is not UNSET and found not in _EMPTY


@cache
def _taken_apart(wanted: Any) -> _Type:
    members = get_args(wanted) if get_origin(wanted) in {Union, UnionType} else (wanted,)
    bare = [get_args(one)[0] if get_origin(one) is Annotated else one for one in members]
    structs = [one for one in bare if _is_struct(one)]
    containers = [(get_origin(one), get_args(one)) for one in bare]
    holder = msgspec.defstruct("_Holder", [("value", wanted)])
    return _Type(
        convert=lambda value: msgspec.convert({"value": value}, holder, strict=False).value,  # type: ignore[attr-defined]  # The field is made above.
        plain=frozenset(one for one in members if one in {str, int, bool, NoneType}),
        struct=structs[0] if len(structs) == 1 else None,
        nullable=NoneType in bare,
        text=str in bare,
        items=tuple(
            [
                (origin, _taken_apart(inner[1] if origin is dict else inner[0]))
                for origin, inner in containers
                if origin in _CONTAINERS
            ]
        ),
    )


@cache
def _fields(wanted: Any) -> tuple[_Field, ...]:
    return tuple(
        [
            _Field(one.name, one.encode_name, _taken_apart(one.type), one.required, one.default is UNSET)
            for one in msgspec.structs.fields(wanted)
        ]
    )


def _is_struct(wanted: Any) -> bool:
    origin = get_origin(wanted) or wanted
    return isinstance(origin, type) and issubclass(origin, msgspec.Struct)

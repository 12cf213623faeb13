"""Reads what does not validate as a whole, as far as no fact is invented.

A number is read as text where text is declared. An empty list or text in place of an object is null, as PHP writes an
empty object. A field that may be absent and cannot be read is ``UNSET``, so that its stored value stays.
"""

from contextlib import suppress
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
from msgspec import UNSET

from connector_core.sdk.wire import Row, number_as_text

UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)
"""Exceptions of msgspec for input that it cannot parse."""


class _EmptyError(msgspec.ValidationError):
    """Raised for an empty list or text in place of an object that may not be null."""


class TolerantReader:
    """Reads one parsed value as a model. ``read`` raises one of ``UNREADABLE`` if a part that is required fails.

    With ``partial``, required fields that cannot be read are ``UNSET``, too.
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
        try:
            return self._read(value, wanted, "")
        except _EmptyError:
            return msgspec.convert(value, wanted, strict=False)

    def _read(self, value: Any, wanted: Any, place: str) -> Any:
        try:
            found = msgspec.convert(value, wanted, strict=False)
        except UNREADABLE as error:
            # Without the frames that hold the value: they would keep it in memory.
            failure = error.with_traceback(None)
        else:
            self.filled += _says_something(found) and place.rpartition(".")[2] != "id"
            return found
        members = _members(wanted)
        structs = [one for one in members if _is_struct(one)]
        if len(structs) == 1 and (value in ([], "") or isinstance(value, dict)):
            try:
                return self._read_struct(value, structs[0], place)
            except _EmptyError:
                if NoneType in members:
                    return None
                raise
        if str in members and isinstance(value, int | float) and not isinstance(value, bool):
            return self._read(number_as_text(value), wanted, place)
        for container in members:
            if (items := self._read_items(value, container, place)) is not None:
                return items
        raise _at(place, failure)

    def _read_struct(self, value: Any, wanted: Any, place: str) -> Any:
        if not isinstance(value, dict):
            raise _EmptyError
        values: dict[str, Any] = {}
        for one in msgspec.structs.fields(wanted):
            inner = f"{place}.{one.encode_name}".lstrip(".")
            if one.encode_name not in value and not one.required:
                continue
            try:
                if one.encode_name not in value:
                    raise _at(inner, msgspec.ValidationError("Is missing"))
                values[one.name] = self._read(value[one.encode_name], one.type, inner)
            except UNREADABLE as error:
                # A text that is not valid costs its row, wherever it is.
                optional = one.default is UNSET and isinstance(error, msgspec.ValidationError)
                if not (optional or self._partial):
                    raise
                values[one.name] = UNSET
                self.unreadable.append(inner)
                self.failure = self.failure or error.with_traceback(None)
        return (get_origin(wanted) or wanted)(**values)

    def _read_items(self, value: Any, container: Any, place: str) -> Any:
        """Return the items of a list or an object, or None if the type is another one."""
        origin, arguments = get_origin(container), get_args(container)
        if isinstance(value, list) and origin in {list, tuple}:
            return origin([self._read(one, arguments[0], f"{place}[...]") for one in value])
        if isinstance(value, dict) and origin is dict:
            return {key: self._read(one, arguments[1], f"{place}[...]") for key, one in value.items()}
        return None


def _at(place: str, error: Exception) -> Exception:
    """Return an error of msgspec about a part of a value as one about the part at this place."""
    if isinstance(error, RecursionError):
        return RecursionError()
    if not isinstance(error, msgspec.ValidationError):
        return UnicodeError()
    message, _, inner = str(error).partition(" - at `$")
    return msgspec.ValidationError(f"{message} - at `$.{place}{inner.rstrip('`')}`")


def source_id_of(value: Any, row_type: Any) -> str | None:
    """Return the id of a row that cannot be read, if that can be: wherever the model has it."""
    with suppress(Exception):
        row = TolerantReader(partial=True).read(value, row_type)
        return msgspec.convert({"id": row.id}, Row).id
    return None


def _says_something(found: Any) -> bool:
    if isinstance(found, msgspec.Struct):
        return any(_says_something(getattr(found, name)) for name in found.__struct_fields__)
    return found not in (None, UNSET, "", [], ())


@cache
def _members(wanted: Any) -> tuple[Any, ...]:
    """Return the types of a union, without what annotates them."""
    members = get_args(wanted) if get_origin(wanted) in {Union, UnionType} else (wanted,)
    return tuple([get_args(one)[0] if get_origin(one) is Annotated else one for one in members])


def _is_struct(wanted: Any) -> bool:
    origin = get_origin(wanted) or wanted
    return isinstance(origin, type) and issubclass(origin, msgspec.Struct)

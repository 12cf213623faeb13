"""Rows parsed one by one: a row that does not validate is rejected alone, not with its page.

A row that cannot be parsed strictly is parsed with its invalid strings replaced (``repair.py``): it is used if none of
them is in a declared field. One that does not validate is read part by part (``tolerant.py``): one value that is not
as promised costs its field.
"""

from collections.abc import Iterable
from typing import Any, Generic

import msgspec

from connector_core.errors import Call, MalformedError
from connector_core.http.repair import TooManyError, parse_repaired
from connector_core.http.tolerant import UNREADABLE, TolerantReader, source_id_of
from connector_core.sdk.invalid_text import INVALID_TEXT, PROBLEM
from connector_core.sdk.rejection import Rejection, rejection_of_text
from connector_core.sdk.wire import R

_MOST_BAD_ROWS = 10_000
"""Bad rows in one response, which is not as the API promises if it has more."""
_LARGEST_BAD_ROW = 1024 * 1024
"""Bytes of a row that is repaired: it takes longer than parsing, and holds up all other runs."""


class RowParser(Generic[R]):
    """Parses rows one by one, and rejects those that are not as the API promises."""

    def __init__(self, call: Call, row_type: type[R], before: int = 0) -> None:
        """``before`` is how many rows of the response come before these."""
        self.good: list[R] = []
        self.places: list[int] = []
        """The place of each good row in the response, from 1."""
        self.rejected: list[Rejection] = []
        self.repaired = 0
        """Rows that were used, though a text in them that is not declared is not valid."""
        self.unreadable: list[str] = []
        """The place of each value that could not be read, in rows that were used without it."""
        self._call = call
        self._row_type = row_type
        self._place = before

    def parse(self, values: Iterable[Any], known: frozenset[int] = frozenset()) -> None:
        """Add rows of a ``Splitter``, without those whose hashed ids are known. Raises MalformedError for no JSON."""
        for value in values:
            self._place += 1
            try:
                row = msgspec.convert(value, self._row_type, strict=False)
            except UNREADABLE:
                text = bytes(value) if isinstance(value, msgspec.Raw) else None
                found = self._read_part_by_part(value) if text is None else self._parse_text(text)
                if isinstance(found, Rejection):
                    self.rejected.append(found)
                    continue
                row = found
            if not known or hash(row.id) not in known:
                self.good.append(row)
                self.places.append(self._place)
        if len(self.rejected) + self.repaired > _MOST_BAD_ROWS:
            raise MalformedError(f"more than {_MOST_BAD_ROWS} rows are not as the API promises", call=self._call)

    def _parse_text(self, text: bytes) -> R | Rejection:
        """Return a row that could not be parsed strictly."""
        try:
            # Its surrogates may be pairs.
            return msgspec.json.decode(text, type=self._row_type, strict=False)
        except UNREADABLE as error:
            # Without its frames, which hold the text.
            strict = error.with_traceback(None)
        if len(text) > _LARGEST_BAD_ROW:
            return Rejection(None, "", f"{PROBLEM}, in a row of {len(text)} bytes")
        try:
            value, bad = parse_repaired(text)
        except (TooManyError, RecursionError) as error:
            return Rejection(None, *_described(error))
        except ValueError:
            raise malformed(self._call, strict) from None
        row = self._read_part_by_part(value)
        if isinstance(row, Rejection):
            return row
        if rejection := rejection_of_text(row):
            return rejection
        self.repaired += bad
        return row

    def _read_part_by_part(self, value: Any) -> R | Rejection:
        """Return a row without the values that could not be read, or why it is of no use without them."""
        reader = TolerantReader()
        try:
            row: R = reader.read(value, self._row_type)
        except UNREADABLE as error:
            return rejection_of(value, self._row_type, error)
        if reader.failure and not reader.filled:
            return rejection_of(value, self._row_type, reader.failure)
        self.unreadable += reader.unreadable
        return row


def rejection_of(row: Any, row_type: Any, error: Exception) -> Rejection:
    """Return why a row that was parsed cannot be used; with its id, if that is fit to be shown."""
    source_id = source_id_of(row, row_type)
    return Rejection(None if source_id and INVALID_TEXT in source_id else source_id, *_described(error))


def malformed(call: Call, error: Exception) -> MalformedError:
    where, what = _described(error)
    return MalformedError(f"{where or 'the response'} is not as the API promises ({what})", call=call)


def _described(error: Exception) -> tuple[str, str]:
    """Return where the problem is, and what it is, without any of the content."""
    if isinstance(error, RecursionError):
        return "", "nested too deeply"
    if isinstance(error, UnicodeError):
        return "", PROBLEM
    message, _, where = str(error).partition(" - at `$")
    if message.startswith("Invalid"):
        # "Invalid enum value" and its like quote the value.
        message = "Invalid value"
    return where.rstrip("`").lstrip("."), message if message.startswith("JSON") else message[:1].lower() + message[1:]

"""Cuts the JSON of a listing into rows while it arrives. Pure: bytes are fed in, and rows taken out."""

import json
import re
from codecs import getincrementaldecoder
from collections.abc import Generator
from typing import Any

_SPACE = re.compile(r"[ \t\n\r]*")
_AFTER_VALUE = frozenset(" \t\n\r,:]}")
"""Characters that may follow a value."""
_Steps = Generator[None, None, Any]
"""A parser that pauses while it needs more input."""


def _refuse(_: str) -> Any:
    raise ValueError


_DECODE = json.JSONDecoder(parse_constant=_refuse).raw_decode


class Splitter:
    """Parser of one JSON object whose rows are in an array under ``key``. Raises ValueError with what is wrong."""

    def __init__(self, key: str) -> None:
        self.head: dict[str, Any] = {}
        """The other keys and their values."""
        self.begun = False
        """True once the array of rows has begun."""
        self.pending = 0
        """Bytes that have come since the last complete value."""
        self._key = key
        self._rows: list[Any] = []
        self._wanted = 0
        self._text, self._at = "", 0
        self._ended = self._complete = False
        self._decoder = getincrementaldecoder("utf-8")()
        self._steps = self._object()

    def feed(self, data: bytes) -> None:
        self.pending += len(data)
        self._text = self._text[self._at :] + self._decoder.decode(data)
        self._at = 0

    def take(self, count: int) -> list[Any]:
        """Return this many rows, or none while fewer have come. What follows them is not parsed yet."""
        self._wanted = count
        next(self._steps)
        if len(self._rows) < count:
            return []
        taken, self._rows = self._rows, []
        return taken

    def rest(self) -> list[Any]:
        """Return the last rows. There is no more to feed."""
        self._ended = True
        self._decoder.decode(b"", final=True)
        self._wanted = -1
        next(self._steps)
        if not self._complete:
            raise ValueError("it ends too early")
        return self._rows

    def _object(self) -> _Steps:
        yield from self._one_of("{")
        if (yield from self._peek()) == "}":
            self._at += 1
        else:
            more = ","
            while more == ",":
                if (yield from self._peek()) != '"':
                    raise ValueError("it is not JSON")
                yield from self._member()
                more = yield from self._one_of(",}")
        self._complete = True
        while True:
            self._skip()
            if self._at < len(self._text):
                raise ValueError("something follows its end")
            yield

    def _member(self) -> _Steps:
        key = yield from self._value()
        yield from self._one_of(":")
        if key != self._key or (yield from self._peek()) != "[":
            self.head[key] = yield from self._value()
            return
        self.begun = True
        self._at += 1
        if (yield from self._peek()) == "]":
            self._at += 1
            return
        more = ","
        while more == ",":
            row = yield from self._value()
            self._rows.append(row)
            if len(self._rows) == self._wanted:
                yield
            more = yield from self._one_of(",]")

    def _skip(self) -> None:
        space = _SPACE.match(self._text, self._at)
        self._at = space.end() if space else self._at

    def _peek(self) -> _Steps:
        """Return the next character that is not white space."""
        while True:
            self._skip()
            if self._at < len(self._text):
                return self._text[self._at]
            yield

    def _one_of(self, characters: str) -> _Steps:
        found = yield from self._peek()
        if found not in characters:
            raise ValueError("it is not JSON")
        self._at += 1
        return found

    def _value(self) -> _Steps:
        yield from self._peek()
        while True:
            try:
                value, end = _DECODE(self._text, self._at)
            except (ValueError, RecursionError):
                if self._ended:
                    raise ValueError("it is not JSON") from None
                yield from self._double()
                continue
            if self._text[end : end + 1] not in _AFTER_VALUE and not self._ended:
                # A number may continue.
                yield from self._double()
                continue
            self._at, self.pending = end, 0
            return value

    def _double(self) -> _Steps:
        """Wait for as much input again: a long value in small pieces is not parsed anew with each piece."""
        wanted = 2 * (len(self._text) - self._at)
        while len(self._text) - self._at < wanted and not self._ended:
            yield

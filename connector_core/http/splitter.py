"""Cuts the JSON of a listing into rows while it arrives. Pure: bytes are fed in, and rows taken out."""

import json
import re
from codecs import getincrementaldecoder
from collections.abc import Generator, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from connector_core.http.repair import parse_repaired

_SPACE = re.compile(r"[ \t\n\r]*")
_IN_STRING = re.compile(r'(?:[^"\\]++|\\.)*+', re.DOTALL)
_FLAT = r'[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+"'
_IN_BRACKETS = re.compile(rf"(?:{_FLAT}|[\[{{](?:{_FLAT})*+[\]}}])*+", re.DOTALL)
"""Text that leaves the depth as it is: strings, and pairs of brackets without others in them."""
_IN_LITERAL = re.compile(r'[^ \t\n\r,:\[\]{}"]*+')
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_AFTER_VALUE = frozenset(" \t\n\r,:]}")
"""Characters that may follow a value."""
_SHORT = 64 * 1024
"""Characters of a value that may be parsed again when more of it has come."""
_Steps = Generator[None, None, Any]
"""A parser that pauses while it needs more input."""


def _refuse(_: str) -> Any:
    raise ValueError


_DECODE = json.JSONDecoder(parse_constant=_refuse).raw_decode


class Splitter:
    """Parser of one JSON object whose rows are in an array under ``key``. Raises ValueError with what is wrong.

    A value is parsed strictly. One that cannot be, as where a string in it is not valid, comes as ``msgspec.Raw``.
    With the keys ``within``, that object is inside of others. If ``key`` is None, the array is the whole document.
    """

    def __init__(self, key: str | None, within: Sequence[str] = ()) -> None:
        self.head: dict[str, Any] = {}
        """The other keys of the object, and their values."""
        self.top: dict[str, Any] = {} if within else self.head
        """Those of the outermost object."""
        self.reached = False
        """True once the object has begun."""
        self.begun = False
        """True once the array of rows has begun."""
        self.pending = 0
        """Bytes that have come since the last complete value."""
        self.repaired = 0
        """Other keys whose values, or themselves, hold a text that is not valid."""
        self._key = key
        self._within = within
        self._rows: list[Any] = []
        self._wanted = 0
        self._text, self._at = "", 0
        self._ended = self._complete = False
        self._decoder = getincrementaldecoder("utf-8-sig")()
        self._suspicious = False
        """True if the text may hold lone surrogates, which the strict parser would let pass."""
        self._steps = self._document()

    def feed(self, data: bytes, *, final: bool = False) -> None:
        self.pending += len(data)
        try:
            text = self._decoder.decode(data, final)
        except UnicodeDecodeError:
            # From here on, a byte that is not UTF-8 becomes a surrogate.
            self._decoder.errors = "surrogateescape"
            text = self._decoder.decode(data, final)
        self._text = self._text[self._at :] + text
        self._at = 0
        self._suspicious = self._decoder.errors != "strict" or _has_surrogate_escape(self._text)

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
        self.feed(b"", final=True)
        self._ended = True
        self._wanted = -1
        next(self._steps)
        if not self._complete:
            raise ValueError("it ends too early")
        return self._rows

    def _document(self) -> _Steps:
        yield from self._object(0) if self._key is not None else self._array()
        self._complete = True
        while True:
            self._skip()
            if self._at < len(self._text):
                raise ValueError("something follows its end")
            yield

    def _object(self, level: int) -> _Steps:
        """Parse the outermost object, or the one at this level inside of it."""
        yield from self._one_of("{")
        self.reached |= level == len(self._within)
        if (yield from self._peek()) == "}":
            self._at += 1
            return
        more = ","
        while more == ",":
            if (yield from self._peek()) != '"':
                raise ValueError("it is not JSON")
            yield from self._member(level)
            more = yield from self._one_of(",}")

    def _member(self, level: int) -> _Steps:
        key = yield from self._value()
        yield from self._one_of(":")
        begins, inner = (yield from self._peek()), level == len(self._within)
        if inner and key == self._key and begins == "[":
            yield from self._array()
        elif not inner and key == self._within[level] and begins == "{":
            yield from self._object(level + 1)
        else:
            value = yield from self._value()
            self._add(key, value, self.head if inner else self.top if not level else {})

    def _array(self) -> _Steps:
        yield from self._one_of("[")
        self.begun = self.reached = True
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

    def _add(self, key: Any, value: Any, members: dict[str, Any]) -> None:
        try:
            (key, bad_key), (value, bad_value) = _repaired(key), _repaired(value)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
        if not bad_key:
            members[key] = value
        self.repaired += bad_key or bad_value

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
        """Return the value that begins here, or its text as ``Raw`` if it cannot be parsed strictly."""
        yield from self._peek()
        while True:
            try:
                value, end = _DECODE(self._text, self._at)
            except json.JSONDecodeError as error:
                if self._text.find('"', error.pos + 1) >= 0:
                    break
            except (ValueError, RecursionError):
                break
            else:
                if self._text[end : end + 1] in _AFTER_VALUE:
                    if self._suspicious and _may_be_invalid(text := self._text[self._at : end]):
                        value = _raw(text)
                    self._at, self.pending = end, 0
                    return value
            # It is cut off, or a number that may continue: as much text again is waited for.
            left = len(self._text) - self._at
            if left > _SHORT or self._ended:
                break
            while len(self._text) - self._at < 2 * left and not self._ended:
                yield
        text = yield from self._skim()
        self.pending = 0
        return _strict_or_raw(text)

    def _skim(self) -> _Steps:
        """Return the text of the value that begins here. However small its pieces, each is looked at once."""
        parts, start, first = list[str](), self._at, self._text[self._at]
        in_string, depth = first == '"', int(first in "[{")
        self._at += in_string or depth
        while in_string or depth or self._at == start:
            pattern = _IN_STRING if in_string else _IN_BRACKETS if depth else _IN_LITERAL
            found = pattern.match(self._text, self._at)
            self._at = found.end() if found else self._at
            follows = self._text[self._at : self._at + 1]
            if not follows or follows == "\\":
                if self._ended:
                    raise ValueError("it ends too early")
                parts.append(self._text[start : self._at])
                yield
                start = self._at
                continue
            if not (in_string or depth):
                break
            self._at += 1
            if follows == '"':
                in_string = not in_string
            else:
                depth += 1 if follows in "[{" else -1
        return "".join([*parts, self._text[start : self._at]])


def _strict_or_raw(text: str) -> Any:
    if not _may_be_invalid(text):
        with suppress(ValueError, RecursionError):
            value, end = _DECODE(text)
            if end == len(text):
                return value
    return _raw(text)


def _repaired(value: Any) -> tuple[Any, bool]:
    return parse_repaired(bytes(value)) if isinstance(value, msgspec.Raw) else (value, False)


def _raw(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode(errors="surrogateescape"))


def _may_be_invalid(text: str) -> bool:
    """Return True if the text may hold a lone surrogate, from an escape or a byte that is not UTF-8."""
    if _has_surrogate_escape(text):
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _has_surrogate_escape(text: str) -> bool:
    # The first test costs next to nothing.
    return "\\" in text and _SURROGATE_ESCAPE.search(text) is not None

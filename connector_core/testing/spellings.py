"""Other spellings of a JSON answer, of the same meaning: each has been seen at some provider."""

import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

from connector_core.testing.listing_faults import Listed, locate

SPELLINGS = {
    "numbers_as_text": "Write every number as text.",
    "text_as_numbers": "Write every text that is a whole number as a number.",
    "empty_objects": "Write null as an empty list or text where other rows have an object.",
    "empty_dates": "Write null as 0000-00-00, -0001-11-30 or 9999-12-31 where other rows have a date.",
    "lookalikes": "Write texts of people in upper case, decomposed, with odd blanks and invisible characters.",
    "key_order": "Write the keys of every object in the opposite order.",
    "byte_order_mark": "Begin every body with a byte order mark.",
    "content_type": "Call every body text/html.",
}
"""Spellings of every good answer."""
NO_DATES = ("0000-00-00", "0000-00-00T00:00:00+00:00", "-0001-11-30", "9999-12-31")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_ITEM = "[...]"
_Place = tuple[str, ...]
_Change = Callable[[Any, _Place], Any]


def respelled(kind: str, body: bytes, listed: Listed | None) -> bytes:
    """Return the body of an answer in one of ``SPELLINGS``, which may be one of a listing of people.

    Its type is the caller's to change.
    """
    if kind == "byte_order_mark":
        return b"\xef\xbb\xbf" + body
    if kind == "content_type":
        return body
    value = json.loads(body)
    if kind == "key_order":
        value = _reversed(value)
    elif kind != "lookalikes":
        value = _changed(value, _change(kind, value), ())
    elif listed:
        # Words elsewhere may be the provider's own, such as the name of a list.
        if not listed.rows:
            return json.dumps(_changed(value, _change(kind, value), ())).encode()
        holder, key = locate(value, listed.rows)
        holder[key] = _changed(holder[key], _change(kind, holder[key]), ())
    return json.dumps(value).encode()


def _change(kind: str, whole: Any) -> _Change:
    """Return the function that respells one value, by its place."""
    if kind == "numbers_as_text":
        return lambda value, _: str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    if kind == "text_as_numbers":
        return lambda value, _: int(value) if isinstance(value, str) and _is_number(value) else value
    if kind == "lookalikes":
        ids = frozenset(str(value) for value, place in _walk(whole, ()) if place[-1:] == ("id",))
        return lambda value, place: _lookalike(value) if _is_name(value, place, ids) else value
    examples: dict[_Place, Any] = {place: value for value, place in _walk(whole, ()) if value is not None}
    nulls = iter(range(10**9))
    wanted = _empty_object if kind == "empty_objects" else _no_date
    return lambda value, place: wanted(examples.get(place), next(nulls)) if value is None else value


def _empty_object(example: Any, number: int) -> Any:
    if not isinstance(example, dict):
        return None
    inner: dict[str, Any] = {key: [] for key, value in example.items() if isinstance(value, dict)}
    return [[], "", inner or []][number % 3]


def _no_date(example: Any, number: int) -> Any:
    return NO_DATES[number % len(NO_DATES)] if isinstance(example, str) and _DATE.match(example) else None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and (text == "0" or text[0] != "0")


def _is_name(value: Any, place: _Place, ids: frozenset[str]) -> bool:
    named_id = bool(place) and place[-1].lower().endswith("id")
    return isinstance(value, str) and value[:1].isalpha() and value not in ids and not named_id


def _lookalike(text: str) -> str:
    odd = unicodedata.normalize("NFD", text.upper()).replace(" ", "\u00a0 ")
    return f"\u200b{odd[:1]}\u200b{odd[1:]} "


def _reversed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _reversed(one) for key, one in reversed(value.items())}
    return [_reversed(one) for one in value] if isinstance(value, list) else value


def _walk(value: Any, place: _Place) -> Iterator[tuple[Any, _Place]]:
    """Yield every value and its place. Items of a list share one place."""
    yield value, place
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _walk(one, (*place, key))
    elif isinstance(value, list):
        for one in value:
            yield from _walk(one, (*place, _ITEM))


def _changed(value: Any, change: _Change, place: _Place) -> Any:
    if isinstance(value, dict):
        return {key: _changed(one, change, (*place, key)) for key, one in value.items()}
    if isinstance(value, list):
        return [_changed(one, change, (*place, _ITEM)) for one in value]
    return change(value, place)

"""Listing faults: answers that are valid JSON but wrong, and people who join or leave between two pages."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast
from zlib import crc32

BODY_FAULTS = {
    "null": "Send null instead of the rows.",
    "renamed": "Send the rows under another key.",
    "empty_page": "Send a page without rows, and keep the total.",
    "no_total": "Omit the total.",
    "wrong_total": "Announce seven rows too many.",
    "drop_row": "Omit the last row of the page.",
    "bad_row": "Give every value of the first row a wrong type.",
    "bad_values": "Give one value of each row a wrong type, at any depth, another one in each.",
    "bad_texts": "Spoil texts of the first rows: a lone surrogate, a byte not of UTF-8, a raw newline, a bad escape.",
    "bad_extras": "Add a key with such a text to the first rows.",
    "half_keys": "Omit half of the keys from all rows, as for a token with few permissions.",
    "other_keys": "Omit the other half of the keys.",
}
"""Faults that change the body of one answer."""
CONCURRENT_CHANGES = {
    "delete": "Delete a person on the first page right after answering, so that all later rows move up.",
    "swap": "Delete one person and append another: the counters agree, and a third person moves up unread.",
    "resort": "Move the last person to the front, as when rows are sorted by a value that changes.",
    "join": "Append a person.",
}
"""Changes to the organisation right after an answer was made."""
LISTING_FAULTS = {
    **BODY_FAULTS,
    **CONCURRENT_CHANGES,
    "repeat": "Send the first page again.",
    "clamp": "From now on, send at most seven rows a page.",
    "expired_cursor": "Refuse all cursors of the listing, until it is requested from its beginning.",
    "other_host": "Send the address of the next page with another host.",
}
OTHER_HOST = "elsewhere.invalid"
"""The host of ``other_host``. Nothing may be sent there."""
BAD_TEXTS = {"\ue000": rb"\ud83d", "\ue001": b"\xff", "\ue002": b"\n\t", "\ue003": rb"\x"}
"""Text that is not valid, by the character that stands for it until the body is encoded."""
_WRONG = {"not": "as promised"}
_TOO_MANY = 7
_ARRAY = "rows"
NEED_TOTAL = frozenset({"no_total", "wrong_total"})


@dataclass(frozen=True, slots=True)
class Listed:
    """Location of a listing: the path of its requests, and the dotted keys of rows and total in its answers.

    The path is the whole one, as ``Simulator.path_of`` returns it. A row that is requested by its id is no listing, nor
    are the changes since a token.

    Example: ``listings = (Listed("/people", rows="people", total="total"),)``.
    """

    path: str
    rows: str
    """Empty if the whole answer is an array of the rows."""
    total: str = ""
    """Empty if the answers announce no total, or in a header."""
    people: bool = True
    """True if these are the simulator's ``people``, who may join and leave."""
    values: str = ""
    """Key of a row that holds its values; empty if the row holds them itself."""
    total_header: str = ""
    """The header that announces the total."""
    cursor: str = ""
    """The parameter of a query that holds a cursor; empty if there are none."""
    expired: int = 400
    """The status that refuses a cursor."""
    addresses: bool = False
    """True if an answer tells the whole address of the next page, in its body or in a ``Link`` header."""

    @property
    def announces(self) -> bool:
        """True if the answers announce a total."""
        return bool(self.total or self.total_header)

    @property
    def faults(self) -> tuple[str, ...]:
        """Kinds of faults that can apply to this listing."""
        unfit = {
            *(() if self.announces else NEED_TOTAL),
            *(() if self.people else (*CONCURRENT_CHANGES, "clamp")),
            *(() if self.cursor else ("expired_cursor",)),
            *(() if self.addresses else ("other_host",)),
        }
        return tuple(kind for kind in LISTING_FAULTS if kind not in unfit)


def apply_fault(kind: str, listed: Listed, body: Any) -> Any:
    """Change a decoded body in place by one of ``BODY_FAULTS``, and return it."""
    if kind in NEED_TOTAL:
        if listed.total:
            _change_total(kind, *locate(body, listed.total), top=body)
        return body
    if not listed.rows:
        # An array has no key that could be changed, so it is given one meanwhile.
        inside = apply_fault(kind, replace(listed, rows=_ARRAY), {_ARRAY: body})
        return inside.get(_ARRAY, inside)
    holder, key = locate(body, listed.rows)
    if kind in _ROW_CHANGES:
        holder[key] = [_change_values(listed, row, partial(_ROW_CHANGES[kind], n)) for n, row in enumerate(holder[key])]
    elif kind == "null":
        holder[key] = None
    elif kind == "renamed":
        holder[f"{key}_"] = holder.pop(key)
    elif kind == "empty_page":
        holder[key] = []
    else:
        _change_some(kind, listed, holder[key])
    return body


def _change_some(kind: str, listed: Listed, rows: list[Any]) -> None:
    """Change the last row in place, or texts of the first ones."""
    if kind == "drop_row" and rows:
        rows.pop()
    elif kind in {"bad_texts", "bad_extras"}:
        spoil = _with_bad_texts if kind == "bad_texts" else _with_bad_extra
        for index, bad in enumerate(list(BAD_TEXTS)[: len(rows)]):
            rows[index] = _change_values(listed, rows[index], partial(spoil, bad=bad))


def faulty_headers(kind: str, listed: Listed, headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return the headers of an answer with a fault of ``BODY_FAULTS`` in them: those of totals."""
    wanted = listed.total_header.lower() if kind in NEED_TOTAL else ""
    changed = [
        (name, str(int(value) + _TOO_MANY) if name.lower() == wanted else value)
        for name, value in headers
        if name.lower() != wanted or kind == "wrong_total"
    ]
    return tuple(changed)


def faulty_body(kind: str, listed: Listed, body: bytes) -> bytes:
    """Return an encoded body with a fault of ``BODY_FAULTS`` in it."""
    faulty = json.dumps(apply_fault(kind, listed, json.loads(body))).encode()
    for character, bad in BAD_TEXTS.items():
        faulty = faulty.replace(json.dumps(character)[1:-1].encode(), bad)
    return faulty


def _change_values(listed: Listed, row: dict[str, Any], change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    return {**row, listed.values: change(row[listed.values])} if listed.values else change(row)


def _with_wrong_types(number: int, values: dict[str, Any]) -> dict[str, Any]:
    return {key: value if key == "id" or number else _WRONG for key, value in values.items()}


def _with_a_wrong_type(number: int, values: dict[str, Any]) -> dict[str, Any]:
    """Give one value at any depth a type that no model of it can have; another one in each row."""
    places = [place for place in _leaves(values, ()) if "id" not in place]
    return cast("dict[str, Any]", _spoil_at(values, places[number % len(places)])) if places else values


def _leaves(value: Any, place: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if parts is None:
        yield place
        return
    for key, one in parts:
        yield from _leaves(one, (*place, key))


def _spoil_at(value: Any, place: tuple[Any, ...]) -> Any:
    if not place:
        return _WRONG
    spoiled = value.copy()
    spoiled[place[0]] = _spoil_at(value[place[0]], place[1:])
    return spoiled


def _with_half_of_the_keys(_: int, values: dict[str, Any], *, other: bool = False) -> dict[str, Any]:
    return {name: value for name, value in values.items() if _in_half(name, other=other)}


_ROW_CHANGES: Mapping[str, Callable[[int, dict[str, Any]], dict[str, Any]]] = {
    "bad_row": _with_wrong_types,
    "bad_values": _with_a_wrong_type,
    "half_keys": _with_half_of_the_keys,
    "other_keys": partial(_with_half_of_the_keys, other=True),
}
"""Faults that change each row by itself, by its number on the page."""


def _with_bad_texts(values: dict[str, Any], bad: str) -> dict[str, Any]:
    return {key: value if key == "id" else _spoiled(value, bad) for key, value in values.items()}


def _with_bad_extra(values: dict[str, Any], bad: str) -> dict[str, Any]:
    return {**values, f"unheard of {bad}": [{"text": f"spoiled {bad}"}]}


def _spoiled(value: Any, bad: str) -> Any:
    if isinstance(value, dict):
        return {key: _spoiled(one, bad) for key, one in value.items()}
    if isinstance(value, list):
        return [_spoiled(one, bad) for one in value]
    return value + bad if isinstance(value, str) else value


def _change_total(kind: str, holder: dict[str, Any], key: str, *, top: Any) -> None:
    if kind == "wrong_total":
        holder[key] = (holder.get(key) or 0) + _TOO_MANY
    elif holder is top:
        holder.pop(key, None)
    else:
        # Older names of the total are its siblings, and would still announce it.
        holder.clear()


def _in_half(key: str, *, other: bool) -> bool:
    return key == "id" or bool(crc32(key.encode()) % 2) is other


def locate(body: Any, dotted: str) -> tuple[Any, str]:
    """Return the object that holds the last of these keys, and that key."""
    *parents, last = dotted.split(".")
    for key in parents:
        body = body[key]
    return body, last

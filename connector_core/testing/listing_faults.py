"""Faults of a listing: answers that are whole JSON, and wrong; and people who come and go between two pages."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zlib import crc32

BODIES = {
    "null": "The listing is null.",
    "renamed": "The listing has another key.",
    "empty_page": "The page has no rows, and the total stays.",
    "no_total": "The total is missing.",
    "wrong_total": "The total is seven too many.",
    "drop_row": "The page lacks its last row.",
    "bad_row": "Every value of the first row is of another type.",
    "half_keys": "Half of the keys are absent from all rows, as for a token with few rights.",
    "other_keys": "The other half.",
}
"""What is wrong in one answer."""
PEOPLE = {
    "delete": "Somebody on the first page is deleted right after the answer, and all others move up.",
    "swap": "One deleted and one appended: the counters agree, and a third moves up unread.",
    "resort": "The last comes first, as when the order is by something that changes.",
    "join": "Somebody is appended.",
}
"""What happens in the organisation right after an answer was made."""
DAMAGES = {
    **BODIES,
    **PEOPLE,
    "repeat": "The first page comes again.",
    "clamp": "From here on a page has seven rows at most.",
}
NEED_TOTAL = frozenset({"no_total", "wrong_total"})


@dataclass(frozen=True, slots=True)
class Listed:
    """Where a listing lies: the path of its requests, and in its answers the rows and the total, as dotted keys."""

    path: str
    rows: str
    total: str = ""
    """Empty where the provider announces none."""
    people: bool = True
    """Whether these are the simulator's ``people``, who may come and go."""
    values: str = ""
    """The key of a row under which its values lie; empty where the row itself holds them."""

    @property
    def damages(self) -> tuple[str, ...]:
        """What can befall this listing."""
        return tuple(
            kind
            for kind in DAMAGES
            if (self.total or kind not in NEED_TOTAL) and (self.people or kind not in (*PEOPLE, "clamp"))
        )


def spoil(kind: str, listed: Listed, body: Any) -> Any:
    """The answer with that wrong in it."""
    if kind in NEED_TOTAL:
        _spoil_total(kind, *_at(body, listed.total), top=body)
        return body
    holder, key = _at(body, listed.rows)
    rows: list[Any] = holder[key]
    if kind == "null":
        holder[key] = None
    elif kind == "renamed":
        holder[f"{key}_"] = holder.pop(key)
    elif kind == "empty_page":
        holder[key] = []
    elif kind == "drop_row" and rows:
        rows.pop()
    elif kind == "bad_row" and rows:
        rows[0] = _reshaped(listed, rows[0], _of_another_type)
    elif kind in {"half_keys", "other_keys"}:
        half = kind == "other_keys"
        holder[key] = [
            _reshaped(listed, row, lambda values: {one: values[one] for one in values if _stays(one, half=half)})
            for row in rows
        ]
    return body


def _reshaped(listed: Listed, row: dict[str, Any], change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    return {**row, listed.values: change(row[listed.values])} if listed.values else change(row)


def _of_another_type(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value if key == "id" else {"not": "as promised"} for key, value in values.items()}


def _spoil_total(kind: str, holder: dict[str, Any], key: str, *, top: Any) -> None:
    if kind == "wrong_total":
        holder[key] = (holder.get(key) or 0) + 7
    elif holder is top:
        holder.pop(key, None)
    else:
        # Older names of the total, which would say it all the same, lie beside it.
        holder.clear()


def _stays(key: str, *, half: bool) -> bool:
    return key == "id" or bool(crc32(key.encode()) % 2) is half


def _at(body: Any, dotted: str) -> tuple[Any, str]:
    """The object that holds the last of these keys, and that key."""
    *way, last = dotted.split(".")
    for key in way:
        body = body[key]
    return body, last


def spoiled(kind: str, listed: Listed, body: bytes) -> bytes:
    return json.dumps(spoil(kind, listed, json.loads(body))).encode()

"""Encodings of everything that the command line prints: text for terminals, JSON for programs, CSV for spreadsheets.

Texts come from providers, so none may drive a terminal or become a formula.
"""

import csv
import json
import re
import sys
import unicodedata
from collections.abc import AsyncIterable, Iterable, Mapping
from datetime import datetime
from typing import Any, TextIO

import msgspec

from connector_core.messages import action, message
from connector_core.reasons import Reason
from connector_core.secrecy import JOINERS

_MARKS = str.maketrans("", "", "\u200e\u200f\u061c")
"""Marks of direction. They are part of Hebrew and Arabic texts, but would rearrange what stands beside them."""
_FORMULA = re.compile(r"(?:^|;)\s*(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")
"""The beginning of a formula, in narrow and wide letters. Some spreadsheets start a cell at a semicolon, too."""


def plain(value: object) -> str:
    """Return a text on one line, without control characters and others that cannot be seen."""
    text = str(value)
    if text.isprintable():
        return text
    return "".join(
        char if _is_shown(char) else " " if char.isspace() else "\N{REPLACEMENT CHARACTER}"
        for char in text.translate(_MARKS)
    )


def _is_shown(char: str) -> bool:
    return char.isprintable() or char in JOINERS or unicodedata.category(char) == "Zs"


def encode(value: Any) -> str:
    """Return a value as JSON, without loss. A reason comes with its sentence; a moment is cut to seconds."""
    builtins = msgspec.to_builtins(value, builtin_types=(datetime,), enc_hook=_convert)
    text = json.dumps(builtins, ensure_ascii=False, default=_in_seconds)
    if text.isprintable():
        return text
    return "".join(char if _is_shown(char) else json.dumps(char)[1:-1] for char in text)


def in_utf8(stream: TextIO) -> TextIO:
    """Return a stream that writes UTF-8 from here on, whatever the terminal's encoding: programs read it."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure and stream.encoding.lower() not in {"utf-8", "utf8"}:
        reconfigure(encoding="utf-8", errors=stream.errors)
    return stream


async def stream_csv(headings: Iterable[str], rows: AsyncIterable[Iterable[Any]]) -> None:
    """Print a line for the headings and one for each row, as they come, in UTF-8."""
    writer = csv.writer(in_utf8(sys.stdout), lineterminator="\n")
    writer.writerow(map(_cell, headings))
    async for row in rows:
        writer.writerow(map(_cell, row))


def _cell(value: Any) -> object:
    """Return a cell that a spreadsheet shows and does not calculate: an apostrophe precedes what could be a formula."""
    if isinstance(value, bool):
        return encode(value)
    if value is None or isinstance(value, (int, float)):
        return value
    if isinstance(value, list):
        value = "; ".join("" if one is None else str(one) for one in value)
    text = value if isinstance(value, str) else encode(value)
    return _FORMULA.sub(r"\g<0>'", plain(text))


def print_json(value: Any, *, stream: TextIO | None = None) -> None:
    """Print a value as one line of JSON in UTF-8, to standard output unless another ``stream`` is given."""
    in_utf8(stream or sys.stdout).write(f"{encode(value)}\n")


async def stream_json(head: Mapping[str, Any], key: str, rows: AsyncIterable[Any]) -> None:
    """Print ``{**head, key: [row, ...]}`` as one line of JSON in UTF-8. Rows are written as they come."""
    await write_json(head, key, rows)
    sys.stdout.write("\n")


async def write_json(head: Mapping[str, Any], key: str, rows: AsyncIterable[Any]) -> None:
    """Write the same without the end of the line: it may be a part of something larger."""
    out = in_utf8(sys.stdout)
    opening = encode({**head, key: []}).removesuffix("]}")
    before = opening
    async for row in rows:
        out.write(f"{before}{encode(row)}")
        before = ", "
    out.write(f"{opening}]}}" if before is opening else "]}")


def _convert(value: Any) -> Any:
    if isinstance(value, Reason):
        return {
            "code": value.code,
            "parameters": dict(value.parameters),
            "message": message(value),
            "action": action(value),
        }
    raise NotImplementedError(type(value).__name__)  # As msgspec asks of a hook, for types it does not know.


def _in_seconds(value: datetime) -> str:
    return value.isoformat(timespec="seconds")

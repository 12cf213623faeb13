"""JSON for programs: one encoder for everything that the command line prints."""

import json
import sys
from collections.abc import AsyncIterable, Mapping
from datetime import datetime
from typing import Any, TextIO

import msgspec

from connector_core.messages import action, message
from connector_core.reasons import Reason


def encode(value: Any) -> str:
    """Return a value as JSON. A reason comes with its sentence; a moment is cut to seconds."""
    builtins = msgspec.to_builtins(value, builtin_types=(datetime,), enc_hook=_convert)
    return json.dumps(builtins, ensure_ascii=False, default=_in_seconds)


def print_json(value: Any, *, stream: TextIO | None = None) -> None:
    """Print a value as one line of JSON, to standard output unless another ``stream`` is given."""
    (stream or sys.stdout).write(f"{encode(value)}\n")


async def stream_json(head: Mapping[str, Any], key: str, rows: AsyncIterable[Any]) -> None:
    """Print ``{**head, key: [row, ...]}`` as one line of JSON. Rows are written as they come, so memory stays flat."""
    opening = encode({**head, key: []}).removesuffix("]}")
    before = opening
    async for row in rows:
        sys.stdout.write(f"{before}{encode(row)}")
        before = ", "
    sys.stdout.write(f"{opening}]}}\n" if before is opening else "]}\n")


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

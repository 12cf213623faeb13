"""Parses JSON whose strings are not valid, so that one bad string does not cost the rows around it."""

import json
import re
from typing import Any

from connector_core.sdk.invalid_text import INVALID_KEY, INVALID_TEXT

_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
"""A string whose end is clear, whatever it holds."""
_VALID = re.compile(
    r"""(?:[^"]++|"(?:
        [^"\\\x00-\x1f\ud800-\udfff]++
        | \\["\\/bfnrt]
        | \\u(?![dD][89a-fA-F])[0-9a-fA-F]{4}
        | \\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}
    )*+"){0,1000}+""",
    re.VERBOSE,
)
"""Some valid strings and what lies between them: not all at once, since a match holds up the whole process."""
_COLON = re.compile(r"[ \t\n\r]*+:")
"""The end of a key, behind its string."""
_MOST = 1_000
"""Bad strings in one value."""


class TooManyError(ValueError):
    """Raised for a value with so many bad strings that replacing them would take long."""

    def __init__(self) -> None:
        super().__init__(f"more than {_MOST} texts are not valid")


def parse_repaired(text: bytes) -> tuple[Any, bool]:
    """Return the value of JSON with ``INVALID_TEXT`` in place of each bad string, and True if there is one.

    A bad string holds a lone surrogate, an unknown escape, a raw control character, or a byte that is not UTF-8. Raises
    ValueError if anything outside of strings is not JSON.
    """
    # A byte that is not UTF-8 becomes a surrogate, which the pattern refuses.
    decoded = text.decode(errors="surrogateescape")
    pieces, at, bad = list[str](), 0, 0
    while at < len(decoded):
        if (end := _end(_VALID, decoded, at)) > at:
            pieces.append(decoded[at:end])
        elif (end := _end(_STRING, decoded, at)) > at:
            bad += 1
            # Keys stay distinct, so that none hides another.
            pieces.append(json.dumps(f"{INVALID_KEY}{bad}" if _COLON.match(decoded, end) else INVALID_TEXT))
        else:
            raise ValueError("a text has no end")
        if bad > _MOST:
            raise TooManyError
        at = end
    return json.loads("".join(pieces), parse_constant=_refuse), bad > 0


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Return the end of the match that begins here, or the place itself if there is none."""
    found = pattern.match(text, at)
    return found.end() if found else at


def _refuse(constant: str) -> Any:
    raise ValueError(constant)

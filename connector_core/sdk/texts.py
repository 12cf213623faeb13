"""Texts of people, as they are stored and as they are compared."""

import re
import unicodedata
from functools import lru_cache

_INVISIBLE = "\u00ad\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb"
"""Characters that show nothing and mean nothing in a name: soft hyphens, zero-width spaces, marks of direction."""
_JOINERS = "\u200c\u200d"
"""Invisible too, but part of Persian names and of emoji. At either end of a text they join nothing."""
_REMOVED = re.compile(f"[{_INVISIBLE}]+")
_ENDS = re.compile(rf"^[\s{_JOINERS}]+|[\s{_JOINERS}]+$")
_IGNORED = re.compile(f"[{_INVISIBLE}{_JOINERS}]+")


def clean(value: str) -> str:
    """Return a text without invisible characters, and without blanks at its ends."""
    # Most texts are ASCII, which Python knows without looking at them.
    return value.strip() if value.isascii() else _ENDS.sub("", _REMOVED.sub("", value))


@lru_cache(4096)  # Rows name the same few departments.
def normal_form(value: str) -> str:
    """Return the form in which texts that look the same are equal: whatever their case, blanks and composition.

    Example: ``normal_form(" ZOE  B. ") == normal_form("Zoe b.")``.
    """
    if value.isascii():
        return " ".join(value.casefold().split())
    # Composed once more: folding the case may decompose a letter.
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", _IGNORED.sub("", value)).casefold())
    return " ".join(folded.split())

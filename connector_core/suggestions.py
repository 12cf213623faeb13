"""Suggestions where a name was typed that is not known."""

from collections.abc import Iterable

_LONGEST = 64
"""Characters of a name that is compared: what is longer is none, and comparing takes time."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that is most like this one, whatever its case, or an empty text if none is."""
    import difflib  # Needed only where something was mistyped.

    by_folded = {one.casefold(): one for one in known}
    found = difflib.get_close_matches(name[:_LONGEST].casefold(), by_folded, n=1)
    return by_folded[found[0]] if found else ""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the question after the nearest known name, or an empty text if none is near."""
    found = nearest(name, known)
    return f"Did you mean {found}?" if found else ""

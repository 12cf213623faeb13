"""Texts of a response that are not valid JSON or Unicode: the value that stands for one, and where a model holds it."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

INVALID_TEXT = "\udcff"
"""Stands for such a text: a lone surrogate, which no valid text holds, and which no entity accepts."""
INVALID_KEY = "\ufdd0"
"""Begins the text that stands for such a key. A noncharacter, since msgspec takes no lone surrogate in a key."""
PROBLEM = "holds text that is not valid JSON or Unicode"


def place_of_invalid_text(model: Any, *, within_items: bool = True) -> str | None:
    """Return the place of the first ``INVALID_TEXT`` in a model, such as ``reports_to[...].id``; None if it has none.

    Without ``within_items``, the items of lists that have ids of their own are left out.
    """
    if isinstance(model, str):
        return "" if INVALID_TEXT in model or model.startswith(INVALID_KEY) else None
    for name, part in _parts(model, within_items=within_items):
        place = place_of_invalid_text(part, within_items=within_items)
        if place is not None:
            return f"{name}.{place}" if place and place[0] != "[" else name + place
    return None


def _parts(model: Any, *, within_items: bool) -> Iterator[tuple[str, Any]]:
    if isinstance(model, msgspec.Struct):
        for one in msgspec.structs.fields(model):
            yield one.encode_name, getattr(model, one.name)
    elif isinstance(model, Mapping | list | tuple | frozenset | set):
        for item in model.items() if isinstance(model, Mapping) else ((one,) for one in model):
            if within_items or not _has_id(item[-1]):
                yield from (("[...]", part) for part in item)


def _has_id(item: Any) -> bool:
    return isinstance(item, msgspec.Struct) and any(one.encode_name == "id" for one in msgspec.structs.fields(item))

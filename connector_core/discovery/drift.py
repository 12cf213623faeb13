"""Fields that emptied: a lost permission looks like that, so they are not believed. Plain functions of data."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

from connector_core.store.comparison import Difference

_decode = msgspec.json.decode


def emptied_fields(
    before: Mapping[str, float], now: Mapping[str, float], *, filled: float, emptied: float
) -> dict[str, tuple[float, float]]:
    """Return the fields that were filled for most rows and are now for almost none, with both shares.

    A lost permission looks like that: the provider answers 200, and the field is empty or absent.
    """
    return {
        name: (share, now.get(name, 0.0))
        for name, share in before.items()
        if share >= filled and now.get(name, 0.0) <= emptied
    }


def believed(read: dict[str, Any], emptied: Collection[str]) -> dict[str, Any]:
    """Return the fields that were read, without those that have emptied and are empty in this row."""
    if not emptied:
        return read
    return {name: value for name, value in read.items() if value or name not in emptied}


def kept_fields(differences: Iterable[Difference], emptied: Collection[str]) -> Counter[str]:
    """Count, by field, the rows whose stored value stays because the field did not come, or is not believed."""
    kept: Counter[str] = Counter()
    for one in differences:
        stored, read = _decode(one.stored), believed(_decode(one.read), emptied)
        kept.update([name for name, value in stored.items() if name not in read and value is not None])
    return kept

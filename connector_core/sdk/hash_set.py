"""A set of texts that are known by their hashes, in eight bytes each: a tenth of the memory of the texts."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable

_PARTS = 256
"""Sorted parts, so that adding a hash moves few others."""


class HashSet:
    """Hashes of texts, in sorted parts. Two texts with one hash are unlikely, and count as one."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._parts = [array("q") for _ in range(_PARTS)]
        self._size = 0
        self.add(texts)

    def __len__(self) -> int:
        return self._size

    def __contains__(self, text: str) -> bool:
        mark = hash(text)
        part = self._parts[mark % _PARTS]
        place = bisect_left(part, mark)
        return place < len(part) and part[place] == mark

    def add(self, texts: Iterable[str]) -> int:
        """Add texts; return how many were new."""
        before, parts = self._size, self._parts
        for text in texts:
            mark = hash(text)
            part = parts[mark % _PARTS]
            place = bisect_left(part, mark)
            if place == len(part) or part[place] != mark:
                part.insert(place, mark)
                self._size += 1
        return self._size - before

"""Who must be in a listing that announces no total, as another answer tells."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from functools import cached_property
from itertools import pairwise

_PARTS = 256


class ExpectedIds:
    """Ids, kept as eight bytes each. It says the least that there must be: a listing may hold more."""

    def __init__(self, ids: Iterable[str] = ()) -> None:
        # In parts, since an array is sorted by way of a list, which takes five times the memory.
        self._told = [array("q") for _ in range(_PARTS)]
        self._strangers = 0
        self.add(ids)

    def add(self, ids: Iterable[str]) -> None:
        """These must be in the listing. All are told before the first is looked for."""
        for one in ids:
            mark = hash(one)
            self._told[mark % _PARTS].append(mark)

    def total_with(self, listed: Iterable[str]) -> int | None:
        """How many there are in all, now that these were listed, too. Every id is told once.

        None where nobody was told: an answer without anybody proves nothing of a listing.
        """
        self._strangers += sum(not self._holds(hash(one)) for one in listed)
        return self._known + self._strangers if self._known else None

    @cached_property
    def _known(self) -> int:
        self._told = [array("q", _distinct(part)) for part in self._told]
        return sum(map(len, self._told))

    def _holds(self, mark: int) -> bool:
        part = self._told[mark % _PARTS] if self._known else ()
        place = bisect_left(part, mark)
        return place < len(part) and part[place] == mark


def _distinct(marks: Iterable[int]) -> list[int]:
    ordered = sorted(marks)
    return [one for one, following in pairwise([*ordered, None]) if one is not None and one != following]

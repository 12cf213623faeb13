"""Ids of rows by other texts that rows may name them by, such as a login or a staff number."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable

from connector_core.sdk.expected_ids import ExpectedIds
from connector_core.sdk.texts import normal_form
from connector_core.sdk.wire import Maybe

_PARTS = 256
"""Sorted parts, so that adding a hash moves few others."""
_SEVERAL = -1


class References:
    """Ids of rows by what may name them, where rows refer to each other by more than ids.

    ``references.add(user.id, user.login, user.email)`` for each row, then ``references.find(user.manager)``. A text
    finds the row of that id, else the only one of that login, else the only one of that e-mail: whatever its case,
    blanks and composition. Texts are known by their hashes, in sixteen bytes each, so that all rows of a large company
    can be added.

    Args:
        rows: For each row its id and names, as for ``add``.
    """

    def __init__(self, rows: Iterable[tuple[str, *tuple[Maybe[str], ...]]] = ()) -> None:
        self._ids: list[str] = []
        self._ranks = 0
        self._marks = [array("q") for _ in range(_PARTS)]
        self._rows = [array("l") for _ in range(_PARTS)]
        self.update(rows)

    def expected_ids(self) -> ExpectedIds:
        """Return the ids of these rows, as those that another listing of them must contain."""
        return ExpectedIds(self._ids)

    def update(self, rows: Iterable[tuple[str, *tuple[Maybe[str], ...]]]) -> None:
        """Add rows: for each its id, and what else names it."""
        for source_id, *names in rows:
            self.add(source_id, *names)

    def add(self, source_id: str, *names: Maybe[str]) -> None:
        """Add a row with what names it besides its id: the same sorts of names in the same order for each row."""
        self._ids.append(source_id)
        self._ranks = max(self._ranks, len(names))
        self._note(hash(source_id))
        for rank, name in enumerate(names):
            if name and (normal := normal_form(name)):
                self._note(hash((rank, normal)))

    def find(self, name: str) -> str | None:
        """Return the id of the row that is named so; None if there is none, or more than one."""
        normal = normal_form(name)
        for mark in (hash(name), *(hash((rank, normal)) for rank in range(self._ranks))):
            part, place = self._place(mark)
            if place < len(self._marks[part]) and self._marks[part][place] == mark:
                row = self._rows[part][place]
                return None if row == _SEVERAL else self._ids[row]
        return None

    def _note(self, mark: int) -> None:
        """Note that a name is one of the row that was added last."""
        part, place = self._place(mark)
        marks, rows = self._marks[part], self._rows[part]
        if place == len(marks) or marks[place] != mark:
            marks.insert(place, mark)
            rows.insert(place, len(self._ids) - 1)
        elif rows[place] != _SEVERAL and self._ids[rows[place]] != self._ids[-1]:
            rows[place] = _SEVERAL

    def _place(self, mark: int) -> tuple[int, int]:
        part = mark % _PARTS
        return part, bisect_left(self._marks[part], mark)

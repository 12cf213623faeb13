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

    A text finds the row of that id, else the only one of that first name, else of that second one, and so on: whatever
    its case, blanks and composition. All rows of a large company can be added: each takes some 12 bytes for its id and
    for each name, and those of the id.

    Example: ``people = References((one.id, one.name) for one in page.rows)``.

    Args:
        rows: For each row its id, and what else names it: the same sorts of names in the same order for each row.
    """

    def __init__(self, rows: Iterable[tuple[str, *tuple[Maybe[str], ...]]] = ()) -> None:
        self._ids = bytearray()
        self._ends = array("q")
        self._sorts = 0
        self._marks = [array("q") for _ in range(_PARTS)]
        self._rows = [array("i") for _ in range(_PARTS)]
        self.update(rows)

    def update(self, rows: Iterable[tuple[str, *tuple[Maybe[str], ...]]]) -> None:
        """Add rows: for each its id, and what else names it."""
        for source_id, *names in rows:
            self._ids += source_id.encode()
            self._ends.append(len(self._ids))
            self._sorts = max(self._sorts, len(names))
            self._note(source_id, hash(source_id))
            for sort, name in enumerate(names):
                if name and (normal := normal_form(name)):
                    self._note(source_id, hash((sort, normal)))

    def find(self, name: str) -> str | None:
        """Return the id of the row that is named so; None if there is none, or more than one."""
        normal = normal_form(name)
        for mark in (hash(name), *(hash((sort, normal)) for sort in range(self._sorts))):
            part, place = self._place(mark)
            if place < len(self._marks[part]) and self._marks[part][place] == mark:
                row = self._rows[part][place]
                return None if row == _SEVERAL else self._id_of(row)
        return None

    def expected_ids(self) -> ExpectedIds:
        """Return the ids of these rows, as those that another listing of them must contain."""
        return ExpectedIds(map(self._id_of, range(len(self._ends))))

    def _id_of(self, row: int) -> str:
        return self._ids[self._ends[row - 1] if row else 0 : self._ends[row]].decode()

    def _note(self, source_id: str, mark: int) -> None:
        """Note a name of the row that was added last."""
        part, place = self._place(mark)
        marks, rows = self._marks[part], self._rows[part]
        if place == len(marks) or marks[place] != mark:
            marks.insert(place, mark)
            rows.insert(place, len(self._ends) - 1)
        elif rows[place] != _SEVERAL and self._id_of(rows[place]) != source_id:
            rows[place] = _SEVERAL

    def _place(self, mark: int) -> tuple[int, int]:
        part = mark % _PARTS
        return part, bisect_left(self._marks[part], mark)

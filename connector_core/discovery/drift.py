"""Fields and rows that emptied: a lost permission looks like that, so they are not believed.

Plain functions of data.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from connector_core.errors import StoreError
from connector_core.sdk.entities import Entity, Status
from connector_core.settings import DriftSettings
from connector_core.store.comparison import Difference

STATUS = "status"
TOGETHER = 3
"""A row that loses this many values at once came nearly empty."""
_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class RowDifference:
    """One difference, field by field."""

    stored: dict[str, Any]
    read: dict[str, Any]
    """The fields that came. A field that did not come leaves the stored value as it was."""
    changed: list[str]
    """The fields that came with another value."""
    cleared: list[str]
    """Those of them that held a value and came empty."""


def by_field(one: Difference, kind: type[Entity]) -> RowDifference:
    """Compare the two bodies of a difference."""
    try:
        stored, read = _decode(one.stored), _decode(one.read)
    except msgspec.DecodeError:
        # Not quoted: it is a person.
        raise StoreError(
            "The store is damaged: it holds a row that cannot be read.", hint="Restore the file from a copy."
        ) from None
    before = stored.get
    changed = [name for name, value in read.items() if value != before(name)]
    cleared = [
        name for name in changed if kind.is_empty(name, read[name]) and not kind.is_empty(name, stored.get(name))
    ]
    return RowDifference(stored, read, changed, cleared)


def is_alike(row: RowDifference, identity: Collection[str], *, partial: bool = False) -> bool:
    """Return True if a row is of the same thing as the stored one, as far as the fields of its ``identity`` tell.

    A ``partial`` row may lack them because they have not changed.
    """
    stored = [name for name in identity if row.stored.get(name)]
    came = [name for name in stored if row.read.get(name)]
    if partial and not row.read.keys() & set(stored):
        return True
    if stored and not came:
        # Its name did not come, or not any more: then nothing else may be different.
        return len(row.changed) == len(row.cleared)
    return not stored or any(row.read[name] == row.stored[name] for name in came)


def lost_together(row: RowDifference, kind: type[Entity], accepted: Collection[str] = ()) -> frozenset[str]:
    """Return the values that were cleared of a row that came nearly empty; nothing of another row.

    Nearly empty is a row that lost all that identifies it, or several values at once. Fields whose loss was
    ``accepted`` do not count.
    """
    cleared = frozenset(row.cleared).difference(accepted)
    identity = {name for name in kind.identity if not kind.is_empty(name, row.stored.get(name))}
    return cleared if len(cleared) >= TOGETHER or (identity and identity <= cleared) else frozenset()


def came_nearly_empty(cleared: Collection[str], kind: type[Entity]) -> bool:
    """Return True if a row that lost these values earlier came nearly empty, as far as their names tell."""
    return len(cleared) >= TOGETHER or bool(kind.identity and set(kind.identity) <= set(cleared))


class DifferenceCounts:
    """Running totals of the differences between a reading and the store: all that a judgement needs of them."""

    def __init__(self, kind: type[Entity], accepted: Collection[str] = (), *, partial: bool = False) -> None:
        self._kind = kind
        self._partial = partial
        """True if rows lack the fields that have not changed."""
        self._accepted = accepted
        self.cleared: Counter[str] = Counter()
        """Rows whose stored value would go, by field."""
        self._absent: Counter[str] = Counter()
        """Rows whose stored value stays because the field did not come, by field."""
        self._changed = 0
        """Rows in which another field changed than those that were cleared."""
        self._only_cleared: Counter[tuple[frozenset[str], frozenset[str]]] = Counter()
        """The other rows, by the fields that were cleared, and those of them that were lost together."""
        self._lost_together: Counter[str] = Counter()
        """Rows that came nearly empty, by the fields that they lost."""
        self.nearly_empty = 0
        """Rows that came nearly empty."""
        self.example: tuple[str, ...] = ()
        """The fields that the first of them lost."""
        self.alike = 0
        """Rows that are of the same thing as the stored one, by more than their id."""
        self._turned: set[str] = set()
        """Rows that were active, and have another status now."""
        self._without_status: set[str] = set()
        """Rows that were active, and whose status was cleared."""

    def add(self, differences: Iterable[Difference]) -> None:
        """Count some more of them."""
        for one in differences:
            row = by_field(one, self._kind)
            self._absent.update([name for name in row.stored.keys() - row.read.keys() if row.stored[name] is not None])
            self.cleared.update(row.cleared)
            self.alike += is_alike(row, self._kind.identity, partial=self._partial)
            lost = lost_together(row, self._kind, self._accepted)
            if lost:
                self._lost_together.update(lost)
                self.nearly_empty += 1
                self.example = self.example or tuple([name for name in row.cleared if name in lost])
            if len(row.changed) > len(row.cleared):
                self._changed += 1
            elif row.cleared:
                self._only_cleared[frozenset(row.cleared), lost] += 1
            if STATUS in row.changed and row.stored.get(STATUS) == Status.ACTIVE:
                (self._without_status if STATUS in row.cleared else self._turned).add(one.source_id)

    def updates(self, emptied: Collection[str], *, rows_stay: bool = False) -> int:
        """Count the rows that change, where cleared values of the fields that have ``emptied`` stay.

        With ``rows_stay`` so do those of rows that came nearly empty.
        """
        changed = self._changed
        for (fields, lost), rows in self._only_cleared.items():
            if fields.difference(emptied, lost if rows_stay else ()):
                changed += rows
        return changed

    def leavers(self, emptied: Collection[str]) -> frozenset[str]:
        """Return the ids of the rows that are active no longer."""
        return frozenset(self._turned if STATUS in emptied else self._turned | self._without_status)

    def kept(self, emptied: Collection[str], *, rows_stay: bool = False) -> Counter[str]:
        """Count, by field, the rows whose stored value stays because the field did not come, or is not believed."""
        lost = self._lost_together if rows_stay else Counter[str]()
        return self._absent + (lost | Counter({name: self.cleared[name] for name in emptied}))


@dataclass(frozen=True, slots=True)
class ClearedValues:
    """The values of one field that were cleared, beside those that are stored."""

    now: int
    """Values that this reading would clear."""
    read: int
    """Values stored in the rows that were read again."""
    recent: int = 0
    """Values cleared within the window already, so that small steps do not add up unseen."""
    stored: int = 0
    """Values stored in all rows."""

    def excess(self, settings: DriftSettings) -> tuple[int, int] | None:
        """Return how many values were cleared, and of how many, if they are too many to be believed."""
        # The rows of a delta changed, so a share of them says little: all of them do.
        if self.now == self.read >= settings.all_of:
            return self.now, self.read
        cleared, size = self.now + self.recent, self.stored + self.recent
        too_many = cleared >= settings.at_least and cleared > settings.share * size
        return (cleared, size) if too_many or cleared > settings.at_most else None


def may_have_emptied(
    cleared: Mapping[str, int], before: Mapping[str, int], settings: DriftSettings, kind: type[Entity]
) -> list[str]:
    """Return the fields for which it must be known how many values are stored."""
    least = min(settings.at_least, settings.all_of, settings.at_most + 1)
    always = {STATUS} | {name for name, leading in kind.companions.items() if leading in cleared}
    return [name for name, now in cleared.items() if name in always or now + before.get(name, 0) >= least]


def emptied_fields(
    cleared: Mapping[str, ClearedValues],
    settings: DriftSettings,
    kind: type[Entity],
    accepted: Collection[str] = (),
) -> dict[str, tuple[int, int]]:
    """Return the fields that are not believed where they are empty: how many values were cleared, and of how many.

    One cleared status is enough: an employee always has one, and without it no longer counts as active. A field that
    holds the provider's word for another one is believed no more than that one.
    """
    found = {name: one.excess(settings) for name, one in cleared.items()}
    if STATUS in cleared:
        found[STATUS] = found[STATUS] or (cleared[STATUS].now, cleared[STATUS].read)
    for name, leading in kind.companions.items():
        if name in cleared and leading not in accepted and found.get(leading):
            found[name] = found[name] or (cleared[name].now, cleared[name].read)
    return {name: counts for name, counts in found.items() if counts and name not in accepted}


def rows_emptied(now: int, recent: int, size: int, settings: DriftSettings) -> bool:
    """Return True if so many rows of a kind do not come nearly empty within the window, ``now`` and before."""
    rows = now + recent
    return now > 0 and (rows >= settings.rows or rows >= settings.rows_share * size)

"""The data that the rows of one kind hold, as its certificate tells it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class DataProfile:
    """Contents of the rows of a kind, and oddities in them. None of it makes a reading incomplete."""

    filled: Mapping[str, float] = field(default_factory=dict)
    """The share of rows in which each field is filled."""
    unread: Mapping[str, int] = field(default_factory=dict)
    """Fields that did not come, and for how many rows; their stored values stay."""
    emptied: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Fields that came empty too often to be believed: how many values were cleared, and of how many. They stay."""
    emptied_rows: int = 0
    """Rows that came nearly empty, if they are too many to be believed: the values that they lost stay."""
    emptied_example: tuple[str, ...] = ()
    """The fields that one of them lost."""
    dangling: Mapping[str, int] = field(default_factory=dict)
    """Links whose target is not known, per field."""
    without_email: int = 0
    sharing_email: int = 0
    """Rows whose e-mail another row has, too."""

    @property
    def absent(self) -> Mapping[str, int]:
        """Fields that did not come, and for how many rows, without those that came empty and are not believed."""
        return {name: rows for name, rows in self.unread.items() if name not in self.emptied}

    @property
    def rows_stay(self) -> bool:
        """True if rows that came nearly empty are not believed."""
        return self.emptied_rows > 0

    @property
    def doubted(self) -> bool:
        """True if fields or rows came empty, and are not believed."""
        return bool(self.emptied or self.emptied_rows)

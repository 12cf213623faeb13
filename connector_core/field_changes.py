"""Old and new values of a change, field by field: only while it waits for a decision."""

import dataclasses
from collections import Counter
from collections.abc import Mapping
from typing import Any

Value = str | int | float | bool | list[Any] | None
"""A value as JSON has it. None stands for null, and for a field that is not stored."""


@dataclasses.dataclass(frozen=True, slots=True)
class FieldChange:
    """One field: the value that is stored, and the one that it gets."""

    field: str
    old: Value
    new: Value
    names: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """The names of those people and departments that the two values name by id."""

    def ids(self) -> tuple[str, ...]:
        """Return what the two values list, if the field holds ids."""
        return tuple([str(one) for value in (self.old, self.new) for one in listed(value)])

    @property
    def old_text(self) -> str:
        """The old value as people read it."""
        return self._text(self.old)

    @property
    def new_text(self) -> str:
        """The new value as people read it."""
        return self._text(self.new)

    def _text(self, value: Value) -> str:
        """Return a value in words: for an id the name, and both where another one has the same name."""
        if isinstance(value, bool):
            return "yes" if value else "no"
        bearers = Counter(self.names.values())
        texts = [
            str(one) if not (name := self.names.get(str(one))) else name if bearers[name] == 1 else f"{name} ({one})"
            for one in listed(value)
        ]
        return ", ".join(texts) or "none"


def listed(value: Value) -> list[Any]:
    """Return the single value, or each of the several; nothing for None."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]

"""The decisions of a run about a kind, before they are saved."""

from dataclasses import dataclass
from enum import Flag, auto

from connector_core.outcomes import Certificate
from connector_core.reasons import Code, Reason
from connector_core.store.comparison import Loss
from connector_core.store.rows import Reading


class Hold(Flag):
    """The changes of a plan that wait for an operator."""

    NOTHING = 0
    CREATES = auto()
    UPDATES = auto()
    LOSSES = auto()
    """Removals, and rows turned inactive."""
    VANISHED = auto()
    """Removals of rows that the listing lacks."""
    EVERYTHING = CREATES | UPDATES | LOSSES


@dataclass(frozen=True, slots=True)
class Update:
    """A stored row that gets another content. ``body`` is the merged one."""

    source_id: str
    reason: Reason
    fields: tuple[str, ...]
    """The fields that changed."""
    cleared: tuple[str, ...]
    """Those of them whose value is gone, unless the operator has accepted that."""
    loss: Loss
    body: str
    active: bool | None
    digest: bytes
    """Of the row as it was read; empty where a part of it was not believed, so that it is compared again."""
    base_digest: bytes
    page: int | None = None
    place: int | None = None

    def held(self, hold: Hold) -> bool:
        return Hold.UPDATES in hold or (Hold.LOSSES in hold and self.loss is not Loss.NONE)


@dataclass(frozen=True, slots=True)
class Removal:
    """A stored row that goes."""

    source_id: str
    reason: Reason
    loss: Loss
    base_digest: bytes
    missed_run: str | None = None

    @property
    def vanished(self) -> bool:
        """True if the listing lacks the row; False if it was read, and is of another kind now."""
        return self.reason.code is not Code.OTHER_KIND

    def held(self, hold: Hold) -> bool:
        return Hold.LOSSES in hold or (Hold.VANISHED in hold and self.vanished)


@dataclass(frozen=True, slots=True)
class GuardedPlan:
    """Everything that a run decided about one kind."""

    reading: Reading
    certificate: Certificate
    acceptance_key: str
    removals: tuple[Removal, ...]
    new: Reason
    """The reason of rows that are not stored yet."""
    hold: Hold
    held_because: tuple[Reason, ...] = ()

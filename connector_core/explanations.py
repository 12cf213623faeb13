"""Explanations of one row: what the provider says of it now, and where its stored values came from."""

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from connector_core.errors import Call, ConnectorCoreError
from connector_core.field_changes import FieldChange, Value
from connector_core.outcomes import Operation
from connector_core.reasons import Reason


class Answer(StrEnum):
    """The result of asking the provider for one row."""

    FOUND = "found"
    NOT_THERE = "not there"
    OTHER_KIND = "other kind"
    """The provider has it, and it is not of this kind."""
    REJECTED = "rejected"
    """The provider has it, and it cannot be used: the problem says why."""
    NOT_POSSIBLE = "not possible"
    """The provider cannot be asked for a single row of this kind."""
    FAILED = "failed"
    """The request failed: the problem says why."""


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """One thing that went wrong, and what to do about it. ``code`` and ``exit_code`` are those of an error."""

    message: str
    hint: str = ""
    code: str = ""
    exit_code: int = 1

    @classmethod
    def of(cls, error: ConnectorCoreError) -> "Problem":
        return cls(error.message, error.hint, error.code, error.exit_code)


@dataclasses.dataclass(frozen=True, slots=True)
class MappedField:
    """One field that was read: its value, and the keys of the provider's row that it was made of."""

    field: str
    value: Value
    made_of: tuple[str, ...]
    """Keys that change the value when they change, as a path: ``office.country_id``."""
    names: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """The names of those people and departments that the value names by id."""


@dataclasses.dataclass(frozen=True, slots=True)
class UnreadField:
    """One field that was not read: its stored value stays."""

    field: str
    why: Reason


@dataclasses.dataclass(frozen=True, slots=True)
class Preview:
    """One row as the provider has it now, and what a run would make of it. Nothing of it is stored or logged."""

    integration: str
    kind: str
    source_id: str
    answer: Answer
    requests: tuple[Call, ...] = ()
    """Method and path of each request that was made, the id as it was typed. The first one is for the row."""
    declared: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """The values of the row that the connector reads, by the provider's keys. All others were dropped by the parser."""
    withheld: tuple[str, ...] = ()
    """Keys that came, and whose values say more than may be told."""
    absent: tuple[str, ...] = ()
    """Keys that did not come."""
    rule: str = ""
    """The function that maps the row: ``connectors.namely.mapping.to_employee``."""
    mapping: tuple[MappedField, ...] = ()
    unread: tuple[UnreadField, ...] = ()
    created: bool = False
    """True if the row is not stored, so that a run would create it."""
    changes: tuple[FieldChange, ...] = ()
    """The values that a run would change: of a new row, all of them."""
    problems: tuple[Problem, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 where the provider's answer is known; else by whose fault it is not."""
        good = self.answer in {Answer.FOUND, Answer.NOT_THERE, Answer.OTHER_KIND}
        return 0 if good else self.problems[0].exit_code


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """The response that brought a value, and the run that stored it."""

    run_id: str
    at: datetime
    """The moment at which it was stored."""
    operation: Operation
    request: str = ""
    """Method and path of the listing; empty where that is unknown."""
    page: int | None = None
    pointer: str = ""
    """A JSON pointer to the row in its page: ``/profiles/16``. Empty where that is unknown."""
    rule: str = ""
    """The function that mapped the row; empty where that is unknown."""


@dataclasses.dataclass(frozen=True, slots=True)
class FieldOrigin:
    """One stored field: its value, and the change that brought it; None if no such change is kept."""

    field: str
    value: Value
    source: Source | None
    names: Mapping[str, str] = dataclasses.field(default_factory=dict)
    made_of: tuple[str, ...] = ()
    """The keys of the provider's row that it is made of, as found on the first rows of the run that brought it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """A run that is known to have read the row, or to have lacked it."""

    run_id: str
    at: datetime
    complete: bool
    """True if that run has read all of the kind."""


@dataclasses.dataclass(frozen=True, slots=True)
class PastRemoval:
    """The change that has removed a row."""

    run_id: str
    at: datetime
    reason: Reason


@dataclasses.dataclass(frozen=True, slots=True)
class WaitingChange:
    """A change that waits for a decision."""

    run_id: str
    operation: Operation
    reason: Reason


@dataclasses.dataclass(frozen=True, slots=True)
class Explanation:
    """The origin of what is stored of one row, or the reason why nothing is."""

    integration: str
    kind: str
    source_id: str
    stored: bool
    name: str = ""
    fields: tuple[FieldOrigin, ...] = ()
    unread: tuple[UnreadField, ...] = ()
    notes: tuple[Reason, ...] = ()
    """Oddities of the last reading of the kind that may concern this row."""
    last_seen: Seen | None = None
    removal: PastRemoval | None = None
    """The removal of a row that is stored no more."""
    undone: bool = False
    """True if the row is stored no more because the plan that created it was undone."""
    missing_since: Seen | None = None
    """The first of the last complete readings, which all lacked the row: it is stored, and not proven gone."""
    waiting: tuple[WaitingChange, ...] = ()
    """The changes of this row that wait for a decision."""

    @property
    def sources(self) -> tuple[Source, ...]:
        """The responses that brought the stored values, each once, the newest first."""
        found = {one.source.run_id: one.source for one in self.fields if one.source}
        return tuple(sorted(found.values(), key=lambda one: one.at, reverse=True))

    @property
    def known(self) -> bool:
        """False if no change of a row with this id is kept, and none is stored."""
        return self.stored or self.removal is not None or self.undone or bool(self.waiting)

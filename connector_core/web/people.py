"""The words of the pages of people: stored fields with their origin, why one is gone, departments to choose from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from connector_core.directory import Branch, Directory
from connector_core.explanations import Explanation, FieldOrigin, Source
from connector_core.field_changes import FieldChange, listed
from connector_core.messages import message
from connector_core.outcomes import Operation, State
from connector_core.sdk.entities import Department, Employee
from connector_core.store import EntityChange
from connector_core.web.rendering import label_of, segment

_MOST_CHOICES = 400
"""Departments that are offered to choose from; of more of them, only the upper levels."""
_INDENT, _DEEPEST = "\N{NO-BREAK SPACE}" * 3, 8
NO_DEPARTMENT = "(none)"
"""The choice of people who are in no department that is stored."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text, with the address that it leads to; empty if it leads nowhere."""

    text: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class StoredField:
    """A field on a person's page."""

    label: str
    texts: tuple[Text, ...]
    """Empty where the provider has no value."""
    source: Source | None
    """The response that brought it; None where that is not known any more."""
    made_of: tuple[str, ...] = ()
    """The keys of the provider's row that it is made of."""


def stored_fields(entity: Employee, explanation: Explanation | None, integration: str) -> list[StoredField]:
    """Return the fields that are stored of a person, in the order of the model."""
    if explanation:
        fields = {one.field: one for one in explanation.fields}
    else:
        body: dict[str, Any] = entity.model_dump(mode="json", exclude_unset=True)
        fields = {name: FieldOrigin(name, value, None) for name, value in body.items()}
    order = [one for one in Employee.model_fields if one in fields]
    return [_field(fields[one], integration) for one in order]


def _field(one: FieldOrigin, integration: str) -> StoredField:
    target = Employee.links.get(one.field)
    texts = []
    for value in listed(one.value):
        text = FieldChange(one.field, None, value, one.names).new_text
        address = ""
        if target is Employee.__name__:
            address = f"/integrations/{integration}/people/{segment(value)}"
        elif target is Department.__name__:
            address = f"/integrations/{integration}/people?department={segment(value)}"
        texts.append(Text(text, address))
    return StoredField(label_of(one.field), tuple(texts), one.source, one.made_of)


@dataclass(frozen=True, slots=True)
class Gone:
    """Why a person is not stored: a heading, the reason as a sentence, and the run that says so."""

    heading: str
    why: str
    run_id: str = ""


def gone(explanation: Explanation | None, history: Sequence[EntityChange]) -> Gone:
    """Return why nothing is stored of a person of whom changes are known."""
    newest = history[0] if history else None
    if newest and newest.operation is Operation.CREATE and newest.state in {State.PLANNED, State.HELD}:
        return Gone("This person is not stored yet", "A plan waits which would store this person", newest.run_id)
    if explanation and explanation.removal:
        removal = explanation.removal
        return Gone("This person is stored no more", f"Removed: {message(removal.reason)}", removal.run_id)
    if explanation and explanation.undone:
        return Gone("This person is stored no more", "The plan that created this person was undone")
    removed = next((one for one in history if one.operation is Operation.REMOVE and one.state is State.APPLIED), None)
    if removed:
        return Gone("This person is stored no more", f"Removed: {message(removed.reason)}", removed.run_id)
    return Gone("This person is not stored", "The change that would have stored this person was not applied")


@dataclass(frozen=True, slots=True)
class Choice:
    """A department to choose."""

    source_id: str
    text: str


def department_choices(directory: Directory, chosen: str) -> list[Choice]:
    """Return departments in the order of the tree: as many levels as can be offered, and the chosen one in any case.

    Of a chosen one that is not stored only the id is known.
    """
    shown: set[str] = set()
    level: Sequence[Branch] = directory.branches()
    while level and len(shown) + len(level) <= _MOST_CHOICES:
        shown.update(one.source_id for one in level)
        level = [below for one in level if one.branches for below in directory.branches(one.source_id)]
    shown.update(one.source_id for one in directory.path(chosen))
    found: list[Choice] = []
    to_do = [(one, 0) for one in reversed(directory.branches())] if shown else []
    while to_do:
        one, depth = to_do.pop()
        if one.source_id in shown:
            found.append(Choice(one.source_id, f"{_INDENT * min(depth, _DEEPEST)}{one.name}"))
            to_do += [(below, depth + 1) for below in reversed(directory.branches(one.source_id))]
    if chosen not in {"", NO_DEPARTMENT, *shown}:
        found.append(Choice(chosen, f"{chosen} (not stored)"))
    return found

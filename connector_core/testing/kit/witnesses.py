"""Questions to the witnesses of a connector, whose answers are known, and rows that are requested one by one."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from connector_core.sdk.connector import Declaration
from connector_core.sdk.entities import Entity
from connector_core.sdk.page import Page

UNKNOWN_ID = "98765432101234567"
"""An id that no simulator has."""
SAMPLE = 8
"""Rows of a kind that are requested once more, by their ids."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One thing that a connector has requested. With one path for all, as in GraphQL, only the body tells it."""

    path: str
    body: str = ""

    @classmethod
    def of(cls, path: str, body: Mapping[str, Any] | None = None) -> Self:
        return cls(path, "" if body is None else json.dumps(body, sort_keys=True))


async def wrong_answers(
    connector: Any, declaration: Declaration, known: str, asked: Mapping[str, set[Asked]]
) -> set[tuple[str, str]]:
    """Ask a witness for a row that was just read and for one that does not exist; return the broken rules.

    ``asked`` is what each method of the connector has requested. It grows meanwhile.
    """
    kind, name = declaration.kind.__name__, declaration.witness or ""
    api, ask = connector.api, getattr(connector, name)
    reading, api.method = api.method, name
    problems = []
    for source_id, expected in ((known, True), (UNKNOWN_ID, False)):
        answer = await ask(source_id)
        if (answer is not None if name == declaration.fetch else answer) is not expected:
            row = "a row that was just read" if expected else "an id that does not exist"
            problems.append(f"{name}() {'denies' if expected else 'confirms'} {row} of {kind}")
    problems += [f"{name}() requests {one.path}, from which {kind} is read" for one in asked[name] & asked[reading]]
    api.method = reading
    return {("reading.witness", one) for one in problems}


async def differing_rows(connector: Any, declaration: Declaration, read: Sequence[Entity]) -> set[tuple[str, str]]:
    """Request rows that were just read, and one that does not exist, by their ids; return the broken rules."""
    kind, name = declaration.kind.__name__, declaration.fetch or ""
    api, fetch = connector.api, getattr(connector, name)
    reading, api.method = api.method, name
    fields: set[str] = set()
    problems = []
    for one in read:
        page: Page[Any] | None = await fetch(one.source_id)
        found = [] if page is None else [row for row in page.rows if row.source_id == one.source_id]
        if found:
            fields |= _differing(one, found[0])
        else:
            problems.append(f"{name}() does not bring a row of {kind} that was just read")
    absent: Page[Any] | None = await fetch(UNKNOWN_ID)
    if absent is not None and absent.rows:
        problems.append(f"{name}() brings a row of {kind} for an id that does not exist")
    if fields:
        problems.append(f"{name}() brings rows of {kind} that differ from the listing's in {', '.join(sorted(fields))}")
    api.method = reading
    return {("reading.single", one) for one in problems}


def _differing(one: Entity, other: Entity) -> set[str]:
    """Return the fields in which two entities differ, or which only one of them has read."""
    names = one.model_fields_set | other.model_fields_set
    only_one = one.model_fields_set ^ other.model_fields_set
    return {name for name in names if name in only_one or getattr(one, name) != getattr(other, name)}

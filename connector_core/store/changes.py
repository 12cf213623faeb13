"""Changes as they are shown: with names, and with old and new values while they wait."""

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from connector_core.field_changes import FieldChange, listed
from connector_core.outcomes import Change, Operation
from connector_core.sdk.entities import Department, Employee
from connector_core.store.rows import StoredKind
from connector_core.store.sqlite import IDS, Cursor

_PAGE = 1000
_LINKS = {kind.__name__: kind.links for kind in (Employee, Department)}
_body = msgspec.json.Decoder(dict[str, Any]).decode


class _Named(msgspec.Struct):
    """The fields that hold an entity's name."""

    display_name: str | None = None
    name: str | None = None


_named = msgspec.json.Decoder(_Named).decode


@dataclass(frozen=True, slots=True)
class Names:
    """The names of the entities of one kind, by id."""

    stored: Mapping[str, str]
    planned: Mapping[str, str]

    def of(self, change: FieldChange) -> dict[str, str]:
        """Return those of what the two values name by id."""
        new = {str(one) for one in listed(change.new)}
        found = {
            one: (one in new and self.planned.get(one)) or self.stored.get(one) or self.planned.get(one, "")
            for one in change.ids()
        }
        return {source_id: name for source_id, name in found.items() if name}


def name_in(body: str | None) -> str:
    """Return the name in a body; empty where there is none."""
    if not body:
        return ""
    named = _named(body)
    return named.display_name or named.name or ""


def values_between(old: str | None, new: str | None, fields: Iterable[str] | None = None) -> tuple[FieldChange, ...]:
    """Return the old and the new values of two bodies: in these fields, or in all that differ."""
    before, after = (_body(body) if body else {} for body in (old, new))
    if fields is None:
        fields = [name for name in {**after, **before} if name != "source_id" and before.get(name) != after.get(name)]
    return tuple([FieldChange(name, before.get(name), after.get(name)) for name in fields])


def with_names(cursor: Cursor, run_id: str, kind: str, changes: Sequence[Change]) -> list[Change]:
    """Return changes with the names of the people and departments that their values name by id.

    Known are those of entities that are stored, or that the run's plan creates. One that it renames has its new name in
    a new value, and in an old value the old one.
    """
    links, wanted = _LINKS.get(kind, {}), defaultdict[str, set[str]](set)
    for value in (value for one in changes for value in one.values if value.field in links):
        wanted[links[value.field]].update(value.ids())
    names = {target: names_of(cursor, run_id, target, ids) for target, ids in wanted.items() if ids}
    return [replace(one, values=_named_values(one.values, links, names)) if names else one for one in changes]


def _named_values(
    values: Iterable[FieldChange], links: Mapping[str, str], names: Mapping[str, Names]
) -> tuple[FieldChange, ...]:
    return tuple(
        [
            replace(one, names=names[links[one.field]].of(one)) if links.get(one.field) in names else one
            for one in values
        ]
    )


def names_of(cursor: Cursor, run_id: str, kind: str, ids: Iterable[str]) -> Names:
    """Return the names of entities of a kind: as they are stored, and as the run's plan has them."""
    (integration,) = cursor.execute("SELECT integration FROM runs WHERE id = ?", (run_id,)).fetchone()
    planned = cursor.execute(
        f"SELECT c.source_id, coalesce(c.body, b.body) FROM {IDS} j JOIN changes c ON c.run_id = ? AND c.kind = ? "  # noqa: S608 - a constant
        "AND c.source_id = j.value LEFT JOIN bodies b ON b.n = c.n",
        (json.dumps([*ids]), run_id, kind),
    ).fetchall()
    return Names(
        stored_names(cursor, StoredKind(integration, kind), ids),
        {source_id: name for source_id, body in planned if (name := name_in(body))},
    )


def stored_names(cursor: Cursor, of: StoredKind, source_ids: Iterable[str] | None = None) -> dict[str, str]:
    """Return the names of stored entities by id: of those with these ids, or of all."""
    arguments = [of.integration, of.kind]
    statement = (
        "SELECT e.source_id, b.body FROM entities e JOIN bodies b ON b.n = e.n WHERE e.integration = ? AND e.kind = ?"
    )
    if source_ids is not None:
        statement += f" AND e.source_id IN (SELECT value FROM {IDS})"  # noqa: S608 - a constant
        arguments.append(json.dumps([*source_ids]))
    return {source_id: name_in(body) for source_id, body in cursor.execute(statement, arguments)}


async def in_pages(
    kinds: Iterable[str],
    limits: Mapping[Operation, int] | None,
    page: Callable[[str, Operation, str, int], Awaitable[Sequence[Change]]],
) -> AsyncIterator[Change]:
    """Yield changes by kind, operation and id; of each operation up to a limit. In pages, so that memory stays flat.

    ``page(kind, operation, after, most)`` returns those behind an id.
    """
    for kind in kinds:
        for operation in sorted(Operation):
            left = limits.get(operation) if limits else None
            after = ""
            while left is None or left > 0:
                found = await page(kind, operation, after, min(_PAGE, left or _PAGE))
                if not found:
                    break
                after, left = found[-1].source_id, None if left is None else left - len(found)
                for change in found:
                    yield change


async def behind(
    kinds: Iterable[str],
    after: tuple[str, Operation, str] | None,
    most: int,
    page: Callable[[str, Operation, str, int], Awaitable[Sequence[Change]]],
) -> list[Change]:
    """Return the changes behind one of a kind, an operation and an id, in the order of ``in_pages``."""
    found: list[Change] = []
    for kind in kinds:
        for operation in sorted(Operation):
            if len(found) < most and (after is None or (kind, operation) >= after[:2]):
                begin = after[2] if after and (kind, operation) == after[:2] else ""
                found += await page(kind, operation, begin, most - len(found))
    return found

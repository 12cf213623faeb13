"""The keys of a provider's row that a value was made of, found by mapping the row again without each of them.

A mapping is a pure function of the row, so this needs no help of the connector's author: one key after the other is
changed, and the fields that come out otherwise depend on it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from msgspec import UNSET

from connector_core.sdk.page import Origin, Page

_Replace = Callable[[Any], Any]
"""Returns the whole row with another value in one place."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One declared value of a row."""

    key: str
    """The provider's keys on the way to it: ``office.country_id``."""
    value: Any
    withheld: bool
    optional: bool
    """True if it may be absent."""
    replaced: _Replace


def leaves(row: Any) -> list[Leaf]:
    """Return every declared value of a wire row, those of nested objects one by one."""
    return list(_leaves(row, (), lambda changed: changed))


def _leaves(struct: Any, path: tuple[str, ...], rebuild: _Replace, *, withheld: bool = False) -> Iterator[Leaf]:
    hidden: frozenset[str] = getattr(struct, "withheld", frozenset())
    for one in msgspec.structs.fields(struct):
        value, inner, secret = getattr(struct, one.name), (*path, one.encode_name), withheld or one.name in hidden

        def replaced(new: Any, name: str = one.name) -> Any:
            return rebuild(msgspec.structs.replace(struct, **{name: new}))

        if isinstance(value, msgspec.Struct):
            yield from _leaves(value, inner, replaced, withheld=secret)
        else:
            yield Leaf(".".join(inner), value, secret, one.default is UNSET, replaced)


def made_of(row: Any, mapping: Callable[[Any], Any], entity: Any) -> dict[str, tuple[str, ...]]:
    """Return for each field of the entity that the mapping makes of the row the keys on which its value depends."""
    found: dict[str, list[str]] = {}
    fields = _read(entity)
    for leaf in leaves(row):
        touched: set[str] = set()
        for other in _others(leaf):
            try:
                changed = mapping(leaf.replaced(other))
            except Exception:  # noqa: BLE001, S112 - a row without this value is of no use, which says nothing of a field
                continue
            if changed is not None:
                now = _read(changed)
                touched |= {name for name in fields if name not in now or now[name] != fields[name]}
        if str(leaf.value) == entity.source_id:
            # A row of another id may be of no use to the mapping.
            touched.add("source_id")
        for name in touched:
            found.setdefault(name, []).append(leaf.key)
    return {name: tuple(keys) for name, keys in found.items()}


def traced(page: Page[Any]) -> Origin | None:
    """Return the origin of a page's rows, with the rule that maps them, and the keys that its fields are made of.

    They are found on the rows that the page has kept: of a key that none of them has nothing is known.
    """
    mapped = page.mapped
    if page.origin is None or mapped is None or page.derived_from is not None:
        return page.origin
    keys: dict[str, dict[str, None]] = {}
    entities = {one.source_id: one for one in page.rows if one.source_id in mapped.rows}
    for source_id, entity in entities.items():
        row = mapped.rows[source_id]
        found = made_of(row, mapped.map, entity) if isinstance(row, msgspec.Struct) else {}
        for name, some in found.items():
            keys.setdefault(name, {}).update(dict.fromkeys(some))
    return replace(page.origin, rule=mapped.rule, keys={name: tuple(some) for name, some in keys.items()})


def _others(leaf: Leaf) -> Iterator[Any]:
    """Yield other values for a key. Besides none at all, one that differs: a fallback may make the same of less."""
    value = leaf.value
    if value is UNSET:
        return
    if leaf.optional:
        yield UNSET
    if value is not None:
        yield None
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield value + 1
    elif isinstance(value, str) and value.strip():
        yield f"{value}x"
    elif isinstance(value, list | tuple) and value:
        yield type(value)()


def _read(entity: Any) -> Mapping[str, Any]:
    return {name: getattr(entity, name) for name in entity.model_fields_set}

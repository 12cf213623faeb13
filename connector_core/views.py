"""Stored entities as rows for people and programs: with names beside ids, filtered and sorted.

Plain functions of entities: the caller reads them, page by page or all at once, and so decides what is in memory.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from enum import Enum
from functools import cached_property
from operator import itemgetter
from typing import Any, Generic, TypeVar, get_args

from pydantic_core import to_jsonable_python

from connector_core.errors import SettingsError
from connector_core.sdk.entities import Department, Employee, Entity
from connector_core.suggestions import did_you_mean

E = TypeVar("E", bound=Entity)

_SEARCHED: Mapping[type[Entity], tuple[str, ...]] = {
    Employee: (
        *("display_name", "first_name", "last_name", "email", "other_work_emails"),
        *("employee_number", "job_title"),
    ),
    Department: ("name",),
}
"""The fields that a search looks into; of other kinds, every text."""
_UNDIVIDED = {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"}  # noqa: RUF001 - it is meant
"""Letters that Unicode does not divide into a plain one and an accent."""
_DIGITS = 20


class View(Generic[E]):
    """The rows of one kind. Their columns are its fields and, beside each link, the names of what it leads to.

    ``names`` has the names of the stored entities by kind and id.
    """

    def __init__(self, kind: type[E], names: Mapping[str, Mapping[str, str]]) -> None:
        self.kind = kind
        self._names = names

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Every column, such as ``manager_source_id`` and behind it ``manager_name``."""
        named = {link: column for column, link in self._links.items()}
        fields = self.kind.model_fields
        return tuple(column for field in fields for column in (field, named.get(field)) if column)

    @cached_property
    def _links(self) -> dict[str, str]:
        """The columns of names, and the links that they belong to."""
        columns = {_name_column(link): link for link in self.kind.links}
        return {column: link for column, link in columns.items() if column not in self.kind.model_fields}

    def row(self, entity: E) -> dict[str, Any]:
        """Return all columns as JSON has them. The name of what is not stored is null."""
        body = entity.model_dump(mode="json")
        return {column: body[column] if column in body else self.value(entity, column) for column in self.columns}

    def value(self, entity: E, column: str) -> Any:
        """Return the value of one column."""
        link = self._links.get(column)
        if link is None:
            return getattr(entity, column)
        names, linked = self._names.get(self.kind.links[link], {}), getattr(entity, link)
        return [names.get(one) for one in linked] if isinstance(linked, tuple) else names.get(linked)

    def shown(self, entity: E, column: str) -> str:
        """Return a column as people read it: with names instead of ids, as far as they are known."""
        names = self._names.get(self.kind.links.get(column, ""), {})
        return ", ".join(names.get(one) or one for one in _texts(self.value(entity, column)))

    def filter(self, where: Iterable[tuple[str, str]] = (), search: str = "") -> Callable[[E], bool]:
        """Return a function that tells if an entity meets all of these conditions.

        Args:
            where: Columns with their values; of a list, one element has to be it. An empty value means none. Case and
                accents do not matter, except in ids.
            search: Words that are all in the entity's name, e-mail, number or title, whatever their case and accents.
        """
        conditions = [self._condition(column, value) for column, value in where]
        if words := folded(search).split():
            fields = _SEARCHED.get(self.kind) or tuple(self.kind.model_fields.keys() - {"source_id", *self.kind.links})
            conditions.append(lambda entity: _has_words(entity, fields, words))
        return lambda entity: all(condition(entity) for condition in conditions)

    def sort(self, entities: Iterable[E], by: str) -> list[E]:
        """Return the entities sorted by a column, or by ``-column`` in descending order; those without a value last."""
        column = self._known(by.removeprefix("-"))
        keyed = [(_sort_key(self.value(one, column)), one) for one in entities]
        filled = sorted((one for one in keyed if one[0]), key=itemgetter(0), reverse=by.startswith("-"))
        return [one for _, one in filled] + [one for key, one in keyed if not key]

    def _condition(self, column: str, wanted: str) -> Callable[[E], bool]:
        column = self._known(column)
        is_id = column in {"source_id", *self.kind.links}
        compared = str if is_id else folded
        value = compared(wanted.strip())
        field = self.kind.model_fields.get(column)
        choices = [*_choices(field.annotation)] if field else []
        if value and choices and value not in map(folded, choices):
            raise SettingsError(
                f"{column} is one of {', '.join(choices)}, not {wanted!r}.", hint=did_you_mean(wanted, choices)
            )

        def meets(entity: E) -> bool:
            found = _texts(self.value(entity, column))
            return value in map(compared, found) if value else not found

        return meets

    def _known(self, column: str) -> str:
        """Return a column by its name, or a column of names by the heading that a table has for it."""
        if column not in self.columns:
            column = {heading(link): name for name, link in self._links.items()}.get(column, column)
        if column not in self.columns:
            raise SettingsError(
                f"{self.kind.plural} have no field {column!r}; known: {', '.join(self.columns)}.",
                hint=did_you_mean(column, self.columns),
            )
        return column


def linked_ids(kind: type[E], entities: Collection[E] | None) -> dict[str, set[str] | None]:
    """Return the ids of the entities that these link to, by kind. None where no entities are given: any may be one."""
    if entities is None:
        return dict.fromkeys(kind.links.values())
    found: dict[str, set[str] | None] = {}
    for target in kind.links.values():
        links = [link for link, one in kind.links.items() if one == target]
        found[target] = {text for entity in entities for link in links for text in _texts(getattr(entity, link))}
    return found


class _Plain(dict[int, int | str | None]):
    """The plain form of each character; found out when one is first met: most never are."""

    def __missing__(self, code: int) -> int | str | None:
        one = chr(code)
        unseen = unicodedata.combining(one) or unicodedata.category(one) == "Cf"
        self[code] = None if unseen else _UNDIVIDED.get(one, code)
        return self[code]


_PLAIN = _Plain()


def folded(text: str) -> str:
    """Return a text in the form in which case, accents and invisible characters make no difference."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKD", text.casefold()).translate(_PLAIN)


def heading(column: str) -> str:
    """Return the heading of a column, in which a link shows names."""
    return column.removesuffix("_source_id").removesuffix("_source_ids")


def _name_column(link: str) -> str:
    return f"{heading(link)}_names" if link.endswith("_source_ids") else f"{heading(link)}_name"


def _texts(value: Any) -> list[str]:
    """Return the texts of a value as JSON writes them: one, each of a list, or none."""
    if value is None or value == "":
        return []
    if isinstance(value, (tuple, list)):
        return [text for one in value for text in _texts(one)]
    return [str(value).lower() if isinstance(value, bool) else str(to_jsonable_python(value))]


def _has_words(entity: Entity, fields: Iterable[str], words: Iterable[str]) -> bool:
    values = [getattr(entity, field) for field in fields]
    searched = [one for one in values if isinstance(one, (str, tuple)) and not isinstance(one, Enum)]
    text = folded("\n".join(_texts(searched)))
    return all(word in text for word in words)


def _sort_key(value: Any) -> str:
    """Return a text that sorts as people expect: numbers in it by size."""
    return re.sub(r"\d+", lambda number: number[0].zfill(_DIGITS), folded(" ".join(_texts(value))))


def _choices(annotation: Any) -> Iterator[str]:
    """Yield the values that a field may have, if there are a few."""
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        yield from (one.value for one in annotation)
    elif annotation is bool:
        yield from ("true", "false")
    for part in get_args(annotation):
        yield from _choices(part)

"""The data that the rows of one reading hold: filled fields, links and e-mails."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain
from operator import attrgetter, itemgetter
from typing import Any

from connector_core.errors import DiscoveryError
from connector_core.sdk.connector import Declaration
from connector_core.sdk.entities import Entity
from connector_core.sdk.hash_set import HashSet

_values = attrgetter("__dict__")
_fields_set = attrgetter("__pydantic_fields_set__")


class Profile:
    """Counts by field, page by page: each field is one pass in C over the rows of a page."""

    def __init__(self, declaration: Declaration) -> None:
        kind = declaration.kind
        self._kind = kind
        self._provided = frozenset(declaration.provides)
        self._columns = {name: itemgetter(name) for name in kind.model_fields}
        self._known = {name: word.__ne__ for name, word in kind.unknown.items()}
        # An unset field has its default: where that is not empty, it must not be counted as filled.
        self._defaulted = [
            name
            for name, field in kind.model_fields.items()
            if not field.is_required() and not kind.is_empty(name, field.default)
        ]
        self._has_email = "email" in kind.model_fields
        self._emails = HashSet()
        self.rows = 0
        self.filled: Counter[str] = Counter()
        self.unread: Counter[str] = Counter()
        """Provided fields that did not come, and for how many rows."""
        self.links: dict[str, set[str]] = {name: set() for name in kind.links}
        self.without_email = 0
        self.sharing_email = 0
        """Rows whose e-mail an earlier row has, too."""
        self.newest: datetime | None = None
        """The latest time at which a row was changed."""

    def add(self, entities: Sequence[Entity]) -> None:
        """Count the rows of a page. DiscoveryError if one is of another kind."""
        if not entities:
            return
        if others := set(map(type, entities)) - {self._kind}:
            raise DiscoveryError(
                f"The connector sent a {others.pop().__name__} where it declares {self._kind.__name__}.",
                hint="Report this to the connector's author.",
            )
        self.rows += len(entities)
        rows, came = list(map(_values, entities)), list(map(_fields_set, entities))
        for name, column in self._columns.items():
            values = filter(None, map(column, rows))
            if count := len(list(filter(known, values) if (known := self._known.get(name)) else values)):
                self.filled[name] += count
        for name in self._defaulted:
            self.filled[name] -= sum([name not in fields for fields in came])
        for fields in came:
            if not self._provided <= fields:
                self.unread.update(self._provided - fields)
        self._add_links(rows)
        if self._has_email:
            self._add_emails(rows, came)
        if "updated_at" in self._columns:
            self._add_moments([moment for moment in map(self._columns["updated_at"], rows) if moment])

    def shares(self) -> dict[str, float]:
        """Return the share of rows in which each field is filled. UNKNOWN fills nothing."""
        return {name: count / self.rows for name, count in self.filled.items() if count}

    def _add_links(self, rows: Sequence[dict[str, Any]]) -> None:
        for name, targets in self.links.items():
            found = [value for value in map(self._columns[name], rows) if value]
            if found and isinstance(found[0], str):
                targets.update(found)
            else:
                targets.update(chain.from_iterable(found))

    def _add_emails(self, rows: Sequence[dict[str, Any]], came: Sequence[set[str]]) -> None:
        column = self._columns["email"]
        found = [email.lower() for email in map(column, rows) if email]
        self.sharing_email += len(found) - self._emails.add(found)
        if len(found) < len(rows):
            self.without_email += sum(
                [not row["email"] and "email" in fields for row, fields in zip(rows, came, strict=True)]
            )

    def _add_moments(self, moments: Sequence[datetime]) -> None:
        if moments:
            newest = max(moments, key=utc) if any(one.tzinfo is None for one in moments) else max(moments)
            self.newest = max(utc(newest), self.newest or utc(newest))


def utc(moment: datetime) -> datetime:
    """Return the moment with a zone; one without is in UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

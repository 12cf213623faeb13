"""What a kind's pages came to: what is needed to judge whether all of it was read."""

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import pairwise

from connector_core.errors import DiscoveryError
from connector_core.sdk.connector import Declaration
from connector_core.sdk.entities import Entity
from connector_core.sdk.page import Page, Rejection, TotalSource

BARREN_PAGES = 10
"""So many pages in a row without one usable row end a reading."""


@dataclass(slots=True)
class Reading:
    """What a kind's pages came to."""

    declaration: Declaration
    pages: int = 0
    entities: int = 0
    seen: set[int] = field(default_factory=set)
    """Hashes of the ids: a quarter of the memory that the ids would take."""
    announced: int | None = None
    promised: bool = False
    by_census: bool = False
    ended: bool = False
    fell: bool = False
    repeated: bool = False
    doubled: int = 0
    barren: int = 0
    derived: set[str] = field(default_factory=set)
    """The ids of entities that were derived from rows."""
    rejected: list[Rejection] = field(default_factory=list)
    unread: Counter[str] = field(default_factory=Counter)
    links: dict[str, set[str]] = field(default_factory=dict)
    notes: Counter[str] = field(default_factory=Counter)
    filled: Counter[str] = field(default_factory=Counter)
    emails: "array[int]" = field(default_factory=lambda: array("q"))
    """Their hashes."""
    newest: datetime | None = None
    """When the row that was changed last was changed."""
    problems: list[str] = field(default_factory=list)
    deferred: bool = False
    remedy: str = ""
    began: str = ""

    @property
    def kind(self) -> str:
        return self.declaration.kind.__name__

    @property
    def fill(self) -> dict[str, float]:
        """The share of rows in which each field is filled."""
        return {name: count / self.entities for name, count in self.filled.items()}

    @property
    def sound(self) -> bool:
        """Whether all that was read lies staged, so that a later run may go on from here."""
        return not (self.rejected or self.doubled)

    @property
    def moved(self) -> bool:
        """Whether the listing seems to have changed while it was read, so that reading it again may help."""
        counted = len(self.seen) + len(self.rejected)
        off = self.announced is not None and counted != self.announced
        return self.repeated or (self.ended and (self.fell or self.doubled > 0 or off))

    def restore(self, rows: Iterable[tuple[str, str | None]]) -> None:
        """Counts what an earlier run has staged: ids, with a body where the row is of this kind."""
        for source_id, body in rows:
            self.seen.add(_mark(source_id))
            if body is not None:
                self.entities += 1
                self._count((self.declaration.kind.model_validate_json(body),))

    def reasons(self, provider: str, *, staged: int, stored: int) -> tuple[str, ...]:
        """Why this reading is not complete; empty when it is.

        Args:
            provider: Its title.
            staged: Entities that lie staged; fewer than were read where two rows became one.
            stored: Entities of the kind that are stored from before.
        """
        found = list(self.problems)
        if staged < self.entities - self.doubled:
            found.append(f"{self.entities - staged} rows were given the id of another")
        if stored and not self.entities and not found:
            found.append(f"the listing is empty, and {stored} are stored")
        if not self.ended and not found:
            found.append("the reader stopped before the listing ended")
        if self.fell:
            found.append("the total fell while it was read, so some may have moved up unread")
        if self.doubled:
            found.append(f"{self.doubled} rows came twice, so others may have been missed")
        found += self.unused
        if self.ended and self.promised and self.announced is None:
            found.append(
                "nobody could be counted: the answer that tells who must be listed did not come"
                if self.by_census
                else f"{provider} never announced the total it promises"
            )
        elif self.announced is not None and len(self.seen) + len(self.rejected) != self.announced:
            told = "another of its answers knows" if self.by_census else f"{provider} announced"
            found.append(f"{len(self.seen)} rows were read and {told} {self.announced}")
        return tuple(found)

    @property
    def unused(self) -> list[str]:
        """What is said of rejected rows, if there are any."""
        if not self.rejected:
            return []
        first = self.rejected[0]
        where = f"{first.source_id or 'a row without an id'}: {first.field} {first.problem}".strip()
        return [f"{len(self.rejected)} rows could not be used ({where})"]

    def once(self, page: Page[Entity]) -> Page[Entity]:
        """The page without entities that were derived before: many rows mention the same one."""
        if page.derived_from is None:
            return page
        rows = tuple(one for one in page.rows if one.source_id not in self.derived)
        self.derived.update(one.source_id for one in rows)
        return replace(page, rows=rows, ids=tuple(one.source_id for one in rows))

    def take(self, page: Page[Entity]) -> bool:
        """Counts one page; False when it repeats earlier ones, so that reading on would never end."""
        self.take_again(page)
        self.rejected += page.rejected
        listed = page.listed
        ids = set(map(_mark, listed))
        fresh = ids - self.seen
        # A page of rejected rows has nothing fresh either, and may be the last of its sort: a few are borne.
        self.barren = 0 if fresh or not page.rejected else self.barren + 1
        if not page.place.last and ((ids and not fresh) or self.barren == BARREN_PAGES):
            self.problems.append(f"page {page.place.number} repeats earlier pages")
            self.repeated = True
            return False
        self.doubled += len(listed) - len(fresh)
        self.seen |= fresh
        self.entities += len(page.rows)
        self._count(page.rows)
        return True

    def take_again(self, page: Page[Entity]) -> None:
        """A page whose rows an earlier run has counted: only what it says of the listing is new."""
        self.pages += 1
        self.promised |= page.total_source is not TotalSource.NONE
        self.by_census |= page.total_source is TotalSource.EXPECTED_IDS
        self.ended = page.place.last
        # A hire is appended and is read. Somebody who goes moves others up, across the edge of a page.
        self.fell |= page.place.total_fell
        if page.announced is not None:
            self.announced = page.announced

    def _count(self, entities: Iterable[Entity]) -> None:
        kind = self.declaration.kind
        provided, links = frozenset(self.declaration.provides), tuple(kind.links)
        filled: list[str] = []
        moments: list[datetime] = []
        for entity in entities:
            if type(entity) is not kind:
                raise DiscoveryError(
                    f"The connector sent a {type(entity).__name__} where it declares {self.kind}.",
                    hint="Report this to the connector's author.",
                )
            came, values = entity.__pydantic_fields_set__, entity.__dict__
            filled += [name for name in came if values[name]]
            if not provided <= came:
                self.unread.update(provided - came)
            for name in links:
                if value := values[name]:
                    self.links.setdefault(name, set()).update((value,) if isinstance(value, str) else value)
            if "email" in came:
                self._count_email(values["email"])
            if moment := values.get("updated_at"):
                moments.append(moment)
        self.filled.update(filled)
        if moments:
            newest = max(moments, key=utc) if any(one.tzinfo is None for one in moments) else max(moments)
            self.newest = max(utc(newest), self.newest or utc(newest))

    def _count_email(self, email: str | None) -> None:
        if email:
            self.emails.append(hash(email.lower()))
        else:
            self.notes["without an e-mail"] += 1

    @property
    def oddities(self) -> dict[str, int]:
        """What is odd in the data and stays as it is."""
        ordered = sorted(self.emails)
        shared = sum(one == other for one, other in pairwise(ordered))
        return {**self.notes, **({"with an e-mail that another has too": shared} if shared else {})}


def _mark(source_id: str) -> int:
    """Sixty bits of its hash: Python keeps them in two thirds of the memory that all of it would take."""
    return hash(source_id) & 0xFFF_FFFF_FFFF_FFFF


def utc(moment: datetime) -> datetime:
    """A moment that says no zone is in UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

"""What a kind's pages came to: what is needed to judge whether all of it was read."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from connector_core.connector import Declaration, Page, Rejection
from connector_core.entities import Employee, Entity
from connector_core.errors import DiscoveryError

BARREN_PAGES = 10
"""So many pages in a row without one usable row end a reading."""


@dataclass(slots=True)
class Reading:
    """What a kind's pages came to."""

    declaration: Declaration
    pages: int = 0
    entities: int = 0
    seen: set[str] = field(default_factory=set)
    announced: int | None = None
    promised: bool = False
    ended: bool = False
    shrunk: bool = False
    repeated: bool = False
    doubled: int = 0
    barren: int = 0
    rejected: list[Rejection] = field(default_factory=list)
    unread: Counter[str] = field(default_factory=Counter)
    links: dict[str, set[str]] = field(default_factory=dict)
    notes: Counter[str] = field(default_factory=Counter)
    emails: set[str] = field(default_factory=set)
    filled: Counter[str] = field(default_factory=Counter)
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
        return self.repeated or (self.ended and (self.shrunk or self.doubled > 0 or off))

    def restore(self, rows: Iterable[tuple[str, str | None]]) -> None:
        """Counts what an earlier run has staged: ids, with a body where the row is of this kind."""
        for source_id, body in rows:
            self.seen.add(source_id)
            if body is not None:
                self.entities += 1
                self._count(self.declaration.kind.model_validate_json(body))

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
        if self.shrunk:
            found.append("the total fell while it was read, so some may have moved up unread")
        if self.doubled:
            found.append(f"{self.doubled} rows came twice, so others may have been missed")
        if self.rejected:
            first = self.rejected[0]
            where = f"{first.source_id or 'a row without an id'}: {first.field} {first.problem}".strip()
            found.append(f"{len(self.rejected)} rows could not be used ({where})")
        if self.ended and self.promised and self.announced is None:
            found.append(f"{provider} never announced the total it promises")
        elif self.announced is not None and len(self.seen) + len(self.rejected) != self.announced:
            found.append(f"{len(self.seen)} rows were read and {provider} announced {self.announced}")
        return tuple(found)

    def take(self, page: Page[Entity]) -> bool:
        """Counts one page; False when it repeats earlier ones, so that reading on would never end."""
        self.take_again(page)
        self.rejected += page.rejected
        ids = [*page.ids, *page.skipped]
        fresh = set(ids) - self.seen
        # A page of rejected rows has nothing fresh either, and may be the last of its sort: a few are borne.
        self.barren = 0 if fresh or not page.rejected else self.barren + 1
        if not page.last and ((ids and not fresh) or self.barren == BARREN_PAGES):
            self.problems.append(f"page {page.number} repeats earlier pages")
            self.repeated = True
            return False
        self.doubled += len(ids) - len(fresh)
        self.seen |= fresh
        self.entities += len(page.rows)
        for entity in page.rows:
            self._count(entity)
        return True

    def take_again(self, page: Page[Entity]) -> None:
        """A page whose rows an earlier run has counted: only what it says of the listing is new."""
        self.pages += 1
        self.promised |= page.promised
        self.ended = page.last
        if page.announced is not None:
            # A hire is appended and is read. Somebody who goes moves others up, across the edge of a page.
            self.shrunk |= self.announced is not None and page.announced < self.announced
            self.announced = page.announced

    def _count(self, entity: Entity) -> None:
        if type(entity) is not self.declaration.kind:
            raise DiscoveryError(
                f"The connector sent a {type(entity).__name__} where it declares {self.kind}.",
                hint="Report this to the connector's author.",
            )
        came = entity.model_fields_set
        self.filled.update(name for name in came if getattr(entity, name))
        if isinstance(entity, Employee) and "email" in came:
            self._count_email((entity.email or "").casefold())
        self.unread.update(name for name in self.declaration.provides if name not in came)
        for name in entity.links:
            value = getattr(entity, name)
            if value:
                self.links.setdefault(name, set()).update([value] if isinstance(value, str) else value)

    def _count_email(self, email: str) -> None:
        if not email:
            self.notes["without an e-mail"] += 1
        elif email in self.emails:
            self.notes["with an e-mail that another has too"] += 1
        self.emails.add(email)

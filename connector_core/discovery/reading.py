"""Reading one kind: every page staged, and what is needed to judge whether all of it was read."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from connector_core.connector import AnyConnector, Declaration, Page, Rejection
from connector_core.discovery.faults import mapped
from connector_core.entities import Employee, Entity
from connector_core.errors import ConnectorCoreError, DiscoveryError, RejectedCredentialsError, ThrottledError
from connector_core.outcomes import Run
from connector_core.store import Store

ProgressCallback = Callable[[str, int, int | None], None]
"""Kind, rows read so far, and the total announced last."""


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
    doubled: int = 0
    barren: int = 0
    rejected: list[Rejection] = field(default_factory=list)
    unread: Counter[str] = field(default_factory=Counter)
    links: dict[str, set[str]] = field(default_factory=dict)
    notes: Counter[str] = field(default_factory=Counter)
    emails: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    deferred: bool = False

    @property
    def kind(self) -> str:
        return self.declaration.kind.__name__

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
        self.pages += 1
        self.promised |= page.promised
        self.ended = page.last
        if page.announced is not None:
            self.announced = page.announced
        self.rejected += page.rejected
        ids = [*page.ids, *page.skipped]
        fresh = set(ids) - self.seen
        # A page of rejected rows has nothing fresh either, and may be the last of its sort: a few are borne.
        self.barren = 0 if fresh or not page.rejected else self.barren + 1
        if not page.last and ((ids and not fresh) or self.barren == BARREN_PAGES):
            self.problems.append(f"page {self.pages} repeats earlier pages")
            return False
        self.doubled += len(ids) - len(fresh)
        self.seen |= fresh
        self.entities += len(page.rows)
        for entity in page.rows:
            self._count(entity)
        return True

    def _count(self, entity: Entity) -> None:
        if type(entity) is not self.declaration.kind:
            raise DiscoveryError(
                f"The connector sent a {type(entity).__name__} where it declares {self.kind}.",
                hint="Report this to the connector's author.",
            )
        came = entity.model_fields_set
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


async def read(
    connector: AnyConnector,
    declaration: Declaration,
    run: Run,
    store: Store,
    progress: ProgressCallback,
) -> Reading:
    """Reads and stages one kind. A provider's failure ends this kind only, with its reason."""
    reading = Reading(declaration)
    pages: AsyncGenerator[Page[Entity], None] = getattr(connector, declaration.method)()
    try:
        async with aclosing(pages) as stream:
            while (page := await _next(connector, stream)) and reading.take(page):
                await asyncio.to_thread(store.staging.add, run, reading.kind, page.rows, page.skipped)
                progress(reading.kind, len(reading.seen), reading.announced)
    except RejectedCredentialsError:
        # Either the token died, and no kind can go on; or this is how the provider forbids one resource.
        with mapped(connector):
            await connector.check()
        reading.problems.append(f"{connector.manifest.title} refuses it to this token, which is good elsewhere")
    except ThrottledError as error:
        reading.deferred = True
        reading.problems.append(_deferral(error))
    except ConnectorCoreError as error:
        reading.problems.append(error.message)
    return reading


async def _next(connector: AnyConnector, pages: AsyncGenerator[Page[Entity], None]) -> Page[Entity] | None:
    """The next page. Only the connector's own code runs here, so what it raises is its fault."""
    with mapped(connector):
        return await anext(pages, None)


def _deferral(error: ThrottledError) -> str:
    wait = f"asks to wait {error.retry_after:.0f} s" if error.retry_after else "went on refusing"
    return f"{error.message}: it {wait}, longer than a run waits; run again later"

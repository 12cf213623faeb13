"""Reading one kind: each page a checkpoint, resumed after a run that was cut off, read again if it moved."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError

from connector_core.connector import AnyConnector, Declaration, Page
from connector_core.discovery.faults import mapped, refusal
from connector_core.discovery.reading import Reading
from connector_core.entities import Entity
from connector_core.errors import (
    ConnectorCoreError,
    ForbiddenError,
    RejectedCredentialsError,
    StoreError,
    ThrottledError,
)
from connector_core.outcomes import Run
from connector_core.paging import Progress
from connector_core.store import Store
from connector_core.store.database import now
from connector_core.store.staging import Checkpoint, digest_of

ProgressCallback = Callable[[str, int, int | None], None]
"""Kind, rows read so far, and the total announced last."""

ResumeCallback = Callable[[str, Progress | None], None]
"""Tells the client that the next reading of a listing goes on from a place in it, or with None that none does."""


READ_TWICE = "read twice: the listing moved while it was read"


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads kinds for one run."""

    connector: AnyConnector
    run: Run
    store: Store
    progress: ProgressCallback
    resume: ResumeCallback
    renew: Callable[[], AnyConnector]
    """A connector that has read nothing yet."""
    scope: str
    """What this run reads with."""
    since: datetime
    """Checkpoints from before this moment are too old."""
    deadline: float
    """When reading stops, in the loop's time."""

    async def read(self, declaration: Declaration) -> Reading:
        """Reads and stages one kind. A provider's failure ends this kind only, with its reason."""
        kind = declaration.kind.__name__
        reading = Reading(declaration)
        adopted = await asyncio.to_thread(self.store.staging.adopt, self.run, kind, self.scope, self.since)
        if adopted:
            resumed = await self._go_on(declaration, adopted)
            if resumed:
                return resumed
            await asyncio.to_thread(self.store.staging.forget, self.run, kind)
            reading.began = "started over: the listing has changed since the run that was cut off"
        elif await asyncio.to_thread(self.store.staging.left, self.run, kind):
            reading.began = "started over: what the run that was cut off left is too old, or was not read as now"
        await self._pages(reading, self.renew() if adopted else self.connector)
        return await self.read_again(declaration) if reading.moved else reading

    async def read_again(self, declaration: Declaration) -> Reading:
        """A second reading, after one that somebody left or was re-sorted in. What that staged stays: it was read."""
        reading = Reading(declaration, began=READ_TWICE)
        await self._pages(reading, self.renew())
        return reading

    async def _go_on(self, declaration: Declaration, checkpoint: Checkpoint) -> Reading | None:
        """The rest of a reading that was cut off; None if the listing, or what lies staged, is not as it was."""
        reading = Reading(declaration, announced=checkpoint.announced, began=f"resumed at page {checkpoint.page}")
        rows = await asyncio.to_thread(self.store.staging.bodies, self.run, reading.kind)
        try:
            reading.restore(rows)
        except ValidationError:
            return None
        # The last page is asked for again: if it still has the same ids, the rest goes on behind it.
        place = Progress(checkpoint.page - 1, 1, checkpoint.rows_before, checkpoint.announced)
        same = await self._pages(reading, self.connector, checkpoint, place)
        return reading if same and not reading.moved else None

    async def _pages(
        self,
        reading: Reading,
        connector: AnyConnector,
        checkpoint: Checkpoint | None = None,
        place: Progress | None = None,
    ) -> bool:
        """False if the first page is not the one of the checkpoint."""
        self.resume(checkpoint.source if checkpoint else "", place)
        pages: AsyncGenerator[Page[Entity], None] = getattr(connector, reading.declaration.method)()
        try:
            async with asyncio.timeout_at(self.deadline), aclosing(pages) as stream:
                return await self._follow(reading, connector, stream, checkpoint)
        except RejectedCredentialsError:
            # Either the token died, and no kind can go on; or this is how the provider forbids one resource.
            with mapped(self.connector):
                await self.connector.check()
            reading.problems.append(refusal(self.connector))
            reading.remedy = reading.declaration.permission
        except ThrottledError as error:
            reading.deferred = True
            reading.problems.append(_deferral(error))
        except StoreError:
            # A full disk is not the provider's doing, and no other kind would fare better.
            raise
        except ConnectorCoreError as error:
            reading.problems.append(error.message)
            reading.remedy = error.hint
            if isinstance(error, ForbiddenError):
                reading.remedy = reading.declaration.permission
        except TimeoutError:
            reading.problems.append("the run's time was over; the next run goes on here")
        return True

    async def _follow(
        self,
        reading: Reading,
        connector: AnyConnector,
        pages: AsyncGenerator[Page[Entity], None],
        checkpoint: Checkpoint | None,
    ) -> bool:
        """Every page to the end; False if the first is not the one of the checkpoint."""
        began_at = checkpoint.began_at if checkpoint else now()
        while page := await self._next(connector, pages):
            if checkpoint:
                if page.source != checkpoint.source or digest_of([*page.ids, *page.skipped]) != checkpoint.ids:
                    return False
                checkpoint = None
                reading.take_again(page)
            elif not reading.take(page):
                break
            await self._stage(reading, page, began_at)
        return True

    @staticmethod
    async def _next(connector: AnyConnector, pages: AsyncGenerator[Page[Entity], None]) -> Page[Entity] | None:
        """The next page. Only the connector's own code runs here, so what it raises is its fault."""
        with mapped(connector):
            return await anext(pages, None)

    async def _stage(self, reading: Reading, page: Page[Entity], began_at: str) -> None:
        ids = [*page.ids, *page.skipped]
        checkpoint = Checkpoint(
            source=page.source,
            page=page.number,
            rows_before=len(reading.seen) - len(ids),
            announced=reading.announced,
            ids=digest_of(ids),
            # A second reading shares its staged rows with the first, so nobody could go on behind it.
            sound=reading.sound
            and bool(page.source)
            and reading.began != READ_TWICE
            and all(row.source_id == one for row, one in zip(page.rows, page.ids, strict=True)),
            scope=self.scope,
            began_at=began_at,
        )
        staging = self.store.staging
        await asyncio.to_thread(staging.add, self.run, reading.kind, page.rows, page.skipped, checkpoint)
        self.progress(reading.kind, len(reading.seen), reading.announced)


def _deferral(error: ThrottledError) -> str:
    if error.retry_after is None:
        return f"{error.message}: it went on refusing; run again later"
    until = datetime.now(UTC) + timedelta(seconds=error.retry_after)
    return f"{error.message}: deferred until {until:%Y-%m-%d %H:%M:%S} UTC, when it may be asked again"

"""Reading one kind: each page a checkpoint, resumed after a run that was cut off, read again if it moved."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from connector_core.connector import AnyConnector, Declaration, Page
from connector_core.discovery.faults import mapped
from connector_core.discovery.reading import Reading
from connector_core.entities import Entity
from connector_core.errors import ConnectorCoreError, ForbiddenError, RejectedCredentialsError, ThrottledError
from connector_core.outcomes import Run
from connector_core.paging import Progress
from connector_core.store import Store
from connector_core.store.staging import Checkpoint, digest_of

ProgressCallback = Callable[[str, int, int | None], None]
"""Kind, rows read so far, and the total announced last."""

ResumeCallback = Callable[[str, Progress], None]
"""Tells the client that the next reading of a listing goes on from a place in it."""


READ_TWICE = "read twice: the listing moved while it was read"


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads kinds for one run."""

    connector: AnyConnector
    run: Run
    store: Store
    progress: ProgressCallback
    resume: ResumeCallback
    since: datetime
    """Checkpoints from before this moment are too old."""
    deadline: float
    """When reading stops, in the loop's time."""

    async def read(self, declaration: Declaration) -> Reading:
        """Reads and stages one kind. A provider's failure ends this kind only, with its reason."""
        kind = declaration.kind.__name__
        reading = Reading(declaration)
        checkpoint = await asyncio.to_thread(self.store.staging.adopt, self.run, kind, self.since)
        if checkpoint:
            reading.restore(await asyncio.to_thread(self.store.staging.bodies, self.run, kind))
            reading.announced = checkpoint.announced
            # The last page is asked for again: if it still has the same ids, the rest goes on behind it.
            self.resume(
                checkpoint.source, Progress(checkpoint.page - 1, 1, checkpoint.rows_before, checkpoint.announced)
            )
            if await self._pages(reading, checkpoint):
                reading.began = f"resumed at page {checkpoint.page}"
                return reading
            await asyncio.to_thread(self.store.staging.forget, self.run, kind)
            reading = Reading(declaration, began="started over: the listing has changed since the run that was cut off")
        elif await asyncio.to_thread(self.store.staging.left, self.run, kind):
            reading.began = "started over: the run that was cut off is too long ago, or was not sound"
        await self._pages(reading)
        return await self.read_again(declaration) if reading.moved else reading

    async def read_again(self, declaration: Declaration) -> Reading:
        """A second reading, after one that somebody left or was re-sorted in. What that staged stays: it was read."""
        reading = Reading(declaration, began=READ_TWICE)
        await self._pages(reading)
        return reading

    async def _pages(self, reading: Reading, checkpoint: Checkpoint | None = None) -> bool:
        """False if the first page is not the one of the checkpoint."""
        pages: AsyncGenerator[Page[Entity], None] = getattr(self.connector, reading.declaration.method)()
        try:
            async with asyncio.timeout_at(self.deadline), aclosing(pages) as stream:
                while page := await self._next(stream):
                    if checkpoint:
                        if page.source != checkpoint.source or digest_of([*page.ids, *page.skipped]) != checkpoint.ids:
                            return False
                        checkpoint = None
                        reading.take_again(page)
                    elif not reading.take(page):
                        break
                    await self._stage(reading, page)
        except RejectedCredentialsError:
            # Either the token died, and no kind can go on; or this is how the provider forbids one resource.
            with mapped(self.connector):
                await self.connector.check()
            title = self.connector.manifest.title
            reading.problems.append(f"{title} refuses it to this token, which is good elsewhere")
            reading.remedy = reading.declaration.permission
        except ThrottledError as error:
            reading.deferred = True
            reading.problems.append(_deferral(error))
        except ConnectorCoreError as error:
            reading.problems.append(error.message)
            reading.remedy = error.hint
            if isinstance(error, ForbiddenError):
                reading.remedy = reading.declaration.permission
        except TimeoutError:
            reading.problems.append("the run's time was over; the next run goes on here")
        return True

    async def _next(self, pages: AsyncGenerator[Page[Entity], None]) -> Page[Entity] | None:
        """The next page. Only the connector's own code runs here, so what it raises is its fault."""
        with mapped(self.connector):
            return await anext(pages, None)

    async def _stage(self, reading: Reading, page: Page[Entity]) -> None:
        ids = [*page.ids, *page.skipped]
        checkpoint = Checkpoint(
            source=page.source,
            page=page.number,
            rows_before=len(reading.seen) - len(ids),
            announced=reading.announced,
            ids=digest_of(ids),
            sound=reading.sound and all(row.source_id == one for row, one in zip(page.rows, page.ids, strict=True)),
        )
        staging = self.store.staging
        await asyncio.to_thread(staging.add, self.run, reading.kind, page.rows, page.skipped, checkpoint)
        self.progress(reading.kind, len(reading.seen), reading.announced)


def _deferral(error: ThrottledError) -> str:
    if error.retry_after is None:
        return f"{error.message}: it went on refusing; run again later"
    until = datetime.now(UTC) + timedelta(seconds=error.retry_after)
    return f"{error.message}: deferred until {until:%Y-%m-%d %H:%M:%S} UTC, when it may be asked again"

"""Reading one kind: each page a checkpoint, resumed after a run that was cut off, read again if it moved."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from pydantic import ValidationError

from connector_core.discovery.delta import Catchup
from connector_core.discovery.faults import mapped, refusal
from connector_core.discovery.reading import Reading
from connector_core.discovery.writer import Writer
from connector_core.errors import (
    ConnectorCoreError,
    ForbiddenError,
    RejectedCredentialsError,
    StoreError,
    ThrottledError,
)
from connector_core.http import HttpApi
from connector_core.outcomes import Progress, Run
from connector_core.sdk.connector import AnyConnector, Declaration
from connector_core.sdk.entities import Entity
from connector_core.sdk.page import Page
from connector_core.sdk.paging import Position
from connector_core.store import Store
from connector_core.store.database import now
from connector_core.store.staging import Checkpoint, digest_of, staged_rows

ProgressCallback = Callable[[Progress], None]
"""Told after every page."""


READ_TWICE = "read twice: the listing moved while it was read"
LOG_SECONDS = 10.0
"""A run that takes long says so often how far it is."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads kinds for one run."""

    connector: AnyConnector
    run: Run
    store: Store
    progress: ProgressCallback
    api: HttpApi
    renew: Callable[[], AnyConnector]
    """A connector that has read nothing yet."""
    scope: Callable[[], Awaitable[str]]
    """What this run reads with, as soon as the check has told the account."""
    since: datetime
    """Checkpoints from before this moment are too old."""
    deadline: float
    """When reading stops, in the loop's time."""

    async def read(self, declaration: Declaration) -> Reading:
        """Reads and stages one kind. A provider's failure ends this kind only, with its reason."""
        reading = Reading(declaration)
        connector = self.connector
        if await asyncio.to_thread(self.store.staging.left, self.run, reading.kind):
            # Only here does the first page have to wait for the check, which tells the account.
            resumed = await self._resumed(declaration, await self.scope())
            if isinstance(resumed, Reading):
                return resumed
            reading.began, connector = resumed, self.renew()
        await self._pages(reading, connector)
        return await self.read_again(declaration) if reading.moved else reading

    async def _resumed(self, declaration: Declaration, scope: str) -> Reading | str:
        """The reading that went on where one was cut off; or why it starts over."""
        kind, staging = declaration.kind.__name__, self.store.staging
        adopted = await asyncio.to_thread(staging.adopt, self.run, kind, scope, self.since)
        if adopted is None:
            return "started over: what the run that was cut off left is too old, or was not read as now"
        if resumed := await self._go_on(declaration, adopted):
            return resumed
        await asyncio.to_thread(staging.forget, self.run, kind)
        return "started over: the listing has changed since the run that was cut off"

    async def read_again(self, declaration: Declaration) -> Reading:
        """A second reading, after one that somebody left or was re-sorted in. What that staged stays: it was read."""
        reading = Reading(declaration, began=READ_TWICE)
        await self._pages(reading, self.renew())
        return reading

    async def read_changes(self, declaration: Declaration, catchup: Catchup) -> Reading:
        """Reads and stages what has changed, the newest first, until nothing newer than the watermark is left."""
        reading = Reading(declaration)
        await self._pages(reading, self.connector, catchup=catchup)
        return reading

    async def _go_on(self, declaration: Declaration, checkpoint: Checkpoint) -> Reading | None:
        """The rest of a reading that was cut off; None if the listing, or what lies staged, is not as it was."""
        reading = Reading(declaration, announced=checkpoint.announced, began=f"resumed at page {checkpoint.page}")
        try:
            await asyncio.to_thread(reading.restore, self.store.staging.bodies(self.run, reading.kind))
        except ValidationError:
            return None
        # The last page is asked for again: if it still has the same ids, the rest goes on behind it.
        place = Position(checkpoint.page - 1, 1, checkpoint.rows_before, checkpoint.announced)
        same = await self._pages(reading, self.connector, checkpoint, place)
        return reading if same and not reading.moved else None

    async def _pages(
        self,
        reading: Reading,
        connector: AnyConnector,
        checkpoint: Checkpoint | None = None,
        place: Position | None = None,
        catchup: Catchup | None = None,
    ) -> bool:
        """False if the first page is not the one of the checkpoint."""
        self.api.resume(checkpoint.source if checkpoint else "", place)
        method = reading.declaration.changes if catchup else reading.declaration.method
        pages: AsyncGenerator[Page[Entity], None] = getattr(connector, method or "")()
        writer = Writer(self.store.staging, self.run, reading.kind)
        same = True
        try:
            try:
                async with asyncio.timeout_at(self.deadline), aclosing(pages) as stream:
                    same = await self._follow(reading, connector, stream, writer, checkpoint, catchup)
            except RejectedCredentialsError:
                # Either the token died, and no kind can go on; or this is how the provider forbids one resource.
                with mapped(self.connector):
                    await self.connector.check()
                reading.problems.append(refusal(self.connector))
                reading.remedy = reading.declaration.permission
            except StoreError:
                # A full disk is not the provider's doing, and no other kind would fare better.
                raise
            except ConnectorCoreError as error:
                _note(reading, error)
            except TimeoutError:
                reading.problems.append("the run's time was over; the next run goes on here")
            await writer.flush()
        finally:
            await writer.end()
        return same

    async def _follow(
        self,
        reading: Reading,
        connector: AnyConnector,
        pages: AsyncGenerator[Page[Entity], None],
        writer: Writer,
        checkpoint: Checkpoint | None,
        catchup: Catchup | None,
    ) -> bool:
        """Every page to the end; False if the first is not the one of the checkpoint."""
        began_at, staged = (checkpoint.began_at, checkpoint.staged) if checkpoint else (now(), 0)
        told_at = asyncio.get_running_loop().time()
        while came := await self._next(connector, pages):
            page = reading.once(came)
            if checkpoint:
                if page.place.listing != checkpoint.source or digest_of([*page.ids, *page.skipped]) != checkpoint.ids:
                    return False
                checkpoint = None
                reading.take_again(page)
                rows = []
            elif not reading.take(page):
                break
            else:
                rows = staged_rows(page.rows, page.skipped)
            staged += len(rows)
            await writer.add(rows, await self._checkpoint(reading, page, began_at, staged, catchup))
            told_at = self._tell(reading, told_at)
            if catchup and catchup.reached(page):
                break
            # Pages that came early are taken without a wait: others have their turn, and Ctrl-C too.
            await asyncio.sleep(0)
        return True

    @staticmethod
    async def _next(connector: AnyConnector, pages: AsyncGenerator[Page[Entity], None]) -> Page[Entity] | None:
        """The next page. Only the connector's own code runs here, so what it raises is its fault."""
        with mapped(connector):
            return await anext(pages, None)

    async def _checkpoint(
        self, reading: Reading, page: Page[Entity], began_at: str, staged: int, catchup: Catchup | None
    ) -> Checkpoint:
        ids = [*page.ids, *page.skipped]
        return Checkpoint(
            source=page.place.listing,
            page=page.place.number,
            rows_before=len(reading.seen) - len(ids),
            announced=reading.announced,
            ids=digest_of(ids),
            # A second reading shares its staged rows with the first, and a delta is over soon: nobody goes on there.
            sound=reading.sound
            and bool(page.place.listing)
            and reading.began != READ_TWICE
            and catchup is None
            and all(row.source_id == one for row, one in zip(page.rows, page.ids, strict=True)),
            staged=staged,
            scope=await self.scope(),
            began_at=began_at,
        )

    def _tell(self, reading: Reading, told_at: float) -> float:
        """Tells how far it is; when it was last logged."""
        ahead = self.api.forecast()
        self.progress(Progress(self.run.integration, reading.kind, len(reading.seen), reading.announced, ahead))
        moment = asyncio.get_running_loop().time()
        # The first page tells the total, so that is when a forecast can be made.
        if reading.pages > 1 and moment - told_at < LOG_SECONDS:
            return told_at
        structlog.get_logger().info(
            "reading",
            kind=reading.kind,
            seen=len(reading.seen),
            announced=reading.announced,
            requests_left=ahead.requests,
            seconds_left=round(ahead.seconds),
        )
        return moment


def _note(reading: Reading, error: ConnectorCoreError) -> None:
    """Why the reading ended early, and what to do about it."""
    if isinstance(error, ThrottledError):
        reading.deferred = True
        reading.problems.append(_deferral(error))
        return
    reading.problems.append(error.message)
    reading.remedy = reading.declaration.permission if isinstance(error, ForbiddenError) else error.hint


def _deferral(error: ThrottledError) -> str:
    if error.retry_after is None:
        return f"{error.message}: it went on refusing; run again later"
    until = datetime.now(UTC) + timedelta(seconds=error.retry_after)
    return f"{error.message}: deferred until {until:%Y-%m-%d %H:%M:%S} UTC, when it may be asked again"

"""Reading one kind: fresh, resumed after an interrupted run, again if the listing moved, or only its changes."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import structlog

from connector_core.beginnings import Began
from connector_core.discovery.bounds import bound_reached, size_of, size_of_body
from connector_core.discovery.check import check_account
from connector_core.discovery.connector_errors import connector_errors, next_page, pages_of, rule_of
from connector_core.discovery.context import RunContext
from connector_core.discovery.delta import ChangeCursor
from connector_core.discovery.failures import failure_reason
from connector_core.discovery.profile import Profile
from connector_core.discovery.progress import progress_teller
from connector_core.discovery.results import DeltaStart, ReadResult
from connector_core.discovery.stage import StageWriter, completed_rows, distinct_entities, staged_rows
from connector_core.discovery.tally import Tally
from connector_core.discovery.token_delta import TokenCursor
from connector_core.errors import (
    ConnectorCoreError,
    CursorExpiredError,
    DiscoveryError,
    RejectedCredentialsError,
    StoreError,
)
from connector_core.reasons import Code, Reason
from connector_core.sdk.connector import Account, AnyConnector, Declaration
from connector_core.sdk.entities import Entity
from connector_core.sdk.page import Beginning, Page
from connector_core.sdk.position import Position
from connector_core.store import LastScan, Reading
from connector_core.store.sqlite import now
from connector_core.store.staging import Checkpoint, digest_of


@dataclass(slots=True)
class _Pass:
    """One pass over the pages of a listing: what was counted so far, and where it is staged."""

    connector: AnyConnector
    tally: Tally
    profile: Profile
    began: Began
    resume_key: str = ""
    checkpoint: Checkpoint | None = None
    """Of the interrupted run, until its page has come again."""
    listing_changed: bool = False
    """The first page was not that of the checkpoint."""
    delta: DeltaStart | None = None
    began_at: str = ""
    staged: int = 0
    size: int = 0
    """Bytes of the rows that were read."""
    bound: Reason | None = None
    """The bound that ended the pass."""

    @property
    def may_start_over(self) -> bool:
        """True if an expired cursor, or token, is no reason to give up: once, and not for changes by time."""
        by_time = self.delta is not None and self.delta.token is None
        return self.began is not Began.STARTED_OVER_EXPIRED and not by_time


class KindReader:
    """Reads one kind for one run."""

    def __init__(
        self,
        context: RunContext,
        declaration: Declaration,
        reading: Reading,
        connector: AnyConnector,
        *,
        checking: "asyncio.Task[Account]",
        deadline: float,
    ) -> None:
        self.connector = connector
        """Shared by the kinds of a run, which may have requests in common; a resumed pass has one of its own."""
        self._context = context
        self._declaration = declaration
        self._reading = reading
        self._checking = checking
        self._deadline = deadline
        """The end of reading, by the event loop's clock."""

    async def read(self) -> ReadResult:
        """Read and stage the kind. A failure of the provider ends this kind only, with its reason."""
        if await self._context.store.staging.has_earlier(self._reading):
            result = await self._resume_or_start_over()
        else:
            result = await self._read_pages(self._pass(self.connector, Began.FRESH))
        return await self._proven(result)

    async def _proven(self, result: ReadResult) -> ReadResult:
        """Read once more if only that can prove a reading, or if the listing has moved."""
        if self._context.settings.read_twice and result.tally.needs_another_pass and not result.problems:
            again = self._pass(self._new_connector(), result.began, result.tally)
            result = replace(await self._read_pages(again), first_page=result.first_page)
        # What ended a reading in the middle of a second listing is told: the end of the first one was no end.
        return await self.read_again(result) if result.tally.moved and not result.problems else result

    async def read_again(self, result: ReadResult) -> ReadResult:
        """Read once more, after the listing moved. What the earlier pass staged stays: it was read."""
        return await self._read_pages(self._pass(self._new_connector(), Began.READ_TWICE, result.tally))

    async def read_changes(self, scan: LastScan) -> ReadResult:
        """Read what has changed: since the token, or the newest first until nothing newer than the watermark is left.

        Where the provider no longer accepts the token, all rows are read.
        """
        by_token = self._declaration.changes_since is not None
        cursor = TokenCursor() if by_token else ChangeCursor.behind(scan, self._context.settings.delta)
        connector = self._context.new_connector(self._context.api.since_token()) if by_token else self.connector
        one = replace(self._pass(connector, Began.FRESH), delta=DeltaStart(scan, cursor))
        one.tally = Tally(replayed=by_token)
        try:
            return await self._read_once(one)
        except CursorExpiredError:
            return await self._resync()

    async def _resync(self) -> ReadResult:
        self._reading = await self._context.store.staging.start_over(self._reading)
        result = await self._proven(await self._read_pages(self._pass(self._new_connector(), Began.RESYNCED)))
        return replace(result, began=Began.RESYNCED)

    # ---- after an interrupted run

    async def _resume_or_start_over(self) -> ReadResult:
        staging = self._context.store.staging
        since = datetime.now(UTC) - timedelta(seconds=self._context.settings.resume_within)
        found = await staging.take_over(self._reading, await self._resume_key(), since)
        if found is None:
            return await self._read_pages(self._pass(self._new_connector(), Began.STARTED_OVER_UNFIT))
        self._reading, checkpoint = found
        result = await self._resume(checkpoint)
        if result and not (result.began is Began.RESUMED and result.tally.moved):
            return result
        self._reading = await staging.start_over(self._reading)
        return await self._read_pages(self._pass(self._new_connector(), Began.STARTED_OVER_CHANGED))

    async def _resume(self, checkpoint: Checkpoint) -> ReadResult | None:
        """Continue behind a checkpoint; None if the listing, or what is staged, is not as it was."""
        # The last page is requested again: if it still has the same ids, the rest goes on behind it.
        beginning = Beginning(checkpoint.first_total, checkpoint.began)
        position = Position(checkpoint.page - 1, 1, checkpoint.rows_before, checkpoint.announced, checkpoint.began)
        position = replace(position, next_cursor=checkpoint.cursor)
        api = self._context.api.resuming(checkpoint.listing, position)
        one = self._pass(self._context.new_connector(api), Began.RESUMED)
        one.checkpoint, one.tally = checkpoint, Tally(beginning, token=checkpoint.token)
        try:
            await self._restore(one)
        except DiscoveryError:
            # Rows of an earlier version of the connector.
            return None
        result = await self._read_pages(one)
        # A listing that could not be read has not changed: the next run resumes there.
        if one.listing_changed:
            return None
        return replace(result, first_page=checkpoint.page) if result.began is Began.RESUMED else result

    async def _restore(self, one: _Pass) -> None:
        """Count the rows that the interrupted run has staged."""
        kind = self._declaration.kind
        async for rows in self._context.store.staging.rows(self._reading):
            with connector_errors(one.connector):
                entities = [kind.model_validate_json(body) for _, body in rows if body is not None]
            one.tally.restore([source_id for source_id, _ in rows], len(entities))
            one.size += sum([size_of_body(body) for _, body in rows])
            one.profile.add(entities)

    # ---- one pass over the listing

    def _pass(self, connector: AnyConnector, began: Began, earlier: Tally | None = None) -> _Pass:
        return _Pass(connector, Tally(earlier=earlier), Profile(self._declaration), began)

    def _new_connector(self) -> AnyConnector:
        return self._context.new_connector(self._context.api)

    async def _resume_key(self) -> str:
        """Wait for the check, which tells the account: nothing is staged before it has passed."""
        return self._context.resume_key(await asyncio.shield(self._checking))

    async def _read_pages(self, one: _Pass) -> ReadResult:
        """Make a pass; once more from the beginning where the provider no longer accepts a cursor of its own."""
        try:
            return await self._read_once(one)
        except CursorExpiredError as error:
            structlog.get_logger().warning("starting_over", kind=self._declaration.kind.__name__, error=error.code)
        if one.tally.earlier is None:
            self._reading = await self._context.store.staging.start_over(self._reading)
        return await self._read_once(self._pass(self._new_connector(), Began.STARTED_OVER_EXPIRED, one.tally.earlier))

    async def _read_once(self, one: _Pass) -> ReadResult:
        declaration, problems = self._declaration, list[Reason]()
        method = declaration.delta if one.delta else declaration.method
        arguments = (one.delta.token,) if one.delta and one.delta.token else ()
        writer = StageWriter(self._context.store.staging, self._reading)
        try:
            try:
                async with (
                    asyncio.timeout_at(self._deadline),
                    pages_of(one.connector, method or "", *arguments) as pages,
                ):
                    await self._take_pages(one, pages, writer)
            except RejectedCredentialsError:
                # Either the token died, and no kind can be read; or the provider forbids this resource like that.
                await check_account(self.connector, self._context.check_seconds())
                remedy, provider = declaration.permission, self._context.title
                problems.append(Reason(Code.RESOURCE_REFUSED, provider=provider, remedy=remedy))
            except StoreError:
                # A full disk is not the provider's fault, and no other kind would fare better.
                raise
            except ConnectorCoreError as error:
                if isinstance(error, CursorExpiredError) and one.may_start_over:
                    raise
                problems.append(failure_reason(error, declaration))
            except TimeoutError:
                problems.append(Reason(Code.TIME_OVER))
            if one.bound:
                problems.append(one.bound)
            await writer.flush()
        finally:
            await writer.aclose()
        try:
            rule = rule_of(one.connector, declaration.kind)
        except ConnectorCoreError as error:
            rule = ""
            problems.append(failure_reason(error, declaration))
        return ReadResult(
            declaration, self._reading, one.tally, one.profile, rule, tuple(problems), one.began, delta=one.delta
        )

    async def _take_pages(self, one: _Pass, pages: AsyncGenerator[Page[Entity], None], writer: StageWriter) -> None:
        """Count and stage every page to the end; stop at once if the first is not that of the checkpoint."""
        prepared = completed_rows() if one.delta and one.delta.token else distinct_entities()
        tell = progress_teller(self._context, self._declaration.kind.__name__, one.tally)
        one.began_at = one.checkpoint.began_at if one.checkpoint else now()
        one.staged = one.checkpoint.staged if one.checkpoint else 0
        while page := await next_page(one.connector, pages, rows_kept=one.tally.rows_wanted):
            page = prepared(page)
            if one.checkpoint is not None:
                if not one.checkpoint.continues(page):
                    one.listing_changed = True
                    return
                one.checkpoint = None
                one.tally.note_listing(page)
                rows = []
            elif one.tally.add(page):
                one.profile.add(page.rows)
                with connector_errors(one.connector):
                    rows = staged_rows(page.rows, page.skipped, page.response, page.places)
            else:
                return
            one.staged += len(rows)
            await writer.add(rows, await self._checkpoint(one, page))
            tell()
            one.size += size_of(rows)
            one.bound = bound_reached(one.tally, one.size, self._context.settings.bounds)
            if one.bound:
                return
            if one.delta and one.delta.cursor.reached(page):
                return
            # Pages that came early are taken without a wait: other tasks get their turn, and Ctrl-C too.
            await asyncio.sleep(0)

    async def _checkpoint(self, one: _Pass, page: Page[Entity]) -> Checkpoint:
        ids, tally = [*page.ids, *page.skipped], one.tally
        one.resume_key = one.resume_key or await self._resume_key()
        beginning = tally.beginning or Beginning()
        own_ids = [row.source_id for row in page.rows] == list(page.ids)
        return Checkpoint(
            listing=page.place.listing,
            page=page.place.number,
            rows_before=tally.seen - len(ids),
            announced=tally.announced,
            ids_digest=digest_of(ids),
            # A delta is short.
            resumable=tally.resumable and bool(page.place.listing) and one.delta is None and own_ids,
            staged=one.staged,
            resume_key=one.resume_key,
            began_at=one.began_at,
            first_total=beginning.total,
            began=beginning.moment if tally.dated else None,
            cursor=page.place.cursor,
            token=tally.token,
        )

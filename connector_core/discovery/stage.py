"""Staging beside the reading: rows are encoded, and those that come while one write is under way wait for the next."""

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import repeat

from connector_core.sdk.entities import Entity
from connector_core.sdk.page import Page
from connector_core.store import Reading
from connector_core.store.staging import Checkpoint, StagedRow, Staging

_WAITING = 1_000
"""Rows that may wait to be written before the reading waits for them."""
_TO_END = 5.0
"""Seconds to wait at the end for the write under way."""


def staged_rows(
    entities: Sequence[Entity], skipped: Iterable[str], page: int | None = None, places: Sequence[int] | None = None
) -> list[StagedRow]:
    """Return a page's rows, ready to be written.

    Args:
        entities: The rows of the kind.
        skipped: Ids of other kinds, kept without a body.
        page: The number of the response that brought them.
        places: The place of each of the entities in it.
    """
    blake2b = hashlib.blake2b
    known: Iterable[int | None] = places if places is not None and len(places) == len(entities) else repeat(None)
    rows: list[StagedRow] = []
    for entity, place in zip(entities, known, strict=False):
        body = entity.body()
        digest = blake2b(body, digest_size=16).digest()
        rows.append((entity.source_id, body.decode(), digest, entity.is_active(), page, place))
    rows += [(source_id, None, None, None, None, None) for source_id in skipped]
    return rows


def distinct_entities() -> Callable[[Page[Entity]], Page[Entity]]:
    """Return a function that leaves out derived entities which came before: many rows mention the same one."""
    known: set[str] = set()

    def distinct(page: Page[Entity]) -> Page[Entity]:
        if page.derived_from is None:
            return page
        new = [number for number, one in enumerate(page.rows) if one.source_id not in known]
        rows = tuple([page.rows[number] for number in new])
        known.update(one.source_id for one in rows)
        places = [page.places[number] for number in new] if page.places else None
        return replace(page, rows=rows, ids=tuple([one.source_id for one in rows]), places=places)

    return distinct


def completed_rows() -> Callable[[Page[Entity]], Page[Entity]]:
    """Return a function that adds to each row of a delta the fields which earlier rows of the same id have brought.

    A row holds what has changed, and may come twice: with its values, and with a reference. The last one is stored.
    """
    earlier: dict[str, Entity] = {}

    def completed(page: Page[Entity]) -> Page[Entity]:
        for source_id in page.removed:
            earlier.pop(source_id, None)
        rows = []
        for row in page.rows:
            before = earlier.get(row.source_id, row)
            absent = before.model_fields_set - row.model_fields_set
            earlier[row.source_id] = row.model_copy(update={name: getattr(before, name) for name in absent})
            rows.append(earlier[row.source_id])
        return replace(page, rows=tuple(rows))

    return completed


class StageWriter:
    """Writes the pages of one reading, in order, one write at a time."""

    def __init__(self, staging: Staging, reading: Reading) -> None:
        self._staging = staging
        self._reading = reading
        self._rows: list[StagedRow] = []
        self._checkpoint: Checkpoint | None = None
        self._writing: asyncio.Task[None] | None = None

    async def add(self, rows: Sequence[StagedRow], checkpoint: Checkpoint) -> None:
        """Take one page. Raises what an earlier write raised."""
        self._rows += rows
        self._checkpoint = checkpoint
        if self._writing and (self._writing.done() or len(self._rows) > _WAITING):
            # A run whose time is over stops waiting, and the write goes on.
            await asyncio.shield(self._writing)
            self._writing = None
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())

    async def flush(self) -> None:
        """Wait until everything is written. Raises what a write raised."""
        while self._writing:
            await asyncio.shield(self._writing)
            self._writing = asyncio.create_task(self._write()) if self._checkpoint else None

    async def aclose(self) -> None:
        """Wait for the write under way, even after a cancellation: the next run resumes there."""
        if self._writing:
            await asyncio.wait([self._writing], timeout=_TO_END)
            # Not for a store that stays busy. A transaction that has begun is waited for even so.
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)

    async def _write(self) -> None:
        """Write all that waits, with the last checkpoint; again, while more has come meanwhile."""
        while checkpoint := self._checkpoint:
            rows, self._rows, self._checkpoint = self._rows, [], None
            await self._staging.add(self._reading, rows, checkpoint)

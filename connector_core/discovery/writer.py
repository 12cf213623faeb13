"""Staging beside the reading: what comes while one write is under way is written with the next."""

import asyncio
from collections.abc import Sequence

from connector_core.outcomes import Run
from connector_core.store.staging import Checkpoint, StagedRow, Staging

_WAITING = 1_000
"""Rows that may wait to be written before the reading waits for them."""


class Writer:
    """Writes the pages of one reading, in order, one write at a time."""

    def __init__(self, staging: Staging, run: Run, kind: str) -> None:
        self._staging = staging
        self._run = run
        self._kind = kind
        self._rows: list[StagedRow] = []
        self._checkpoint: Checkpoint | None = None
        self._writing: asyncio.Task[None] | None = None

    async def add(self, rows: Sequence[StagedRow], checkpoint: Checkpoint) -> None:
        """Takes one page. Raises what an earlier write raised."""
        self._rows += rows
        self._checkpoint = checkpoint
        if self._writing and (self._writing.done() or len(self._rows) > _WAITING):
            # A run whose time is over stops waiting, and the write goes on.
            await asyncio.shield(self._writing)
            self._writing = None
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())

    async def flush(self) -> None:
        """Returns when all is written."""
        while self._writing:
            await asyncio.shield(self._writing)
            self._writing = asyncio.create_task(self._write()) if self._checkpoint else None

    async def end(self) -> None:
        """Waits until what was taken is written, also where the reading was cut off: the next run goes on there."""
        if self._writing:
            await asyncio.gather(self._writing, return_exceptions=True)

    async def _write(self) -> None:
        """All that waits, with the last checkpoint; again, while more has come meanwhile."""
        while checkpoint := self._checkpoint:
            rows, self._rows, self._checkpoint = self._rows, [], None
            await asyncio.to_thread(self._staging.add, self._run, self._kind, rows, checkpoint)

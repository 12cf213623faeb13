"""The directories that are in memory: read in pages, brought up to date, and a limited number of rows in all."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, ParamSpec, TypeVar

from connector_core.directory.rows import Keyed, decode_department, key_of, lay_out, merged, person_decoder
from connector_core.directory.snapshot import Directory, Rows
from connector_core.store import Store, StoredKind
from connector_core.store.own_thread import EndedError, OwnThread

_ROWS = 500_000
"""Most rows in memory; a single directory may have more."""
_PART = 2000
"""Rows that are sorted at once."""
_PATIENCE = 0.3
"""Seconds to wait for a newer state, where there is an older one to show."""

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R", bound=Keyed)
Decode = Callable[[str, int, str, str], R]
_NOTHING: Rows[Any] = Rows((), {})


class Directories:
    """The last state of each integration that was asked for. The one that was not asked for longest goes first.

    Rows are decoded on the store's thread, and sorted on one of its own: the event loop goes on meanwhile.
    """

    def __init__(self, store: Store, *, rows: int = _ROWS, patience: float = _PATIENCE) -> None:
        self._store = store
        self._rows = rows
        self._patience = patience
        self._kept = OrderedDict[str, Directory]()
        self._refreshing: dict[str, asyncio.Task[Directory]] = {}
        self._thread = OwnThread("directory")

    async def get(self, integration: str) -> Directory:
        """Return the directory of an integration as it is stored now.

        Where an older state is in memory, and to read the newer one takes longer than a moment, it is the older one.
        The newer one is there soon after.
        """
        kept = self._kept.get(integration)
        if kept and kept.as_of == await self._store.snapshots.revision(integration):
            self._keep(integration, kept)
            return kept
        refreshing = self._refresh(integration)
        done, _ = await asyncio.wait([refreshing], timeout=self._patience if kept else None)
        return refreshing.result() if done or kept is None else kept

    def forget(self, integration: str) -> None:
        """Drop what is in memory of an integration that was removed."""
        self._kept.pop(integration, None)

    async def aclose(self) -> None:
        """End what is still being read."""
        tasks = [one for one in self._refreshing.values() if one.get_loop() is asyncio.get_running_loop()]
        for one in tasks:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._thread.shutdown(wait=False)

    def _refresh(self, integration: str) -> asyncio.Task[Directory]:
        """Return the task that reads the newer state: one for all who wait, by the same event loop."""
        task = self._refreshing.get(integration)
        if task is None or task.get_loop() is not asyncio.get_running_loop():
            task = self._refreshing[integration] = asyncio.create_task(self._newer(integration))
            task.add_done_callback(lambda done: self._end(integration, done))
        return task

    def _end(self, integration: str, done: asyncio.Task[Directory]) -> None:
        if self._refreshing.get(integration) is done:
            del self._refreshing[integration]
        # Where an older state is shown instead, its error has no reader: the next caller tries again.
        if not done.cancelled():
            done.exception()

    async def _newer(self, integration: str) -> Directory:
        directory = self._kept.get(integration)
        revision = await self._store.snapshots.revision(integration)
        while directory is None or directory.as_of != revision:
            directory = await self._read(integration, directory, revision)
            # The pages are of one state if it is still the same.
            revision = await self._store.snapshots.revision(integration)
        if await self._store.integrations.find(integration):
            self._keep(integration, directory)
        return directory

    async def _read(self, integration: str, before: Directory | None, revision: int) -> Directory:
        moment = datetime.now(UTC)
        people = await self._rows_of(
            StoredKind(integration, "Employee"), before.all_people if before else _NOTHING, person_decoder()
        )
        departments = await self._rows_of(
            StoredKind(integration, "Department"), before.all_departments if before else _NOTHING, decode_department
        )
        if before and people is before.all_people and departments is before.all_departments:
            return before.as_of_now(revision, moment)
        if before is None:
            await self._elsewhere(lay_out, people.sorted)
        return await self._elsewhere(Directory, revision, moment, people, departments)

    async def _rows_of(self, of: StoredKind, before: Rows[R], decode: Decode[R]) -> Rows[R]:
        """Return the rows of a kind; ``before`` itself if there is no change."""
        found: dict[str, R] = {}
        after, decoded = "", 0
        while page := await self._store.snapshots.page(of, after, before.known, decode):
            found.update((one.source_id, one) for one in page.rows)
            decoded += page.decoded
            after = page.rows[-1].source_id
        if not decoded and len(found) == len(before.known):
            return before
        return await self._elsewhere(_sorted, before, found)

    async def _elsewhere(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await self._thread.call(partial(function, *args, **kwargs))
        except EndedError:
            raise asyncio.CancelledError from None

    def _keep(self, integration: str, directory: Directory) -> None:
        self._kept[integration] = directory
        self._kept.move_to_end(integration)
        while len(self._kept) > 1 and sum(map(len, self._kept.values())) > self._rows:
            self._kept.popitem(last=False)


def _sorted(before: Rows[R], found: Mapping[str, R]) -> Rows[R]:
    """Return rows sorted by name. Those that were there before are sorted already."""
    kept = [one for one in before.sorted if found.get(one.source_id) is one]
    same = {one.source_id for one in kept} if kept else frozenset()
    new = [one for source_id, one in found.items() if source_id not in same]
    parts = [sorted(new[start : start + _PART], key=key_of) for start in range(0, len(new), _PART)]
    return Rows(merged([kept, *parts]), found)

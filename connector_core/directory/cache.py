"""The directories that are in memory: read in pages, brought up to date, and a limited number of rows in all."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import ParamSpec, TypeVar

from connector_core.directory.rows import NOTHING, Keyed, Rows, decode_department, in_order, lay_out, person_decoder
from connector_core.directory.snapshot import Directory
from connector_core.store import Integration, Store, StoredKind
from connector_core.store.own_thread import EndedError, OwnThread

_ROWS = 500_000
"""Most rows in memory; a single directory may have more."""
_PATIENCE = 0.3
"""Seconds to wait for a newer state, where there is an older one to show."""

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R", bound=Keyed)
Decode = Callable[[str, int, str, str], R]
_Key = tuple[str, datetime]
"""The name of an integration and when it was added: one that was removed and added again is another one."""


class Directories:
    """The last state of each integration that was asked for. The one that was not asked for longest goes first.

    Rows are decoded on the store's thread, and sorted on one of its own: the event loop goes on meanwhile.
    """

    def __init__(self, store: Store, *, rows: int = _ROWS, patience: float = _PATIENCE) -> None:
        self._store = store
        self._rows = rows
        self._patience = patience
        self._kept = OrderedDict[_Key, Directory]()
        self._refreshing: dict[_Key, asyncio.Task[Directory]] = {}
        self._thread = OwnThread("directory")

    async def get(self, integration: Integration) -> Directory:
        """Return the directory of an integration as it is stored now.

        Where an older state is in memory, and to read the newer one takes longer than a moment, it is the older one.
        The newer one is there soon after.
        """
        key = integration.name, integration.created_at
        kept = self._kept.get(key)
        if kept and kept.as_of == await self._store.snapshots.revision(integration.name):
            self._keep(key, kept)
            return kept
        refreshing = self._refresh(key)
        done, _ = await asyncio.wait([refreshing], timeout=self._patience if kept else None)
        return refreshing.result() if done or kept is None else kept

    def forget(self, name: str) -> None:
        """Drop what is in memory of an integration that was removed."""
        for key in [one for one in self._kept if one[0] == name]:
            del self._kept[key]

    async def aclose(self) -> None:
        """End what is still being read."""
        tasks = [one for one in self._refreshing.values() if one.get_loop() is asyncio.get_running_loop()]
        for one in tasks:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._thread.shutdown(wait=False)

    def _refresh(self, key: _Key) -> asyncio.Task[Directory]:
        """Return the task that reads the newer state: one for all who wait, by the same event loop."""
        task = self._refreshing.get(key)
        if task is None or task.get_loop() is not asyncio.get_running_loop():
            task = self._refreshing[key] = asyncio.create_task(self._newer(key))
            task.add_done_callback(lambda done: self._end(key, done))
        return task

    def _end(self, key: _Key, done: asyncio.Task[Directory]) -> None:
        if self._refreshing.get(key) is done:
            del self._refreshing[key]
        # Where an older state is shown instead, its error has no reader: the next caller tries again.
        if not done.cancelled():
            done.exception()

    async def _newer(self, key: _Key) -> Directory:
        name, created_at = key
        directory = self._kept.get(key)
        revision = await self._store.snapshots.revision(name)
        while directory is None or directory.as_of != revision:
            directory = await self._read(name, directory, revision)
            # The pages are of one state if it is still the same.
            revision = await self._store.snapshots.revision(name)
        found = await self._store.integrations.find(name)
        if found and found.created_at == created_at:
            self._keep(key, directory)
        return directory

    async def _read(self, integration: str, before: Directory | None, revision: int) -> Directory:
        moment = datetime.now(UTC)
        people = await self._rows_of(
            StoredKind(integration, "Employee"), before.all_people if before else NOTHING, person_decoder()
        )
        departments = await self._rows_of(
            StoredKind(integration, "Department"), before.all_departments if before else NOTHING, decode_department
        )
        if before and people is before.all_people and departments is before.all_departments:
            return before.as_of_now(revision, moment)
        if before is None:
            await self._elsewhere(lay_out, people.sorted)
        return await self._elsewhere(Directory, revision, moment, people, departments)

    async def _rows_of(self, of: StoredKind, before: Rows[R], decode: Decode[R]) -> Rows[R]:
        """Return the rows of a kind; ``before`` itself if there is no change."""
        ids, changed, after = list[str](), list[R](), ""
        while (page := await self._store.snapshots.page(of, after, before.known, decode)).ids:
            ids += page.ids
            changed += page.changed
            after = page.ids[-1]
        if not changed and len(ids) == len(before.known):
            return before
        return await self._elsewhere(in_order, before, ids, changed)

    async def _elsewhere(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await self._thread.call(partial(function, *args, **kwargs))
        except EndedError:
            raise asyncio.CancelledError from None

    def _keep(self, key: _Key, directory: Directory) -> None:
        self._kept[key] = directory
        self._kept.move_to_end(key)
        while len(self._kept) > 1 and sum(map(len, self._kept.values())) > self._rows:
            self._kept.popitem(last=False)

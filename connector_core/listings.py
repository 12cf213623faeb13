"""Stored rows, runs and changes, page by page: for faces that show a part of a long list, and go on behind it."""

from typing import TypeVar

from connector_core.outcomes import Change, Operation, State
from connector_core.sdk.entities import Entity
from connector_core.store import RunSummary, Store, StoredKind

E = TypeVar("E", bound=Entity)


class Listings:
    """Parts of long lists. Each begins behind a row, so that no page costs more than the one before it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def entities(self, name: str, kind: type[E], *, after: str = "", limit: int = 50) -> list[E]:
        """Return the stored entities of a kind behind an id, by id."""
        await self._store.integrations.get(name)
        of = StoredKind(name, kind.__name__)
        return [one for _, one in await self._store.entities.page(of, after, limit, kind.model_validate_json)]

    async def runs(self, name: str, *, before: str | None = None, limit: int = 50) -> list[RunSummary]:
        """Return the runs of an integration before the one of that id, the newest first."""
        await self._store.integrations.get(name)
        return await self._store.runs.history(name, limit, before)

    async def run(self, name: str, run_id: str) -> RunSummary | None:
        """Return one run of an integration, or None."""
        await self._store.integrations.get(name)
        return await self._store.runs.find(name, run_id)

    async def changes(
        self,
        run_id: str,
        state: State = State.HELD,
        *,
        after: tuple[str, Operation, str] | None = None,
        limit: int = 50,
    ) -> list[Change]:
        """Return a run's changes behind one of a kind, an operation and an id."""
        return await self._store.plans.page(run_id, state, after, limit)

"""Stored data as an operator looks at it: the part of the host that only reads the store."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Collection
from typing import TYPE_CHECKING, TypeVar

from connector_core.contract import declaration_of
from connector_core.directory import Directories, Directory
from connector_core.errors import SettingsError
from connector_core.plugins import Registry
from connector_core.sdk.entities import Entity
from connector_core.status import IntegrationStatus, statuses
from connector_core.store import EntityChange, RunSummary, Store, StoredKind
from connector_core.views import View, linked_ids

if TYPE_CHECKING:
    from connector_core.explanations import Explanation

E = TypeVar("E", bound=Entity)


class Overview(ABC):
    """The state of integrations, their people and departments, and what has changed."""

    store: Store
    _directories: Directories

    @property
    @abstractmethod
    def registry(self) -> Registry:
        """Every plugin found, ready or not."""

    async def status(self, name: str) -> IntegrationStatus:
        """Return the state of an integration, kind by kind, and what to do."""
        (found,) = await statuses(self.store, self.registry, [await self.store.integrations.get(name)])
        return found

    async def statuses(self) -> list[IntegrationStatus]:
        """Return the state of every integration, by name."""
        return await statuses(self.store, self.registry, await self.store.integrations.all())

    async def directory(self, name: str) -> Directory:
        """Return the stored people and departments of an integration, in memory: to be searched and walked through.

        After a change, it is the state before as long as the new one is being read, but for a moment: see ``as_of``.
        """
        return await self._directories.get(await self.store.integrations.get(name))

    async def entity_history(
        self, name: str, kind: type[Entity], source_id: str, *, limit: int = 50
    ) -> list[EntityChange]:
        """Return the changes of one row, planned and past, the newest first."""
        await self.store.integrations.get(name)
        return await self.store.snapshots.history(StoredKind(name, kind.__name__), source_id, limit)

    async def explain(self, name: str, kind: type[Entity], source_id: str) -> "Explanation":
        """Explain the stored values of one row by the runs that brought them; of one that is gone, its removal."""
        # No other operation needs these: start-up is shorter.
        from connector_core.discovery.explain import explain
        from connector_core.discovery.preview import Asked

        connector = self.registry.connector((await self.store.integrations.get(name)).connector)
        asked = Asked(name, declaration_of(connector, kind.__name__), source_id)
        return await explain(asked, connector.manifest.title, self.store)

    async def history(self, name: str, limit: int = 20) -> list[RunSummary]:
        """Return the runs of an integration, the newest first."""
        await self.store.integrations.get(name)
        return await self.store.runs.history(name, limit)

    async def run_summary(self, name: str, run_id: str) -> RunSummary:
        """Return a run of an integration by its id, or by the beginning of it.

        SettingsError if no run has such an id, or several have.
        """
        await self.store.integrations.get(name)
        found = await self.store.runs.beginning_with(name, run_id) if run_id else []
        if len(found) != 1:
            number = f"Several runs of {name} have" if found else f"No run of {name} has"
            raise SettingsError(
                f"{number} an id that begins with {run_id!r}.", hint=f"discover history {name} lists the ids."
            )
        return found[0]

    # ---- stored entities

    async def entities(self, name: str, kind: type[E]) -> AsyncIterator[E]:
        """Yield every stored entity of this kind, by id."""
        await self.store.integrations.get(name)
        async for entity in self.store.entities.decoded(StoredKind(name, kind.__name__), kind.model_validate_json):
            yield entity

    async def entity(self, name: str, kind: type[E], source_id: str) -> E | None:
        """Return the stored entity of this id, or None if there is none."""
        await self.store.integrations.get(name)
        return await self.store.entities.find(StoredKind(name, kind.__name__), source_id, kind.model_validate_json)

    async def view(self, name: str, kind: type[E], entities: Collection[E] | None = None) -> View[E]:
        """Return a view of the entities of this kind, with the names behind their links; of these only, if given."""
        await self.store.integrations.get(name)
        linked = linked_ids(kind, entities).items()
        return View(kind, {one: await self.store.entities.names(StoredKind(name, one), ids) for one, ids in linked})

    async def count_entities(self, name: str) -> dict[str, int]:
        """Return the number of stored entities by kind."""
        await self.store.integrations.get(name)
        return await self.store.entities.counts(name)

"""The host: everything an operator can do, as a typed object that any asyncio program can embed."""

import asyncio
from collections.abc import Iterable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Self

import aiohttp
import structlog

from connector_core.audit import Action
from connector_core.connecting import Connecting
from connector_core.connections import Connections
from connector_core.contract import declaration_of, declared, declared_fields
from connector_core.decisions import Decisions
from connector_core.directory import Directories
from connector_core.discovery import BegunCallback, ProgressCallback, RunContext, discover
from connector_core.listings import Listings
from connector_core.outcomes import Report, Run
from connector_core.overview import Overview
from connector_core.plugins import Registry, load
from connector_core.schedules import Schedules
from connector_core.sdk.api import Api
from connector_core.sdk.connector import AnyConnector
from connector_core.sdk.entities import Entity, Product
from connector_core.settings import Settings
from connector_core.store import Integration, Store
from connector_core.vault import Vault

if TYPE_CHECKING:
    from connector_core.explanations import Preview

__all__ = ["Host", "Settings"]


class Host(Connecting, Decisions, Overview):
    """``async with Host(settings) as host``. Of a session that is passed in, only the connector is used.

    A program that brings its connectors itself passes a ``registry``; without one, plugins are found and loaded.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        session: aiohttp.ClientSession | None = None,
        vault: Vault | None = None,
        registry: Registry | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.store = Store(self.settings.host.store)
        self.audit = self.store.audit
        self.schedules = Schedules(self.store, self.settings.schedule)
        self.notices = self.store.notices
        self.listings, self.monitoring = Listings(self.store), self.store.monitoring
        self._connections = Connections(self.settings.host, session)
        self._vault = vault or Vault(key_file=self.settings.host.key_file)
        self._registry = registry
        self._directories = Directories(self.store)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the store."""
        await self._directories.aclose()
        await self.store.aclose()

    @cached_property
    def registry(self) -> Registry:
        """Every plugin found, ready or not."""
        return self._registry or load(self.settings)

    # ---- integrations: how they are connected and checked is in a base class

    async def integrations(self) -> list[Integration]:
        return await self.store.integrations.all()

    async def remove(self, name: str) -> None:
        """Remove an integration, its secrets, its data and its history.

        BusyError if traces of it stay in the files, because another process uses them: call it again later.
        """
        await self.store.remove(name)
        self._directories.forget(name)

    async def is_removed(self, name: str) -> bool:
        """Return True if an integration was removed, but traces of it may be left in the files."""
        return await self.store.is_removed(name)

    async def rotate_secrets(self, *, forget: bool = False) -> int:
        """Seal every integration's secrets with a new key; return how many integrations.

        With ``forget`` the old keys are dropped: only where no other store of this user is sealed with them.
        """
        self.store.require_file()
        async with self._vault.rotation(forget=forget) as renew:
            return await self.store.integrations.reseal(renew)

    async def is_running(self, name: str) -> bool:
        """Return True if a run of the integration, or another change to it, is under way."""
        return await self.store.locks.is_held(name)

    # ---- runs: decisions on their plans, and what is looked at, are in the base classes

    async def run(
        self,
        name: str,
        *,
        product: Product | None = None,
        kinds: Iterable[str] = (),
        apply: bool = True,
        delta: bool = False,
        accept: Iterable[str] = (),
        progress: ProgressCallback = lambda _: None,
        begun: BegunCallback = lambda *_: None,
    ) -> Report:
        """Run one discovery.

        Args:
            name: The integration.
            product: Only the kinds that serve this product.
            kinds: As operators name them (``employees``); none means every kind that serves the product.
            apply: False holds the whole plan, to be applied or discarded later.
            delta: Read only what has changed, where that is possible: ``Report.extent`` says so, and why.
            accept: Fields that have emptied for good reason, and whose stored values may go.
            progress: Called after every page, and while missing rows are asked for.
            begun: Called with the run, and a function that returns its traffic so far, before the first request.
        """
        await self.store.integrations.get(name)
        # Locked before anything is read, so that the credentials are not replaced in between.
        async with self.store.changing(name, self.settings.host):
            integration, connector, credentials = await self._restore(name)
            declarations, accepted = declared(connector, product, kinds), declared_fields(connector, accept)
            run = Run.begin(name, integration.connector, product or "", [one.kind.__name__ for one in declarations])

            def new_connector(api: Api) -> AnyConnector:
                return self._connections.connector(connector, credentials, api, self.registry)

            with self._speaking(name, credentials), structlog.contextvars.bound_contextvars(run=run.id):
                async with self._client(connector, credentials, self._tokens(name, connector)) as api:
                    begun(run, api.traffic)
                    return await discover(
                        RunContext(
                            run=run,
                            integration=integration,
                            new_connector=new_connector,
                            declarations=declarations,
                            kinds={name: one.kind for name, one in connector.declarations.items()},
                            title=connector.manifest.title,
                            store=self.store,
                            registry=self.registry,
                            settings=self.settings.host,
                            api=api,
                            progress=progress,
                            deadline=asyncio.get_running_loop().time() + self.settings.host.run_timeout,
                            read_with=self._connections.read_with(connector, self.registry),
                            apply=apply,
                            delta=delta,
                            accepted_fields=accepted,
                        )
                    )

    async def kind(self, name: str, kind: str) -> type[Entity]:
        """Return the kind of an integration's connector that an operator names: employees or Employee, in any case."""
        integration = await self.store.integrations.get(name)
        return declaration_of(self.registry.connector(integration.connector), kind).kind

    # ---- one row

    async def preview(self, name: str, kind: type[Entity], source_id: str) -> "Preview":
        """Ask the provider for one row; return what a run would make of it, or what failed.

        Nothing of the row is stored. The audit log tells that one was asked for, and not which.
        """
        from connector_core.discovery.preview import Asked, preview  # No other operation needs it: start-up is shorter.

        _, connector, credentials = await self._restore(name)
        await self.audit.note(Action.PREVIEWED, name, kind=kind.__name__)
        opened = partial(self._connections.connector, connector, credentials, registry=self.registry)
        asked = Asked(name, declaration_of(connector, kind.__name__), source_id)
        with self._speaking(name, credentials):
            async with self._client(connector, credentials, self._tokens(name, connector)) as api:
                return await preview(asked, opened, api, self.store, seconds=self.settings.host.check_timeout)

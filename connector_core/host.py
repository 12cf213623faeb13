"""The host: everything an operator can do, as a typed object that any asyncio program can embed."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from functools import cached_property, partial
from typing import TYPE_CHECKING, Self

import aiohttp
import structlog
from pydantic import SecretStr

from connector_core.audit import Action
from connector_core.connections import Connections
from connector_core.contract import declaration_of, declared, declared_fields
from connector_core.decisions import Decisions
from connector_core.directory import Directories
from connector_core.discovery import BegunCallback, ProgressCallback, RunContext, check, discover
from connector_core.discovery.check import refuse_unreadable
from connector_core.discovery.connector_errors import credentials_of
from connector_core.discovery.tenant import refuse_other_tenant
from connector_core.errors import ConnectorCoreError
from connector_core.http import HttpApi
from connector_core.listings import Listings
from connector_core.names import check_name
from connector_core.outcomes import CheckReport, Report, Run
from connector_core.overview import Overview
from connector_core.plugins import Registry, load
from connector_core.schedules import Schedules
from connector_core.sdk.api import Api
from connector_core.sdk.connector import AnyConnector
from connector_core.sdk.credentials import Credentials
from connector_core.sdk.entities import Entity, Product
from connector_core.secrecy import hiding
from connector_core.settings import Settings
from connector_core.store import Integration, Store
from connector_core.vault import Vault

if TYPE_CHECKING:
    from connector_core.explanations import Preview

__all__ = ["Host", "Settings"]


class Host(Decisions, Overview):
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

    # ---- integrations

    async def connect(
        self, connector: str, name: str, fields: Mapping[str, str | SecretStr], *, change_tenant: bool = False
    ) -> CheckReport:
        """Check the credentials at the provider, then save them. An existing name keeps its data.

        With ``change_tenant`` an existing name may get the credentials of another company.

        Raises InvalidCredentialsError before any network is touched, RejectedCredentialsError when the
        provider says no, ForbiddenError when no kind at all may be read, and OtherTenantError when the credentials are
        another company's than those before; then nothing is saved.
        """
        wanted, credentials = await self._parsed(connector, name, fields)
        del fields  # Its secrets may be plain texts, and a log may show the locals of a frame.
        with self._speaking(name, credentials):
            report = await self._check(wanted, credentials)
        refuse_unreadable(report)
        async with self.store.locks.hold(name), self._vault.sealing() as seal:
            # Found again: it may have been changed while the check was made.
            existing = await self.store.integrations.find_for(name, connector)
            if existing and not change_tenant:
                refuse_other_tenant(report.account, existing.account, name)
            # The same credentials given again are not new: their age goes on, and so does what they vouch for.
            since = existing.credentials_at if existing and self._same(existing, credentials, report) else None
            sealed = seal(credentials.secrets())
            await self.store.integrations.save(
                name, connector, credentials.public(), sealed, report.account, since=since
            )
        return report

    async def examine(self, connector: str, name: str, fields: Mapping[str, str | SecretStr]) -> CheckReport:
        """Check the credentials at the provider, as `connect` does, and save nothing.

        Raises what `connect` raises; kinds that may not be read are in the report, even if it is all of them.
        """
        wanted, credentials = await self._parsed(connector, name, fields)
        del fields  # See above.
        with self._speaking(name, credentials):
            return await self._check(wanted, credentials)

    async def _parsed(
        self, connector: str, name: str, fields: Mapping[str, str | SecretStr]
    ) -> tuple[type[AnyConnector], Credentials]:
        wanted = self.registry.connector(connector)
        check_name(name)
        await self.store.integrations.find_for(name, connector)
        return wanted, credentials_of(wanted, fields)

    def _same(self, existing: Integration, credentials: Credentials, report: CheckReport) -> bool:
        try:
            secrets = self._vault.open(existing.sealed)
        except ConnectorCoreError:
            return False
        before = (secrets, dict(existing.fields), existing.account)
        return before == (credentials.secrets(), credentials.public(), report.account)

    async def integrations(self) -> list[Integration]:
        return await self.store.integrations.all()

    async def check(self, name: str) -> CheckReport:
        """Check the connection, and the permission to read each kind."""
        integration, connector, credentials = await self._restore(name)
        with self._speaking(integration.name, credentials):
            return await self._check(connector, credentials)

    async def _check(self, connector: type[AnyConnector], credentials: Credentials) -> CheckReport:
        async with self._client(connector, credentials) as api:
            opened = self._connections.connector(connector, credentials, api, self.registry)
            kinds, forecast = connector.declarations.values(), partial(api.forecast, include_over=True)
            return await check(opened, kinds, forecast, seconds=self.settings.host.check_timeout)

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
                async with self._client(connector, credentials) as api:
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
            async with self._client(connector, credentials) as api:
                return await preview(asked, opened, api, self.store, seconds=self.settings.host.check_timeout)

    # ---- inside

    async def _restore(self, name: str) -> tuple[Integration, type[AnyConnector], Credentials]:
        integration, secrets = await self.store.integrations.unsealed(name, self._vault.open)
        connector = self.registry.connector(integration.connector)
        return integration, connector, credentials_of(connector, {**integration.fields, **secrets})

    def _client(self, connector: type[AnyConnector], credentials: Credentials) -> aclosing[HttpApi]:
        """Return a client for one run or check, open within its context."""
        return aclosing(self._connections.api(connector, credentials, self.registry))

    @contextmanager
    def _speaking(self, name: str, credentials: Credentials) -> Iterator[None]:
        """Within this context logs name the integration, and hide its secrets."""
        with hiding(credentials.secrets().values()), structlog.contextvars.bound_contextvars(integration=name):
            yield

"""The host: what an operator does, as a typed object that any asyncio program can embed."""

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from functools import cached_property, partial
from types import TracebackType
from typing import Self, TypeVar

import aiohttp
import structlog
from pydantic import SecretStr

from connector_core.connections import Connections
from connector_core.contract import declared, options_of
from connector_core.discovery import Work, check, discover
from connector_core.discovery.reader import ProgressCallback
from connector_core.errors import ConnectorCoreError, ForbiddenError, SettingsError
from connector_core.http import HttpApi
from connector_core.logs import hiding
from connector_core.outcomes import Change, CheckReport, Operation, Progress, Report, Run, State
from connector_core.plugins import Registry, load
from connector_core.sdk.connector import AnyConnector
from connector_core.sdk.credentials import Credentials
from connector_core.sdk.entities import Entity, Product
from connector_core.settings import Settings
from connector_core.store import Integration, RunSummary, Store
from connector_core.store.application import Applied
from connector_core.store.plans import Held
from connector_core.vault import Vault

__all__ = ["Host", "Settings"]

E = TypeVar("E", bound=Entity)

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)


def _no_progress(_: Progress) -> None:
    """For callers that show none."""


class Host:
    """``async with Host(settings) as host``. A session that is passed in stays the caller's to close.

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
        self._connections = Connections(self.settings.host, session)
        self._vault = vault or Vault()
        self._registry = registry
        self._store: Store | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the store. Enough where nothing was asked of a provider."""
        if self._store:
            self._store.close()

    @cached_property
    def registry(self) -> Registry:
        """Every plugin found, ready or not."""
        return self._registry or load(self.settings)

    @property
    def store(self) -> Store:
        if self._store is None:
            self._store = Store(self.settings.host.store)
        return self._store

    # ---- integrations

    async def connect(self, connector: str, name: str, fields: Mapping[str, str | SecretStr]) -> CheckReport:
        """Checks the credentials at the provider, then saves them. An existing name keeps its data.

        Raises InvalidCredentialsError before any network is touched, RejectedCredentialsError when the
        provider says no, and ForbiddenError when no kind at all may be read; then nothing is saved.
        """
        wanted = self.registry.connector(connector)
        if not NAME.fullmatch(name):
            raise SettingsError(f"{name!r} is no name for an integration: use a-z, 0-9, - and _, such as acme.")
        existing = self.store.integrations.find(name)
        if existing and existing.connector != connector:
            raise SettingsError(f"The integration {name} exists already, for {existing.connector}.")
        credentials = wanted.credentials_type.parse(fields)
        with self._speaking(name, credentials):
            report = await self._check(wanted, credentials)
        if not any(probe.ok for probe in report.probes):
            raise ForbiddenError(
                f"The connection works, but nothing may be read: {report.probes[0].problem}",
                hint=report.probes[0].remedy,
            )
        sealed = self._vault.seal(credentials.secrets())
        # The same credentials given again are no new ones: their age goes on, and so does what they vouch for.
        since = existing.credentials_at if existing and self._same(existing, credentials, report) else None
        save = partial(self.store.integrations.save, since=since)
        with self.store.lock(name):
            if since is None:
                await asyncio.to_thread(self.store.plans.withdraw, name)
            await asyncio.to_thread(save, name, connector, credentials.public(), sealed, report.account)
        return report

    def _same(self, existing: Integration, credentials: Credentials, report: CheckReport) -> bool:
        try:
            secrets = self._vault.open(existing.sealed)
        except ConnectorCoreError:
            return False
        fields = (secrets, dict(existing.fields), existing.account.id)
        return fields == (credentials.secrets(), credentials.public(), report.account.id)

    def integrations(self) -> list[Integration]:
        return self.store.integrations.all()

    async def check(self, name: str) -> CheckReport:
        """The connection, and each kind's permission."""
        integration, connector, credentials = self._restore(name)
        with self._speaking(integration.name, credentials):
            return await self._check(connector, credentials)

    async def _check(self, connector: type[AnyConnector], credentials: Credentials) -> CheckReport:
        async with self._opened(connector, credentials) as (opened, api):
            return await check(opened, connector.declarations.values(), partial(api.forecast, looked_into=True))

    async def remove(self, name: str) -> None:
        """The integration, its secrets, its data and its history."""
        self.store.integrations.get(name)
        with self.store.lock(name):
            await asyncio.to_thread(self.store.integrations.remove, name)
        self.store.forget_lock(name)

    def rotate_secrets(self, *, forget: bool = False) -> int:
        """Seals every integration's secrets with a new key; how many integrations.

        With ``forget`` the old keys go: only where no other store of this user is sealed with them.
        """
        return self._vault.rotate(self.store.integrations.reseal, forget=forget)

    # ---- runs and plans

    async def run(
        self,
        name: str,
        *,
        product: Product | None = None,
        kinds: Iterable[str] = (),
        apply: bool = True,
        delta: bool = False,
        accept: Iterable[str] = (),
        progress: ProgressCallback = _no_progress,
    ) -> Report:
        """One discovery. ``kinds`` are plurals (``employees``); none given means all that serve the product.

        With ``delta`` only what has changed is read, where that will do: ``Report.extent`` says, and why.
        With ``apply=False`` the whole plan is held, to be applied or discarded later. ``accept`` names fields
        that have emptied for good reason, and whose stored values may go.
        """
        self.store.integrations.get(name)
        # Locked before anything is read, so that nobody replaces the credentials in between.
        with self.store.lock(name):
            integration, connector, credentials = self._restore(name)
            accepted = frozenset(accept)
            known = {field for one in connector.declarations.values() for field in one.kind.model_fields}
            if unknown := accepted - known:
                raise SettingsError(f"{connector.manifest.title} discovers no field {', '.join(sorted(unknown))}.")
            declarations = declared(connector, product, tuple(kinds))
            run = Run(
                id=uuid.uuid4().hex,
                integration=name,
                connector=integration.connector,
                product=product or "",
                kinds=tuple(one.kind.__name__ for one in declarations),
                started_at=datetime.now(UTC),
            )
            with self._speaking(name, credentials), structlog.contextvars.bound_contextvars(run=run.id):
                async with self._opened(connector, credentials) as (opened, api):
                    return await discover(
                        Work(
                            run=run,
                            integration=integration,
                            connector=opened,
                            declarations=declarations,
                            store=self.store,
                            registry=self.registry,
                            settings=self.settings.host,
                            api=api,
                            progress=progress,
                            renew=partial(self._connections.connector, connector, credentials, api, self.registry),
                            read_with=self._read_with(connector),
                            apply=apply,
                            delta=delta,
                            accepted=accepted,
                        )
                    )

    def _read_with(self, connector: type[AnyConnector]) -> str:
        entry = self.registry.entry(connector.manifest.name)
        return f"{entry.distribution} {entry.version} {options_of(connector, entry.settings).model_dump_json()}"

    def held(self, name: str) -> Held | None:
        """The held plan, if there is one."""
        self.store.integrations.get(name)
        return self.store.plans.held(name)

    def changes(
        self, run_id: str, state: State | None = None, *, limits: Mapping[Operation, int] | None = None
    ) -> Iterator[Change]:
        """A run's changes; with ``limits``, of each kind at most so many of each operation."""
        return self.store.plans.changes(run_id, state, limits=limits)

    async def apply(self, name: str, run_id: str | None = None) -> Applied:
        """Applies the held plan, against the store as it is now; with ``run_id``, only if it is that run's."""
        with self.store.lock(name):
            held = self.held_plan(name, run_id)
            return await asyncio.to_thread(self.store.plans.apply_held, held.run_id)

    async def discard(self, name: str, run_id: str | None = None) -> int:
        """Drops the held plan; how many changes it had. With ``run_id``, only if it is that run's."""
        with self.store.lock(name):
            return await asyncio.to_thread(self.store.plans.discard, self.held_plan(name, run_id).run_id)

    def history(self, name: str, limit: int = 20) -> list[RunSummary]:
        self.store.integrations.get(name)
        return self.store.runs.history(name, limit)

    # ---- what is stored

    def entities(self, name: str, kind: type[E]) -> Iterator[E]:
        """Every stored entity of this kind, by id."""
        self.store.integrations.get(name)
        for _, body in self.store.entities.bodies(name, kind.__name__):
            yield kind.model_validate_json(body)

    def kind(self, name: str, plural: str) -> type[Entity]:
        """The kind that an integration's connector calls ``plural``."""
        connector = self.registry.connector(self.store.integrations.get(name).connector)
        return declared(connector, None, (plural,))[0].kind

    # ---- inside

    def _restore(self, name: str) -> tuple[Integration, type[AnyConnector], Credentials]:
        integration = self.store.integrations.get(name)
        connector = self.registry.connector(integration.connector)
        fields: dict[str, str | SecretStr] = {**integration.fields, **self._vault.open(integration.sealed)}
        return integration, connector, connector.credentials_type.parse(fields)

    @asynccontextmanager
    async def _opened(
        self, connector: type[AnyConnector], credentials: Credentials
    ) -> AsyncIterator[tuple[AnyConnector, HttpApi]]:
        """A connector and its client, for one run or check."""
        async with aclosing(self._connections.api(connector.manifest, credentials, self.registry)) as api:
            yield self._connections.connector(connector, credentials, api, self.registry), api

    @contextmanager
    def _speaking(self, name: str, credentials: Credentials) -> Iterator[None]:
        with (
            hiding(credentials.secrets().values()),
            structlog.contextvars.bound_contextvars(integration=name),
        ):
            yield

    def held_plan(self, name: str, run_id: str | None = None) -> Held:
        """The held plan; SettingsError if there is none, or if it is not that of ``run_id``."""
        held = self.held(name)
        if held is None:
            raise SettingsError(f"{name} has no held plan.", hint=f"Make one: discover run {name} --plan")
        if run_id not in {None, held.run_id}:
            raise SettingsError(
                f"The plan of {name} has been replaced since it was shown.", hint="Look at the new one."
            )
        return held

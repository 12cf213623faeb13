"""Integrations as they are connected, checked and opened: the part of the host that works with their secrets."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import aclosing, contextmanager
from functools import partial

import structlog
from pydantic import SecretStr

from connector_core.connections import Connections
from connector_core.discovery import check
from connector_core.discovery.check import refuse_unreadable
from connector_core.discovery.connector_errors import credentials_of
from connector_core.discovery.tenant import refuse_other_tenant
from connector_core.errors import ConnectorCoreError, NotFoundError, ProtocolError, RejectedCredentialsError
from connector_core.http import HttpApi, KeptTokens, TokensInMemory
from connector_core.names import check_name
from connector_core.outcomes import CheckReport
from connector_core.plugins import Registry
from connector_core.sdk.connector import AnyConnector
from connector_core.sdk.credentials import Credentials
from connector_core.secrecy import hiding
from connector_core.settings import Settings
from connector_core.sign_in import SignIn, sign_in
from connector_core.store import Integration, Store
from connector_core.stored_tokens import fields_among, latest_secrets, stored_tokens, tokens_of
from connector_core.vault import Vault


class Connecting(ABC):
    """Connects integrations, and opens those that are connected."""

    settings: Settings
    store: Store
    _connections: Connections
    _vault: Vault

    @property
    @abstractmethod
    def registry(self) -> Registry:
        """Every plugin found, ready or not."""

    async def sign_in(
        self, connector: str, name: str, fields: Mapping[str, str | SecretStr], *, redirect_uri: str
    ) -> SignIn | None:
        """Begin the sign-in that a connector needs before it is connected with these fields; None if it needs none.

        Open ``address`` in the user's browser, and give ``tokens(answer)`` to ``connect``.
        """
        wanted, credentials = await self._parsed(connector, name, fields)
        return sign_in(self._connections.manifest(wanted, credentials, self.registry), credentials, redirect_uri)

    async def connect(
        self,
        connector: str,
        name: str,
        fields: Mapping[str, str | SecretStr],
        *,
        tokens: TokensInMemory | None = None,
        change_tenant: bool = False,
    ) -> CheckReport:
        """Check the credentials at the provider, then save them. An existing name keeps its data.

        With ``change_tenant`` an existing name may get the credentials of another company. ``tokens`` are those of a
        user who has signed in; the latest are saved.

        Raises InvalidCredentialsError before any network is touched, RejectedCredentialsError when the
        provider says no, ForbiddenError when no kind at all may be read, and OtherTenantError when the credentials are
        another company's than those before; then nothing is saved.
        """
        wanted, credentials = await self._parsed(connector, name, fields)
        del fields  # Its secrets may be plain texts, and a log may show the locals of a frame.
        tokens = tokens or tokens_of(wanted, credentials)
        with self._speaking(name, credentials):
            report = await self._check(wanted, credentials, tokens)
        refuse_unreadable(report)
        async with self.store.locks.hold(name), self._vault.sealing() as seal:
            # Found again: it may have been changed while the check was made.
            existing = await self.store.integrations.find_for(name, connector)
            if existing and not change_tenant:
                refuse_other_tenant(report.account, existing.account, name)
            # The same credentials given again are not new: their age goes on, and so does what they vouch for.
            since = existing.credentials_at if existing and self._same(existing, credentials, report) else None
            sealed = seal({**credentials.secrets(), **latest_secrets(wanted, tokens)})
            await self.store.integrations.save(
                name, connector, credentials.public(), sealed, report.account, since=since
            )
        return report

    async def examine(
        self,
        connector: str,
        name: str,
        fields: Mapping[str, str | SecretStr],
        *,
        tokens: TokensInMemory | None = None,
    ) -> CheckReport:
        """Check the credentials at the provider, as `connect` does, and save nothing.

        Raises what `connect` raises; kinds that may not be read are in the report, even if it is all of them.
        """
        wanted, credentials = await self._parsed(connector, name, fields)
        del fields  # See above.
        with self._speaking(name, credentials):
            return await self._check(wanted, credentials, tokens or tokens_of(wanted, credentials))

    async def _parsed(
        self, connector: str, name: str, fields: Mapping[str, str | SecretStr]
    ) -> tuple[type[AnyConnector], Credentials]:
        wanted = self.registry.connector(connector)
        check_name(name)
        await self.store.integrations.find_for(name, connector)
        return wanted, credentials_of(wanted, fields)

    def _same(self, existing: Integration, credentials: Credentials, report: CheckReport) -> bool:
        try:
            secrets = fields_among(self._vault.open(existing.sealed))
        except ConnectorCoreError:
            return False
        before = (secrets, dict(existing.fields), existing.account)
        return before == (credentials.secrets(), credentials.public(), report.account)

    async def check(self, name: str) -> CheckReport:
        """Check the connection, and the permission to read each kind."""
        integration, connector, credentials = await self._restore(name)
        with self._speaking(integration.name, credentials):
            return await self._check(connector, credentials, self._tokens(name, connector))

    async def _check(
        self, connector: type[AnyConnector], credentials: Credentials, tokens: KeptTokens | None
    ) -> CheckReport:
        async with self._client(connector, credentials, tokens) as api:
            opened = self._connections.connector(connector, credentials, api, self.registry)
            kinds, forecast = connector.declarations.values(), partial(api.forecast, include_over=True)
            try:
                return await check(opened, kinds, forecast, seconds=self.settings.host.check_timeout)
            except (NotFoundError, ProtocolError) as error:
                raise _at_a_wrong_address(connector, credentials, error) from None

    # ---- inside

    async def _restore(self, name: str) -> tuple[Integration, type[AnyConnector], Credentials]:
        integration, secrets = await self.store.integrations.unsealed(name, self._vault.open)
        connector = self.registry.connector(integration.connector)
        return integration, connector, credentials_of(connector, {**integration.fields, **fields_among(secrets)})

    def _tokens(self, name: str, connector: type[AnyConnector]) -> KeptTokens | None:
        return stored_tokens(name, connector, self.store, self._vault)

    def _client(
        self, connector: type[AnyConnector], credentials: Credentials, tokens: KeptTokens | None
    ) -> aclosing[HttpApi]:
        """Return a client for one run or check, open within its context."""
        return aclosing(self._connections.api(connector, credentials, self.registry, tokens))

    @contextmanager
    def _speaking(self, name: str, credentials: Credentials) -> Iterator[None]:
        """Within this context logs name the integration, and hide its secrets."""
        with hiding(credentials.secrets().values()), structlog.contextvars.bound_contextvars(integration=name):
            yield


def _at_a_wrong_address(
    connector: type[AnyConnector], credentials: Credentials, error: ConnectorCoreError
) -> ConnectorCoreError:
    """Return the error of a check as one about the address that the operator typed, where there is one."""
    typed = credentials.named_hosts() & credentials.filled()
    names = [name for name in typed if connector.manifest.base_url.startswith(f"{{{name}}}")]
    if not names:
        return error
    (title,) = [one.title for one in credentials.form() if one.name == names[0]]
    return RejectedCredentialsError(
        f"There is no API of {connector.manifest.title} at this address: {error.message}.",
        hint=f"Compare the {title} with the one that the product shows: with its whole path, and nothing behind it.",
        field=names[0],
    )

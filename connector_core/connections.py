"""Connections to providers: a session for each run, one trust, and per account the quota that its runs share."""

import json
import ssl
from functools import cached_property

import aiohttp
import structlog

from connector_core.contract import options_of
from connector_core.discovery.connector_errors import connector_errors
from connector_core.errors import SettingsError
from connector_core.http import HttpApi, open_session, showing, tls_context
from connector_core.http.quotas import Quotas
from connector_core.plugins import Registry
from connector_core.sdk.api import Api
from connector_core.sdk.connector import AnyConnector, Context
from connector_core.sdk.credentials import Credentials
from connector_core.settings import HostSettings, limits_of


class Connections:
    """Gives connectors what they need for one run or check. The connector of a session that is passed in serves all."""

    def __init__(self, settings: HostSettings, session: aiohttp.ClientSession | None) -> None:
        self._settings = settings
        self._given = session
        self._quotas: dict[tuple[str, str], Quotas] = {}

    def api(self, connector: type[AnyConnector], credentials: Credentials, registry: Registry) -> HttpApi:
        """Return a client for one run. All of one provider account share its quotas, which outlive the runs."""
        settings = registry.settings(connector.manifest.name)
        # Before a session is opened, which would stay open if this fails.
        with connector_errors(connector):
            manifest = connector.manifest.at(settings.address).reached_with(credentials)
        tls = showing(manifest, credentials) or self._tls
        account = (manifest.name, json.dumps(credentials.public(), sort_keys=True, default=str))
        if account not in self._quotas:
            self._quotas[account] = Quotas(limits_of(manifest, settings))
        return HttpApi(
            self._session(),
            tls,
            manifest,
            credentials,
            settings=self._settings.http,
            quotas=self._quotas[account],
            bounds=self._settings.bounds,
            # At an address of this machine's network, or of this machine: no proxy knows it.
            direct=self._settings.resolve.keys(),
        )

    def _session(self) -> aiohttp.ClientSession:
        """Open a session for one run: what one tenant's responses set, such as a cookie, is never sent for another.

        Its connections end with it, unless a given connector opens them: idle ones would add up.
        """
        if self._given is not None and self._given.closed:
            raise SettingsError("The session that was passed to the host is closed.", hint="Close the host first.")
        return open_session(
            self._settings.endpoints(),
            timeout=self._settings.http.connect_timeout,
            connector=self._given.connector if self._given is not None else None,
        )

    @staticmethod
    def connector(
        connector: type[AnyConnector], credentials: Credentials, api: Api, registry: Registry
    ) -> AnyConnector:
        """Return a connector for one run."""
        log = structlog.get_logger().bind(connector=connector.manifest.name)
        with connector_errors(connector):
            options = options_of(connector, registry.settings(connector.manifest.name))
            return connector(Context(credentials, options, api, log))

    @staticmethod
    def read_with(connector: type[AnyConnector], registry: Registry) -> str:
        """Return the connector's version, options and address: what its rows depend on besides the account."""
        entry = registry.entry(connector.manifest.name)
        with connector_errors(connector):
            options = options_of(connector, entry.settings).model_dump_json()
        return f"{entry.distribution} {entry.version} {options} {entry.settings.address}"

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return tls_context()

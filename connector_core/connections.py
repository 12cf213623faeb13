"""Connections to providers: one session, one trust, and per integration the quota that its runs share."""

import asyncio
import ssl
from functools import cached_property

import aiohttp
import structlog

from connector_core.connector import AnyConnector, Context
from connector_core.contract import options_of
from connector_core.credentials import Credentials
from connector_core.http import HttpApi, open_session, tls_context
from connector_core.http.limits import Limits
from connector_core.manifest import Manifest
from connector_core.plugins import Registry
from connector_core.settings import HostSettings, limits_of

_TURNS = 5


class Connections:
    """Gives connectors what they need for one run or check. A session that is passed in is not closed."""

    def __init__(self, settings: HostSettings, session: aiohttp.ClientSession | None) -> None:
        self._settings = settings
        self._given = session
        self._own: aiohttp.ClientSession | None = None
        self._limits: dict[tuple[str, str], Limits] = {}

    async def close(self) -> None:
        if self._own:
            await self._own.close()
            # aiohttp and the loop close TLS transports, and those that were still being opened, in the next turns.
            for _ in range(_TURNS):
                await asyncio.sleep(0)

    def api(self, manifest: Manifest, credentials: Credentials, registry: Registry) -> HttpApi:
        """A client for one run. All that reach one account of a provider share its quotas, which outlive the runs."""
        account = (manifest.name, manifest.base_url.format_map(credentials.public()))
        if account not in self._limits:
            self._limits[account] = Limits(limits_of(manifest, registry.settings(manifest.name)))
        return HttpApi(
            self._session, self._tls, manifest, credentials, settings=self._settings.http, limits=self._limits[account]
        )

    @staticmethod
    def connector(
        connector: type[AnyConnector], credentials: Credentials, api: HttpApi, registry: Registry
    ) -> AnyConnector:
        """A connector for one run."""
        options = options_of(connector, registry.settings(connector.manifest.name))
        log = structlog.get_logger().bind(connector=connector.manifest.name)
        return connector(Context(credentials, options, api, log))

    @property
    def _session(self) -> aiohttp.ClientSession:
        if self._given:
            return self._given
        if self._own is None:
            self._own = open_session(self._settings.endpoints())
        return self._own

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return tls_context()

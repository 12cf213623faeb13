"""The session: verified TLS, no cookies, and names resolved as the operator says."""

import socket
import ssl
from collections.abc import Mapping

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from connector_core.settings import Endpoint


def tls_context() -> ssl.SSLContext:
    """Verifies always; trusts the system's store, or the one that ``SSL_CERT_FILE`` names."""
    return ssl.create_default_context()


class _ConnectTo(AbstractResolver):
    """Sends a host name to a given address and port; TLS still asks for the name."""

    def __init__(self, endpoints: Mapping[str, Endpoint]) -> None:
        self._endpoints = endpoints
        self._default = aiohttp.DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        target = self._endpoints.get(host)
        if target is None:
            return await self._default.resolve(host, port, family)
        ipv6 = ":" in target.address
        return [
            ResolveResult(
                hostname=host,
                host=target.address,
                port=target.port,
                family=socket.AF_INET6 if ipv6 else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        await self._default.close()


def open_session(endpoints: Mapping[str, Endpoint]) -> aiohttp.ClientSession:
    """A session of the host's own. An embedding program may pass its own instead."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=_ConnectTo(endpoints)),
        cookie_jar=aiohttp.DummyCookieJar(),
    )

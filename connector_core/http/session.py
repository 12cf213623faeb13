"""The aiohttp session: verified TLS, no cookies, and host names resolved as the operator's settings say."""

import socket
import ssl
from collections.abc import Mapping

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from connector_core.settings import Endpoint


def tls_context() -> ssl.SSLContext:
    """Return a context that always verifies, by the system's trust store or the file named in ``SSL_CERT_FILE``."""
    return ssl.create_default_context()


class _EndpointResolver(AbstractResolver):
    """Resolves some host names to a given address and port. TLS still verifies the host name."""

    def __init__(self, endpoints: Mapping[str, Endpoint]) -> None:
        self._endpoints = endpoints
        self._default = aiohttp.DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        endpoint = self._endpoints.get(host)
        if endpoint is None:
            return await self._default.resolve(host, port, family)
        ipv6 = ":" in endpoint.address
        return [
            ResolveResult(
                hostname=host,
                host=endpoint.address,
                port=endpoint.port,
                family=socket.AF_INET6 if ipv6 else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        await self._default.close()


def open_session(endpoints: Mapping[str, Endpoint]) -> aiohttp.ClientSession:
    """Open a session of the host's own. An embedding program may pass its own instead."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=_EndpointResolver(endpoints)),
        cookie_jar=aiohttp.DummyCookieJar(),
    )

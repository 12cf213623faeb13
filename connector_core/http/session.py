"""The aiohttp session of one run: no cookies, and look-ups of host names that delay no other run."""

import asyncio
import socket
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from connector_core.settings import Endpoint
from connector_core.threads import in_thread

_Name = tuple[str, int, socket.AddressFamily]
_LookUp = asyncio.Future[list[ResolveResult] | BaseException]

LOOK_UP_TIMEOUT = 10.0
"""Seconds for a look-up, where no setting says otherwise."""
_CONNECTIONS = 256
"""Connections of one run at most: as many as ``at_once`` may be."""
NO_ENDPOINTS: Mapping[str, Endpoint] = MappingProxyType({})


class Resolver(AbstractResolver):
    """Resolves host names as the system does, and some to a given address and port. TLS still verifies the host name.

    A program that brings a connector of its own may give it this resolver. That of aiohttp shares the few threads of
    the event loop's default executor, where look-ups that hang delay all others.
    """

    def __init__(self, endpoints: Mapping[str, Endpoint] = NO_ENDPOINTS, *, timeout: float = LOOK_UP_TIMEOUT) -> None:
        self._endpoints = endpoints
        self._timeout = timeout
        self._under_way: dict[_Name, _LookUp] = {}
        """A look-up that took too long is not begun again: the next request for it waits for its end."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if endpoint := self._endpoints.get(host):
            ipv6 = ":" in endpoint.address
            return [_result(host, endpoint.address, endpoint.port, socket.AF_INET6 if ipv6 else socket.AF_INET)]
        name = (host, port, family)
        look_up = self._under_way.get(name) or self._begin(name)
        ended, _ = await asyncio.wait([look_up], timeout=self._timeout)
        if not ended:
            raise socket.gaierror(socket.EAI_AGAIN, "The look-up took too long")
        found = look_up.result()
        if isinstance(found, BaseException):
            raise found
        return found

    def _begin(self, name: _Name) -> _LookUp:
        """Look a name up in a thread of its own: one that hangs delays no other, nor the end of the process."""
        look_up = self._under_way[name] = asyncio.wrap_future(in_thread("look-up", partial(_look_up, *name)))
        look_up.add_done_callback(lambda _: self._under_way.pop(name))
        return look_up

    async def close(self) -> None: ...


def _look_up(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    try:
        found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    except ValueError:
        raise socket.gaierror(socket.EAI_NONAME, "It is not a valid host name") from None
    return [_result(host, str(address[0]), int(address[1]), version) for version, _, _, _, address in found]


def _result(host: str, address: str, port: int, family: socket.AddressFamily) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=address,
        port=port,
        family=family,
        proto=socket.IPPROTO_TCP,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )


def open_session(
    endpoints: Mapping[str, Endpoint],
    *,
    timeout: float = LOOK_UP_TIMEOUT,
    connector: aiohttp.BaseConnector | None = None,
) -> aiohttp.ClientSession:
    """Open a session that keeps no cookie, and adds neither a header nor a hook to a request.

    Args:
        endpoints: Host names that are not looked up.
        timeout: Seconds for a look-up.
        connector: Opens the connections in place of one of the session's own. It stays open, and it resolves the names.
    """
    return aiohttp.ClientSession(
        connector=connector or aiohttp.TCPConnector(limit=_CONNECTIONS, resolver=Resolver(endpoints, timeout=timeout)),
        connector_owner=connector is None,
        cookie_jar=aiohttp.DummyCookieJar(),
    )

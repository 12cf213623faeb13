"""The aiohttp session of one run: verified TLS, no cookies, and look-ups of host names that delay no other run."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from functools import partial
from threading import Thread
from types import MappingProxyType
from typing import ParamSpec, TypeVar

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from connector_core.settings import Endpoint

P = ParamSpec("P")
T = TypeVar("T")

LOOK_UP_TIMEOUT = 10.0
"""Seconds for a look-up, where no setting says otherwise."""
NO_ENDPOINTS: Mapping[str, Endpoint] = MappingProxyType({})


def tls_context() -> ssl.SSLContext:
    """Return a context that always verifies, by the system's trust store or the file named in ``SSL_CERT_FILE``."""
    return ssl.create_default_context()


class _ThreadPerCall(Executor):
    """Runs each call in a daemon thread of its own: one that hangs delays no other, nor the end of the process."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        Thread(target=_complete, args=(future, partial(fn, *args, **kwargs)), name="look-up", daemon=True).start()
        return future


def _complete(future: Future[T], call: Callable[[], T]) -> None:
    try:
        result = call()
    except BaseException as error:  # noqa: BLE001 - it is raised where the result is awaited
        future.set_exception(error)
    else:
        future.set_result(result)


class Resolver(AbstractResolver):
    """Resolves host names as the system does, and some to a given address and port. TLS still verifies the host name.

    A program that brings a connector of its own may give it this resolver. That of aiohttp shares the few threads of
    the event loop's default executor, where look-ups that hang delay all others.
    """

    def __init__(self, endpoints: Mapping[str, Endpoint] = NO_ENDPOINTS, *, timeout: float = LOOK_UP_TIMEOUT) -> None:
        self._endpoints = endpoints
        self._timeout = timeout
        self._threads = _ThreadPerCall()
        self._under_way: dict[tuple[str, int, int], asyncio.Future[list[ResolveResult]]] = {}
        """A look-up that took too long is not begun again: the next request for it waits for its end."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if endpoint := self._endpoints.get(host):
            ipv6 = ":" in endpoint.address
            return [_result(host, endpoint.address, endpoint.port, socket.AF_INET6 if ipv6 else socket.AF_INET)]
        look_up = self._under_way.get((host, port, family)) or self._begin(host, port, family)
        ended, _ = await asyncio.wait([look_up], timeout=self._timeout)
        if not ended:
            raise socket.gaierror(socket.EAI_AGAIN, "The look-up took too long")
        return look_up.result()

    def _begin(self, host: str, port: int, family: socket.AddressFamily) -> "asyncio.Future[list[ResolveResult]]":
        look_up = asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host, port, family)
        self._under_way[host, port, family] = look_up

        def end(_: object) -> None:
            del self._under_way[host, port, family]
            # Looked at, so that asyncio does not report it where no request waits any more.
            look_up.exception()

        look_up.add_done_callback(end)
        return look_up

    async def close(self) -> None: ...


def _look_up(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    try:
        found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    except UnicodeError:
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
        # The pace and the quotas of a run decide how many requests there are at once.
        connector=connector or aiohttp.TCPConnector(limit=0, resolver=Resolver(endpoints, timeout=timeout)),
        connector_owner=connector is None,
        cookie_jar=aiohttp.DummyCookieJar(),
    )

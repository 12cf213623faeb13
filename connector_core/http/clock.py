"""A provider's clock beside this machine's, from one request without credentials."""

import asyncio
import ssl
import time

import aiohttp
from yarl import URL

from connector_core.errors import Call
from connector_core.http.auth import signing
from connector_core.http.connection_errors import Destination, connection_errors
from connector_core.http.waits import clock_of
from connector_core.proxies import Proxies

_ROUNDED = 0.5
"""Seconds: a Date header is cut to whole ones, so on average it is this much behind."""


async def clock_difference(
    session: aiohttp.ClientSession, tls: ssl.SSLContext, proxies: Proxies, url: URL, title: str, *, seconds: float
) -> float | None:
    """Return by how many seconds this machine's clock is ahead of the provider's; None if a response bears no date.

    Any response will do: no status is an error. Half of the time that it took, and half a second, are its inaccuracy.
    """
    host, began = url.host or "", time.time()
    proxy = proxies.to(host, url.port or 443)
    destination = Destination(title, host, Call("HEAD", url.path), proxy, redirected=proxies.passes_by(host))
    with connection_errors(destination):
        async with (
            asyncio.timeout(seconds),
            session.head(
                url,
                allow_redirects=False,
                raise_for_status=False,
                proxy=str(proxy) if proxy else None,
                middlewares=(signing({}, proxy),),
                ssl=tls,
            ) as response,
        ):
            clock = clock_of(response.headers)
    return None if clock is None else (began + time.time()) / 2 - clock - _ROUNDED

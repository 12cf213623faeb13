"""A provider's clock beside this machine's, from one request without credentials."""

import asyncio
import ssl
import time

import aiohttp
from yarl import URL

from connector_core.errors import Call, InsecureError, UnavailableError
from connector_core.http.responses import clock_of

_ROUNDED = 0.5
"""Seconds: a Date header is cut to whole ones, so on average it is this much behind."""


async def clock_difference(
    session: aiohttp.ClientSession, tls: ssl.SSLContext, url: URL, title: str, *, seconds: float
) -> float | None:
    """Return by how many seconds this machine's clock is ahead of the provider's; None if a response bears no date.

    Any response will do: no status is an error. Half of the time that it took, and half a second, are its inaccuracy.
    """
    call, began = Call("HEAD", url.path), time.time()
    try:
        async with (
            asyncio.timeout(seconds),
            session.head(url, allow_redirects=False, ssl=tls, raise_for_status=False) as response,
        ):
            clock = clock_of(response.headers)
    except aiohttp.ClientConnectorCertificateError:
        raise InsecureError(
            f"The certificate of {title} ({url.host}) is not trusted",
            call=call,
            hint="If a proxy inspects TLS here, name its certificate authority in SSL_CERT_FILE.",
        ) from None
    except (TimeoutError, aiohttp.ClientError, OSError, ssl.SSLError):
        raise UnavailableError(f"{title} ({url.host}) cannot be reached", call=call) from None
    return None if clock is None else (began + time.time()) / 2 - clock - _ROUNDED

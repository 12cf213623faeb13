"""Network faults: a server, a proxy or the network breaks an answer."""

import asyncio
import gzip
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from aiohttp import web

from connector_core.sdk.manifest import ResetFormat

JSON = {"Content-Type": "application/json; charset=utf-8"}
GIBIBYTE = 1 << 30
REASON_HEADERS = ("X-Reason", "X-BambooHR-Error-Message")
"""Headers in which providers say what is wrong."""
_QUOTED = 2000
"""Characters that the fault ``quote`` quotes."""

NetworkFault = Callable[[web.Request, web.Response], Awaitable[web.StreamResponse]]
"""Called with the request and the answer that it would have received."""


async def reset(request: web.Request, _: web.Response) -> web.StreamResponse:
    """Close the connection before answering."""
    return _close(request)


async def stall(_: web.Request, answer: web.Response) -> web.StreamResponse:
    """Never answer."""
    await asyncio.sleep(3600)
    return answer


async def truncate(request: web.Request, answer: web.Response) -> web.StreamResponse:
    """Send half of the body, then close the connection."""
    half = await _begin(request, answer, length=len(_body(answer)))
    await half.write(_body(answer)[: len(_body(answer)) // 2])
    return _close(request)


async def cutzip(_: web.Request, answer: web.Response) -> web.StreamResponse:
    """Send a gzip stream that ends too early, in an otherwise complete response."""
    body = _body(answer)
    compressed = body if answer.headers.get("Content-Encoding") == "gzip" else gzip.compress(body)
    return web.Response(body=compressed[: len(compressed) // 2], headers={**JSON, "Content-Encoding": "gzip"})


async def drip(request: web.Request, answer: web.Response) -> web.StreamResponse:
    """Send one byte a second."""
    slow = await _begin(request, answer, length=len(_body(answer)))
    for byte in _body(answer):
        await slow.write(bytes([byte]))
        await asyncio.sleep(1)
    return slow


async def headers(request: web.Request, _: web.Response) -> web.StreamResponse:
    """Send headers without end."""
    number = 0
    while request.transport is not None and not request.transport.is_closing():
        start = b"HTTP/1.1 200 OK\r\n" if number == 0 else b""
        request.transport.write(start + f"X-Filler-{number}: x\r\n".encode())
        number += 1
        await asyncio.sleep(0.05)
    return _close(request)


async def long_header(_: web.Request, answer: web.Response) -> web.StreamResponse:
    """Send a header of 32 kibibytes, which is read."""
    answer.headers["X-Filler"] = "x" * 32_768
    return answer


async def huge_header(_: web.Request, answer: web.Response) -> web.StreamResponse:
    """Send a header of 128 kibibytes."""
    answer.headers["X-Filler"] = "x" * 131_072
    return answer


async def flood(request: web.Request, answer: web.Response) -> web.StreamResponse:
    """Send a body of two gibibytes."""
    answer.headers.pop("Content-Encoding", None)
    endless = await _begin(request, answer, length=2 * GIBIBYTE)
    for _ in range(2 * GIBIBYTE // 65_536):
        await endless.write(b" " * 65_536)
    return endless


async def bomb(_: web.Request, __: web.Response) -> web.StreamResponse:
    """Send a few kibibytes that decompress to 64 mebibytes."""
    compressed = await asyncio.to_thread(gzip.compress, b" " * (GIBIBYTE // 16), 1)
    return web.Response(body=compressed, headers={**JSON, "Content-Encoding": "gzip"})


async def html(_: web.Request, __: web.Response) -> web.StreamResponse:
    """Send an HTML page with status 200."""
    return proxy_page(200)


async def garbage(_: web.Request, __: web.Response) -> web.StreamResponse:
    """Send invalid JSON."""
    return web.Response(body=b'{"profiles": [', headers=JSON)


async def empty(_: web.Request, __: web.Response) -> web.StreamResponse:
    """Send ``{}``."""
    return web.Response(body=b"{}", headers=JSON)


async def quote(request: web.Request, answer: web.Response) -> web.StreamResponse:
    """Answer 400, quoting the request, its signature included, and the start of the answer: in headers and the body."""
    compressed = answer.headers.get("Content-Encoding") == "gzip"
    body = gzip.decompress(_body(answer)) if compressed else _body(answer)
    parts = (request.headers.get("Authorization", ""), await request.text(), body.decode(errors="replace"))
    said = "".join(one for one in " ".join(parts) if one.isascii() and one.isprintable())[:_QUOTED]
    return web.Response(status=400, text=said, headers={**JSON, **dict.fromkeys(REASON_HEADERS, said)})


NETWORK_FAULTS: dict[str, NetworkFault] = {
    fault.__name__: fault
    for fault in (
        *(reset, stall, truncate, cutzip, drip, headers, long_header, huge_header, flood, bomb),
        *(html, garbage, empty, quote),
    )
}

_AN_HOUR = 3600
THROTTLES: dict[str, tuple[str, Callable[[str, ResetFormat], dict[str, str]]]] = {
    "throttle": ("No Retry-After.", lambda *_: {}),
    "wait": ("Retry-After: 7 seconds.", lambda *_: {"Retry-After": "7"}),
    "until": ("Retry-After: a date 8 seconds ahead.", lambda *_: {"Retry-After": _date(8)}),
    "later": ("Retry-After: one hour.", lambda *_: {"Retry-After": "3600"}),
    "now": ("Retry-After: 0 seconds.", lambda *_: {"Retry-After": "0"}),
    "past": ("Retry-After: a date 8 seconds ago.", lambda *_: {"Retry-After": _date(-8)}),
    "behind": (
        "Retry-After: a date 8 seconds ahead, by a clock that is an hour behind.",
        lambda *_: {"Retry-After": _date(8 - _AN_HOUR), "Date": _date(-_AN_HOUR)},
    ),
    "ahead": (
        "The header of resets: a time 8 seconds ahead, by a clock that is an hour ahead.",
        lambda name, form: {name: _reset(8, form), "Date": _date(_AN_HOUR)},
    ),
}
"""Answers to too many requests: a description, and the headers, given the name and the format of those of resets."""


def _date(seconds: int) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


def _reset(seconds: int, form: ResetFormat) -> str:
    """Return a reset so many seconds ahead, by a clock that is an hour ahead."""
    moment = int(time.time()) + _AN_HOUR + seconds
    return str(seconds if form == "seconds" else moment * 1000 if form == "milliseconds" else moment)


def throttle_response(kind: str, status: int, reset_header: str, form: ResetFormat) -> web.Response:
    """Return the answer to too many requests."""
    return web.Response(status=status, body=b"{}", headers={**JSON, **THROTTLES[kind][1](reset_header, form)})


def proxy_page(status: int) -> web.Response:
    """Return the HTML page of a proxy that cannot reach the server."""
    return web.Response(
        status=status, text=f"<html><head><title>{status}</title></head></html>", content_type="text/html"
    )


def _body(answer: web.Response) -> bytes:
    return bytes(answer.body) if isinstance(answer.body, (bytes, bytearray)) else b""


async def _begin(request: web.Request, answer: web.Response, *, length: int) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_length = length
    await response.prepare(request)
    return response


def _close(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()

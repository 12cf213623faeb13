"""Faults of the wire: what a server, a proxy or a network does to an answer."""

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from aiohttp import web

JSON = {"Content-Type": "application/json; charset=utf-8"}
GIBIBYTE = 1 << 30

Strike = Callable[[web.Request, web.Response], Awaitable[web.StreamResponse]]
"""Given the request and the answer that it would have had."""


async def reset(request: web.Request, _: web.Response) -> web.StreamResponse:
    """The connection is cut before an answer."""
    return _cut(request)


async def stall(_: web.Request, answer: web.Response) -> web.StreamResponse:
    """No answer comes."""
    await asyncio.sleep(3600)
    return answer


async def truncate(request: web.Request, answer: web.Response) -> web.StreamResponse:
    """Half a body, then the connection is cut."""
    half = await _begin(request, answer, length=len(_body(answer)))
    await half.write(_body(answer)[: len(_body(answer)) // 2])
    return _cut(request)


async def cutzip(_: web.Request, answer: web.Response) -> web.StreamResponse:
    """A gzip stream that ends too early, in an answer that is whole otherwise."""
    body = _body(answer)
    packed = body if answer.headers.get("Content-Encoding") == "gzip" else gzip.compress(body)
    return web.Response(body=packed[: len(packed) // 2], headers={**JSON, "Content-Encoding": "gzip"})


async def drip(request: web.Request, answer: web.Response) -> web.StreamResponse:
    """A byte a second."""
    slow = await _begin(request, answer, length=len(_body(answer)))
    for byte in _body(answer):
        await slow.write(bytes([byte]))
        await asyncio.sleep(1)
    return slow


async def headers(request: web.Request, _: web.Response) -> web.StreamResponse:
    """Headers that never end."""
    number = 0
    while request.transport is not None and not request.transport.is_closing():
        start = b"HTTP/1.1 200 OK\r\n" if number == 0 else b""
        request.transport.write(start + f"X-Filler-{number}: x\r\n".encode())
        number += 1
        await asyncio.sleep(0.05)
    return _cut(request)


async def flood(request: web.Request, answer: web.Response) -> web.StreamResponse:
    """A body of two gibibytes."""
    answer.headers.pop("Content-Encoding", None)
    endless = await _begin(request, answer, length=2 * GIBIBYTE)
    for _ in range(2 * GIBIBYTE // 65_536):
        await endless.write(b" " * 65_536)
    return endless


async def bomb(_: web.Request, __: web.Response) -> web.StreamResponse:
    """A few kibibytes that unpack to 64 mebibytes."""
    packed = await asyncio.to_thread(gzip.compress, b" " * (GIBIBYTE // 16), 1)
    return web.Response(body=packed, headers={**JSON, "Content-Encoding": "gzip"})


async def html(_: web.Request, __: web.Response) -> web.StreamResponse:
    """A page with status 200."""
    return page(200)


async def garbage(_: web.Request, __: web.Response) -> web.StreamResponse:
    """No JSON."""
    return web.Response(body=b'{"profiles": [', headers=JSON)


async def empty(_: web.Request, __: web.Response) -> web.StreamResponse:
    """``{}``."""
    return web.Response(body=b"{}", headers=JSON)


STRIKES: dict[str, Strike] = {
    strike.__name__: strike
    for strike in (reset, stall, truncate, cutzip, drip, headers, flood, bomb, html, garbage, empty)
}

THROTTLES: dict[str, tuple[str, Callable[[], str]]] = {
    "throttle": ("No Retry-After.", lambda: ""),
    "wait": ("Retry-After: 7 seconds.", lambda: "7"),
    "until": ("Retry-After: a date, 8 seconds ahead.", lambda: _date(8)),
    "later": ("Retry-After: an hour.", lambda: "3600"),
}
"""Too many requests: in words, and what Retry-After says, if anything."""


def _date(seconds: int) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


def throttled(kind: str, status: int) -> web.Response:
    """Too many requests."""
    said = THROTTLES[kind][1]()
    return web.Response(status=status, body=b"{}", headers={**JSON, **({"Retry-After": said} if said else {})})


def page(status: int) -> web.Response:
    """What a proxy says for a server that it does not reach."""
    return web.Response(
        status=status, text=f"<html><head><title>{status}</title></head></html>", content_type="text/html"
    )


def _body(answer: web.Response) -> bytes:
    return bytes(answer.body) if isinstance(answer.body, (bytes, bytearray)) else b""


async def _begin(request: web.Request, answer: web.Response, *, length: int) -> web.StreamResponse:
    begun = web.StreamResponse(status=answer.status, headers=answer.headers)
    begun.content_length = length
    await begun.prepare(request)
    return begun


def _cut(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()

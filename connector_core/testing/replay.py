"""Replay of recorded answers, so that measurements cover the host and not the simulator."""

import asyncio
from dataclasses import dataclass, field

from aiohttp import web

from connector_core.testing.server import Simulator

_CHUNK = 16 * 1024
_PAUSE = 0.001

RequestKey = tuple[str, str, bytes]
"""Method, path with query, body."""


@dataclass(slots=True)
class Replay:
    """A stand-in for a simulator that records its answers, and sends them itself once ``replaying`` is set.

    The simulator answers what was not recorded: no two signed requests for a token are the same.
    """

    simulator: Simulator
    answers: dict[RequestKey, web.Response] = field(default_factory=dict)
    replaying: bool = False

    async def handle(self, request: web.Request) -> web.StreamResponse:
        key = (request.method, request.path_qs, await request.read())
        if not self.replaying or key not in self.answers:
            answer = await self.simulator.handle(request)
            if isinstance(answer, web.Response):
                self.answers[key] = answer
            return answer
        recorded = self.answers[key]
        # Small chunks and a small buffer: memory that waits in the server must not count as the host's.
        if isinstance(request.transport, asyncio.WriteTransport):
            request.transport.set_write_buffer_limits(_CHUNK)
        response = web.StreamResponse(status=recorded.status, headers=recorded.headers)
        await response.prepare(request)
        body = recorded.body if isinstance(recorded.body, bytes) else b""
        for start in range(0, len(body), _CHUNK):
            await response.write(body[start : start + _CHUNK])
            # A jumping clock passes this pause only when the host has nothing left to do: no chunks pile up.
            await asyncio.sleep(_PAUSE)
        return response

"""Answers that were given before, given again: what is measured then is the host, and not the simulator."""

import asyncio
from dataclasses import dataclass, field

from aiohttp import web

from connector_core.testing.server import Simulator

_PIECE = 16 * 1024
_PAUSE = 0.001

Asked = tuple[str, str, bytes]
"""Method, path with query, body."""


@dataclass(slots=True)
class Recording:
    """Stands in for a simulator: passes on what it answers and keeps it, until it is told to answer by itself."""

    simulator: Simulator
    answers: dict[Asked, web.Response] = field(default_factory=dict)
    replaying: bool = False

    async def handle(self, request: web.Request) -> web.StreamResponse:
        asked = (request.method, request.path_qs, await request.read())
        if not self.replaying:
            answer = await self.simulator.handle(request)
            if isinstance(answer, web.Response):
                self.answers[asked] = answer
            return answer
        kept = self.answers[asked]
        # In pieces, of which few wait to be taken: what lies in the server's buffers is not the host's.
        if isinstance(request.transport, asyncio.WriteTransport):
            request.transport.set_write_buffer_limits(_PIECE)
        response = web.StreamResponse(status=kept.status, headers=kept.headers)
        await response.prepare(request)
        body = kept.body if isinstance(kept.body, bytes) else b""
        for begin in range(0, len(body), _PIECE):
            await response.write(body[begin : begin + _PIECE])
            # By a clock that jumps this takes until the host has dealt with it: nothing piles up by chance.
            await asyncio.sleep(_PAUSE)
        return response

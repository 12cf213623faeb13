"""A run while it goes on: server-sent events."""

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from connector_core.messages import counted
from connector_core.phrases import costs
from connector_core.scheduling import LiveRun
from connector_core.web.rendering import render
from connector_core.web.site import host_of, site_of

routes = web.RouteTableDef()

_PAUSE = 0.25
"""Least seconds between two events: a run reports every page."""
_PULSE = 15.0
"""Seconds after which a stream without news says that it lives, so that no proxy cuts it."""


@routes.get("/integrations/{name}/live")
async def live(request: web.Request) -> web.StreamResponse:
    """Send the state of the run under way, until it has ended or the browser has gone."""
    name = request.match_info["name"]
    await host_of(request).store.integrations.get(name)
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
    await response.prepare(request)
    async with aclosing(site_of(request).engine.watch(name)) as states:
        waiting = asyncio.ensure_future(anext(states, None))
        try:
            while True:
                await asyncio.wait([waiting], timeout=_PULSE)
                if not waiting.done():
                    await response.write(b": still here\n\n")
                    continue
                state = waiting.result()
                if state is None or state.ended:
                    break
                await response.write(_event("live", _part(request, state)))
                await asyncio.sleep(_PAUSE)
                waiting = asyncio.ensure_future(anext(states, None))
        finally:
            waiting.cancel()
            await asyncio.wait([waiting])
    await response.write(_event("ended", ""))
    return response


def _part(request: web.Request, state: LiveRun) -> str:
    return render(request, "parts/live.html", **live_values(state)).text or ""


def live_values(state: LiveRun) -> dict[str, Any]:
    """Return a run, its rate and the time left, as the page shows them."""
    seconds = (datetime.now(UTC) - state.started_at).total_seconds()
    rows = sum(one.seen for one in state.kinds.values())
    rate = f"{counted(round(rows / seconds), 'row')} a second" if rows and seconds > 1 else "not known yet"
    left = [one.forecast for one in state.kinds.values()]
    return {"live": state, "rate": rate, "left": costs(left[-1]) if left else "not known yet"}


def _event(name: str, text: str) -> bytes:
    lines = "".join([f"data: {line}\n" for line in text.splitlines() if line.strip()]) or "data: \n"
    return f"event: {name}\n{lines}\n".encode()

"""An integration's page while it is open: server-sent events."""

import asyncio
from contextlib import aclosing

import structlog
from aiohttp import web

from connector_core.errors import ConnectorCoreError
from connector_core.web.live import Changed, News, news, send
from connector_core.web.pages.integration import live_values, overview_values
from connector_core.web.rendering import render
from connector_core.web.site import host_of, site_of

routes = web.RouteTableDef()
STREAMS = web.AppKey("streams", set["asyncio.Task[object] | None"])
"""The handlers of the streams that are open."""

_PAUSE = 0.25
"""Least seconds between two events: a run reports every page."""
_PULSE = 15.0
"""Seconds after which a stream without news says that it lives, so that no proxy cuts it."""


@routes.get("/integrations/{name}/live")
async def live(request: web.Request) -> web.StreamResponse:
    """Send what is new on an integration's page, until the browser has gone or its session has ended.

    A browser that comes back names the last event that it has seen.
    """
    name, site = request.match_info["name"], site_of(request)
    await site.host.store.integrations.get(name)
    shown = request.headers.get("Last-Event-ID") or request.query.get("shown", "")
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
    await response.prepare(request)

    async def write(one: News | None) -> None:
        await response.write(b": still here\n\n" if one is None else await _event(request, one))

    streams, task = request.app[STREAMS], asyncio.current_task()
    streams.add(task)
    try:
        async with aclosing(news(site.host, site.engine, name, shown)) as events:
            await send(events, write, pulse=_PULSE, pause=_PAUSE, may_go_on=lambda: site.access.goes_on(request))
    except ConnectorCoreError as error:
        # The browser comes again, and is told by the answer then: the integration may have been removed.
        structlog.get_logger().info("web_stream_ended", integration=name, error=error.code)
    finally:
        streams.discard(task)
    return response


async def end_streams(app: web.Application) -> None:
    """End all streams, when the server stops: they would not end by themselves."""
    for task in [*app[STREAMS]]:
        if task:
            task.cancel()


async def _event(request: web.Request, one: News) -> bytes:
    if isinstance(one, Changed):
        values = await overview_values(request, host_of(request))
        return event("overview", render(request, "parts/overview.html", **values).text or "", one.seen.key)
    return event("live", render(request, "parts/live.html", **live_values(one)).text or "")


def event(name: str, text: str, key: str = "") -> bytes:
    """Return an event as it is sent; its key comes back as Last-Event-ID."""
    lines = "".join([f"data: {line}\n" for line in text.splitlines() if line.strip()]) or "data: \n"
    last_seen = f"id: {key}\n" if key else ""
    return f"event: {name}\n{last_seen}{lines}\n".encode()

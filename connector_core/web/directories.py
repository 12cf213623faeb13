"""The directory of an integration, for pages: no page waits for the first reading of a large one."""

import asyncio

from aiohttp import web

from connector_core.directory import Directory
from connector_core.web.rendering import is_fragment, render
from connector_core.web.site import host_of

_PATIENCE = 0.25
"""Seconds to wait for a directory before the page says that it is being read."""
_WAITING = "waiting"


async def directory_of(request: web.Request) -> Directory | web.Response:
    """Return the directory of the integration, or a page which says that it is being read, and comes again by itself.

    The reading goes on meanwhile, and is one for all who wait.
    """
    name, host = request.match_info["name"], host_of(request)
    if is_fragment(request):
        return await host.directory(name)
    if _WAITING in request.query:
        # The browser shows the page that says so until this one is there.
        await host.directory(name)
        query = [(key, value) for key, value in request.query.items() if key != _WAITING]
        raise web.HTTPSeeOther(request.rel_url.with_query(query))
    try:
        return await asyncio.wait_for(host.directory(name), _PATIENCE)
    except TimeoutError:
        response = render(request, "loading.html", name=name)
        again = request.rel_url.update_query({_WAITING: "1"})
        # A header, and not a script: it works without one.
        response.headers["Refresh"] = f"0; url={again}"
        return response

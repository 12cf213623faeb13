"""Shipped files: scripts, style sheets and the icon."""

import mimetypes

from aiohttp import web

from connector_core.web.access import open_to_all
from connector_core.web.rendering import STATIC

routes = web.RouteTableDef()


@routes.get("/static/{name:[a-z0-9.-]+}")
@open_to_all
async def file(request: web.Request) -> web.Response:
    """Send one file. Its address changes with its content."""
    name = request.match_info["name"]
    found = STATIC / name
    if not found.is_file():
        raise web.HTTPNotFound
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    charset = "utf-8" if kind.startswith("text/") else None
    return web.Response(body=found.read_bytes(), content_type=kind, charset=charset, headers=headers)

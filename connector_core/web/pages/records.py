"""What was done, and what was told: the audit log and the notices."""

from aiohttp import web

from connector_core.settings import Role
from connector_core.web.access import needs
from connector_core.web.done import done, said
from connector_core.web.rendering import render
from connector_core.web.site import host_of

routes = web.RouteTableDef()
_ENTRIES = 100


@routes.get("/settings/audit")
@needs(Role.ADMINISTRATOR)
async def audit(request: web.Request) -> web.Response:
    """Show who did what, the newest first."""
    text = request.query.get("before", "")
    before = int(text) if text.isdecimal() and len(text) < 16 else None
    chosen = request.query.get("integration", "")
    host = host_of(request)
    entries = await host.audit.entries(chosen or None, before=before, limit=_ENTRIES)
    names = [one.name for one in await host.integrations()]
    more = entries[-1].number if len(entries) == _ENTRIES else None
    return render(request, "audit.html", entries=entries, chosen=chosen, names=names, more=more)


@routes.get("/settings/notices")
@needs(Role.ADMINISTRATOR)
async def notices(request: web.Request) -> web.Response:
    """Show the notices, and whether each was delivered."""
    host = host_of(request)
    settings = host.settings.notices
    found = await host.notices.recent(_ENTRIES)
    return render(request, "notices.html", notices=found, settings=settings, said=said(request))


@routes.post("/settings/notices/test")
@needs(Role.ADMINISTRATOR)
async def test_notice(request: web.Request) -> web.Response:
    """Send a test notice through every channel."""
    await host_of(request).notices.test()
    raise done("/settings/notices", "test_notice")

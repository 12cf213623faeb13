"""What was done, and what was told: the audit log and the notices."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from aiohttp import web

from connector_core.scheduling import Notifier
from connector_core.scheduling.deliveries import Delivery
from connector_core.settings import Role
from connector_core.web.access import needs
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
    return await _notices(request, {})


@routes.post("/settings/notices/test")
@needs(Role.ADMINISTRATOR)
async def test_notice(request: web.Request) -> web.Response:
    """Send a test notice through every channel, and say what happened."""
    return await _notices(request, await Notifier(host_of(request)).test())


async def _notices(request: web.Request, sent: Mapping[str, Delivery]) -> web.Response:
    host = host_of(request)
    found = await host.notices.recent(_ENTRIES)
    settings = host.settings.notices
    # Its path may be a secret.
    webhook_host = urlsplit(settings.webhook).netloc
    return render(request, "notices.html", notices=found, settings=settings, sent=sent, webhook_host=webhook_host)

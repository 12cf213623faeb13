"""What was done, and what was told: the audit log and the notices."""

from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from connector_core.audit import Action
from connector_core.scheduling import Notifier
from connector_core.scheduling.deliveries import Delivery
from connector_core.settings import Role
from connector_core.store import Event
from connector_core.web.access import needs
from connector_core.web.rendering import is_fragment, render
from connector_core.web.site import host_of

routes = web.RouteTableDef()
_ENTRIES = 50
_NOTICES = 100
_AUDIT = "/settings/audit"
_EVENTS: Mapping[str, str] = {
    Event.HELD: "Plan held",
    Event.FAILED: "Run failed",
    Event.INCOMPLETE: "Run incomplete",
    Event.QUARANTINED: "Integration quarantined",
    Event.RECOVERED: "Integration recovered",
    Event.TEST: "Test",
}


@routes.get(_AUDIT)
@needs(Role.ADMINISTRATOR)
async def audit(request: web.Request) -> web.Response:
    """Show who did what, the newest first."""
    host, query = host_of(request), request.query
    chosen = {key: query.get(key, "").strip() for key in ("integration", "action", "actor")}
    entries = await host.audit.entries(
        chosen["integration"] or None,
        actor=chosen["actor"] or None,
        action=Action(chosen["action"]) if chosen["action"] in set(Action) else None,
        before=_number(query.get("before", "")),
        limit=_ENTRIES + 1,
    )
    filters = {key: value for key, value in chosen.items() if value}
    shown = entries[:_ENTRIES]
    older = {**filters, "before": str(shown[-1].number)} if len(entries) > _ENTRIES else None
    # The filters take a part of the whole page.
    fragment = is_fragment(request) and "before" in query
    return render(
        request,
        "parts/audit_rows.html" if fragment else "audit.html",
        fragment=fragment,
        entries=shown,
        chosen=chosen,
        actions=list(Action),
        names=[one.name for one in await host.integrations()],
        before="before" in query,
        newest=f"{_AUDIT}?{urlencode(filters)}",
        older=f"{_AUDIT}?{urlencode(older)}" if older else "",
    )


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 16 else None


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
    found = await host.notices.recent(_NOTICES + 1)
    settings = host.settings.notices
    return render(
        request,
        "notices.html",
        notices=found[:_NOTICES],
        more=len(found) > _NOTICES,
        events=_EVENTS,
        names={one.name for one in await host.integrations()},
        settings=settings,
        sent=sent,
        # Its path may be a secret.
        webhook_host=urlsplit(settings.webhook).netloc.rpartition("@")[2],
    )

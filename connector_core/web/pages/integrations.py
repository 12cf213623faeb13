"""The list of integrations."""

from aiohttp import web

from connector_core.web.done import said
from connector_core.web.integration_list import integration_cards
from connector_core.web.rendering import render
from connector_core.web.site import host_of, site_of

routes = web.RouteTableDef()


@routes.get("/settings/integrations")
async def integrations(request: web.Request) -> web.Response:
    """Show every integration, or the way to the first."""
    cards = await integration_cards(host_of(request), site_of(request).engine)
    return render(request, "integrations.html", integrations=cards, said=said(request))

"""The application: its routes, and what every request passes on its way to them."""

from aiohttp import web

from connector_core.web import api, monitoring, sign_in, static
from connector_core.web.failures import answer_errors
from connector_core.web.pages import ROUTES
from connector_core.web.pages.live import STREAMS, end_streams
from connector_core.web.protection import add_headers, require_own_host, require_own_page, require_user
from connector_core.web.site import SITE, Site

_LARGEST_FORM = 256 * 1024


def build_application(site: Site) -> web.Application:
    """Return the web host as an application of aiohttp, for `discover serve` or for a program of your own."""
    app = web.Application(
        middlewares=[answer_errors, require_own_host, require_user, require_own_page],
        client_max_size=_LARGEST_FORM,
    )
    app[SITE] = site
    app[STREAMS] = set()
    app.on_shutdown.append(end_streams)
    app.on_response_prepare.append(add_headers)
    for routes in (static.routes, sign_in.routes, monitoring.routes, api.routes(), *ROUTES):
        app.router.add_routes(routes)
    return app

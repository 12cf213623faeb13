"""Signing in and out."""

import re

import structlog
from aiohttp import web

from connector_core.audit import Action, acting
from connector_core.web.access import USER, open_to_all
from connector_core.web.errors import SignInRefusedError
from connector_core.web.failures import problem_of
from connector_core.web.rendering import render
from connector_core.web.site import site_of

routes = web.RouteTableDef()

HOME = "/settings/integrations"
_OWN_PATH = re.compile(r"/(?![/\\])[!-~]*", re.ASCII)


@routes.get("/")
async def home(_: web.Request) -> web.Response:
    """Lead to the integrations."""
    raise web.HTTPSeeOther(HOME)


@routes.get("/sign-in")
@open_to_all
async def form(request: web.Request) -> web.Response:
    """Show the form, unless the user is known."""
    if request.get(USER):
        raise web.HTTPSeeOther(_next(request.query.get("next", "")))
    return render(request, "sign_in.html", next=_next(request.query.get("next", "")), problem=None)


@routes.post("/sign-in")
@open_to_all
async def sign_in(request: web.Request) -> web.Response:
    """Begin a session with the token that was printed at the start."""
    site, typed = site_of(request), await request.post()
    following, remote = _next(str(typed.get("next", ""))), site.access.client_of(request)
    log = structlog.get_logger().bind(remote=remote, means="form")
    try:
        value = site.access.sign_in(remote, str(typed.get("token", "")))
    except SignInRefusedError as error:
        log.warning("web_sign_in_throttled" if error.retry_after else "web_sign_in_refused")
        if not error.retry_after:
            # Those that are not even looked at would fill the log.
            with acting("unknown"):
                await site.host.audit.note(Action.SIGN_IN_REFUSED)
        problem = problem_of(error)
        response = render(request, "sign_in.html", status=problem.status, next=following, problem=problem)
        if error.retry_after:
            response.headers["Retry-After"] = f"{error.retry_after:.0f}"
        return response
    site.access.sign_out(request)  # The session before, if there is one: its cookie is replaced.
    log.info("web_signed_in")
    with acting("administrator"):
        await site.host.audit.note(Action.SIGNED_IN)
    response = web.Response(status=303, headers={"Location": following})
    response.set_cookie(site.access.cookie, value, path="/", httponly=True, samesite="Lax", secure=site.access.secure)
    return response


@routes.post("/sign-out")
async def sign_out(request: web.Request) -> web.Response:
    """End the session."""
    site = site_of(request)
    site.access.sign_out(request)
    structlog.get_logger().info("web_signed_out", remote=site.access.client_of(request))
    response = web.Response(status=303, headers={"Location": "/sign-in"})
    response.del_cookie(site.access.cookie, path="/", httponly=True, samesite="Lax", secure=site.access.secure)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


def _next(path: str) -> str:
    """Return a path of this host to go on to: never the address of another one."""
    return path if _OWN_PATH.fullmatch(path) and not path.startswith("/sign-in") else HOME

"""Protection of the pages: who may ask, from where, and the headers that a browser is told to obey."""

import hmac
from collections.abc import Collection
from urllib.parse import urlsplit

import structlog
from aiohttp import web

from connector_core.audit import acting
from connector_core.errors import ConnectorCoreError
from connector_core.settings import Endpoint, WebSettings
from connector_core.web.access import USER, Handler, needed_role
from connector_core.web.addresses import is_among, is_loopback
from connector_core.web.errors import ForeignRequestError, RoleError, SignInRequiredError, WrongHostError
from connector_core.web.site import SITE, site_of

_CONTENT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""Pico draws the arrows of its controls from data: addresses."""
_HEADERS = {
    "Content-Security-Policy": _CONTENT,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_HSTS = "max-age=31536000; includeSubDomains"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers to every response, errors and streams included."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if response.content_type != "text/html":
        # A document or an image that is opened by itself runs nothing.
        response.headers["Content-Security-Policy"] = f"{_CONTENT}; sandbox"
    response.headers.setdefault("Cache-Control", "no-store")
    if site_of(request).access.secure:
        response.headers.setdefault("Strict-Transport-Security", _HSTS)
    response.headers["Server"] = "discover"


@web.middleware
async def require_own_host(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse requests for another host name: a page elsewhere may resolve its own name to this address."""
    settings = site_of(request).host.settings.web
    log = structlog.get_logger().bind(remote=request.remote)
    if settings.proxies and not is_among(request.remote, settings.proxies):
        log.warning("web_proxy_bypassed")
        raise WrongHostError("This host answers its proxy only.", hint="Use the proxy's address.")
    if request.host not in hosts_of(settings):
        log.warning("web_wrong_host")
        raise WrongHostError(
            "This host is not reached by that name.", hint="Add the name to [web] hosts in plugins.toml."
        )
    return await handler(request)


def hosts_of(settings: WebSettings) -> frozenset[str]:
    """Return every value of the Host header that is answered."""
    listen = Endpoint.parse(settings.listen)
    address = f"[{listen.address}]" if ":" in listen.address else listen.address
    own = {address, "localhost"} if is_loopback(listen.address) else {address}
    # Browsers leave out the port that is usual for the scheme.
    bare = own if listen.port in {80, 443} else set()
    return frozenset({f"{one}:{listen.port}" for one in own} | bare | _with_port(settings.hosts, listen.port))


def _with_port(names: Collection[str], port: int) -> set[str]:
    return {*names, *(f"{name}:{port}" for name in names)}


@web.middleware
async def require_user(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request pass if its user may make it; what it does is done, and logged, in that user's name."""
    needed, access = needed_role(request), site_of(request).access
    try:
        user = access.identify(request)
    except ConnectorCoreError:
        if needed is not None:
            raise
        user = None
    if user:
        request[USER] = user
    if needed is None:
        return await handler(request)
    log = structlog.get_logger().bind(
        method=request.method, resource=resource_of(request), remote=access.client_of(request)
    )
    if user is None:
        log.info("web_unidentified")
        raise SignInRequiredError("Sign in first.")
    if not user.role.may(needed):
        log.warning("web_refused", user=user.name, role=user.role.value, needed=needed.value)
        raise RoleError(
            f"Your role is {user.role}, and this needs the role {needed}.", hint="Ask an administrator of this host."
        )
    with acting(user.name):
        return await handler(request)


def resource_of(request: web.Request) -> str:
    """Return the pattern of a request's path, such as ``/integrations/{name}``: the path may name a person."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else ""


@web.middleware
async def require_own_page(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse a change that another site may have sent: the browser says from where, and the form carries a key."""
    user = request.get(USER)
    if request.method not in SAFE and not is_for_programs(request):
        await _read_form(request)
    # Not any Authorization header: browsers repeat one for a site that has asked for a password, such as a proxy.
    if request.method in SAFE or (user and user.is_program):
        return await handler(request)
    if not _is_from_here(request) or (needed_role(request) is not None and not await _has_key(request)):
        structlog.get_logger().warning("web_foreign_request", resource=resource_of(request), remote=request.remote)
        raise ForeignRequestError("This did not come from a page of this host.", hint="Reload the page, and try again.")
    return await handler(request)


def _is_from_here(request: web.Request) -> bool:
    """Return False if the browser says that a page of another site sent the request."""
    if came_from := request.headers.get("Sec-Fetch-Site"):
        return came_from == "same-origin"
    if (origin := request.headers.get("Origin")) is None:
        return True
    split = urlsplit(origin)
    schemes = {"https"} if site_of(request).access.secure else {"http", "https"}
    return split.netloc == request.host and split.scheme in schemes


def is_for_programs(request: web.Request) -> bool:
    """Return True if a request is one to the API, which takes no forms."""
    return request.path.startswith("/api/")


async def _read_form(request: web.Request) -> None:
    """Read the form of a page, so that what cannot be read is refused here, and not a bug of a page's handler."""
    if request.content_type.startswith("multipart/"):
        raise web.HTTPUnsupportedMediaType
    try:
        await request.post()
    except (ValueError, LookupError):
        # Texts that are not in their charset, or in one that there is not.
        raise web.HTTPBadRequest from None


async def _has_key(request: web.Request) -> bool:
    user = request.get(USER)
    if user is None:
        return False
    key = request.headers.get("X-Form-Key") or ""
    if not key and not is_for_programs(request):
        key = str((await request.post()).get("form_key", ""))
    return hmac.compare_digest(key.encode(), request.app[SITE].access.form_key(user).encode())

"""The parts that every request of the web host works with."""

from dataclasses import dataclass, field

from aiohttp import web

from connector_core.host import Host
from connector_core.scheduling.engine import Engine
from connector_core.web.access import Access
from connector_core.web.drafts import Drafts
from connector_core.web.sealing import Sealing


@dataclass(frozen=True, slots=True)
class Site:
    """A host, the engine that runs its integrations, and who may use both."""

    host: Host
    engine: Engine
    access: Access
    drafts: Drafts
    sealing: Sealing = field(default_factory=Sealing)


SITE = web.AppKey("site", Site)


def site_of(request: web.Request) -> Site:
    """Return the site that a request came to."""
    return request.app[SITE]


def host_of(request: web.Request) -> Host:
    """Return the host behind the site."""
    return request.app[SITE].host

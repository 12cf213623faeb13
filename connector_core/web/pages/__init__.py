"""The pages, a module for each."""

from collections.abc import Iterable

from aiohttp import web

from connector_core.web.pages import catalogue, connect, integrations

ROUTES: tuple[Iterable[web.AbstractRouteDef], ...] = (integrations.routes, catalogue.routes, connect.routes)
"""Those of every page."""

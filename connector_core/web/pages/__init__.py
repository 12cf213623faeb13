"""The pages, a module for each."""

from collections.abc import Iterable

from aiohttp import web

ROUTES: tuple[Iterable[web.AbstractRouteDef], ...] = ()
"""Those of every page."""

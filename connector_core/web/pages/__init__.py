"""The pages, a module for each."""

from collections.abc import Iterable

from aiohttp import web

from connector_core.web.pages import (
    catalogue,
    connect,
    history,
    integration,
    integrations,
    live,
    people,
    plan,
    preview,
    records,
    schedule,
    user_sign_in,
)

ROUTES: tuple[Iterable[web.AbstractRouteDef], ...] = (
    integrations.routes,
    catalogue.routes,
    connect.routes,
    user_sign_in.routes,
    integration.routes,
    schedule.routes,
    live.routes,
    plan.routes,
    people.routes,
    preview.routes,
    history.routes,
    records.routes,
)
"""Those of every page."""

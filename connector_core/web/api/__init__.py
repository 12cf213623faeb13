"""The JSON API under /api/v1: operations, and the OpenAPI document that is made of them."""

from collections.abc import Iterable
from itertools import chain

from aiohttp import web

from connector_core.web.api import (
    connectors,
    entities,
    explanations,
    integrations,
    people,
    plans,
    records,
    runs,
    schedules,
    statuses,
    user,
)
from connector_core.web.api.document import document_of
from connector_core.web.api.operations import PREFIX, Operation
from connector_core.web.api.serving import routes_of
from connector_core.web.site import site_of

OPERATIONS: tuple[Operation, ...] = tuple(
    chain.from_iterable(
        one.operations
        for one in (
            user,
            connectors,
            integrations,
            statuses,
            schedules,
            runs,
            plans,
            people,
            entities,
            explanations,
            records,
        )
    )
)
"""Every operation, in the order of the document."""

__all__ = ["OPERATIONS", "PREFIX", "document_of", "routes"]


async def document(request: web.Request) -> web.Response:
    """Return the OpenAPI document."""
    return web.json_response(document_of(OPERATIONS, cookie=site_of(request).access.cookie))


def routes() -> Iterable[web.AbstractRouteDef]:
    """Return the routes of the API."""
    return [*routes_of(OPERATIONS), web.get(f"{PREFIX}/openapi.json", document)]

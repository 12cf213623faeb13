"""Requests about drafts: their forms, their owners, and the address that a user who signs in is sent back to."""

from collections.abc import Mapping

from aiohttp import web

from connector_core.sdk.connector import AnyConnector
from connector_core.web.access import USER
from connector_core.web.drafts import Draft
from connector_core.web.site import site_of

CALLBACK = "/settings/signed-in"


async def posted_in(request: web.Request) -> Mapping[str, str]:
    """Return the fields of a form. A button with the name ``use.FIELD`` has the corrected value of that field."""
    posted = {key: value for key, value in (await request.post()).items() if isinstance(value, str)}
    return posted | {key.removeprefix("use."): value for key, value in posted.items() if key.startswith("use.")}


def owner_of(request: web.Request) -> str:
    """Return the owner of a draft: one session of a user, or a user whom the proxy names."""
    user = request[USER]
    return user.key or user.name


def draft_of(request: web.Request, key: str, connector: type[AnyConnector]) -> Draft | None:
    """Return the owner's draft of this connector; None if there is none, or it is too old."""
    found = site_of(request).drafts.find(key, owner_of(request)) if key else None
    return found if found and found.connector == connector.manifest.name else None


def callback_of(request: web.Request) -> str:
    """Return the address of this host that a user who signs in at a provider is sent back to."""
    return f"{'https' if site_of(request).access.secure else 'http'}://{request.host}{CALLBACK}"

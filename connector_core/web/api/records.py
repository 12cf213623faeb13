"""What was done, and what was told: the audit log and the notices."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from connector_core.audit import Action
from connector_core.settings import Role
from connector_core.web.api.operations import Operations
from connector_core.web.api.shapes import Digits, Limit, Name, Page, Shape, Shown
from connector_core.web.site import Site

operations = Operations("Records")

_LAST = 10**15 - 1
"""More entries than a log will ever have, and a number that every client can write."""
OneName = Annotated[Name | None, Field(description="Only of this integration. It may have been removed.")]


class AuditEntryShape(Shown):
    """One action. No detail is a value of a person, or a secret."""

    number: int
    at: datetime
    actor: str
    action: Action
    integration: str | None
    run_id: str | None
    details: dict[str, str | int | bool]


class AuditLog(Page[AuditEntryShape]):
    """Actions, the newest first."""


class AuditQuery(Shape):
    integration: OneName = None
    after: Annotated[
        int | None, Field(ge=1, le=_LAST, description="Only entries before the one of this number."), Digits
    ] = None
    limit: Limit = 50


class NoticeShape(Shown):
    id: str
    at: datetime
    integration: str
    event: str
    channel: Annotated[str, Field(description="`webhook`, `email`, or empty where none is configured.")]
    state: Annotated[str, Field(description="`delivered`, `waiting`, `given up` or `shown only`.")]
    tries: int
    next_at: datetime | None
    delivered_at: datetime | None
    problem: Annotated[str, Field(description="What went wrong with the last attempt.")]


class Notices(Shape):
    """Notices, the newest first."""

    items: list[NoticeShape]


class NoticesQuery(Shape):
    integration: OneName = None
    limit: Limit = 50


@operations.add("GET", "/audit", role=Role.ADMINISTRATOR)
async def list_audit(site: Site, query: AuditQuery) -> AuditLog:
    """List who did what, the newest first."""
    found = await site.host.audit.entries(query.integration, before=query.after, limit=query.limit)
    items = [AuditEntryShape.of(one) for one in found]
    return AuditLog(items=items, next=str(items[-1].number) if len(items) == query.limit else None)


@operations.add("GET", "/notices", role=Role.ADMINISTRATOR)
async def list_notices(site: Site, query: NoticesQuery) -> Notices:
    """List the last notices, and whether each was delivered."""
    found = await site.host.notices.recent(query.limit, integration=query.integration)
    return Notices(items=[NoticeShape.of(one) for one in found])

"""The status of integrations: kind by kind, with cause and remedy."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from connector_core.status import IntegrationStatus, KindStatus
from connector_core.web.api.operations import Operations
from connector_core.web.api.runs import CertificateShape, RunShape
from connector_core.web.api.shapes import OfIntegration, Shape
from connector_core.web.site import Site

operations = Operations("Status")


class KindStatusShape(Shape):
    """How one kind of an integration stands."""

    kind: str
    good: Annotated[bool, Field(description="The last reading had every row, and there is nothing to do.")]
    cause: Annotated[str, Field(description="Why something is to be done, or which fields did not come.")]
    remedy: str
    read_at: Annotated[datetime | None, Field(description="When the last reading began.")]
    last_complete_at: Annotated[datetime | None, Field(description="When the last complete reading began.")]
    stored: int
    held: Annotated[int, Field(description="Changes that wait for a decision.")]
    certificate: Annotated[CertificateShape | None, Field(description="That of the last reading.")]

    @classmethod
    def of(cls, one: KindStatus) -> "KindStatusShape":
        return cls(
            kind=one.kind,
            good=one.good,
            cause=one.cause,
            remedy=one.remedy,
            read_at=one.read_at,
            last_complete_at=one.last_complete_at,
            stored=one.stored,
            held=one.held,
            certificate=CertificateShape.of(one.certificate) if one.certificate else None,
        )


class StatusShape(Shape):
    """How an integration stands."""

    integration: str
    connector: str
    good: Annotated[bool, Field(description="Every kind was read, and there is nothing to do.")]
    running: bool
    cause: Annotated[str, Field(description="Why the last run has failed; empty if it has not.")]
    remedy: str
    credentials_at: datetime
    held: Annotated[int, Field(description="The changes of the plan that waits.")]
    last_run: RunShape | None
    kinds: list[KindStatusShape]

    @classmethod
    def of(cls, one: IntegrationStatus) -> "StatusShape":
        return cls(
            integration=one.name,
            connector=one.integration.connector,
            good=one.good,
            running=one.is_running,
            cause=one.cause,
            remedy=one.remedy,
            credentials_at=one.integration.credentials_at,
            held=one.held.changes if one.held else 0,
            last_run=RunShape.of(one.last_run, one.held, is_running=one.is_running) if one.last_run else None,
            kinds=[KindStatusShape.of(kind) for kind in one.kinds],
        )


class Statuses(Shape):
    items: list[StatusShape]


@operations.add("GET", "/status")
async def list_statuses(site: Site) -> Statuses:
    """Return how every integration stands, by name."""
    return Statuses(items=[StatusShape.of(one) for one in await site.host.statuses()])


@operations.add("GET", "/integrations/{name}/status")
async def get_status(site: Site, path: OfIntegration) -> StatusShape:
    """Return how an integration stands, kind by kind, and what to do."""
    return StatusShape.of(await site.host.status(path.name))

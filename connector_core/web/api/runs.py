"""Runs: start, cancel, and what has become of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from connector_core.beginnings import Began, Proof
from connector_core.errors import BusyError, SettingsError
from connector_core.outcomes import Certificate, Standing
from connector_core.settings import Role
from connector_core.store import Held, RunSummary
from connector_core.web.api.operations import Operations
from connector_core.web.api.shapes import KindName, Limit, OfIntegration, OfRun, Page, ReasonShape, RunId, Shape
from connector_core.web.errors import MissingError
from connector_core.web.site import Site

operations = Operations("Runs")


class CertificateShape(Shape):
    """The verdict on the reading of one kind."""

    kind: str
    standing: Standing
    seen: int
    announced: int | None
    found: int
    rejected: int
    pages: int
    began: Began
    proof: Proof
    reasons: list[ReasonShape]
    notes: list[ReasonShape]
    unread: Annotated[
        dict[str, int], Field(description="Fields that did not come, and for how many rows; stored values are kept.")
    ]
    remedy: str

    @classmethod
    def of(cls, one: Certificate) -> "CertificateShape":
        return cls(
            kind=one.kind,
            standing=one.standing,
            seen=one.seen,
            announced=one.announced,
            found=one.found,
            rejected=len(one.rejected),
            pages=one.pages,
            began=one.began,
            proof=one.proof,
            reasons=[ReasonShape.of(reason) for reason in one.reasons],
            notes=[ReasonShape.of(reason) for reason in one.notes],
            unread=dict(one.profile.absent),
            remedy=one.remedy,
        )


class RunShape(Shape):
    id: str
    product: str
    kinds: list[str]
    started_at: datetime
    finished_at: datetime | None
    verdict: Annotated[str | None, Field(description="Null while it runs, or when it ended in `error`.")]
    error: str | None
    outcome: Annotated[
        str,
        Field(description="The run as of now: `plan replaced`, say, once a later run took over."),
    ]
    requests: Annotated[int | None, Field(description="Null where it is not known, as of a run that was killed.")]
    delta: Annotated[bool | None, Field(description="True if only changes were read; null until it has ended.")]
    certificates: list[CertificateShape]

    @classmethod
    def of(cls, one: RunSummary, held: Held | None, *, is_running: bool) -> "RunShape":
        """Return a run; ``held`` is the plan that waits, ``is_running`` is of its integration."""
        return cls(
            id=one.run.id,
            product=one.run.product,
            kinds=list(one.run.kinds),
            started_at=one.run.started_at,
            finished_at=one.finished_at,
            verdict=one.verdict,
            error=one.error,
            outcome=one.describe(running=is_running, waiting=held is not None and held.run_id == one.run.id),
            requests=one.requests,
            delta=one.extent.delta if one.extent else None,
            certificates=[CertificateShape.of(certificate) for certificate in one.certificates],
        )


class Runs(Page[RunShape]):
    """Runs, the newest first."""


class RunsQuery(Shape):
    after: Annotated[RunId | None, Field(description="Only runs before the one of this id.")] = None
    limit: Limit = 50


class NewRun(Shape):
    """The run to start."""

    delta: Annotated[bool, Field(description="Read only what has changed, where that is possible.")] = False
    plan: Annotated[bool, Field(description="Hold the whole plan, to be applied or discarded later.")] = False
    kinds: Annotated[tuple[KindName, ...], Field(max_length=20, description="Only these kinds; none means all.")] = ()
    accept: Annotated[
        tuple[KindName, ...], Field(max_length=50, description="Fields whose emptied values may go.")
    ] = ()


class Started(Shape):
    integration: str


async def _runs(site: Site, newest: Sequence[RunSummary]) -> bool:
    """Return True if one of these runs is under way."""
    return any([not one.finished_at and await site.host.is_running(one.run.integration) for one in newest])


@operations.add("GET", "/integrations/{name}/runs")
async def list_runs(site: Site, path: OfIntegration, query: RunsQuery) -> Runs:
    """List the runs of an integration, the newest first."""
    found = await site.host.listings.runs(path.name, before=query.after, limit=query.limit)
    held, is_running = await site.host.held(path.name), await _runs(site, found[:1])
    items = [RunShape.of(one, held, is_running=is_running) for one in found]
    return Runs(items=items, next=items[-1].id if len(items) == query.limit else None)


@operations.add("GET", "/integrations/{name}/runs/{run_id}")
async def get_run(site: Site, path: OfRun) -> RunShape:
    """Return one run."""
    if found := await site.host.listings.run(path.name, path.run_id):
        return RunShape.of(found, await site.host.held(path.name), is_running=await _runs(site, [found]))
    raise MissingError(f"{path.name} has no such run.")


@operations.add("POST", "/integrations/{name}/runs", role=Role.APPROVER, status=202, errors=(BusyError, SettingsError))
async def start_run(site: Site, path: OfIntegration, body: NewRun) -> Started:
    """Start a run. It goes on when the response has come: look at the integration's runs."""
    await site.host.store.integrations.get(path.name)
    for kind in body.kinds:
        await site.host.kind(path.name, kind)
    wanted: dict[str, Any] = body.model_dump(exclude_defaults=True)
    await site.engine.start(path.name, **wanted)
    return Started(integration=path.name)


@operations.add("POST", "/integrations/{name}/cancel", role=Role.APPROVER)
async def cancel_run(site: Site, path: OfIntegration) -> None:
    """Ask the run of an integration to end, if there is one. The next run resumes or starts over."""
    await site.host.store.integrations.get(path.name)
    await site.engine.cancel(path.name)

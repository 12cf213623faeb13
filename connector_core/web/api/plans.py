"""Held plans: look, apply, discard."""

from typing import Annotated

from pydantic import Field, JsonValue

from connector_core.errors import BusyError, SettingsError
from connector_core.field_changes import FieldChange
from connector_core.outcomes import Change, Operation, State
from connector_core.settings import Role
from connector_core.store import Held
from connector_core.web.api.operations import Operations
from connector_core.web.api.shapes import ChangeKey, Limit, OfIntegration, Page, ReasonShape, RunId, Shape
from connector_core.web.failures import ConflictError, MissingError
from connector_core.web.site import Site

operations = Operations("Plans")


class CountShape(Shape):
    kind: str
    operation: Operation
    changes: int


class PlanShape(Shape):
    """The plan that waits for a decision."""

    run_id: str
    changes: int
    counts: list[CountShape]


class FieldChangeShape(Shape):
    field: str
    old: JsonValue
    new: JsonValue
    names: Annotated[dict[str, str], Field(description="The names of what the two values name by id.")]

    @classmethod
    def of(cls, one: FieldChange) -> "FieldChangeShape":
        return cls(field=one.field, old=one.old, new=one.new, names=dict(one.names))


class ChangeShape(Shape):
    kind: str
    source_id: str
    operation: Operation
    label: str
    loss: bool
    reason: ReasonShape
    values: list[FieldChangeShape]

    @classmethod
    def of(cls, one: Change) -> "ChangeShape":
        return cls(
            kind=one.kind,
            source_id=one.source_id,
            operation=one.operation,
            label=one.label,
            loss=one.loss,
            reason=ReasonShape.of(one.reason),
            values=[FieldChangeShape.of(value) for value in one.values],
        )


class Changes(Page[ChangeShape]):
    """Changes by kind, operation and id."""

    run_id: str


class ChangesQuery(Shape):
    after: ChangeKey | None = None
    limit: Limit = 50


class Decision(Shape):
    run_id: Annotated[RunId, Field(description="The run whose plan was looked at: no other one is decided on.")]


class AppliedShape(Shape):
    applied: int
    stale: Annotated[int, Field(description="Changes that were left out: the stored row has changed since.")]


class DiscardedShape(Shape):
    discarded: int


@operations.add("GET", "/integrations/{name}/plan")
async def get_plan(site: Site, path: OfIntegration) -> PlanShape:
    """Return the held plan, counted."""
    held = await _held(site, path.name)
    counts = await site.host.count_changes(held.run_id)
    return PlanShape(
        run_id=held.run_id,
        changes=held.changes,
        counts=[
            CountShape(kind=kind, operation=operation, changes=number)
            for (kind, operation, state), number in sorted(counts.items())
            if state is State.HELD
        ],
    )


@operations.add("GET", "/integrations/{name}/plan/changes")
async def list_changes(site: Site, path: OfIntegration, query: ChangesQuery) -> Changes:
    """List the changes of the held plan, with old and new values."""
    held = await _held(site, path.name)
    found = await site.host.listings.changes(held.run_id, after=_key(query.after), limit=query.limit)
    last = found[-1] if len(found) == query.limit else None
    return Changes(
        run_id=held.run_id,
        items=[ChangeShape.of(one) for one in found],
        next=f"{last.kind}:{last.operation}:{last.source_id}" if last else None,
    )


@operations.add(
    "POST", "/integrations/{name}/plan/apply", role=Role.APPROVER, errors=(BusyError, ConflictError, SettingsError)
)
async def apply_plan(site: Site, path: OfIntegration, body: Decision) -> AppliedShape:
    """Apply the held plan."""
    await _held(site, path.name, body.run_id)
    applied = await site.host.apply(path.name, body.run_id)
    return AppliedShape(applied=applied.applied, stale=applied.stale)


@operations.add(
    "POST", "/integrations/{name}/plan/discard", role=Role.APPROVER, errors=(BusyError, ConflictError, SettingsError)
)
async def discard_plan(site: Site, path: OfIntegration, body: Decision) -> DiscardedShape:
    """Discard the held plan. The next run plans again from what it reads."""
    await _held(site, path.name, body.run_id)
    return DiscardedShape(discarded=await site.host.discard(path.name, body.run_id))


async def _held(site: Site, name: str, run_id: str | None = None) -> Held:
    """Return the held plan. MissingError if there is none, ConflictError if it is not that of ``run_id``."""
    held = await site.host.held(name)
    if held is None:
        raise MissingError(f"{name} has no held plan.", hint="A run with `plan` makes one.")
    if run_id not in {None, held.run_id}:
        raise ConflictError(f"The plan of {name} has been replaced since it was shown.", hint="Look at the new one.")
    return held


def _key(after: str | None) -> tuple[str, Operation, str] | None:
    if after is None:
        return None
    kind, operation, source_id = after.split(":", 2)
    return kind, Operation(operation), source_id

"""Held plans: look, apply, discard."""

from typing import Annotated

from pydantic import Field, JsonValue

from connector_core.errors import BusyError, PlanChangedError, SettingsError
from connector_core.field_changes import FieldChange
from connector_core.outcomes import Change, Operation, State
from connector_core.settings import Role
from connector_core.store import Held, Selection
from connector_core.web.api.operations import Operations
from connector_core.web.api.shapes import (
    ChangeKey,
    EntityName,
    Limit,
    OfIntegration,
    Page,
    ReasonShape,
    Shape,
    Shown,
    SourceId,
)
from connector_core.web.errors import MissingError
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
    fingerprint: Annotated[str, Field(description="It names what is shown: a decision says what was looked at.")]
    counts: list[CountShape]
    because: Annotated[dict[str, list[ReasonShape]], Field(description="Why changes are held, by kind.")]


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


class GroupShape(Shape):
    kind: EntityName
    operation: Operation


class RowShape(Shape):
    kind: EntityName
    source_id: SourceId


class Part(Shape):
    """Some of the changes: all of some groups, and single rows besides."""

    groups: Annotated[tuple[GroupShape, ...], Field(max_length=50)] = ()
    rows: Annotated[tuple[RowShape, ...], Field(max_length=2000)] = ()

    def selection(self) -> Selection:
        return Selection(
            frozenset((one.kind, one.operation) for one in self.groups),
            frozenset((one.kind, one.source_id) for one in self.rows),
        )


class Decision(Shape):
    fingerprint: Annotated[
        str,
        Field(pattern=r"^[0-9a-f]{32}$", description="That of the plan that was looked at: no other one counts."),
    ]
    only: Annotated[Part | None, Field(description="A part of the plan; null means all of it.")] = None


class EffectShape(Shown):
    """The head-count of one department, before and after the plan."""

    source_id: str
    name: str
    before: int
    joins: int
    leaves: int
    after: int


class Effects(Shape):
    """Departments whose people change, those that lose most first."""

    run_id: str
    items: list[EffectShape]


class AppliedShape(Shape):
    applied: int
    stale: Annotated[int, Field(description="Changes that were left out: the stored row has changed since.")]


class DiscardedShape(Shape):
    discarded: int


@operations.add("GET", "/integrations/{name}/plan")
async def get_plan(site: Site, path: OfIntegration) -> PlanShape:
    """Return the held plan, counted, and why it is held."""
    held = await _held(site, path.name)
    counts = await site.host.count_changes(held.run_id)
    because = await site.host.held_because(held.run_id)
    return PlanShape(
        run_id=held.run_id,
        changes=held.changes,
        fingerprint=held.fingerprint,
        counts=[
            CountShape(kind=kind, operation=operation, changes=number)
            for (kind, operation, state), number in sorted(counts.items())
            if state is State.HELD
        ],
        because={kind: [ReasonShape.of(one) for one in reasons] for kind, reasons in because.items() if reasons},
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


@operations.add("GET", "/integrations/{name}/plan/effects")
async def list_effects(site: Site, path: OfIntegration) -> Effects:
    """List the departments that people join or leave if the whole held plan is applied."""
    held = await _held(site, path.name)
    found = await site.host.plan_effects(path.name, held.run_id)
    return Effects(run_id=held.run_id, items=[EffectShape.of(one) for one in found])


_DECIDING = (BusyError, PlanChangedError, SettingsError)


@operations.add("POST", "/integrations/{name}/plan/apply", role=Role.APPROVER, errors=_DECIDING)
async def apply_plan(site: Site, path: OfIntegration, body: Decision) -> AppliedShape:
    """Apply the held plan that was looked at, or a part of it."""
    held = await _held(site, path.name)
    only = body.only.selection() if body.only else None
    applied = await site.host.apply(path.name, held.run_id, only=only, fingerprint=body.fingerprint)
    return AppliedShape(applied=applied.applied, stale=applied.stale)


@operations.add("POST", "/integrations/{name}/plan/discard", role=Role.APPROVER, errors=_DECIDING)
async def discard_plan(site: Site, path: OfIntegration, body: Decision) -> DiscardedShape:
    """Discard the held plan that was looked at, or a part of it. The next run plans again from what it reads."""
    held = await _held(site, path.name)
    only = body.only.selection() if body.only else None
    discarded = await site.host.discard(path.name, held.run_id, only=only, fingerprint=body.fingerprint)
    return DiscardedShape(discarded=discarded)


async def _held(site: Site, name: str) -> Held:
    """Return the held plan. MissingError if there is none."""
    held = await site.host.held(name)
    if held is None:
        raise MissingError(f"{name} has no held plan.", hint="A run with `plan` makes one.")
    return held


def _key(after: str | None) -> tuple[str, Operation, str] | None:
    if after is None:
        return None
    kind, operation, source_id = after.split(":", 2)
    return kind, Operation(operation), source_id

"""The plan that waits: its changes with old and new values, and the decision on all of it or a part."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web
from multidict import MultiDictProxy

from connector_core.errors import SettingsError
from connector_core.host import Host
from connector_core.outcomes import Change, Operation, State
from connector_core.settings import Role
from connector_core.store import Held, Selection
from connector_core.web.access import needs
from connector_core.web.done import done, said
from connector_core.web.rendering import is_fragment, render
from connector_core.web.site import host_of

routes = web.RouteTableDef()
_PATH = "/integrations/{name}/plan"
_SHOWN = (50, 500, 5000)
"""Changes that are shown of each kind and operation, at first and on request."""
_ORDER = (Operation.REMOVE, Operation.UPDATE, Operation.CREATE)
NOUNS: Mapping[Operation, str] = {
    Operation.REMOVE: "removals",
    Operation.UPDATE: "updates",
    Operation.CREATE: "creates",
}


@dataclass(frozen=True, slots=True)
class Group:
    """The waiting changes of one kind and operation."""

    kind: str
    operation: Operation
    total: int
    changes: list[Change] = field(default_factory=list)

    @property
    def key(self) -> str:
        """Return the group as forms name it, such as ``Employee:remove``."""
        return f"{self.kind}:{self.operation}"

    @property
    def title(self) -> str:
        """Return the group's heading."""
        return f"{self.kind}: {NOUNS[self.operation]}"

    @property
    def losses(self) -> int:
        """Return how many of the changes that are shown are losses."""
        return sum(one.loss for one in self.changes)


@routes.get(_PATH)
async def plan(request: web.Request) -> web.Response:
    """Show the plan that waits, removals first."""
    name, host = request.match_info["name"], host_of(request)
    held = await host.held(name)
    if held is None:
        return render(request, "plan.html", name=name, held=None, said=said(request))
    shown = next((one for one in _SHOWN if request.query.get("show") == str(one)), _SHOWN[0])
    return render(
        request,
        "plan.html",
        name=name,
        held=held,
        groups=await _groups(host, held, shown),
        guards=await host.held_because(held.run_id),
        shown=shown,
        more=next((one for one in _SHOWN if one > shown), None),
        said=said(request),
    )


@routes.get(f"{_PATH}/effects")
async def effects(request: web.Request) -> web.Response:
    """Show the effect of the plan on departments: loaded beside the page, since it looks at every change."""
    name, host = request.match_info["name"], host_of(request)
    held = await host.held(name)
    found = await host.plan_effects(name, held.run_id) if held else []
    return render(request, "parts/effects.html" if is_fragment(request) else "effects.html", name=name, effects=found)


async def _groups(host: Host, held: Held, shown: int) -> list[Group]:
    totals = await host.count_changes(held.run_id)
    groups = {
        (kind, operation): Group(kind, operation, total)
        for (kind, operation, state), total in totals.items()
        if state is State.HELD
    }
    async for change in host.changes(held.run_id, State.HELD, limits=dict.fromkeys(Operation, shown)):
        groups[change.kind, change.operation].changes.append(change)
    # Employees before departments, as everywhere; and first what is lost.
    return sorted(groups.values(), key=lambda one: (_ORDER.index(one.operation), one.kind != "Employee", one.kind))


@routes.post(f"{_PATH}/apply")
@needs(Role.APPROVER)
async def apply(request: web.Request) -> web.Response:
    """Apply what was shown: all of it, or what was ticked."""
    name, host, typed = request.match_info["name"], host_of(request), await request.post()
    applied = await host.apply(
        name, str(typed.get("run", "")), only=selection_of(typed), fingerprint=str(typed.get("fingerprint", ""))
    )
    path = f"/integrations/{name}/plan"
    raise done(path, "applied_some" if applied.stale else "applied", applied.applied)


@routes.post(f"{_PATH}/discard")
@needs(Role.APPROVER)
async def discard(request: web.Request) -> web.Response:
    """Discard what was shown: all of it, or what was ticked."""
    name, host, typed = request.match_info["name"], host_of(request), await request.post()
    discarded = await host.discard(
        name, str(typed.get("run", "")), only=selection_of(typed), fingerprint=str(typed.get("fingerprint", ""))
    )
    raise done(f"/integrations/{name}/plan", "discarded", discarded)


def selection_of(typed: MultiDictProxy[str | bytes | bytearray | web.FileField]) -> Selection | None:
    """Return the changes that a form names; None where it asks for all of them.

    A group is ``Employee:remove``, a single change ``Employee:ID``. SettingsError if nothing is ticked, or nothing of
    that form is known.
    """
    if typed.get("part") == "all":
        return None
    operations, rows = set[tuple[str, Operation]](), set[tuple[str, str]]()
    for text in map(str, typed.getall("group", [])):
        kind, _, operation = text.partition(":")
        if operation not in set(Operation):
            raise SettingsError(f"There is no group of changes {text[:40]!r}.")
        operations.add((kind, Operation(operation)))
    for text in map(str, typed.getall("row", [])):
        kind, _, source_id = text.partition(":")
        rows.add((kind, source_id))
    if not operations and not rows:
        raise SettingsError("Nothing is ticked.", hint="Tick the changes, or decide on all of them.")
    return Selection(frozenset(operations), frozenset(rows))

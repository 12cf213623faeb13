"""The changes of a plan, for people: a table for each kind, with the reason and the old and new values."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from rich.text import Text

from connector_core.cli.flags import Flags
from connector_core.cli.output import console, table
from connector_core.host import Host
from connector_core.messages import counted, message
from connector_core.outcomes import Change, Operation, State
from connector_core.store import Selection
from connector_core.views import heading

Totals = Mapping[tuple[str, Operation], int]
"""Numbers of changes, by kind and operation."""
SHOWN = {Operation.CREATE: 5, Operation.UPDATE: 20, Operation.REMOVE: 50}
"""Changes that are shown of each kind and operation."""
SHOWN_BEFORE_A_QUESTION = {**SHOWN, Operation.REMOVE: 500}
"""To decide on a removal, its name is needed."""
NOUNS = {Operation.CREATE: "create", Operation.UPDATE: "update", Operation.REMOVE: "removal"}
_SIGNS = {
    Operation.CREATE: Text("+", style="green"),
    Operation.UPDATE: Text("~", style="yellow"),
    Operation.REMOVE: Text("-", style="red"),
}


async def print_plan(
    host: Host,
    run_id: str,
    state: State | None = None,
    *,
    totals: Totals | None = None,
    names: Mapping[str, str] = MappingProxyType({}),
    most: Mapping[Operation, int] = SHOWN,
    only: Selection | None = None,
) -> bool:
    """Print the changes of a run, each with its reason; return whether there are any.

    Args:
        host: Lists the changes.
        run_id: The run whose plan it is.
        state: Only changes in this state.
        totals: How many changes there are, where that is known.
        names: Those of entities that are no longer stored.
        most: How many of each kind and operation are shown.
        only: Only these changes.
    """
    if totals is None:
        totals = await count(host, run_id, state, only)
    limits = limits_of(totals, most)
    changes = [change async for change in host.changes(run_id, state, limits=limits, only=only)]
    print_changes(changes, totals, names, with_state=state is None)
    return bool(changes)


def limits_of(totals: Totals, most: Mapping[Operation, int]) -> Mapping[Operation, int]:
    """Return how many changes of each operation to ask for: as many as are shown at most, if there are any."""
    # Looking for changes that there are not takes as long as for those that there are.
    present = {operation for (_, operation), number in totals.items() if number}
    return {operation: number if operation in present else 0 for operation, number in most.items()}


def print_changes(
    changes: Iterable[Change], totals: Totals, names: Mapping[str, str] = MappingProxyType({}), *, with_state: bool
) -> None:
    """Print a table of changes for each kind, and how many more there are of it."""
    out, order = console(), list(Operation)
    by_kind: dict[str, list[Change]] = {}
    for change in sorted(changes, key=lambda one: (one.kind, order.index(one.operation))):
        by_kind.setdefault(change.kind, []).append(change)
    for place, (kind, found) in enumerate(by_kind.items()):
        if place:
            out.print()
        rows = [_row(change, names, with_state=with_state) for change in found]
        out.print(table(("", kind, "Change", "State"), rows, optional=("State",)))
        for operation in order:
            shown = sum(change.operation is operation for change in found)
            if (more := totals.get((kind, operation), 0) - shown) > 0:
                out.print(f"… and {counted(more, f'more {kind} {NOUNS[operation]}')}")


def how_to_decide(name: str, flags: Flags) -> str:
    """Return the commands for an integration's plan that waits."""
    return f"Next: {flags.command(f'apply {name}')}   (or: {flags.command(f'discard {name}')})"


async def count(host: Host, run_id: str, state: State | None = None, only: Selection | None = None) -> Totals:
    """Count the changes of a run, all or those in a state, and of a part of its plan only those of that."""
    totals: Counter[tuple[str, Operation]] = Counter()
    for (kind, operation, current), number in (await host.count_changes(run_id, only=only)).items():
        if state in {None, current}:
            totals[kind, operation] += number
    return totals


def _row(change: Change, names: Mapping[str, str], *, with_state: bool) -> tuple[object, ...]:
    return (
        _SIGNS[change.operation],
        change.label or names.get(change.source_id) or change.source_id,
        tuple(_lines(change)),
        change.state if with_state else "",
    )


def _lines(change: Change) -> Iterator[str]:
    """Yield the reason, and a line for each value. Of a new row the name says enough."""
    reason = message(change.reason)
    if change.operation is Operation.UPDATE and change.values:
        yield reason
        for value in change.values:
            yield f"  {heading(value.field)}: {value.old_text} → {value.new_text}"
    else:
        yield f"{reason}: {_few(change.fields)}" if change.fields else reason


def _few(fields: tuple[str, ...]) -> str:
    shown = ", ".join(map(heading, fields[:3]))
    return f"{shown}, …" if len(fields) > 3 else shown

"""A part of a plan, as ``apply`` and ``discard`` are told it: ``--only removals``, ``--id 4711``."""

from collections.abc import Sequence

from connector_core.errors import SettingsError
from connector_core.host import Host
from connector_core.outcomes import Operation, State
from connector_core.store import Held, Selection

OPERATIONS = {"creates": Operation.CREATE, "updates": Operation.UPDATE, "removals": Operation.REMOVE}


async def part_of(host: Host, name: str, held: Held, only: Sequence[str], ids: Sequence[str]) -> Selection | None:
    """Return the part of a held plan that the flags choose; None without any of them, for all of it.

    SettingsError if one of them chooses nothing.
    """
    if not only and not ids:
        return None
    present = {
        (kind, operation) for kind, operation, state in await host.count_changes(held.run_id) if state is State.HELD
    }
    chosen = set[tuple[str, Operation]]()
    for one in only:
        chosen |= await _named(host, name, one, present)
    rows = frozenset((kind, source_id) for kind, _ in present for source_id in ids)
    found = await host.count_changes(held.run_id, only=Selection(rows=rows))
    if sum(number for (*_, state), number in found.items() if state is State.HELD) < len(set(ids)):
        raise SettingsError(f"The plan of {name} has no change of a row with such an id.", hint=_look(name, held))
    return Selection(frozenset(chosen), rows)


async def _named(host: Host, name: str, given: str, present: set[tuple[str, Operation]]) -> set[tuple[str, Operation]]:
    """Return the kinds and operations that ``removals``, ``employees`` or ``employees:removals`` names."""
    first, _, second = given.partition(":")
    if not second and first in OPERATIONS:
        found = {one for one in present if one[1] is OPERATIONS[first]}
    elif not second or second in OPERATIONS:
        kind = await _kind(host, name, given, first)
        found = {one for one in present if one[0] == kind and (not second or one[1] is OPERATIONS[second])}
    else:
        raise SettingsError(
            f"--only {given} is not of a form such as removals, employees or employees:removals.",
            hint=f"Behind the colon: {', '.join(OPERATIONS)}.",
        )
    if not found:
        raise SettingsError(f"The plan of {name} has no change that --only {given} names.")
    return found


async def _kind(host: Host, name: str, given: str, typed: str) -> str:
    try:
        return (await host.kind(name, typed)).__name__
    except SettingsError as error:
        raise SettingsError(
            f"--only {given} names neither {', '.join(OPERATIONS)} nor a kind: {error.message}", hint=error.hint
        ) from None


def _look(name: str, held: Held) -> str:
    return f"Their ids: discover history {name} --run {held.run_id[:8]} --json"

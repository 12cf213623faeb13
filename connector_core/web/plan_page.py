"""A plan that waits, as its page shows it: groups of changes, the witnesses of each removal, and what was ticked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from aiohttp import web
from multidict import MultiDictProxy

from connector_core.errors import SettingsError
from connector_core.host import Host
from connector_core.messages import counted, filled
from connector_core.outcomes import Change, Operation, State
from connector_core.reasons import Code, Reason
from connector_core.store import Applied, Held, Selection

ORDER = (Operation.REMOVE, Operation.UPDATE, Operation.CREATE)
"""First what is lost."""
NOUNS: Mapping[Operation, str] = MappingProxyType(
    {Operation.REMOVE: "removal", Operation.UPDATE: "update", Operation.CREATE: "create"}
)
APPLIED = frozenset({"applied", "applied_some"})
"""The codes of what the page says after changes were applied."""
Form = MultiDictProxy[str | bytes | bytearray | web.FileField]


@dataclass(frozen=True, slots=True)
class Witnesses:
    """The two witnesses of a removal: what the scan says, and what the provider says about the row itself."""

    scan: str
    provider: str


WITNESSES: Mapping[Code, Witnesses] = MappingProxyType(
    {
        Code.NOT_FOUND: Witnesses(
            "a complete scan does not list it", "asked for it by its id, {provider} does not know it"
        ),
        Code.OTHER_KIND: Witnesses(
            "a complete scan lists it no longer as {kind}", "{provider} still has it, as something else"
        ),
        Code.ABSENT_TWICE: Witnesses(
            "two complete scans, one after the other, do not list it", "it gave no answer about this row"
        ),
        Code.TOMBSTONE: Witnesses(
            "a reading of what has changed names it as removed",
            "where {provider} can be asked for a row by its id, it does not know this one",
        ),
    }
)
"""By the reason of the removal."""


def witnesses_of(reason: Reason) -> Witnesses | None:
    """Return the words of the witnesses of a removal; None for another change."""
    found = WITNESSES.get(reason.code)
    if found is None:
        return None
    return Witnesses(filled(found.scan, reason.parameters), filled(found.provider, reason.parameters))


@dataclass(frozen=True, slots=True)
class Group:
    """The waiting changes of one kind and operation."""

    kind: str
    operation: Operation
    total: int
    changes: list[Change] = field(default_factory=list)
    """Those that are shown."""

    @property
    def key(self) -> str:
        """Return the group as forms name it, such as ``Employee:remove``."""
        return f"{self.kind}:{self.operation}"

    @property
    def title(self) -> str:
        """Return the group's heading."""
        return f"{self.kind}s: {counted(self.total, NOUNS[self.operation])}"


async def groups_of(host: Host, held: Held, shown: int) -> list[Group]:
    """Return the groups of a plan that waits, each with so many of its changes at most."""
    totals = await host.count_changes(held.run_id)
    groups = {
        (kind, operation): Group(kind, operation, total)
        for (kind, operation, state), total in totals.items()
        if state is State.HELD
    }
    async for change in host.changes(held.run_id, State.HELD, limits=dict.fromkeys(Operation, shown)):
        groups[change.kind, change.operation].changes.append(change)
    # Employees before departments, as everywhere.
    return sorted(groups.values(), key=lambda one: (ORDER.index(one.operation), one.kind != "Employee", one.kind))


def summary_of(groups: Sequence[Group]) -> str:
    """Return a plan in one line: ``2 removals, 1 update and 1 create``."""
    totals = {one: sum(group.total for group in groups if group.operation is one) for one in ORDER}
    words = [counted(total, NOUNS[one]) for one, total in totals.items() if total]
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def selection_of(typed: Form) -> Selection | None:
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
        raise SettingsError("Nothing was ticked, so nothing was done.", hint="Tick changes, or decide on all of them.")
    return Selection(frozenset(operations), frozenset(rows))


def outcome_of(applied: Applied) -> str:
    """Return the code of what the page says after changes were applied."""
    return "applied_some" if applied.stale else "applied"

"""Held plans: ``apply`` and ``discard``."""

from collections.abc import Coroutine
from typing import Annotated, Any

from cyclopts import Parameter

from connector_core.cli.encoding import print_json
from connector_core.cli.flags import DEFAULT, Flags
from connector_core.cli.loop import run_async
from connector_core.cli.output import console
from connector_core.cli.plan import print_plan
from connector_core.cli.questions import confirm
from connector_core.messages import counted
from connector_core.outcomes import State
from connector_core.store import Held


def apply(
    name: str, /, *, yes: Annotated[bool, Parameter(negative="")] = False, flags: Flags = DEFAULT
) -> Coroutine[Any, Any, int]:
    """Apply a held plan, after showing it.

    Args:
        name: The integration.
        yes: Do not ask.
    """
    return _apply(name, _confirmed(name, flags, question="Apply", yes=yes), flags)


async def _apply(name: str, held: Held, flags: Flags) -> int:
    async with flags.host() as host:
        applied = await host.apply(name, held.run_id)
    if flags.json:
        print_json({"integration": name, "applied": applied.applied, "stale": applied.stale})
        return 0
    stale = f"; {counted(applied.stale, 'change')} left out: the stored row has changed since" if applied.stale else ""
    console().print(f"{counted(applied.applied, 'change')} applied{stale}.", style="green")
    return 0


def discard(
    name: str, /, *, yes: Annotated[bool, Parameter(negative="")] = False, flags: Flags = DEFAULT
) -> Coroutine[Any, Any, int]:
    """Discard a held plan, after showing it. The next run plans again from what it reads.

    Args:
        name: The integration.
        yes: Do not ask.
    """
    return _discard(name, _confirmed(name, flags, question="Discard", yes=yes), flags)


async def _discard(name: str, held: Held, flags: Flags) -> int:
    async with flags.host() as host:
        discarded = await host.discard(name, held.run_id)
    if flags.json:
        print_json({"integration": name, "discarded": discarded})
    else:
        console().print(f"{counted(discarded, 'change')} discarded.")
    return 0


def _confirmed(name: str, flags: Flags, *, question: str, yes: bool) -> Held:
    """Return the held plan, once it was shown and agreed to.

    The question is asked while no event loop runs: in a loop, Ctrl-C would cancel a task that waits for the keyboard,
    and nothing would end.
    """
    held = run_async(_shown(name, flags))
    confirm(f"{question} {counted(held.changes, 'change')}?", yes=yes)
    return held


async def _shown(name: str, flags: Flags) -> Held:
    async with flags.host() as host:
        held = await host.held_plan(name)
        if not flags.json:
            await print_plan(host, held.run_id, State.HELD)
    return held

"""Decisions on plans: ``apply``, ``discard`` and ``undo``."""

from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Parameter

from connector_core.cli.encoding import print_json, stream_json
from connector_core.cli.flags import DEFAULT, Flags
from connector_core.cli.loop import run_async
from connector_core.cli.output import console
from connector_core.cli.part import part_of
from connector_core.cli.plan import SHOWN_BEFORE_A_QUESTION, count, limits_of, print_changes, print_plan
from connector_core.cli.questions import confirm, is_interactive
from connector_core.errors import SettingsError
from connector_core.host import Host
from connector_core.messages import counted
from connector_core.outcomes import State
from connector_core.phrases import ago
from connector_core.store import Held, Selection, Undoable


@dataclass(frozen=True)
class _Shown:
    """The part of a plan that was shown, which the decision is about."""

    held: Held
    only: Selection | None
    changes: int


_Several = Annotated[tuple[str, ...], Parameter(negative="", show_default=False)]


def apply(
    name: str,
    /,
    *,
    only: _Several = (),
    id_: Annotated[tuple[str, ...], Parameter(name="--id", negative="", show_default=False)] = (),
    yes: Annotated[bool, Parameter(negative="")] = False,
    flags: Flags = DEFAULT,
) -> Coroutine[Any, Any, int]:
    """Apply a held plan, or a part of it, after showing it. The rest stays held.

    Args:
        name: The integration.
        only: Only these changes, such as removals, employees, or employees:removals. May be given more than once.
        id_: Only the change of the row with this id, besides those of --only. May be given more than once.
        yes: Do not ask.
    """
    return _apply(name, _confirmed(name, flags, only, id_, question="Apply", yes=yes), flags)


async def _apply(name: str, shown: _Shown, flags: Flags) -> int:
    async with flags.host() as host:
        held = shown.held
        applied = await host.apply(name, held.run_id, only=shown.only, fingerprint=held.fingerprint)
        undo_days = host.settings.host.retention.undo
    if flags.json:
        print_json({"integration": name, "applied": applied.applied, "stale": applied.stale, "held": applied.held})
        return 0
    out = console()
    out.print(f"{counted(applied.applied, 'change')} applied{_left_out(applied.stale, 'change')}.", style="green")
    if applied.held:
        out.print(f"{counted(applied.held, 'change')} still held.")
    if undo_days:
        command = flags.command(f"undo {name}")
        out.print(f"It can be put back for {counted(undo_days, 'day')}: {command}", soft_wrap=True)
    return 0


def discard(
    name: str,
    /,
    *,
    only: _Several = (),
    id_: Annotated[tuple[str, ...], Parameter(name="--id", negative="", show_default=False)] = (),
    yes: Annotated[bool, Parameter(negative="")] = False,
    flags: Flags = DEFAULT,
) -> Coroutine[Any, Any, int]:
    """Discard a held plan, or a part of it, after showing it. The next run plans again from what it reads.

    Args:
        name: The integration.
        only: Only these changes, such as removals, employees, or employees:removals. May be given more than once.
        id_: Only the change of the row with this id, besides those of --only. May be given more than once.
        yes: Do not ask.
    """
    return _discard(name, _confirmed(name, flags, only, id_, question="Discard", yes=yes), flags)


async def _discard(name: str, shown: _Shown, flags: Flags) -> int:
    async with flags.host() as host:
        held = shown.held
        discarded = await host.discard(name, held.run_id, only=shown.only, fingerprint=held.fingerprint)
    if flags.json:
        print_json({"integration": name, "discarded": discarded, "held": held.changes - discarded})
        return 0
    console().print(f"{counted(discarded, 'change')} discarded.")
    if discarded < held.changes:
        console().print(f"{counted(held.changes - discarded, 'change')} still held.")
    return 0


def undo(
    name: str,
    /,
    *,
    run: str | None = None,
    yes: Annotated[bool, Parameter(negative="")] = False,
    flags: Flags = DEFAULT,
) -> Coroutine[Any, Any, int]:
    """Put back what the last applied plan has changed, after showing it, if old values are kept.

    Rows that have changed since stay as they are. The next run reads the same values again.

    Args:
        name: The integration.
        run: Only if the last applied plan is that of this run, by the beginning of its id.
        yes: Do not ask. Alone it means the latest plan, and no removal of many rows.
    """
    preview = flags.json and not (yes or is_interactive())
    undoable, doubt = run_async(_shown_undo(name, run, flags, preview=preview))
    if doubt and (yes or not is_interactive()):
        raise doubt
    moment = f"{undoable.applied_at:%Y-%m-%d %H:%M} UTC"
    confirm(f"Put back {counted(undoable.changes, 'row')} of run {undoable.run_id[:8]}, applied {moment}?", yes=yes)
    return _undo(name, undoable, flags)


async def _undo(name: str, undoable: Undoable, flags: Flags) -> int:
    async with flags.host() as host:
        undone = await host.undo(name, undoable.number)
    if flags.json:
        print_json({"integration": name, "run": undoable.run_id, "put_back": undone.put_back, "stale": undone.stale})
        return 0
    out = console()
    out.print(f"{counted(undone.put_back, 'row')} put back{_left_out(undone.stale, 'row')}.", style="green")
    out.print("The next run reads the same values again, unless the provider has others by then.")
    out.print(f"Next: {flags.command(f'run {name} --plan')}", soft_wrap=True)
    return 0


async def _shown_undo(
    name: str, run: str | None, flags: Flags, *, preview: bool
) -> tuple[Undoable, SettingsError | None]:
    """Return the plan to be put back, shown, and the error that refuses it where no question is asked.

    ``preview``: print JSON, too.
    """
    async with flags.host() as host:
        undoable = await host.undoable(name)
        if run is not None and (given := (await host.run_summary(name, run)).run.id) != undoable.run_id:
            raise SettingsError(
                f"The plan that can be put back now is that of run {undoable.run_id[:8]}, not of {given[:8]}.",
                hint=f"What has become of each: discover history {name}",
            )
        if preview:
            changes = host.undo_changes(undoable)
            head = {"integration": name, "run": undoable.run_id, "applied_at": undoable.applied_at}
            await stream_json({**head, "stale": undoable.stale}, "changes", changes)
        elif not flags.json:
            changes = host.undo_changes(undoable, limits=limits_of(undoable.totals, SHOWN_BEFORE_A_QUESTION))
            out = console()
            out.print(f"Run {undoable.run_id[:8]}, applied {ago(undoable.applied_at)}. To be put back:\n")
            print_changes([change async for change in changes], undoable.totals, with_state=False)
            if undoable.stale:
                out.print(f"\n{counted(undoable.stale, 'row')} changed since: left as they are.")
        return undoable, await _doubt(host, name, undoable, named=run is not None)


async def _doubt(host: Host, name: str, undoable: Undoable, *, named: bool) -> SettingsError | None:
    """Return the error that refuses to put a plan back unasked: done again, ``--yes`` must not go on to the one before.

    ``named``: its run was given.
    """
    run = undoable.run_id[:8]
    if undoable.in_part:
        # Its id would be right each time, until nothing is left of the run.
        return SettingsError(
            f"Other changes of run {run} were put back before, so the rest of it is put back only when you are asked.",
            hint=f"On a terminal, without --yes: discover undo {name}",
        )
    if named:
        return None
    hint = f"If it is the one you mean: discover undo {name} --run {run} --yes"
    if undoable.overtaken:
        since = f"{name} has run since, or another plan was put back"
        return SettingsError(f"The plan that can be put back now is that of run {run}, but {since}.", hint=hint)
    if await host.undo_removes_many(name, undoable):
        many = "would remove more rows than [host.losses] lets a run remove unasked"
        return SettingsError(f"Putting back the plan of run {run} {many}.", hint=hint)
    return None


def _confirmed(name: str, flags: Flags, only: Sequence[str], ids: Sequence[str], *, question: str, yes: bool) -> _Shown:
    """Return the held plan, or the part of it that is chosen, once it was shown and agreed to.

    The question is asked while no event loop runs: in a loop, Ctrl-C would cancel a task that waits for the keyboard,
    and nothing would end.
    """
    shown = run_async(_show(name, flags, only, ids))
    of_all = f" of {shown.held.changes:,}" if shown.only else ""
    confirm(f"{question} {counted(shown.changes, 'change')}{of_all}?", yes=yes)
    return shown


async def _show(name: str, flags: Flags, only: Sequence[str], ids: Sequence[str]) -> _Shown:
    async with flags.host() as host:
        held = await host.held_plan(name)
        part = await part_of(host, name, held, only, ids)
        totals = await count(host, held.run_id, State.HELD, part)
        if not flags.json:
            most = SHOWN_BEFORE_A_QUESTION
            await print_plan(host, held.run_id, State.HELD, totals=totals, most=most, only=part)
    return _Shown(held, part, sum(totals.values()))


def _left_out(number: int, noun: str) -> str:
    return f"; {counted(number, noun)} left out: the stored row has changed since" if number else ""

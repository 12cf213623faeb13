"""Schedules: ``schedule``, ``pause`` and ``resume``."""

from datetime import datetime
from typing import Annotated, Any

from cyclopts import Parameter

from connector_core.cli.encoding import print_json
from connector_core.cli.flags import DEFAULT, Flags
from connector_core.cli.output import console
from connector_core.errors import SettingsError
from connector_core.messages import counted
from connector_core.schedules import Schedule, Schedules, in_words


async def schedule(
    name: str,
    cron: str | None = None,
    /,
    *,
    delta: Annotated[bool, Parameter(negative="")] = False,
    off: Annotated[bool, Parameter(negative="")] = False,
    flags: Flags = DEFAULT,
) -> int:
    """Show when an integration runs by itself, or set it: by a cron expression, in the time zone of [schedule].

    Runs are started by a service, not by this command.

    Args:
        name: The integration.
        cron: Minute, hour, day of the month, month and day of the week, such as "*/30 * * * *", in quotes.
        delta: Read only what has changed, if possible. A full scan comes when one is due.
        off: Take the schedule away.
    """
    if off and (cron or delta):
        raise SettingsError("--off takes the schedule away, so it goes with nothing else.")
    if delta and not cron:
        raise SettingsError(
            "--delta needs a cron expression.", hint=f'Such as: discover schedule {name} "*/30 * * * *" --delta'
        )
    async with flags.host() as host:
        one = await host.schedules.get(name)
        if off or cron is not None:
            one = await host.schedules.set(name, cron, delta=delta)
        _print(host.schedules, one, host.settings.schedule.timezone, flags)
    return 0


async def pause(name: str, /, *, flags: Flags = DEFAULT) -> int:
    """Start no further run of an integration by its schedule. A run under way goes on, and `run` may still be used.

    Args:
        name: The integration.
    """
    async with flags.host() as host:
        one = await host.schedules.pause(name)
        _print(host.schedules, one, host.settings.schedule.timezone, flags)
    return 0


async def resume(name: str, /, *, flags: Flags = DEFAULT) -> int:
    """Start runs of a paused integration again, from the next time of its schedule on.

    Args:
        name: The integration.
    """
    async with flags.host() as host:
        one = await host.schedules.resume(name)
        _print(host.schedules, one, host.settings.schedule.timezone, flags)
    return 0


def as_json(one: Schedule) -> dict[str, Any]:
    """Return a schedule as programs read it."""
    return {
        "cron": one.cron or None,
        "words": in_words(one.cron) if one.cron else None,
        "delta": one.delta,
        "next_at": one.next_at,
        "paused_at": one.paused_at,
        "failures": one.failures,
        "problem": one.problem or None,
        "quarantined_at": one.quarantined_at,
    }


def in_short(one: Schedule) -> tuple[str, ...]:
    """Return a schedule and its standing in a few words each."""
    lines = [f"{in_words(one.cron)}{' (delta)' if one.delta else ''}"] if one.cron else []
    if one.paused_at:
        lines.append("paused")
    if one.quarantined_at:
        lines.append(f"quarantined ({counted(one.failures, 'failure')})")
    elif one.failures:
        lines.append(f"{counted(one.failures, 'failure')} in a row")
    return tuple(lines)


def _print(schedules: Schedules, one: Schedule, timezone: str, flags: Flags) -> None:
    # While it is paused or waits after a failure, they do not hold.
    times = [] if one.paused_at or one.retry_at else schedules.times(one)
    if flags.json:
        print_json({"integration": one.integration, **as_json(one), "timezone": timezone, "times": times})
        return
    out = console()
    if not one.cron:
        out.print(f"{one.integration} has no schedule: it runs when it is told to.")
    else:
        kind = ", reading only what has changed if possible" if one.delta else ""
        out.print(f"{one.integration} runs {in_words(one.cron)} ({timezone}){kind}.")
    if one.paused_at:
        by = f" by {one.paused_by}" if one.paused_by else ""
        out.print(f"It is paused since {_said(one.paused_at)}{by}: no run starts by itself until it is resumed.")
    if one.failures:
        out.print(f"Failed {counted(one.failures, 'time')} in a row. The last time: {one.problem}")
    if one.quarantined_at:
        out.print(f"It is quarantined since {_said(one.quarantined_at)}, until a run succeeds.")
    if one.next_at and one.retry_at:
        out.print(f"Next run: {_said(one.next_at)}, in place of its times, which hold again once a run succeeds.")
    for moment in times:
        out.print(f"  {moment:%a %Y-%m-%d %H:%M %Z}")


def _said(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M %Z}"

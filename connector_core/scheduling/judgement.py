"""Judgement on the end of a run: the waits, quarantine or recovery of its schedule, and the notices that go out.

A plain function of data: it runs inside the transaction that saves what it returns.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from connector_core.errors import BusyError
from connector_core.outcomes import Verdict
from connector_core.scheduling.engine import INTERRUPTED
from connector_core.scheduling.results import Result
from connector_core.settings import ScheduleSettings
from connector_core.store import Event, Schedule

_HELD = {Verdict.HELD, Verdict.PLAN_WAITING}
"""All was read: an operator decides about the rest, and the next run comes as it would have."""


def judge(
    before: Schedule, result: Result, settings: ScheduleSettings, now: datetime
) -> tuple[Schedule, tuple[Event, ...]]:
    """Return the schedule after a run, and the occasions for notices.

    A run that another process prevented, or that was interrupted, tells nothing about the integration. One that was
    deferred is no failure: it waits for as long as the provider asks.
    """
    ended = replace(before, pending="")
    if result.problem and result.problem.code in {BusyError.code, INTERRUPTED}:
        return ended, ()
    ended = replace(ended, noted_run=result.run_id or before.noted_run)
    if result.verdict is Verdict.DEFERRED:
        wait = result.until or now + timedelta(seconds=settings.first_wait)
        said = "The provider asked to wait longer than a run may."
        return replace(ended, problem=said, retry_at=wait if before.cron else None), ()
    if result.problem or result.verdict is Verdict.INCOMPLETE:
        return _failed(ended, result, settings, now)
    recovered = (Event.RECOVERED,) if before.failures else ()
    held = (Event.HELD,) if result.verdict in _HELD and result.held != before.held else ()
    good = replace(ended, failures=0, problem="", retry_at=None, quarantined_at=None, held=result.held)
    return good, (*recovered, *held)


def _failed(
    before: Schedule, result: Result, settings: ScheduleSettings, now: datetime
) -> tuple[Schedule, tuple[Event, ...]]:
    failures = before.failures + 1
    first = (Event.FAILED if result.problem else Event.INCOMPLETE,) if failures == 1 else ()
    said = result.problem.message if result.problem else "The run was incomplete."
    after = replace(before, failures=failures, problem=said)
    if not before.cron:
        # Nothing runs by itself, so nothing waits.
        return after, first
    after = replace(after, retry_at=now + wait_after(failures, settings))
    if before.quarantined_at or failures < settings.quarantine_after:
        return after, first
    return replace(after, quarantined_at=now), (*first, Event.QUARANTINED)


def wait_after(failures: int, settings: ScheduleSettings) -> timedelta:
    """Return the wait after so many failures in a row: each is twice the one before, up to the longest.

    In quarantine it is the longest.
    """
    if failures >= settings.quarantine_after:
        return timedelta(seconds=settings.longest_wait)
    # The exponent is limited, since a power of two may be too large for a float.
    doubled = settings.first_wait * 2.0 ** min(failures - 1, 60)
    return timedelta(seconds=min(doubled, settings.longest_wait))

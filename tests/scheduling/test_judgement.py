"""What the end of a run means for its schedule: plain functions of data."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connector_core import Code, Reason, Standing, Verdict
from connector_core.scheduling.engine import CANCELLED, Problem
from connector_core.scheduling.judgement import judge, wait_after
from connector_core.scheduling.results import KindResult, Result
from connector_core.settings import ScheduleSettings
from connector_core.store import Event, Schedule

NOW = datetime(2026, 5, 4, 6, tzinfo=UTC)
SETTINGS = ScheduleSettings()
EVERY_DAY = Schedule("acme", cron="0 6 * * *", due_at=NOW + timedelta(days=1), noted_run="0", pending="{}")
FAILED = Result("1", None, problem=Problem("provider_unavailable", "GET /profiles: Namely answered 503."))


def kind(*reasons: Reason, held: int = 0, removes: int = 0, standing: Standing = Standing.COMPLETE) -> KindResult:
    return KindResult("Employee", standing, 60, 60, 0, 0, removes, held, reasons)


def result(verdict: Verdict, *kinds: KindResult, run: str = "1") -> Result:
    return Result(run, verdict, kinds)


def after_failures(count: int) -> list[tuple[Schedule, tuple[Event, ...]]]:
    found: list[tuple[Schedule, tuple[Event, ...]]] = []
    schedule = EVERY_DAY
    for number in range(count):
        schedule, events = judge(schedule, replace(FAILED, run_id=str(number + 1)), SETTINGS, NOW)
        found.append((schedule, events))
    return found


def test_the_waits_double_from_the_first_to_the_longest() -> None:
    settings = ScheduleSettings(first_wait=3600, longest_wait=86_400, quarantine_after=1000)
    waits = [wait_after(one, settings).total_seconds() / 3600 for one in (1, 2, 3, 4, 5, 6, 7, 900)]
    assert waits == [1, 2, 4, 8, 16, 24, 24, 24]


def test_a_failure_waits_and_is_told_of_once() -> None:
    found = after_failures(4)
    assert [schedule.retry_at and schedule.retry_at - NOW for schedule, _ in found] == [
        timedelta(hours=hours) for hours in (1, 2, 4, 8)
    ]
    assert [events for _, events in found] == [(Event.FAILED,), (), (), ()]
    last, _ = found[-1]
    assert (last.failures, last.problem, last.pending) == (4, "GET /profiles: Namely answered 503.", "")
    assert last.next_at == last.retry_at


def test_the_integration_is_quarantined_once_after_so_many_failures_and_waits_longest() -> None:
    found = after_failures(7)
    assert [events for _, events in found[4:]] == [(Event.QUARANTINED,), (), ()]
    assert [schedule.quarantined_at for schedule, _ in found] == [None] * 4 + [NOW] * 3
    assert {schedule.retry_at for schedule, _ in found[4:]} == {NOW + timedelta(days=1)}


def test_a_success_resets_all_and_the_recovery_is_told_of_once() -> None:
    failing, _ = after_failures(6)[-1]
    good, events = judge(failing, result(Verdict.COMPLETE, kind(), run="9"), SETTINGS, NOW)
    assert events == (Event.RECOVERED,)
    assert (good.failures, good.problem, good.retry_at, good.quarantined_at) == (0, "", None, None)
    assert good.next_at == EVERY_DAY.due_at
    assert judge(good, result(Verdict.COMPLETE, kind(), run="10"), SETTINGS, NOW)[1] == ()


def test_an_incomplete_run_is_a_failure_of_its_own_name() -> None:
    after, events = judge(EVERY_DAY, result(Verdict.INCOMPLETE, kind(standing=Standing.INCOMPLETE)), SETTINGS, NOW)
    assert (after.failures, events) == (1, (Event.INCOMPLETE,))
    again, events = judge(after, FAILED, SETTINGS, NOW)
    assert (again.failures, events) == (2, ())


@pytest.mark.parametrize(
    ("reason", "wait"),
    [
        (Reason(Code.DEFERRED, message="m", until="2026-05-04 09:30:00 UTC"), timedelta(hours=3, minutes=30)),
        (Reason(Code.THROTTLED, message="m"), timedelta(hours=1)),
    ],
)
def test_a_deferred_run_waits_and_is_no_failure(reason: Reason, wait: timedelta) -> None:
    ended = result(Verdict.DEFERRED, kind(reason, standing=Standing.DEFERRED))
    after, events = judge(EVERY_DAY, ended, SETTINGS, NOW)
    assert (after.failures, events, after.retry_at) == (0, (), NOW + wait)
    failing = replace(EVERY_DAY, failures=3)
    assert judge(failing, ended, SETTINGS, NOW)[0].failures == 3


@pytest.mark.parametrize("problem", [Problem("busy", "It is being run."), CANCELLED])
def test_a_run_that_was_prevented_or_cancelled_changes_nothing(problem: Problem) -> None:
    failing = replace(EVERY_DAY, failures=2, retry_at=NOW)
    after, events = judge(failing, Result("1", None, problem=problem), SETTINGS, NOW)
    assert (after, events) == (replace(failing, pending=""), ())


def test_a_held_plan_is_told_of_again_only_when_it_has_changed_and_stops_nothing() -> None:
    three = kind(Reason(Code.TOO_MANY_LOST, lost=3, size=9, days=7, share=0.2), held=3, removes=3)
    after, events = judge(EVERY_DAY, result(Verdict.HELD, three), SETTINGS, NOW)
    assert (events, after.failures, after.next_at) == ((Event.HELD,), 0, EVERY_DAY.due_at)
    after, events = judge(after, result(Verdict.HELD, three, run="2"), SETTINGS, NOW)
    assert events == ()
    after, events = judge(after, result(Verdict.HELD, replace(three, held=4, removes=4), run="3"), SETTINGS, NOW)
    assert events == (Event.HELD,)
    after, events = judge(after, result(Verdict.COMPLETE, kind(), run="4"), SETTINGS, NOW)
    assert judge(after, result(Verdict.HELD, three, run="5"), SETTINGS, NOW)[1] == (Event.HELD,)


def test_a_failure_without_a_schedule_is_told_of_and_nothing_waits() -> None:
    after, events = judge(Schedule("acme"), FAILED, SETTINGS, NOW)
    assert (after.failures, after.retry_at, after.quarantined_at, events) == (1, None, None, (Event.FAILED,))


def test_a_run_that_recovers_and_holds_tells_of_both() -> None:
    failing, _ = after_failures(1)[0]
    held = result(Verdict.HELD, kind(held=1), run="2")
    assert judge(failing, held, SETTINGS, NOW)[1] == (Event.RECOVERED, Event.HELD)

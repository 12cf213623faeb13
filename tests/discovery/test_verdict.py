"""A run's outcome in one word."""

import pytest

from builders import certificate, kind_plan
from connector_core import Code, KindReport, Reason, Run, Standing, Verdict
from connector_core.data_profile import DataProfile
from connector_core.discovery.verdict import verdict
from connector_core.store import RunSummary

COMPLETE = KindReport(certificate(), kind_plan())
CAUGHT_UP = KindReport(certificate(Standing.CAUGHT_UP), kind_plan())
INCOMPLETE = KindReport(certificate(Standing.INCOMPLETE), kind_plan())
DEFERRED = KindReport(certificate(Standing.DEFERRED), kind_plan())
HELD = KindReport(certificate(), kind_plan(held=1, held_because=(Reason(Code.ACCEPTANCE_CHANGED),)))
PLANNED = KindReport(certificate(), kind_plan(held=1))
"""As a run that stops at its plan holds all, without a guard's objection."""
DOUBTED = KindReport(certificate(), kind_plan(held_because=(Reason(Code.ACCEPTANCE_CHANGED),)))
"""A guard has an objection, and there is nothing that it could hold."""
EMPTIED = KindReport(certificate(profile=DataProfile(emptied={"email": (9, 9)})), kind_plan())
EMPTIED_ROWS = KindReport(certificate(profile=DataProfile(emptied_rows=3)), kind_plan())


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        ([COMPLETE, COMPLETE], Verdict.COMPLETE),
        ([COMPLETE, CAUGHT_UP], Verdict.CAUGHT_UP),
        ([CAUGHT_UP, HELD], Verdict.HELD),
        ([COMPLETE, EMPTIED], Verdict.HELD),
        ([COMPLETE, EMPTIED_ROWS], Verdict.HELD),
        ([HELD, INCOMPLETE], Verdict.INCOMPLETE),
        ([COMPLETE, DOUBTED], Verdict.COMPLETE),
        ([INCOMPLETE, DEFERRED, HELD], Verdict.DEFERRED),
    ],
)
def test_the_verdict_is_that_of_the_worst_kind(kinds: list[KindReport], said: Verdict) -> None:
    assert verdict(kinds, apply=True) is said
    assert verdict(list(reversed(kinds)), apply=True) is said


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        ([COMPLETE, COMPLETE], Verdict.COMPLETE),
        ([COMPLETE, PLANNED], Verdict.PLAN_WAITING),
        ([CAUGHT_UP, PLANNED], Verdict.PLAN_WAITING),
        ([COMPLETE, HELD], Verdict.PLAN_WAITING),
        ([PLANNED, HELD], Verdict.PLAN_WAITING),
        ([PLANNED, EMPTIED], Verdict.HELD),
        ([PLANNED, INCOMPLETE], Verdict.INCOMPLETE),
        ([HELD, DEFERRED], Verdict.DEFERRED),
    ],
)
def test_a_run_that_stops_at_its_plan_waits_for_a_decision_whatever_a_guard_says(
    kinds: list[KindReport], said: Verdict
) -> None:
    assert verdict(kinds, apply=False) is said
    assert verdict(list(reversed(kinds)), apply=False) is said


@pytest.mark.parametrize(
    ("said", "kind", "waiting", "described"),
    [
        (Verdict.HELD, HELD, True, "held"),
        (Verdict.HELD, HELD, False, "plan decided"),
        (Verdict.PLAN_WAITING, PLANNED, False, "plan decided"),
        (Verdict.HELD, EMPTIED, False, "held"),
        (Verdict.HELD, EMPTIED_ROWS, False, "held"),
        (Verdict.INCOMPLETE, INCOMPLETE, False, "incomplete"),
    ],
)
def test_a_decided_plan_is_not_held_any_more_and_what_is_not_believed_is(
    said: Verdict, kind: KindReport, waiting: bool, described: str
) -> None:
    run = Run.begin("acme", "example", "", [kind.kind])
    summary = RunSummary(run, run.started_at, said, None, 1, None, (kind.certificate,))
    assert summary.describe(running=False, waiting=waiting) == described


def test_only_a_run_that_leaves_nothing_to_do_is_good() -> None:
    assert [one for one in Verdict if one.good] == [Verdict.COMPLETE, Verdict.CAUGHT_UP]

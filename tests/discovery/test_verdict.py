"""A run's outcome in one word."""

import pytest

from builders import certificate, kind_plan
from connector_core import Code, KindReport, Reason, Standing, Verdict
from connector_core.data_profile import DataProfile
from connector_core.discovery.verdict import verdict

COMPLETE = KindReport(certificate(), kind_plan())
CAUGHT_UP = KindReport(certificate(Standing.CAUGHT_UP), kind_plan())
INCOMPLETE = KindReport(certificate(Standing.INCOMPLETE), kind_plan())
DEFERRED = KindReport(certificate(Standing.DEFERRED), kind_plan())
HELD = KindReport(certificate(), kind_plan(held=1, held_because=(Reason(Code.ACCEPTANCE_CHANGED),)))
PLANNED = KindReport(certificate(), kind_plan(held=1))
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
        ([COMPLETE, PLANNED], Verdict.PLAN_WAITING),
        ([CAUGHT_UP, PLANNED], Verdict.PLAN_WAITING),
        ([PLANNED, HELD], Verdict.HELD),
        ([PLANNED, EMPTIED], Verdict.HELD),
        ([PLANNED, INCOMPLETE], Verdict.INCOMPLETE),
        ([PLANNED, DEFERRED], Verdict.DEFERRED),
        ([COMPLETE, DOUBTED], Verdict.COMPLETE),
        ([INCOMPLETE, DEFERRED, HELD], Verdict.DEFERRED),
    ],
)
def test_the_verdict_is_that_of_the_worst_kind(kinds: list[KindReport], said: Verdict) -> None:
    assert verdict(kinds) is said
    assert verdict(list(reversed(kinds))) is said


def test_only_a_run_that_leaves_nothing_to_do_is_good() -> None:
    assert [one for one in Verdict if one.good] == [Verdict.COMPLETE, Verdict.CAUGHT_UP]

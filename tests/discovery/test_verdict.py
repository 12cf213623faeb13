"""A run's outcome in one word."""

import pytest

from builders import certificate, kind_plan
from connector_core import KindReport, Standing, Verdict
from connector_core.data_profile import DataProfile
from connector_core.discovery.run import verdict

COMPLETE = KindReport(certificate(), kind_plan())
CAUGHT_UP = KindReport(certificate(Standing.CAUGHT_UP), kind_plan())
INCOMPLETE = KindReport(certificate(Standing.INCOMPLETE), kind_plan())
DEFERRED = KindReport(certificate(Standing.DEFERRED), kind_plan())
HELD = KindReport(certificate(), kind_plan(held=1))
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
        ([INCOMPLETE, DEFERRED, HELD], Verdict.DEFERRED),
    ],
)
def test_the_verdict_is_that_of_the_worst_kind(kinds: list[KindReport], said: Verdict) -> None:
    assert verdict(kinds, applied=True) is said
    assert verdict(list(reversed(kinds)), applied=True) is said


def test_a_requested_plan_does_not_make_the_run_held() -> None:
    assert verdict([HELD], applied=False) is Verdict.COMPLETE
    assert verdict([EMPTIED], applied=False) is Verdict.HELD

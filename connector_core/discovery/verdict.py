"""A run's outcome in one word: a plain function of its report."""

from collections.abc import Sequence

from connector_core.outcomes import KindReport, Standing, Verdict


def verdict(kinds: Sequence[KindReport], *, apply: bool) -> Verdict:
    """Return the outcome of the worst kind. A run that does not ``apply`` was asked to stop at its plan."""
    standings = {one.certificate.standing for one in kinds}
    if Standing.DEFERRED in standings:
        return Verdict.DEFERRED
    if Standing.INCOMPLETE in standings:
        return Verdict.INCOMPLETE
    if any(one.certificate.profile.doubted for one in kinds):
        return Verdict.HELD
    if any(one.plan.held for one in kinds):
        return Verdict.HELD if apply else Verdict.PLAN_WAITING
    return Verdict.CAUGHT_UP if Standing.CAUGHT_UP in standings else Verdict.COMPLETE

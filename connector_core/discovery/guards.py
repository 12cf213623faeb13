"""When losses wait for an operator: pure decisions on counts."""

from collections.abc import Iterable
from dataclasses import dataclass

from connector_core.discovery.changes import KindChanges
from connector_core.outcomes import KindPlan
from connector_core.reasons import Code, Reason
from connector_core.settings import LossSettings
from connector_core.store.comparison import Comparison, Loss
from connector_core.store.plans import Hold


@dataclass(frozen=True, slots=True)
class LossCount:
    """Losses against what there was at the start of the window."""

    planned: frozenset[str]
    """The ids that this plan loses."""
    recent: frozenset[str]
    """The ids lost within the window already, so that small steps do not add up unseen."""
    size: int

    @property
    def lost(self) -> int:
        return len(self.planned | self.recent)

    def exceeds(self, settings: LossSettings) -> bool:
        return bool(self.planned) and self.lost >= settings.at_least and self.lost > settings.share * self.size


def guard(
    changes: KindChanges,
    comparison: Comparison,
    kind: str,
    acceptance_key: str,
    settings: LossSettings,
    *,
    apply: bool,
) -> tuple[Hold, KindPlan]:
    """Decide which changes wait for an operator: all if the run shall not ``apply``, else losses that are too many."""
    because = hold_reason(
        _count(changes, comparison, Loss.OTHER, comparison.stored),
        _count(changes, comparison, Loss.ACTIVE, comparison.active),
        # Rows that only incomplete runs brought have no accepted key: nothing vouches for their loss either.
        acceptance_changed=comparison.accepted_key != acceptance_key and comparison.stored > 0,
        settings=settings,
    )
    creates, updates, removes = comparison.creates, len(changes.updates), len(changes.removals)
    if not apply:
        hold, held = Hold.EVERYTHING, creates + updates + removes
    elif because:
        hold, held = Hold.LOSSES, len(_lost_ids(changes, Loss.OTHER))
    else:
        hold, held = Hold.NOTHING, 0
    return hold, KindPlan(kind, creates, updates, removes, held, because, len(changes.unconfirmed))


def _count(changes: KindChanges, comparison: Comparison, least: Loss, now: int) -> LossCount:
    before = comparison.lost_before
    recent = frozenset([one for one, lost in before.items() if lost.loss >= least])
    # A lost row is still stored unless it was removed, but it is active no longer.
    gone = [one for one in recent if before[one].removed or least is Loss.ACTIVE]
    return LossCount(_lost_ids(changes, least), recent, now + len(gone))


def _lost_ids(changes: KindChanges, least: Loss) -> frozenset[str]:
    losses: Iterable[tuple[str, Loss]] = [
        *((one.source_id, one.loss) for one in changes.updates if one.loss),
        *((one.source_id, one.loss) for one in changes.removals),
    ]
    return frozenset([source_id for source_id, loss in losses if loss >= least])


def hold_reason(
    everyone: LossCount, active: LossCount, *, acceptance_changed: bool, settings: LossSettings
) -> Reason | None:
    """Return why these losses are held; None when they are few enough.

    Args:
        everyone: Removals, and rows turned inactive, against all of the kind.
        active: Those of them that were active, against the active: where most have left already, the last few
            are a small share of all.
        acceptance_changed: The token, the account or the kind's rule is not that of the last accepted reading.
        settings: The thresholds.
    """
    if not everyone.planned:
        return None
    if acceptance_changed:
        return Reason(Code.ACCEPTANCE_CHANGED)
    for count, code in ((everyone, Code.TOO_MANY_LOST), (active, Code.TOO_MANY_ACTIVE_LOST)):
        if count.exceeds(settings):
            return Reason(code, lost=count.lost, size=count.size, days=settings.days, share=settings.share)
    return None

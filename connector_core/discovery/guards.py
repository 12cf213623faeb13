"""Decisions on the changes that wait for an operator: plain functions of counts."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from connector_core.discovery.changes import KindChanges
from connector_core.discovery.results import Evidence
from connector_core.outcomes import Certificate, KindPlan
from connector_core.reasons import Code, Reason
from connector_core.settings import GrowthSettings, LossSettings
from connector_core.store.comparison import Comparison, Loss
from connector_core.store.planned import Hold


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
        return bool(self.planned) and too_many_lost(self.lost, self.size, settings)


def guard(
    changes: KindChanges,
    evidence: Evidence,
    settings: LossSettings,
    *,
    provider: str,
    apply: bool,
    other_tenant: Reason | None = None,
    growth: Reason | None = None,
) -> tuple[Hold, KindPlan]:
    """Decide which changes wait for an operator.

    Args:
        changes: The updates and removals that are planned.
        evidence: What they were planned from.
        settings: The thresholds.
        provider: Its title.
        apply: False holds everything.
        other_tenant: The reason to believe that another company was read: then everything is held, too.
        growth: The reason for holding creates, if there is one.
    """
    found = [] if other_tenant is None else [(Hold.EVERYTHING, other_tenant)]
    found += [*_losses(changes, evidence, settings), *_vanished(changes, evidence, settings, provider)]
    if growth:
        found.append((Hold.CREATES, growth))
    hold = Hold.NOTHING if apply else Hold.EVERYTHING
    for part, _ in found:
        hold |= part
    return hold, KindPlan(
        kind=evidence.result.kind,
        creates=evidence.comparison.creates,
        updates=changes.updates,
        removes=len(changes.removals),
        held=_held(changes, evidence.comparison.creates, hold),
        held_because=tuple([reason for _, reason in found]),
        unconfirmed=len(changes.unconfirmed),
    )


def _held(changes: KindChanges, creates: int, hold: Hold) -> int:
    """Count the changes that wait."""
    leavers = len(changes.leavers) if Hold.LOSSES in hold else 0
    updates = changes.updates if Hold.UPDATES in hold else leavers
    removals = sum([one.held(hold) for one in changes.removals])
    return updates + removals + (creates if Hold.CREATES in hold else 0)


def growth_reason(comparison: Comparison, certificate: Certificate, settings: GrowthSettings) -> Reason | None:
    """Return why creates are held; None when they are few enough, or all that a first complete reading has found.

    What an incomplete reading announces may be no more than what it has read, so it is measured against what is stored,
    too, once there is something.
    """
    if not comparison.creates or (certificate.complete and not comparison.was_complete):
        return None
    creates, stored = comparison.creates + comparison.created_before, comparison.stored - comparison.created_before
    times, announced = settings.times, certificate.announced
    if stored > 0 and creates >= settings.at_least and creates > times * stored:
        return Reason(Code.TOO_MANY_NEW, creates=creates, stored=stored, days=settings.days, times=times)
    if comparison.was_complete or announced is None or comparison.creates < settings.at_least:
        return None
    if comparison.creates > times * announced:
        return Reason(Code.MORE_THAN_ANNOUNCED, creates=comparison.creates, announced=announced, times=times)
    return None


def _losses(changes: KindChanges, evidence: Evidence, settings: LossSettings) -> Iterator[tuple[Hold, Reason]]:
    comparison = evidence.comparison
    because = loss_reason(
        _count(changes, comparison, Loss.OTHER, comparison.stored),
        _count(changes, comparison, Loss.ACTIVE, comparison.active),
        acceptance_changed=evidence.acceptance_changed,
        settings=settings,
    )
    if because:
        yield Hold.LOSSES, because


def _count(changes: KindChanges, comparison: Comparison, least: Loss, now: int) -> LossCount:
    before = comparison.lost_before
    recent = frozenset([one for one, lost in before.items() if lost.loss >= least])
    # A lost row is still stored unless it was removed, but it is active no longer.
    gone = [one for one in recent if before[one].removed or least is Loss.ACTIVE]
    return LossCount(_lost_ids(changes, least), recent, now + len(gone))


def _lost_ids(changes: KindChanges, least: Loss) -> frozenset[str]:
    losses: Iterable[tuple[str, Loss]] = [
        *((source_id, Loss.ACTIVE) for source_id in changes.leavers),
        *((one.source_id, one.loss) for one in changes.removals),
    ]
    return frozenset([source_id for source_id, loss in losses if loss >= least])


def loss_reason(
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


def _vanished(
    changes: KindChanges, evidence: Evidence, settings: LossSettings, provider: str
) -> Iterator[tuple[Hold, Reason]]:
    """No request can tell a hidden row from a deleted one, so removals are held where they are not normal."""
    planned = frozenset([one.source_id for one in changes.removals if one.vanished])
    if not planned:
        return
    before = evidence.comparison.lost_before
    recent = frozenset([source_id for source_id, lost in before.items() if lost.removed])
    count = LossCount(planned, recent, evidence.comparison.stored + len(recent))
    if evidence.result.declaration.lists_inactive and too_many_vanished(count.lost, count.size, settings):
        yield (
            Hold.VANISHED,
            Reason(Code.TOO_MANY_VANISHED, rows=count.lost, size=count.size, days=settings.days, provider=provider),
        )
    if named := planned & evidence.named:
        yield Hold.VANISHED, Reason(Code.STILL_NAMED, rows=len(named), example=min(named))


def is_held(vanished: int, evidence: Evidence, settings: LossSettings) -> bool:
    """Return True if the removal of so many rows that vanished is held, whatever is said of others."""
    size = evidence.comparison.stored
    return vanished > 0 and (
        evidence.acceptance_changed
        or too_many_lost(vanished, size, settings)
        or (evidence.result.declaration.lists_inactive and too_many_vanished(vanished, size, settings))
    )


def too_many_lost(rows: int, size: int, settings: LossSettings) -> bool:
    """Return True if so many of a kind's rows are not lost unasked within the window."""
    return rows >= settings.at_least and rows > settings.share * size


def too_many_vanished(rows: int, size: int, settings: LossSettings) -> bool:
    """Return True if so many rows of a kind do not vanish where the provider keeps listing those that have left."""
    return rows >= settings.vanished_rows or rows >= settings.vanished_share * size

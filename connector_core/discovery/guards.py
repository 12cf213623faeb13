"""When losses wait for a person: pure decisions on counts."""

from collections.abc import Mapping
from dataclasses import dataclass

from connector_core.settings import DriftSettings, LossSettings


@dataclass(frozen=True, slots=True)
class Toll:
    """Losses against what there was at the start of the window.

    ``planned`` are the ids that this plan loses; ``recent`` those lost within the window already, so that small
    steps do not add up unseen.
    """

    planned: frozenset[str]
    recent: frozenset[str]
    size: int

    @property
    def lost(self) -> int:
        return len(self.planned | self.recent)

    def exceeds(self, settings: LossSettings) -> bool:
        return bool(self.planned) and self.lost >= settings.at_least and self.lost > settings.share * self.size


def hold_reason(everyone: Toll, active: Toll, *, scope_changed: bool, settings: LossSettings) -> str:
    """Why these losses are held, or nothing when they are few enough.

    Args:
        everyone: Removals, and those turned inactive, against all of the kind.
        active: Those of them who were active, against the active: where most have left already, the last few
            are a small share of all.
        scope_changed: The token, the account or the kind's rule is not the one of the last applied reading.
        settings: The thresholds.
    """
    if not everyone.planned:
        return ""
    if scope_changed:
        return "the token, the account or the rule for this kind has changed since the last accepted run"
    for toll, whom in ((everyone, ""), (active, " active")):
        if toll.exceeds(settings):
            return (
                f"{toll.lost} of {toll.size}{whom} would be lost within {settings.days} days, "
                f"more than {settings.share:.0%} (host.losses in plugins.toml)"
            )
    return ""


def drifted_fields(
    before: Mapping[str, float], now: Mapping[str, float], *, settings: DriftSettings
) -> dict[str, tuple[float, float]]:
    """The fields that were filled for most and are now for almost none, with both shares.

    A permission that was lost looks so: the provider answers 200, and the field is empty or absent.
    """
    return {
        name: (share, now.get(name, 0.0))
        for name, share in before.items()
        if share >= settings.filled and now.get(name, 0.0) <= settings.emptied
    }

"""When losses wait for a person: pure decisions on counts."""

from connector_core.settings import LossSettings


def hold_reason(
    *,
    planned: set[str],
    recent: set[str],
    size: int,
    scope_changed: bool,
    settings: LossSettings,
) -> str:
    """Why these losses are held, or nothing when they are few enough.

    Args:
        planned: Ids that this plan removes or turns inactive.
        recent: Ids lost within the window already, so that small steps do not add up unseen.
        size: Entities of the kind at the start of the window.
        scope_changed: The token, the account or the kind's rule is not the one of the last applied reading.
        settings: The thresholds.
    """
    if not planned:
        return ""
    if scope_changed:
        return "the token, the account or the rule for this kind has changed since the last applied run"
    lost = len(planned | recent)
    if lost >= settings.at_least and lost > settings.share * size:
        return (
            f"{lost} of {size} would be lost within {settings.days} days, "
            f"more than {settings.share:.0%} (losses in plugins.toml)"
        )
    return ""

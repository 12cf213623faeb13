"""Times and costs in words, as every face shows them."""

from datetime import UTC, datetime
from math import ceil

from connector_core.messages import counted
from connector_core.outcomes import Forecast

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60))


def ago(moment: datetime) -> str:
    """Return how long ago a moment was, in the largest unit that fits."""
    seconds = max(0, int((datetime.now(UTC) - moment).total_seconds()))
    for unit, length in _UNITS:
        if seconds >= length:
            return f"{counted(seconds // length, unit)} ago"
    return "just now"


def costs(forecast: Forecast) -> str:
    """Return a forecast in words: ``about 25 requests, under a minute``."""
    minutes = ceil(forecast.seconds / 60)
    time = "under a minute" if forecast.seconds < 60 else f"about {counted(minutes, 'minute')}"
    return f"about {counted(forecast.requests, 'request')}, {time}"

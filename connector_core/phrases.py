"""Times and costs in words, as every face shows them."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from math import ceil

from connector_core.messages import counted
from connector_core.outcomes import Forecast

UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60))
"""Units of time and their seconds, the largest first."""


def ago(moment: datetime) -> str:
    """Return how long ago a moment was, in the largest unit that fits."""
    seconds = max(0, int((datetime.now(UTC) - moment).total_seconds()))
    for unit, length in UNITS:
        if seconds >= length:
            return f"{counted(seconds // length, unit)} ago"
    return "just now"


def days_since(moment: datetime) -> int:
    """Return the number of whole days since a moment."""
    return (datetime.now(UTC) - moment).days


def token_age(given: datetime, lifetime: timedelta | None) -> str:
    """Return the age of credentials in words: ``3 days old, 727 left``."""
    age = days_since(given)
    return f"{counted(age, 'day')} old" + (f", {lifetime.days - age} left" if lifetime else "")


def without(absent: Mapping[str, int], named: Callable[[str], str] = str) -> str:
    """Return which fields did not come: ``280 rows came without salary, and 3 without email; stored values are kept``.

    Args:
        absent: For how many rows each field did not come; not empty.
        named: Returns the name of a field as it is shown.
    """
    by_rows: dict[int, list[str]] = {}
    for field, rows in absent.items():
        by_rows.setdefault(rows, []).append(named(field))
    (most, names), *others = sorted(by_rows.items(), reverse=True)
    fewer = "".join(f", and {rows:,} without {', '.join(some)}" for rows, some in others)
    return f"{counted(most, 'row')} came without {', '.join(names)}{fewer}; stored values are kept"


def costs(forecast: Forecast) -> str:
    """Return a forecast in words: ``about 25 requests, under a minute``."""
    minutes = ceil(forecast.seconds / 60)
    time = "under a minute" if forecast.seconds < 60 else f"about {counted(minutes, 'minute')}"
    return f"about {counted(forecast.requests, 'request')}, {time}"

"""Waits that a response asks for, by the provider's clock: after a throttle, and before the next one."""

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from time import time

from multidict import MultiMapping

from connector_core.sdk.manifest import RateHeaders, ResetFormat

_NUMBER = re.compile(r"\d+(\.\d+)?", re.ASCII)
_LONGEST = 365 * 86_400
"""Seconds: a longer wait is cut to a year."""
_EPOCH = 1_000_000_000
"""No provider asks for a wait of so many seconds, and the epoch was this old in 2001."""
_ROUNDED = 1.0
"""Seconds: a moment that is told in whole seconds may have been rounded down."""
_USUAL: Mapping[str, ResetFormat] = {
    "X-RateLimit-Reset": "auto",
    "X-Rate-Limit-Reset": "auto",
    "RateLimit-Reset": "auto",
}
"""Headers in which providers usually say when they accept requests again."""


def clock_of(headers: Mapping[str, str]) -> float | None:
    """Return the provider's time from the Date header, in epoch seconds; None if there is none."""
    return _date(headers.get("Date", ""))


def retry_after(headers: Mapping[str, str], rate: RateHeaders) -> float | None:
    """Return the seconds to wait, 0 for a time that is past; None if no header says so.

    Retry-After comes first, then the reset of the manifest, then the usual names of such headers. Each may hold
    seconds, or a time, which is compared with the response's own Date: the provider's clock may differ from ours.
    Of several values the latest counts. A limit of 0 is none of requests in a time, so its reset says nothing.
    """
    clock = clock_of(headers)
    now = time() if clock is None else clock
    asked = [_moment_or_seconds(value, now) for value in _values(headers, "Retry-After")]
    waits = [max((one for one in asked if one is not None), default=None)]
    if 0 not in _numbers(headers, rate.limit):
        usual = {name: form for name, form in _USUAL.items() if name != rate.reset}
        for name, form in {rate.reset: rate.format, **usual}.items():
            waits.append(max((_seconds(one, now, form) for one in _numbers(headers, name)), default=None))
    known = [min(max(0.0, wait), float(_LONGEST)) for wait in waits if wait is not None]
    return next(filter(None, known), 0.0) if known else None


def is_used_up(headers: Mapping[str, str], rate: RateHeaders, leave_free: float) -> bool:
    """Return True if no more of the provider's quota is left than this share of it, which is to stay free."""
    remaining, limits = _numbers(headers, rate.remaining), _numbers(headers, rate.limit)
    return bool(remaining) and 0 not in limits and min(remaining) <= leave_free * max(limits, default=0.0)


def _moment_or_seconds(value: str, now: float) -> float | None:
    """Return the seconds to wait, from either form of a Retry-After."""
    moment = _date(value)
    if moment is not None:
        return moment - now
    return _seconds(float(value), now, "auto") if _NUMBER.fullmatch(value) else None


def _seconds(number: float, now: float, form: ResetFormat) -> float:
    """Return the seconds to wait, from seconds or a time of the epoch."""
    if form == "auto":
        form = "seconds" if number < _EPOCH else "epoch" if number < _EPOCH * 1000 else "milliseconds"
    match form:
        case "seconds":
            return number
        case "milliseconds":
            return number / 1000 - now
        case _:
            return number + _ROUNDED - now


def _values(headers: Mapping[str, str], name: str) -> list[str]:
    """Return the values of a header, which may come several times."""
    found = headers.getall(name, []) if isinstance(headers, MultiMapping) else [headers.get(name, "")]
    return [value.strip() for value in found]


def _numbers(headers: Mapping[str, str], name: str) -> list[float]:
    """Return the numbers in a header, which may come several times. A value that is no number is left out."""
    return [float(value) for value in _values(headers, name) if _NUMBER.fullmatch(value)] if name else []


def _date(value: str) -> float | None:
    """Return the time that an HTTP date stands for, in epoch seconds."""
    try:
        moment = parsedate_to_datetime(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None

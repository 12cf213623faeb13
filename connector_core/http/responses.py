"""Status and headers of a response: usable, or an error by whose fault it is."""

from codecs import BOM_UTF8
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from time import time

from connector_core.errors import (
    CursorExpiredError,
    ForbiddenError,
    NotFoundError,
    ProtocolError,
    RejectedCredentialsError,
    ThrottledError,
    UnavailableError,
)
from connector_core.http.request import Request
from connector_core.sdk.manifest import Manifest
from connector_core.secrecy import presentable

_SAID = 200
"""Characters of a provider's own words that are shown."""
_BLANKS = b" \t\r\n" + BOM_UTF8
_JSON = frozenset({b"{", b"["})
"""The first byte of an object, and of an array."""
_DIGITS = 11
_LONGEST = 365 * 86_400
"""Seconds: a longer wait is cut to a year."""
_EPOCH = 1_000_000_000
"""No provider asks for a wait of so many seconds, and the epoch was this old in 2001."""
_RESETS = ("X-RateLimit-Reset", "X-Rate-Limit-Reset", "RateLimit-Reset")
"""Headers in which providers usually say when they accept requests again."""


def raise_for_status(manifest: Manifest, request: Request, status: int, headers: Mapping[str, str]) -> None:
    """Raise the error that the status of a response stands for. Return if it is a good one."""
    if 200 <= status < 300 and status not in manifest.throttled_by:
        return
    call = request.call
    said = _said(manifest, headers)
    answered = f"{manifest.title} answered {status}"
    wait = retry_after(headers, manifest.rate_headers.reset)
    # A server that is down may answer 5xx as well, but does not say when to come back.
    if status in manifest.throttled_by and (status < 500 or wait is not None):
        raise ThrottledError(f"{answered}, too many requests", call=call, said=said, retry_after=wait)
    if status == 401 or (request.signs_in and status in {400, 403}):
        raise RejectedCredentialsError(manifest.rejected.message, hint=manifest.rejected.hint)
    if status in request.expired_by:
        raise CursorExpiredError(f"{answered}: the cursor is no longer valid", call=call, said=said)
    if status == 403:
        raise ForbiddenError(f"{answered}, forbidden", call=call, said=said)
    if status in {404, 410} and (said or _is_json(headers)):
        raise NotFoundError(f"{answered}, not found", call=call, said=said)
    if status >= 500 or status == 408:
        raise UnavailableError(answered, call=call, said=said, gateway=status in {502, 504})
    if 300 <= status < 400:
        raise ProtocolError(f"{answered}, a redirect, so it is not the API", call=call, said=said)
    raise ProtocolError(answered, call=call, said=said)


def raise_for_page(manifest: Manifest, request: Request, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Raise ProtocolError if a good response is not of the API, by its type and by how its body begins.

    A body that begins as JSON does is believed, whatever its type: servers and proxies write odd ones.
    """
    if not (_is_json(headers) or without_blanks(body)[:1] in _JSON):
        message = f"{manifest.title} answered {status} with a body that is not JSON, so it is not the API"
        raise ProtocolError(message, call=request.call, said=_said(manifest, headers))


def _said(manifest: Manifest, headers: Mapping[str, str]) -> str:
    """Return the provider's own words about a failure, as they may be shown."""
    return presentable(headers.get(manifest.reason_header, ""), _SAID) if manifest.reason_header else ""


def without_blanks(body: bytes) -> bytes:
    """Return a body from its first byte that is neither a blank nor part of a byte order mark."""
    return body.lstrip(_BLANKS)


def _is_json(headers: Mapping[str, str]) -> bool:
    media_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def clock_of(headers: Mapping[str, str]) -> float | None:
    """Return the provider's time from the Date header, in epoch seconds; None if there is none."""
    return _date(headers.get("Date", ""))


def retry_after(headers: Mapping[str, str], reset_header: str = "") -> float | None:
    """Return the seconds to wait, 0 for a time that is past; None if no header says so.

    Retry-After comes first, then ``reset_header``, then the usual names of such headers. Each may hold seconds, or a
    time, which is compared with the response's own Date: the provider's clock may differ from ours.
    """
    clock = clock_of(headers)
    now = time() if clock is None else clock
    asked = headers.get("Retry-After", "").strip()
    until = _date(asked)
    waits = [None if until is None else until - now, _seconds(asked[:_DIGITS], now)]
    waits += [_seconds(headers.get(name, "").strip(), now) for name in (reset_header, *_RESETS)]
    known = [min(max(0.0, wait), float(_LONGEST)) for wait in waits if wait is not None]
    return next(filter(None, known), 0.0) if known else None


def _seconds(value: str, now: float) -> float | None:
    """Return the seconds to wait, from seconds or, if the number is too large for that, a time of the epoch."""
    if not (value.isascii() and value.isdigit() and len(value) <= _DIGITS):
        return None
    return float(value) if float(value) < _EPOCH else float(value) - now


def _date(value: str) -> float | None:
    """Return the time that an HTTP date stands for, in epoch seconds."""
    try:
        moment = parsedate_to_datetime(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None

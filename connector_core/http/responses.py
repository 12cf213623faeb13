"""Status and headers of a response: usable, or an error by whose fault it is."""

from codecs import BOM_UTF8
from collections.abc import Mapping
from urllib.parse import urlsplit

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
from connector_core.http.waits import retry_after
from connector_core.sdk.manifest import Manifest
from connector_core.secrecy import presentable

_SAID = 200
"""Characters of a provider's own words that are shown."""
_BLANKS = b" \t\r\n" + BOM_UTF8
_JSON = frozenset(bytes([one]) for one in b"{[0123456789")
"""The first byte of an object, of an array, and of a number, which a count may be."""


def raise_for_status(manifest: Manifest, request: Request, status: int, headers: Mapping[str, str]) -> None:
    """Raise the error that the status of a response stands for. Return if it is a good one."""
    if 200 <= status < 300 and status not in manifest.throttled_by:
        return
    call = request.call
    said = _said(manifest, headers)
    # A token may come from another host than the rows.
    at = f" ({urlsplit(request.url).netloc})" if request.signs_in and request.url else ""
    answered = f"{manifest.title}{at} answered {status}"
    wait = retry_after(headers, manifest.rate_headers)
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

"""What an answer means: an error by whose fault it is, or a body that may be parsed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec
from msgspec import UNSET

from connector_core.errors import (
    ForbiddenError,
    MalformedError,
    NotFoundError,
    ProtocolError,
    RejectedCredentialsError,
    ThrottledError,
    UnavailableError,
)
from connector_core.http.call import Call
from connector_core.sdk.manifest import Manifest
from connector_core.sdk.page import Page, PlaceInListing, Rejection, T, TotalSource
from connector_core.sdk.wire import Listing, R, Row

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for what it cannot parse."""
_REASON = 200
"""Characters that are shown of a provider's reason."""
_DIGITS = 11
_LONGEST = 365 * 86_400
"""Seconds: whoever asks to wait for longer asks for a year."""
_EPOCH = 1_000_000_000
"""No provider asks to wait for so many seconds, and the epoch has passed them in 2001."""


def judge(manifest: Manifest, call: Call, status: int, headers: Mapping[str, str]) -> None:
    """Raises the error that this answer stands for; returns when it is a usable one."""
    reason = _reason(manifest, headers)
    said = f"{call}: {manifest.title} answered {status}{reason}"
    where = {"method": call.method, "path": call.path}
    wait = retry_after(headers)
    # A server that is down may answer 5xx too, but does not say when to come back.
    if status in manifest.throttled_by and (status < 500 or wait is not None):
        raise ThrottledError(f"{said}, too many requests", retry_after=wait, **where)
    if status == 401 or (call.signs_in and status in {400, 403}):
        raise RejectedCredentialsError(manifest.rejected.message, hint=manifest.rejected.hint)
    if status == 403:
        raise ForbiddenError(f"{said}, forbidden", **where)
    if status in {404, 410} and (reason or _is_json(headers)):
        raise NotFoundError(f"{said}, not found", **where)
    if status >= 500 or status == 408:
        raise UnavailableError(said, gateway=status in {502, 504}, **where)
    if 300 <= status < 400:
        raise ProtocolError(f"{said}, a redirect, so it is not the API", **where)
    if status >= 400:
        raise ProtocolError(said, **where)
    if not _is_json(headers):
        raise ProtocolError(f"{said} with something else than JSON, so it is not the API", **where)


def _reason(manifest: Manifest, headers: Mapping[str, str]) -> str:
    """What the provider says is wrong, in brackets, where it says so in a header."""
    said = headers.get(manifest.reason_header, "") if manifest.reason_header else ""
    plain = "".join(one for one in said if one.isprintable())[:_REASON]
    return f" ({plain})" if plain else ""


def _is_json(headers: Mapping[str, str]) -> bool:
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from either form of Retry-After, else from X-RateLimit-Reset; None when neither can be read."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(min(int(value[:_DIGITS]), _LONGEST))
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return _reset(headers.get("X-RateLimit-Reset", "").strip())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - datetime.now(UTC)).total_seconds()), float(_LONGEST))


def _reset(value: str) -> float | None:
    """Seconds to wait, from a number of seconds or, where it is too large for one, the second of the epoch."""
    if not (value.isascii() and value.isdigit() and len(value) <= _DIGITS):
        return None
    seconds = float(value)
    wait = seconds if seconds < _EPOCH else max(0.0, seconds - datetime.now(UTC).timestamp())
    return min(wait, float(_LONGEST))


def parse(call: Call, model: type[T], body: bytes) -> T:
    try:
        return msgspec.json.decode(body, type=model, strict=False)
    except UNREADABLE as error:
        raise misshapen(call, error) from None


def parse_page(call: Call, listing: type[Listing[R]], body: bytes, *, number: int) -> Page[R]:
    """The page in this body. A row that does not validate is rejected alone, not with its page."""
    rejected: tuple[Rejection, ...] = ()
    try:
        answer = msgspec.json.decode(body, type=listing, strict=False)
    except (msgspec.ValidationError, UnicodeDecodeError) as error:
        answer, rejected = _without_bad_rows(call, listing, body, error)
    except UNREADABLE as error:
        raise misshapen(call, error) from None
    return page_of(answer, tuple(answer.rows), rejected, number=number)


def page_of(answer: Listing[R], rows: tuple[R, ...], rejected: tuple[Rejection, ...] = (), *, number: int) -> Page[R]:
    """These rows, with what the answer says of the whole listing."""
    listing = type(answer)
    rows = _honest(answer, rows)
    return Page(
        rows=rows,
        ids=tuple([row.id for row in rows]),
        announced=answer.announced,
        total_source=TotalSource.NONE if listing.announced is Listing.announced else TotalSource.LISTING,
        rejected=rejected,
        place=PlaceInListing(number=number, last=False),
    )


def _honest(answer: Listing[R], rows: tuple[R, ...]) -> tuple[R, ...]:
    """Null under a field that did not come is no value: it becomes ``UNSET``."""
    came = answer.received
    if came is None or not rows:
        return rows
    structs: tuple[Any, ...] = rows
    fields = msgspec.structs.fields(structs[0])
    absent = [one.name for one in fields if one.default is UNSET and one.encode_name not in came]
    if not absent:
        return rows
    nulls = ({name: UNSET for name in absent if getattr(row, name) is None} for row in structs)
    return tuple([msgspec.structs.replace(row, **null) for row, null in zip(structs, nulls, strict=True)])


def rows_of(listing: type[Listing[R]]) -> tuple[str, type[R]]:
    """The key of the rows in the answer, and what each is."""
    (rows,) = [one for one in msgspec.structs.fields(listing) if one.name == "rows"]
    return rows.encode_name, rows.type.__args__[0]


def _without_bad_rows(
    call: Call, listing: type[Listing[R]], body: bytes, error: Exception
) -> tuple[Listing[R], tuple[Rejection, ...]]:
    """The answer without the rows that do not validate. Rows are parsed one by one, and only here."""
    key, row_type = rows_of(listing)
    try:
        envelope = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        raws = msgspec.json.decode(envelope[key], type=list[msgspec.Raw])
    except (*UNREADABLE, KeyError):
        raise misshapen(call, error) from None
    good: list[msgspec.Raw] = []
    rejected: list[Rejection] = []
    for raw in raws:
        try:
            msgspec.json.decode(raw, type=row_type, strict=False)
        except UNREADABLE as problem:
            rejected.append(rejection_of(raw, problem))
        else:
            good.append(raw)
    # Whatever does not fail again is kept: a row is either used or counted as rejected.
    rest = msgspec.json.encode({**envelope, key: good})
    try:
        return msgspec.json.decode(rest, type=listing, strict=False), tuple(rejected)
    except UNREADABLE as problem:
        raise misshapen(call, problem) from None


def rejection_of(row: Any, error: Exception) -> Rejection:
    """Why a row, parsed or not, cannot be used; with its id, if that is fit to be shown."""
    where, what = _told(error)
    try:
        raw = msgspec.json.decode(row, type=Row) if isinstance(row, msgspec.Raw) else msgspec.convert(row, Row)
    except UNREADABLE:
        return Rejection(None, where, what)
    return Rejection(raw.id, where, what)


def _told(error: Exception) -> tuple[str, str]:
    """Where, and what is wrong, in words that hold nothing of the content."""
    if not isinstance(error, msgspec.DecodeError):
        return "", "text that is not UTF-8" if isinstance(error, UnicodeDecodeError) else "nested too deeply"
    said, _, where = str(error).partition(" - at `$")
    if said.startswith("Invalid"):
        # «Invalid enum value» and its like quote the value.
        said = "Invalid value"
    return where.rstrip("`").lstrip("."), said if said.startswith("JSON") else said[:1].lower() + said[1:]


def misshapen(call: Call, error: Exception) -> MalformedError:
    where, what = _told(error)
    return MalformedError(f"{call}: {where or 'the answer'} is not as the API promises ({what})", path=call.path)

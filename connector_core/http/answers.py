"""What an answer means: an error by whose fault it is, or a body that may be parsed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec
from isal import isal_zlib

from connector_core.connector import Page, Rejection
from connector_core.errors import (
    ForbiddenError,
    MalformedError,
    NotFoundError,
    ProtocolError,
    RejectedCredentialsError,
    ThrottledError,
    UnavailableError,
)
from connector_core.manifest import Manifest
from connector_core.wire import Listing, R, Row, W

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for what it cannot parse."""
_GZIP = 16 + 15
"""The window bits that stand for gzip."""


def judge(manifest: Manifest, method: str, path: str, status: int, headers: Mapping[str, str]) -> None:
    """Raises the error that this answer stands for; returns when it is a usable one."""
    said = f"{method} {path}: {manifest.title} answered {status}"
    where = {"method": method, "path": path}
    if status in manifest.throttled_by:
        raise ThrottledError(f"{said}, too many requests", retry_after=retry_after(headers), **where)
    if status == 401:
        raise RejectedCredentialsError(manifest.rejected.message, hint=manifest.rejected.hint)
    if status == 403:
        raise ForbiddenError(f"{said}, forbidden", **where)
    if status in {404, 410} and _is_json(headers):
        raise NotFoundError(f"{said}, not found", **where)
    if status >= 500 or status == 408:
        raise UnavailableError(said, gateway=status in {502, 504}, **where)
    if 300 <= status < 400:
        raise ProtocolError(f"{said}, a redirect, so it is not the API", **where)
    if status >= 400:
        raise ProtocolError(said, **where)
    if not _is_json(headers):
        raise ProtocolError(f"{said} with something else than JSON, so it is not the API", **where)


def _is_json(headers: Mapping[str, str]) -> bool:
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from either form of Retry-After; None when it is absent or cannot be read."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def inflate(body: bytes, encoding: str, largest: int) -> bytes | None:
    """The body as it was before compression; None if that is longer than ``largest``.

    ValueError says why it cannot be unpacked.
    """
    if encoding.lower() in {"", "identity"}:
        return body if len(body) <= largest else None
    if encoding.lower() not in {"gzip", "x-gzip"}:
        raise ValueError("its encoding is not the one that was asked for")
    whole = b""
    while body:
        member = isal_zlib.decompressobj(wbits=_GZIP)
        try:
            whole += member.decompress(body, largest + 1 - len(whole))
        except isal_zlib.error:  # type: ignore[misc]  # Its stubs say that it is any object.
            raise ValueError("it is not gzip") from None
        if len(whole) > largest:
            return None
        if not member.eof:
            raise ValueError("it ends too early")
        body = member.unused_data
    return whole


def parse(path: str, model: type[W], body: bytes) -> W:
    try:
        return msgspec.json.decode(body, type=model, strict=False)
    except _UNREADABLE as error:
        raise _shape(path, error) from None


def parse_page(path: str, listing: type[Listing[R]], body: bytes, *, number: int) -> Page[R]:
    """The page in this body. A row that does not validate is rejected alone, not with its page."""
    rejected: tuple[Rejection, ...] = ()
    try:
        answer = msgspec.json.decode(body, type=listing, strict=False)
    except (msgspec.ValidationError, UnicodeDecodeError) as error:
        answer, rejected = _without_bad_rows(path, listing, body, error)
    except _UNREADABLE as error:
        raise _shape(path, error) from None
    rows = tuple(answer.rows)
    return Page(
        number=number,
        rows=rows,
        ids=tuple([row.id for row in rows]),
        announced=answer.announced,
        promised=listing.announced is not Listing.announced,
        rejected=rejected,
    )


def _without_bad_rows(
    path: str, listing: type[Listing[R]], body: bytes, error: Exception
) -> tuple[Listing[R], tuple[Rejection, ...]]:
    """The answer without the rows that do not validate. Rows are parsed one by one, and only here."""
    (rows,) = [one for one in msgspec.structs.fields(listing) if one.name == "rows"]
    key, row_type = rows.encode_name, rows.type.__args__[0]
    try:
        envelope = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        raws = msgspec.json.decode(envelope[key], type=list[msgspec.Raw])
    except (*_UNREADABLE, KeyError):
        raise _shape(path, error) from None
    good: list[msgspec.Raw] = []
    rejected: list[Rejection] = []
    for raw in raws:
        try:
            msgspec.json.decode(raw, type=row_type, strict=False)
        except _UNREADABLE as problem:
            where, what = _told(problem)
            rejected.append(Rejection(_id_of(raw), where, what))
        else:
            good.append(raw)
    # Whatever does not fail again is kept: a row is either used or counted as rejected.
    rest = msgspec.json.encode({**envelope, key: good})
    try:
        return msgspec.json.decode(rest, type=listing, strict=False), tuple(rejected)
    except _UNREADABLE as problem:
        raise _shape(path, problem) from None


def _id_of(raw: msgspec.Raw) -> str | None:
    """The row's id, if it is fit to be shown."""
    try:
        return msgspec.json.decode(raw, type=Row).id
    except _UNREADABLE:
        return None


def _told(error: Exception) -> tuple[str, str]:
    """Where, and what is wrong, in words that hold nothing of the content."""
    if not isinstance(error, msgspec.DecodeError):
        return "", "text that is not UTF-8" if isinstance(error, UnicodeDecodeError) else "nested too deeply"
    said, _, where = str(error).partition(" - at `$")
    if said.startswith("Invalid"):
        # «Invalid enum value» and its like quote the value.
        said = "Invalid value"
    return where.rstrip("`").lstrip("."), said if said.startswith("JSON") else said[:1].lower() + said[1:]


def _shape(path: str, error: Exception) -> MalformedError:
    where, what = _told(error)
    return MalformedError(f"GET {path}: {where or 'the answer'} is not as the API promises ({what})", path=path)

"""Bodies parsed into wire models. A row that does not validate is rejected alone, not with its page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic

import msgspec
from msgspec import UNSET

from connector_core.errors import Call, MalformedError
from connector_core.sdk.page import Page, PlaceInListing, Rejection, T, TotalSource
from connector_core.sdk.wire import Listing, R, Row

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""Exceptions of msgspec for input that it cannot parse."""


@dataclass(frozen=True, slots=True)
class ParsedPage(Generic[R]):
    """The rows of one response, and what it says of the whole listing."""

    rows: tuple[R, ...]
    ids: tuple[str, ...]
    announced: int | None
    total_source: TotalSource
    rejected: tuple[Rejection, ...] = ()

    @property
    def size(self) -> int:
        """Number of rows that came, rejected ones included."""
        return len(self.rows) + len(self.rejected)

    def at(self, place: PlaceInListing) -> Page[R]:
        """Return the page that a connector is given."""
        return Page(
            rows=self.rows,
            ids=self.ids,
            announced=self.announced,
            total_source=self.total_source,
            rejected=self.rejected,
            place=place,
        )

    @classmethod
    def joined(cls, parts: Sequence["ParsedPage[R]"]) -> "ParsedPage[R]":
        """Return one page of smaller ones. The last to come says what is true of the listing."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            rows=tuple(row for part in parts for row in part.rows),
            ids=tuple(one for part in parts for one in part.ids),
            announced=parts[-1].announced,
            total_source=parts[-1].total_source,
            rejected=tuple(one for part in parts for one in part.rejected),
        )


def parse(call: Call, model: type[T], body: bytes) -> T:
    try:
        return msgspec.json.decode(body, type=model, strict=False)
    except UNREADABLE as error:
        raise malformed(call, error) from None


def parse_page(call: Call, listing: type[Listing[R]], body: bytes) -> ParsedPage[R]:
    rejected: tuple[Rejection, ...] = ()
    try:
        response = msgspec.json.decode(body, type=listing, strict=False)
    except (msgspec.ValidationError, UnicodeDecodeError) as error:
        response, rejected = _without_bad_rows(call, listing, body, error)
    except UNREADABLE as error:
        raise malformed(call, error) from None
    return parsed(response, response.rows, rejected)


def parsed(response: Listing[R], rows: Sequence[R], rejected: Sequence[Rejection]) -> ParsedPage[R]:
    """Return these rows, with what the response says of the whole listing."""
    promises_total = type(response).announced is not Listing.announced
    rows = tuple(_without_absent_fields(response, rows))
    return ParsedPage(
        rows=rows,
        ids=tuple([row.id for row in rows]),
        announced=response.announced,
        total_source=TotalSource.LISTING if promises_total else TotalSource.NONE,
        rejected=tuple(rejected),
    )


def _without_absent_fields(response: Listing[R], rows: Sequence[R]) -> Sequence[R]:
    """Make a null ``UNSET`` if the response says that it does not hold the field."""
    received = response.received
    if received is None or not rows:
        return rows
    structs: Sequence[Any] = rows
    fields = msgspec.structs.fields(structs[0])
    absent = [one.name for one in fields if one.default is UNSET and one.encode_name not in received]
    if not absent:
        return rows
    nulls = ({name: UNSET for name in absent if getattr(row, name) is None} for row in structs)
    return [msgspec.structs.replace(row, **null) for row, null in zip(structs, nulls, strict=True)]


def rows_of(listing: type[Listing[R]]) -> tuple[str, type[R]]:
    """Return the key of the rows in the response, and the type of a row."""
    (rows,) = [one for one in msgspec.structs.fields(listing) if one.name == "rows"]
    return rows.encode_name, rows.type.__args__[0]


def _without_bad_rows(
    call: Call, listing: type[Listing[R]], body: bytes, error: Exception
) -> tuple[Listing[R], tuple[Rejection, ...]]:
    """Return the response without the rows that do not validate. Only here, rows are parsed one by one."""
    key, row_type = rows_of(listing)
    try:
        envelope = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        raws = msgspec.json.decode(envelope[key], type=list[msgspec.Raw])
    except (*UNREADABLE, KeyError):
        raise malformed(call, error) from None
    good: list[msgspec.Raw] = []
    rejected: list[Rejection] = []
    for raw in raws:
        try:
            msgspec.json.decode(raw, type=row_type, strict=False)
        except UNREADABLE as problem:
            rejected.append(rejection_of(raw, problem))
        else:
            good.append(raw)
    # The rows that do not fail are all parsed again: a row is either used or counted as rejected.
    rest = msgspec.json.encode({**envelope, key: good})
    try:
        return msgspec.json.decode(rest, type=listing, strict=False), tuple(rejected)
    except UNREADABLE as problem:
        raise malformed(call, problem) from None


def rejection_of(row: Any, error: Exception) -> Rejection:
    """Return why a row, parsed or not, cannot be used; with its id, if that is fit to be shown."""
    where, what = _described(error)
    try:
        raw = msgspec.json.decode(row, type=Row) if isinstance(row, msgspec.Raw) else msgspec.convert(row, Row)
    except UNREADABLE:
        return Rejection(None, where, what)
    return Rejection(raw.id, where, what)


def malformed(call: Call, error: Exception) -> MalformedError:
    where, what = _described(error)
    return MalformedError(f"{where or 'the response'} is not as the API promises ({what})", call=call)


def _described(error: Exception) -> tuple[str, str]:
    """Return where the problem is, and what it is, without any of the content."""
    if not isinstance(error, msgspec.DecodeError):
        return "", "text that is not UTF-8" if isinstance(error, UnicodeDecodeError) else "nested too deeply"
    message, _, where = str(error).partition(" - at `$")
    if message.startswith("Invalid"):
        # "Invalid enum value" and its like quote the value.
        message = "Invalid value"
    return where.rstrip("`").lstrip("."), message if message.startswith("JSON") else message[:1].lower() + message[1:]

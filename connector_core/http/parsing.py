"""Responses parsed into wire models: strictly first and, where that fails, row by row (``rows.py``)."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import accumulate
from typing import Any, Generic, cast

import msgspec
from msgspec import UNSET

from connector_core.errors import Call, MalformedError
from connector_core.http.headers import NO_HEADERS, Headers, links_of, with_headers
from connector_core.http.repair import parse_repaired
from connector_core.http.rows import RowParser, malformed
from connector_core.http.shape import decode_listing, lacking, raise_for_errors, shape_of
from connector_core.http.splitter import Splitter
from connector_core.http.tolerant import UNREADABLE, TolerantReader
from connector_core.sdk.invalid_text import PROBLEM, place_of_invalid_text
from connector_core.sdk.page import Origin, Page, PlaceInListing, T, TotalSource
from connector_core.sdk.paging import Chained, Paging
from connector_core.sdk.rejection import Rejection
from connector_core.sdk.wire import Listing, Maybe, R

_ORIGINS = 64
"""Requests whose origin is kept: a path may hold an id, so there may be very many."""
_PIECE = 64 * 1024
"""Bytes of a body that is parsed row by row, at once."""
_ROWS = 100


@dataclass(frozen=True, slots=True)
class ParsedPage(Generic[R]):
    """The rows of one response, and what it says of the whole listing."""

    rows: tuple[R, ...]
    ids: tuple[str, ...]
    announced: int | None
    total_source: TotalSource
    rejected: tuple[Rejection, ...] = ()
    repaired: int = 0
    """Places with a text that is not valid, outside of what is declared."""
    unreadable: tuple[str, ...] = ()
    """The place of each value that could not be read, in a row that is used without it."""
    created: tuple[Maybe[str | float], ...] | None = None
    """The creation times of the rows, as the provider writes them; None where rows carry none."""
    next_cursor: str | None = None
    """The cursor, or the address, of the next page."""
    removed: tuple[str, ...] = ()
    """The ids of rows of which the response only says that they were removed."""
    delta_token: str | None = field(default=None, repr=False)
    places: Sequence[int] | None = None
    """The place of each row in the response, from 1."""
    origin: Origin | None = None

    @property
    def size(self) -> int:
        """Number of rows that came, rejected and removed ones included."""
        return len(self.rows) + len(self.rejected) + len(self.removed)

    def at(self, place: PlaceInListing, recent: tuple[str, ...] | None = ()) -> Page[R]:
        """Return the page that a connector is given."""
        return Page(
            rows=self.rows,
            ids=self.ids,
            announced=self.announced,
            total_source=self.total_source,
            rejected=self.rejected,
            repaired=self.repaired,
            unreadable=self.unreadable,
            removed=self.removed,
            delta_token=self.delta_token,
            recent=recent,
            place=place,
            places=self.places,
            origin=self.origin,
        )

    @classmethod
    def joined(cls, parts: Sequence["ParsedPage[R]"]) -> "ParsedPage[R]":
        """Return one page of smaller ones. The last to come says what is true of the listing."""
        if len(parts) == 1:
            return parts[0]
        befores = accumulate([part.size for part in parts], initial=0)
        return cls(
            rows=tuple(row for part in parts for row in part.rows),
            ids=tuple(one for part in parts for one in part.ids),
            announced=parts[-1].announced,
            total_source=parts[-1].total_source,
            rejected=tuple(one for part in parts for one in part.rejected),
            repaired=sum(part.repaired for part in parts),
            unreadable=tuple(one for part in parts for one in part.unreadable),
            created=None if parts[0].created is None else tuple(one for part in parts for one in part.created or ()),
            removed=tuple(one for part in parts for one in part.removed),
            delta_token=parts[-1].delta_token,
            places=[before + one for before, part in zip(befores, parts, strict=False) for one in part.places or ()],
            origin=parts[0].origin,
        )


def parse(call: Call, model: type[T], body: bytes, headers: Headers = NO_HEADERS) -> T:
    """Return a response as a model. An item of a list in it may hold ``INVALID_TEXT``, if it has an id."""
    found = parse_undeclared(call, model, body)
    place = place_of_invalid_text(found, within_items=False)
    if place is not None:
        raise MalformedError(f"{place} is not as the API promises ({PROBLEM})", call=call)
    return with_headers(found, headers)


def parse_undeclared(call: Call, model: type[T], body: bytes) -> T:
    """Return the body as a model that declares more than is read, and may hold ``INVALID_TEXT`` anywhere."""
    try:
        return msgspec.json.decode(body, type=model, strict=False)
    except UNREADABLE as error:
        with suppress(*UNREADABLE, ValueError):
            return cast("T", TolerantReader().read(parse_repaired(body)[0], model))
        raise malformed(call, error) from None


def parse_page(
    call: Call,
    listing: type[Listing[R]],
    body: bytes,
    headers: Headers = NO_HEADERS,
    *,
    paging: Paging | None = None,
) -> ParsedPage[R]:
    """Return the rows of one response of a listing. ``paging`` reads in it where the next one is."""
    rows, repaired = None, 0
    try:
        response = decode_listing(call, listing, body)
    except UNREADABLE as error:
        response, rows, repaired = _parse_row_by_row(call, listing, body, error)
    response = with_headers(response, headers)
    told = paging.following(response, links_of(headers)) if isinstance(paging, Chained) else None
    return replace(parsed(call, response, rows, repaired), next_cursor=told)


def _parse_row_by_row(
    call: Call, listing: type[Listing[R]], body: bytes, error: Exception
) -> tuple[Listing[R], RowParser[R], int]:
    """Return the response, its rows, and the places beside them with a text that is not valid."""
    shape = shape_of(listing)
    splitter, rows = shape.splitter(), RowParser(call, shape.row)
    try:
        for at in range(0, len(body), _PIECE):
            splitter.feed(body[at : at + _PIECE])
            while values := splitter.take(_ROWS):
                rows.parse(values)
        rows.parse(splitter.rest())
    except ValueError:
        raise malformed(call, error) from None
    response = msgspec.structs.replace(parse_head(call, listing, splitter), rows=rows.good)
    return response, rows, splitter.repaired


def parse_head(call: Call, listing: type[Listing[R]], splitter: Splitter, headers: Headers = NO_HEADERS) -> Listing[R]:
    """Return what a response says besides its rows."""
    shape = shape_of(listing)
    if shape.errors:
        raise_for_errors(call, splitter.top.get(shape.errors))
    if not splitter.reached:
        raise lacking(call, shape)
    empty: dict[str, Any] = {shape.key or "rows": []} if splitter.begun else {}
    try:
        head: Listing[R] = TolerantReader().read(splitter.head | empty, listing)
    except UNREADABLE as error:
        raise malformed(call, error) from None
    place = place_of_invalid_text(head) if splitter.repaired else None
    if place is not None:
        raise MalformedError(f"{place} is not as the API promises ({PROBLEM})", call=call)
    return with_headers(head, headers)


def parsed(call: Call, response: Listing[R], parser: RowParser[R] | None = None, repaired: int = 0) -> ParsedPage[R]:
    """Return rows with what the response says of the whole listing.

    Args:
        call: The request.
        response: The response, with its rows unless they were parsed one by one.
        parser: It parsed them one by one.
        repaired: Places besides the rows with a text that is not valid.
    """
    promises_total = type(response).announced is not Listing.announced
    rows = tuple(_without_absent_fields(response, parser.good if parser else response.rows))
    places: Sequence[int] = parser.places if parser else range(1, len(rows) + 1)
    removed: tuple[str, ...] = ()
    if type(response).removed is not Listing.removed:
        gone = [response.removed(row) for row in rows]
        removed = tuple([row.id for row, one in zip(rows, gone, strict=True) if one])
        places = [place for place, one in zip(places, gone, strict=True) if not one]
        rows = tuple([row for row, one in zip(rows, gone, strict=True) if not one])
    return ParsedPage(
        rows=rows,
        ids=tuple([row.id for row in rows]),
        announced=response.announced,
        total_source=TotalSource.LISTING if promises_total else TotalSource.NONE,
        rejected=tuple(parser.rejected) if parser else (),
        repaired=repaired + (parser.repaired if parser else 0),
        unreadable=tuple(parser.unreadable) if parser else (),
        created=None if type(response).created is Listing.created else tuple(map(response.created, rows)),
        removed=removed,
        delta_token=response.delta_token,
        places=places,
        origin=_origin(call, type(response)),
    )


@lru_cache(_ORIGINS)
def _origin(call: Call, listing: type[Listing[Any]]) -> Origin:
    return Origin(str(call), shape_of(listing).pointer)


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

"""Bodies parsed into wire models. A row that does not validate is rejected alone, not with its page.

A body is parsed strictly first. Where that fails, its rows are parsed one by one, and where one of them fails too, the
strings in it that are not valid are replaced (``repair.py``): the row is used if none of them is in a declared field.
A row that does not validate is read part by part (``tolerant.py``): one value that is not as promised costs its field.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any, Generic, cast

import msgspec
from msgspec import UNSET

from connector_core.errors import Call, MalformedError
from connector_core.http.repair import TooManyError, parse_repaired
from connector_core.http.splitter import Splitter
from connector_core.http.tolerant import UNREADABLE, TolerantReader, source_id_of
from connector_core.sdk.invalid_text import INVALID_TEXT, PROBLEM, place_of_invalid_text
from connector_core.sdk.page import Origin, Page, PlaceInListing, T, TotalSource
from connector_core.sdk.rejection import Rejection, rejection_of_text
from connector_core.sdk.wire import Listing, Maybe, R

_ORIGINS = 64
"""Requests whose origin is kept: a path may hold an id, so there may be very many."""
_PIECE = 64 * 1024
"""Bytes of a body that is parsed row by row, at once."""
_ROWS = 100
_MOST_BAD_ROWS = 10_000
"""Bad rows in one response, which is not as the API promises if it has more."""
_LARGEST_BAD_ROW = 1024 * 1024
"""Bytes of a row that is repaired: it takes longer than parsing, and holds up all other runs."""


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
    places: Sequence[int] | None = None
    """The place of each row in the response, from 1."""
    origin: Origin | None = None

    @property
    def size(self) -> int:
        """Number of rows that came, rejected ones included."""
        return len(self.rows) + len(self.rejected)

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
            places=[before + one for before, part in zip(befores, parts, strict=False) for one in part.places or ()],
            origin=parts[0].origin,
        )


def parse(call: Call, model: type[T], body: bytes) -> T:
    """Return the body as a model. An item of a list in it may hold ``INVALID_TEXT``, if it has an id."""
    found = parse_undeclared(call, model, body)
    place = place_of_invalid_text(found, within_items=False)
    if place is not None:
        raise MalformedError(f"{place} is not as the API promises ({PROBLEM})", call=call)
    return found


def parse_undeclared(call: Call, model: type[T], body: bytes) -> T:
    """Return the body as a model that declares more than is read, and may hold ``INVALID_TEXT`` anywhere."""
    try:
        return msgspec.json.decode(body, type=model, strict=False)
    except UNREADABLE as error:
        with suppress(*UNREADABLE, ValueError):
            return cast("T", TolerantReader().read(parse_repaired(body)[0], model))
        raise malformed(call, error) from None


def parse_page(call: Call, listing: type[Listing[R]], body: bytes) -> ParsedPage[R]:
    try:
        response = msgspec.json.decode(body, type=listing, strict=False)
    except UNREADABLE as error:
        return _parse_row_by_row(call, listing, body, error)
    return parsed(call, response)


def _parse_row_by_row(call: Call, listing: type[Listing[R]], body: bytes, error: Exception) -> ParsedPage[R]:
    key, row_type = rows_of(listing)
    splitter, rows = Splitter(key), RowParser(call, row_type)
    try:
        for at in range(0, len(body), _PIECE):
            splitter.feed(body[at : at + _PIECE])
            while values := splitter.take(_ROWS):
                rows.parse(values)
        rows.parse(splitter.rest())
    except ValueError:
        raise malformed(call, error) from None
    response = msgspec.structs.replace(parse_head(call, listing, splitter), rows=rows.good)
    return parsed(call, response, rows, splitter.repaired)


def parse_head(call: Call, listing: type[Listing[R]], splitter: Splitter) -> Listing[R]:
    """Return what a response says besides its rows."""
    empty: dict[str, Any] = {rows_of(listing)[0]: []} if splitter.begun else {}
    try:
        head: Listing[R] = TolerantReader().read(splitter.head | empty, listing)
    except UNREADABLE as error:
        raise malformed(call, error) from None
    place = place_of_invalid_text(head) if splitter.repaired else None
    if place is not None:
        raise MalformedError(f"{place} is not as the API promises ({PROBLEM})", call=call)
    return head


class RowParser(Generic[R]):
    """Parses rows one by one, and rejects those that are not as the API promises."""

    def __init__(self, call: Call, row_type: type[R], before: int = 0) -> None:
        """``before`` is how many rows of the response come before these."""
        self.good: list[R] = []
        self.places: list[int] = []
        """The place of each good row in the response, from 1."""
        self.rejected: list[Rejection] = []
        self.repaired = 0
        """Rows that were used, though a text in them that is not declared is not valid."""
        self.unreadable: list[str] = []
        """The place of each value that could not be read, in rows that were used without it."""
        self._call = call
        self._row_type = row_type
        self._place = before

    def parse(self, values: Iterable[Any], known: frozenset[int] = frozenset()) -> None:
        """Add rows of a ``Splitter``, without those whose hashed ids are known. Raises MalformedError for no JSON."""
        for value in values:
            self._place += 1
            try:
                row = msgspec.convert(value, self._row_type, strict=False)
            except UNREADABLE:
                text = bytes(value) if isinstance(value, msgspec.Raw) else None
                found = self._read_part_by_part(value) if text is None else self._parse_text(text)
                if isinstance(found, Rejection):
                    self.rejected.append(found)
                    continue
                row = found
            if not known or hash(row.id) not in known:
                self.good.append(row)
                self.places.append(self._place)
        if len(self.rejected) + self.repaired > _MOST_BAD_ROWS:
            raise MalformedError(f"more than {_MOST_BAD_ROWS} rows are not as the API promises", call=self._call)

    def _parse_text(self, text: bytes) -> R | Rejection:
        """Return a row that could not be parsed strictly."""
        try:
            # Its surrogates may be pairs.
            return msgspec.json.decode(text, type=self._row_type, strict=False)
        except UNREADABLE as error:
            # Without its frames, which hold the text.
            strict = error.with_traceback(None)
        if len(text) > _LARGEST_BAD_ROW:
            return Rejection(None, "", f"{PROBLEM}, in a row of {len(text)} bytes")
        try:
            value, bad = parse_repaired(text)
        except (TooManyError, RecursionError) as error:
            return Rejection(None, *_described(error))
        except ValueError:
            raise malformed(self._call, strict) from None
        row = self._read_part_by_part(value)
        if isinstance(row, Rejection):
            return row
        if rejection := rejection_of_text(row):
            return rejection
        self.repaired += bad
        return row

    def _read_part_by_part(self, value: Any) -> R | Rejection:
        """Return a row without the values that could not be read, or why it is of no use without them."""
        reader = TolerantReader()
        try:
            row: R = reader.read(value, self._row_type)
        except UNREADABLE as error:
            return rejection_of(value, self._row_type, error)
        if reader.failure and not reader.filled:
            return rejection_of(value, self._row_type, reader.failure)
        self.unreadable += reader.unreadable
        return row


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
    return ParsedPage(
        rows=rows,
        ids=tuple([row.id for row in rows]),
        announced=response.announced,
        total_source=TotalSource.LISTING if promises_total else TotalSource.NONE,
        rejected=tuple(parser.rejected) if parser else (),
        repaired=repaired + (parser.repaired if parser else 0),
        unreadable=tuple(parser.unreadable) if parser else (),
        created=None if type(response).created is Listing.created else tuple(map(response.created, rows)),
        next_cursor=response.next_cursor,
        places=parser.places if parser else range(1, len(rows) + 1),
        origin=_origin(call, type(response)),
    )


@lru_cache(_ORIGINS)
def _origin(call: Call, listing: type[Listing[Any]]) -> Origin:
    key = rows_of(listing)[0].replace("~", "~0").replace("/", "~1")
    return Origin(str(call), f"/{key}")


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


def rejection_of(row: Any, row_type: Any, error: Exception) -> Rejection:
    """Return why a row that was parsed cannot be used; with its id, if that is fit to be shown."""
    source_id = source_id_of(row, row_type)
    return Rejection(None if source_id and INVALID_TEXT in source_id else source_id, *_described(error))


def malformed(call: Call, error: Exception) -> MalformedError:
    where, what = _described(error)
    return MalformedError(f"{where or 'the response'} is not as the API promises ({what})", call=call)


def _described(error: Exception) -> tuple[str, str]:
    """Return where the problem is, and what it is, without any of the content."""
    if isinstance(error, RecursionError):
        return "", "nested too deeply"
    if isinstance(error, UnicodeError):
        return "", PROBLEM
    message, _, where = str(error).partition(" - at `$")
    if message.startswith("Invalid"):
        # "Invalid enum value" and its like quote the value.
        message = "Invalid value"
    return where.rstrip("`").lstrip("."), message if message.startswith("JSON") else message[:1].lower() + message[1:]

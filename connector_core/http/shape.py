"""The shape of a listing's responses: where its rows are, and what says that the provider failed."""

from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, get_origin

import msgspec
from msgspec import UNSET, UnsetType

from connector_core.errors import Call, MalformedError, ProtocolError
from connector_core.http.splitter import Splitter
from connector_core.sdk.wire import ArrayListing, Listing, R


@dataclass(frozen=True, slots=True)
class Shape(Generic[R]):
    """The shape of the responses of one ``Listing``."""

    within: tuple[str, ...]
    """The keys of the object that holds the listing's fields."""
    key: str | None
    """The key of the rows in that object; None where the response is an array of them."""
    row: type[R]
    errors: str
    """The key of the errors in the outermost object."""

    @property
    def pointer(self) -> str:
        """The JSON pointer to the rows."""
        keys = (*self.within, *([] if self.key is None else [self.key]))
        return "".join([f"/{one.replace('~', '~0').replace('/', '~1')}" for one in keys])

    def splitter(self) -> Splitter:
        return Splitter(self.key, self.within)


@cache
def shape_of(listing: type[Listing[R]]) -> Shape[R]:
    (rows,) = [one for one in msgspec.structs.fields(listing) if one.name == "rows"]
    # A generic listing of one kind of rows is no class: ``Resources[User]``.
    is_array = issubclass(get_origin(listing) or listing, ArrayListing)
    within = tuple(listing.within.split(".")) if listing.within else ()
    return Shape(within, None if is_array else rows.encode_name, rows.type.__args__[0], listing.errors)


def decode_listing(call: Call, listing: type[Listing[R]], body: bytes) -> Listing[R]:
    """Return a body as a listing, parsed strictly. Raises one of ``UNREADABLE`` if it cannot be."""
    shape = shape_of(listing)
    if shape.errors:
        raise_for_errors(call, msgspec.json.decode(body, type=_with_errors(shape.errors)).errors)
    if shape.key is None:
        return listing(rows=msgspec.json.decode(body, type=list[shape.row], strict=False))  # type: ignore[name-defined]
    found = msgspec.json.decode(body, type=_enclosed(listing), strict=False)
    for _ in shape.within:
        found = found.inner
        if found is None or found is UNSET:
            raise lacking(call, shape)
    return found  # type: ignore[no-any-return]


def raise_for_errors(call: Call, errors: Any) -> None:
    """Raise ProtocolError if a good response reports errors. They may quote anybody, so none of it is kept."""
    if errors:
        raise ProtocolError("the response reports errors", call=call)


def lacking(call: Call, shape: Shape[R]) -> MalformedError:
    """Return the error of a response without the object that holds the listing's fields."""
    where = ".".join(shape.within)
    return MalformedError(f"{where} is not as the API promises (it is null or absent)", call=call)


@cache
def _enclosed(listing: type[Listing[R]]) -> Any:
    """Return the type of a whole response."""
    found: Any = listing
    for key in reversed(shape_of(listing).within):
        inner = msgspec.field(default=UNSET, name=key)
        found = msgspec.defstruct("Enclosing", [("inner", found | None | UnsetType, inner)])
    return found


@cache
def _with_errors(key: str) -> Any:
    return msgspec.defstruct("WithErrors", [("errors", Any, msgspec.field(default=None, name=key))])

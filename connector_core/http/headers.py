"""The parts of a response's headers that are read: declared fields, and the addresses of other pages."""

import re
from contextlib import suppress
from functools import cache
from typing import Any, TypeVar, cast, get_origin

import msgspec
from multidict import CIMultiDict, CIMultiDictProxy

from connector_core.sdk.wire import HEADER

T = TypeVar("T")

Headers = CIMultiDictProxy[str]
NO_HEADERS: Headers = CIMultiDictProxy(CIMultiDict())
_PARAMETER = r';\s*+([^\s=;,"]++)\s*+(?:=\s*+(?:"((?:[^"\\]++|\\.)*+)"|([^\s";,]*+)))?+\s*+'
_NAMED = re.compile(_PARAMETER)
_LINK = re.compile(rf"<([^<>]*+)>\s*+((?:{_PARAMETER})*+)")
"""One link of a ``Link`` header: its address and its parameters."""


def with_headers(model: T, headers: Headers) -> T:
    """Return a model with the fields that it declares by ``from_header``. One that cannot be read stays ``UNSET``."""
    values = {}
    for name, header, wanted in _declared(cast("Any", type(model))):
        text = headers.get(header, "")
        # Bytes that are not valid came as lone surrogates, which are not printable.
        if text and text.isprintable():
            with suppress(msgspec.ValidationError):
                values[name] = msgspec.convert(text, wanted, strict=False)
    return cast("T", msgspec.structs.replace(cast("Any", model), **values)) if values else model


@cache
def _declared(model: Any) -> tuple[tuple[str, str, Any], ...]:
    """Return the fields that are read from headers: name, header and type."""
    origin = get_origin(model) or model
    if not issubclass(origin, msgspec.Struct):
        return ()
    fields = [one for one in msgspec.structs.fields(model) if one.encode_name.startswith(HEADER)]
    return tuple([(one.name, one.encode_name.removeprefix(HEADER), one.type) for one in fields])


def links_of(headers: Headers) -> dict[str, str]:
    """Return the addresses of the ``Link`` headers by relation, in lower case. The first of a relation counts."""
    found: dict[str, str] = {}
    for line in headers.getall("Link", ()):
        for address, parameters in (match.group(1, 2) for match in _LINK.finditer(line)):
            values = [quoted or plain for name, quoted, plain in _NAMED.findall(parameters) if name.lower() == "rel"]
            for relation in values[0].lower().split() if values else ():
                found.setdefault(relation, address.strip())
    return found

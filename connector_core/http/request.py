"""One request to the provider, as a value that can be sent again."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode, urljoin

import msgspec
from pydantic import SecretStr

from connector_core.errors import Call
from connector_core.sdk.api import Params
from connector_core.sdk.position import PageQuery


@dataclass(frozen=True, slots=True)
class Request:
    """One request. It only reads, even as a POST, so it may be sent again."""

    call: Call
    params: Params = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    """May hold the secret."""
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further headers, none of which is secret."""
    authenticated: bool = True
    """False sends no secret."""
    signs_in: bool = False
    """True if the body is the secret, sent in return for a token: 400 and 403 then reject it as 401 does."""
    signed: Mapping[str, SecretStr] = field(default_factory=dict)
    """The headers that sign it, where it is not ``authenticated``."""
    url: str = ""
    """The whole address, if the provider told it: it takes the place of path and parameters."""
    expired_by: frozenset[int] = frozenset()
    """The statuses that say that its cursor, or its address, is no longer valid."""
    logged_path: str = ""
    """The path as logs may show it, if it holds the id of a row."""
    streamed: bool = False
    """True if the response is parsed while it arrives: it may take any time, but may not fall silent."""

    @classmethod
    def for_listing(
        cls,
        path: str,
        params: Params | None,
        body: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None = None,
        *,
        streamed: bool = False,
    ) -> "Request":
        """Return a GET, or a POST if there is a body, which is sent as JSON."""
        more: dict[str, Any] = {"headers": headers or {}, "streamed": streamed}
        if body is None:
            return cls(Call("GET", path), params or {}, **more)
        encoded = msgspec.json.encode(body, order="sorted")
        return cls(Call("POST", path), params or {}, encoded, "application/json", **more)

    def at(self, page: PageQuery) -> "Request":
        """Return the request for one page of a listing. Its own parameters win over those of the paging."""
        if page.url:
            return replace(self, url=_joined(self.url, page.url))
        if page.sent_in is None:
            return replace(self, params={**{name: str(value) for name, value in page.params.items()}, **self.params})
        body = msgspec.json.decode(self.body or b"{}")
        holder = body
        for key in filter(None, page.sent_in.at.split(".")):
            holder = holder.setdefault(key, {})
        holder.update({name: value for name, value in page.params.items() if name not in holder})
        return replace(self, body=msgspec.json.encode(body, order="sorted"))

    @property
    def listing(self) -> str:
        """Key of the listing that is requested: equal for all of its pages."""
        query = urlencode(sorted(self.params.items()), doseq=True)
        more = (self.body or b"") + self.url.encode(errors="replace")
        return f"{self.call.path}?{query}{f'#{sha256(more).hexdigest()[:16]}' if more else ''}"


def _joined(first: str, told: str) -> str:
    """Return an address that may be relative to the first one. One that is not valid is refused when it is sent."""
    try:
        return urljoin(first, told)
    except ValueError:
        return told

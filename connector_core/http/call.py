"""One request, so that it can be asked again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import msgspec

from connector_core.sdk.connector import Params


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked for. Every one only reads, a POST too, so any may be asked again."""

    method: str
    path: str
    """Below the base URL."""
    params: Params = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    """It may be the secret."""
    content_type: str = ""
    authenticated: bool = True
    """Whether the secret is sent."""
    signs_in: bool = False
    """Whether the body is the secret, in return for a token: then 400 and 403 refuse it as well as 401."""

    @classmethod
    def reading(cls, path: str, params: Params | None, body: Mapping[str, Any] | None) -> "Call":
        """A GET, or a POST with this as JSON."""
        if body is None:
            return cls("GET", path, params or {})
        return cls("POST", path, params or {}, msgspec.json.encode(body, order="sorted"), "application/json")

    @property
    def source(self) -> str:
        """Which listing it asks for, page numbers apart."""
        query = urlencode(sorted(self.params.items()), doseq=True)
        return f"{self.path}?{query}{f'#{sha256(self.body).hexdigest()[:16]}' if self.body else ''}"

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

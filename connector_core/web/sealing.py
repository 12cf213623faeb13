"""Addresses that name no person: the words of a search, and the place at which a list of people goes on, are sealed.

An address is kept by the browser's history and by the logs of proxies. A sealed one still works with the button back.
"""

import json
from collections.abc import Mapping
from urllib.parse import urlencode

from aiohttp import web
from cryptography.fernet import Fernet, InvalidToken

from connector_core.web.errors import MissingError

PERSONAL = frozenset({"search", "after"})
"""Parameters that hold names or addresses of people."""
_SEALED = "find"
"""The parameter that holds them, sealed."""


class Sealing:
    """Seals and opens parameters, with a key of this process: after a restart people search again."""

    def __init__(self) -> None:
        self._key = Fernet(Fernet.generate_key())

    def address(self, path: str, values: Mapping[str, str]) -> str:
        """Return an address with these parameters, without those that are empty."""
        given = {name: value for name, value in values.items() if value}
        plain = {name: value for name, value in given.items() if name not in PERSONAL}
        if personal := {name: value for name, value in given.items() if name in PERSONAL}:
            plain[_SEALED] = self._key.encrypt(json.dumps(personal).encode()).decode()
        return f"{path}?{urlencode(plain)}" if plain else path

    def query_of(self, request: web.Request) -> dict[str, str]:
        """Return the parameters of a request. Personal ones that are not sealed are not looked at."""
        found = {name: value for name, value in request.query.items() if name not in PERSONAL}
        if sealed := found.pop(_SEALED, ""):
            try:
                found |= json.loads(self._key.decrypt(sealed.encode()))
            except InvalidToken:
                raise MissingError("This search is not known any more.", hint="Search again.") from None
        return found

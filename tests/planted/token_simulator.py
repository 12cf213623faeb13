"""Local simulator of Example HR that tells what has changed since a token."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from aiohttp import web

from connector_core.testing import Answer, Simulator, SimulatorOptions, json_answer
from planted.simulator import JSON, ExampleSimulator

CHANGES = "/people/changes"
ENTRIES = 4
"""Changes on one page."""


class TokenSimulator(ExampleSimulator):
    """Keeps the people of each moment at which it has given a token, and compares them with those of today.

    A row that has changed comes with its id and the values that are other ones, one that is new comes whole.
    """

    replays = 1
    """How often each page of changes comes."""

    def __init__(self, people: int, seed: int) -> None:
        super().__init__(people, seed)
        self._states: dict[str, dict[str, dict[str, Any]]] = {}
        self._lists: dict[str, tuple[list[tuple[str, dict[str, Any] | None]], str]] = {}
        self._tokens = 0

    def token(self) -> str:
        """Give a token of the people as they are now."""
        self._tokens += 1
        token = f"token-{self._tokens}"
        self._states[token] = {one["id"]: deepcopy(one) for one in self.people}
        return token

    def expire_tokens(self) -> None:
        self._states.clear()
        self._lists.clear()

    def changed_since(self, token: str) -> list[tuple[str, dict[str, Any] | None]]:
        """Return the ids of rows that are other ones now, each with what has changed, or None where it was removed."""
        before, now = self._states[token], {one["id"]: deepcopy(one) for one in self.people}
        found: list[tuple[str, dict[str, Any] | None]] = []
        for one, row in now.items():
            changed = {name: value for name, value in row.items() if value != before.get(one, {}).get(name)}
            if changed:
                found.append((one, {**changed, "id": one}))
        return found + [(one, None) for one in before if one not in now]

    def answer(self, request: web.Request) -> Answer:
        path = self.path_of(request)
        if path == "/people/token":
            return json_answer({"token": self.token()}, 200, JSON)
        if path == CHANGES and request.headers.get("Authorization") == f"Bearer {self.credentials['api_key']}":
            return json_answer(self.page(request.query), 200, JSON)
        return super().answer(request)

    def page(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Return one page of the changes since a token, or behind a cursor."""
        key, _, place = query["since"].partition("+")
        if key in self._states and not place:
            self._lists[key] = self.changed_since(key), self.token()
        if key not in self._lists:
            return {"people": [], "removed": [], "expired": True}
        entries, token = self._lists[key]
        entries = [entry for entry in entries for _ in range(self.replays)]
        end = int(place or 0) + ENTRIES
        page = entries[end - ENTRIES : end]
        more = end < len(entries)
        return {
            "people": [row for _, row in page if row is not None],
            "removed": [one for one, row in page if row is None],
            "next": f"{key}+{end}" if more else None,
            "token": None if more else token,
        }


def simulator(options: SimulatorOptions) -> Simulator:
    return TokenSimulator(options.people, options.seed)

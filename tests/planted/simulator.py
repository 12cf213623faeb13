"""Local simulator of Example HR."""

import random
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from connector_core import Employee, Entity
from connector_core.testing import Answer, Listed, Simulator, SimulatorOptions, json_answer

JSON = (("Content-Type", "application/json"),)
PAGE = 25


class ExampleSimulator(Simulator):
    host = "acme.hr.example"
    credentials: Mapping[str, str] = {"domain": host, "api_key": "simulated-example-key-81c2"}
    listings: tuple[Listed, ...] = (Listed("/people", "people", "total"),)
    private = re.compile(rb"private-\d+")

    def __init__(self, people: int, seed: int) -> None:
        super().__init__()
        self._random = random.Random(seed)
        self._people: list[dict[str, Any]] = []
        for _ in range(people):
            self._append("2020-01-01T00:00:00+00:00")

    @property
    def people(self) -> list[dict[str, Any]]:
        return self._people

    def ids(self, kind: type[Entity]) -> set[str]:
        return {one["id"] for one in self.people} if kind is Employee else set()

    def hire(self) -> None:
        self._append(datetime.now(UTC).isoformat())

    def _append(self, created: str) -> None:
        number, place = self._random.randrange(10**12), len(self.people)
        title = self._random.choice(["Engineer", "Designer"])
        self.people.append(
            {
                "id": f"p{number}",
                "name": f"Person {number}",
                "email": f"{number}@example.example" if place % 10 != 3 else " ",
                "title": title if place % 10 != 4 else f" {title} ",
                "active": True,
                "manager": self.people[0]["id"] if self.people else None,
                "ssn": f"private-{number}",
                "pay": {"yearly": f"private-{number % 977}"},
                "created": created,
            }
        )

    def evolve(self) -> tuple[str, ...]:
        self._append("2021-01-01T00:00:00+00:00")
        self.people[5]["title"] = "Director"
        self.people[6]["active"] = False
        self.erase(8)
        return ("one hired, one promoted, one left, one erased",)

    def path_of(self, request: web.Request) -> str:
        return request.path.removeprefix("/v1")

    def accepts(self, request: web.Request) -> bool:
        return request.headers.get("Authorization") == f"Bearer {self.credentials['api_key']}"

    def answer(self, request: web.Request) -> Answer:
        path = self.path_of(request)
        if not self.accepts(request):
            return json_answer({"error": "unknown key"}, 401, JSON)
        if path == "/me":
            return json_answer({"id": "o1", "company": "Acme"}, 200, JSON)
        if path == "/people":
            size = min(int(request.query.get("per_page", PAGE)), self.largest_page or PAGE)
            start = (int(request.query.get("page", 1)) - 1) * size
            return json_answer({"people": self.people[start : start + size], "total": len(self.people)}, 200, JSON)
        found = [one for one in self.people if path == f"/people/{one['id']}"]
        return json_answer(found[0], 200, JSON) if found else json_answer({"error": "not found"}, 404, JSON)


def simulator(options: SimulatorOptions) -> Simulator:
    return ExampleSimulator(options.people, options.seed)

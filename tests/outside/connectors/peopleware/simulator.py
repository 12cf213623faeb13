"""Local simulator of Peopleware: employees by cursors, changes by tokens, and sign-ins at another host."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from aiohttp import web

from connector_core import Employee, Entity
from connector_core.testing import (
    Answer,
    AuthorizationServer,
    Listed,
    Person,
    SimulatorOptions,
    StaffSimulator,
    Switches,
    json_answer,
)

PREFIX = "/v2"
JSON = (("Content-Type", "application/json"),)
PAGE = 25
"""The most rows in a page."""


class Behaviour(Switches):
    """Facts that the provider's documentation leaves open. The first value of each is the default."""

    rotation: Literal["none", "on_use", "at_once"] = "none"
    """When a refresh token ends: never, when the next one is used, or as it is used."""


class PeoplewareSimulator(StaffSimulator):
    host = "api.peopleware.example"
    other_hosts = ("login.peopleware.example",)
    credentials: Mapping[str, str] = {
        "client_id": "connector-core",
        "client_secret": "simulated-peopleware-secret-5d1f",
    }
    oauth: AuthorizationServer
    listings = (
        Listed("/employees", "items", cursor="after", expired=410),
        Listed("/departments", "items", people=False),
    )

    def __init__(self, people: int, seed: int, behaviour: Behaviour) -> None:
        super().__init__(people, seed)
        self.oauth = AuthorizationServer(
            "https://login.peopleware.example",
            self.credentials["client_id"],
            client_secret=self.credentials["client_secret"],
            scopes=frozenset({"people.read", "offline_access"}),
            secret_in="basic",
            rotation=behaviour.rotation,
            revokes_family=True,
            issued=self.issued,
        )
        self._units = {one.department: f"d{number}" for number, one in enumerate(self.people[:10], 1)}
        self._seen = {one.number: one for one in self.present()}
        self._changes: list[int] = []  # the numbers of the employees that changed, in order
        self._generation = 1  # of tokens: those of an earlier one have expired

    def ids(self, kind: type[Entity]) -> set[str]:
        return {f"e{one.number}" for one in self.people} if kind is Employee else set(self._units.values())

    def path_of(self, request: web.Request) -> str:
        return request.path.removeprefix(PREFIX)

    def expire_tokens(self) -> None:
        self._generation += 1

    def answer(self, request: web.Request) -> Answer:
        return self.oauth.answer(request) or (self._rows(request) if self.oauth.accepts(request) else _error(401))

    def _rows(self, request: web.Request) -> Answer:
        _, kind, *rest = self.path_of(request).split("/")
        match kind, rest:
            case "me", []:
                return json_answer({"id": "u1", "company": {"id": "c1"}, "company_name": "Acme"}, 200, JSON)
            case "employees", []:
                return self._employees(request)
            case "employees", ["changes"]:
                return self._changed(request)
            case "employees", [one]:
                return _single(self._employee(person) for person in self.present() if one == f"e{person.number}")
            case "departments", []:
                return json_answer({"items": [self._department(*unit) for unit in self._units.items()]}, 200, JSON)
            case "departments", [one]:
                return _single(self._department(*unit) for unit in self._units.items() if unit[1] == one)
        return _error(404)

    # ---- listings

    def _employees(self, request: web.Request) -> Answer:
        start, token = _read(request.query["after"]) if "after" in request.query else (0, self._now())
        return self._page(request, self.present(), start, token, self._employee)

    def _changed(self, request: web.Request) -> Answer:
        generation, since = map(int, request.query["since"].split("."))
        if generation != self._generation:
            return _error(410)
        start, token = _read(request.query["after"]) if "after" in request.query else (0, self._now())
        people = {one.number: one for one in self.present()}
        numbers = list(dict.fromkeys(self._changes[since:token]))
        return self._page(request, numbers, start, token, lambda number: self._change(number, people.get(number)))

    def _page(self, request: web.Request, rows: Sequence[Any], start: int, token: int, shape: Any) -> Answer:
        end = start + min(int(request.query["limit"]), self.largest_page or PAGE)
        last = end >= len(rows)
        ending = {"sync_token": f"{self._generation}.{token}"} if last else {}
        after = None if last else _written(end, token)
        shown = [shape(one) for one in rows[start:end]]
        return json_answer({"items": shown, "paging": {"after": after}} | ending, 200, JSON)

    def _now(self) -> int:
        """Note what has changed since it was last noted, and return the number of changes."""
        now = {one.number: one for one in self.present()}
        self._changes += [number for number, one in now.items() if self._seen.get(number) != one]
        self._changes += [number for number in self._seen if number not in now]
        self._seen = now
        return len(self._changes)

    # ---- the shapes

    def _change(self, number: int, person: Person | None) -> dict[str, Any]:
        return {"id": f"e{number}", "deleted": True} if person is None else self._employee(person)

    def _employee(self, one: Person) -> dict[str, Any]:
        return {
            "id": f"e{one.number}",
            "name": f"{one.first} {one.last}",
            "first_name": one.first,
            "last_name": one.last,
            "work_email": one.email if one.number % 40 else None,
            "staff_number": f"{one.number:05}",
            "job": {"id": 7, "title": one.title},
            "status": "active" if one.active else "left",
            "contract": "external" if one.contractor else "permanent",
            "starts": one.start.isoformat(),
            "ends": one.end.isoformat() if one.end else None,
            "manager": None if one.manager is None else {"id": f"e{one.manager}"},
            "department": {"id": self._units[one.department]},
            "site": one.office,
            "modified": one.changed.isoformat(),
            # A real user may see more than is needed.
            "birth_date": one.private(1),
            "salary": one.private(2),
        }

    def _department(self, name: str, number: str) -> dict[str, Any]:
        return {"id": number, "name": name, "parent": None if number == "d1" else {"id": "d1"}}


def _written(start: int, token: int) -> str:
    return base64.urlsafe_b64encode(f"{start}.{token}".encode()).decode()


def _read(cursor: str) -> tuple[int, int]:
    start, token = base64.urlsafe_b64decode(cursor).decode().split(".")
    return int(start), int(token)


def _single(found: Any) -> Answer:
    row = next(iter(found), None)
    return _error(404) if row is None else json_answer(row, 200, JSON)


def _error(status: int) -> Answer:
    return json_answer({"error": {"status": status}}, status, JSON)


def simulator(options: SimulatorOptions) -> PeoplewareSimulator:
    return PeoplewareSimulator(options.people, options.seed, Behaviour.parse(options.behaviour))

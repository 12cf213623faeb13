"""Local simulator of HiBob."""

import asyncio
import json
import time
from base64 import b64encode
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import Field

from connector_core import Employee, Entity
from connector_core.testing import (
    BODY,
    Answer,
    Listed,
    Person,
    SimulatorOptions,
    StaffSimulator,
    Switches,
    json_answer,
)

PREFIX = "/v1"
JSON = (("Content-Type", "application/json"),)
FIRST_ID = 3_100_000_000_000_000_000
"""Ids have 19 digits."""
WINDOW = 60
"""Seconds that the quota applies to."""
LEAVE = ("leave", "parental leave", "Sabbatical in Rome")
"""Kinds of leave, the last of them the company's own."""


class Behaviour(Switches):
    """Switches. The first value of each is the default."""

    list_ids: Literal["numbers", "texts"] = "numbers"
    """Ids of list items: numbers as strings, or the items' own texts."""
    list_key: Literal["both", "items", "values"] = "both"
    """Key under which a named list has its items."""
    department_list: Literal["all", "short", "current"] = "all"
    """Departments listed: all; `short` omits the first, which people are in; `current` omits archived ones."""
    hidden: str = ""
    """A field that the service user may not see, such as work.title."""
    leavers: Literal["yes", "no"] = "yes"
    """Presence of former employees in the service user's permission group."""
    leave_access: Literal["Inactive", "Active"] = "Inactive"
    """Right to sign in (internal.status) of people on leave: a setting of the company."""
    refusal: Literal[401, 403] = 401
    """Status of the answer to a wrong token."""
    quota: Annotated[int, Field(ge=1)] = 50
    """Searches allowed in a minute."""
    latency: Annotated[int, Field(ge=0)] = 0
    """Milliseconds before each answer."""


class HiBobSimulator(StaffSimulator):
    host = "api.hibob.com"
    credentials: Mapping[str, str] = {"service_user_id": "SERVICE-7", "token": "simulated-hibob-token-9b1e"}
    listings = (Listed("/people/search", "employees"),)

    def __init__(self, people: int, seed: int, behaviour: Behaviour) -> None:
        super().__init__(people, seed)
        self.behaviour = behaviour
        self.latency = behaviour.latency / 1000
        self._searches: deque[float] = deque()
        names = dict.fromkeys(one.department for one in self.organisation.people[:10])
        self._lists = {name: name if behaviour.list_ids == "texts" else str(2670 + n) for n, name in enumerate(names)}

    def ids(self, kind: type[Entity]) -> set[str]:
        if kind is Employee:
            return {_id(one.number) for one in self._visible()}
        return {one["id"] for item in self._items() for one in (item, *item["children"])}

    def path_of(self, request: web.Request) -> str:
        return request.path.removeprefix(PREFIX)

    def answer(self, request: web.Request) -> Answer:
        pair = f"{self.credentials['service_user_id']}:{self.credentials['token']}"
        if request.headers.get("Authorization") != f"Basic {b64encode(pair.encode()).decode()}":
            return _error(self.behaviour.refusal, "unauthorized", "Unauthorized")
        path = self.path_of(request)
        if path == "/people/search" and request.method == "POST":
            return self._throttle() or self._search(json.loads(request[BODY]))
        if path == "/company/named-lists/department":
            return json_answer(self._list(), 200, JSON)
        # Unknown paths belong to the web application, which answers with a page.
        return Answer(200, b"<!DOCTYPE html><html><title>bob</title></html>", (("Content-Type", "text/html"),))

    def _throttle(self) -> Answer | None:
        now = asyncio.get_running_loop().time()
        while self._searches and self._searches[0] <= now - WINDOW:
            self._searches.popleft()
        if len(self._searches) < self.behaviour.quota:
            self._searches.append(now)
            return None
        reset = ("X-RateLimit-Reset", str(int(time.time() + self._searches[0] + WINDOW - now) + 1))
        return _error(429, "rate_limit", "Too many requests", ("X-RateLimit-Remaining", "0"), reset)

    # ---- shapes of the answers

    def _visible(self) -> list[Person]:
        return [one for one in self.people if one.active or self.behaviour.leavers == "yes"]

    def _search(self, query: dict[str, Any]) -> Answer:
        filters = query.get("filters", ())
        if filters == []:
            return _error(400, "bad_filters", "filters must not be empty")
        people = [one.at(self.today) for one in self._visible()]
        found = [one for one in people if query.get("showInactive") or self._access(one) == "Active"]
        for one in filters:
            if len(filters) > 1 or one["fieldPath"] != "root.id" or one["operator"] != "equals":
                return _error(400, "bad_filters", "one filter at most, by root.id or root.email")
            found = [person for person in found if _id(person.number) in one["values"]]
        fields = [name for name in query["fields"] if name != self.behaviour.hidden]
        return json_answer({"employees": [self._row(one, fields) for one in found]}, 200, JSON)

    def _row(self, person: Person, fields: Iterable[str]) -> dict[str, Any]:
        values, texts = self._values(person), self._texts(person)
        # The API always sends the id, and a real service user may see more than it should.
        row: dict[str, Any] = {"id": _id(person.number), "home": {"privatePhone": person.private(3)}}
        row["humanReadable"] = {}
        for name in fields:
            if name in values:
                category, _, key = name.partition(".")
                _put(row, category, key, values[name])
                if values[name] is not None:
                    row[f"/{name.replace('.', '/')}"] = {"value": values[name]}
                    _put(row["humanReadable"], category, key, texts.get(name, str(values[name])))
        return row

    def _values(self, one: Person) -> dict[str, Any]:
        manager = None if one.manager is None else _id(one.manager)
        end = one.end or one.last_day
        return {
            "root.id": _id(one.number),
            "root.displayName": f"{one.first} {one.last}",
            "root.firstName": one.first,
            "root.surname": one.last,
            "root.email": one.email if one.number % 40 else None,
            "work.title": str(5000 + len(one.title)),
            "work.department": self._lists[one.department],
            "work.site": one.office,
            "work.startDate": one.start.isoformat(),
            "work.employeeIdInCompany": one.number if one.number % 5 else None,
            "work.reportsTo": None if manager is None else {"id": manager, "displayName": f"Manager {one.manager}"},
            "work.manager": manager,
            "internal.lifecycleStatus": self._stage(one),
            "internal.status": self._access(one),
            "internal.terminationDate": end.isoformat() if end else None,
            "payroll.salary": one.private(1),
            "personal.birthDate": one.private(2),
        }

    def _stage(self, one: Person) -> str:
        """Return the lifecycle status of a person as of today."""
        if not one.active:
            return "terminated"
        if one.start > self.today:
            return "hired"
        if one.on_leave:
            return LEAVE[one.number % len(LEAVE)]
        return "garden leave" if one.last_day else "employed"

    def _access(self, one: Person) -> str:
        stage = self._stage(one)
        if stage in {"hired", "terminated"}:
            return "Inactive"
        return "Active" if stage == "employed" else self.behaviour.leave_access

    def _texts(self, one: Person) -> dict[str, str]:
        return {"work.title": one.title, "work.department": one.department}

    def _items(self) -> list[dict[str, Any]]:
        departments = [_item(one, name) for name, one in self._lists.items()]
        if self.behaviour.department_list == "current":
            return departments
        group = {**_item("2600", "Group"), "archived": True, "children": departments[-1:]}
        items = [*departments[:-1], group]
        return items[1:] if self.behaviour.department_list == "short" else items

    def _list(self) -> dict[str, Any]:
        items = self._items()
        keys = ("items", "values") if self.behaviour.list_key == "both" else (self.behaviour.list_key,)
        return {"name": "department", **dict.fromkeys(keys, items)}


def _error(status: int, key: str, message: str, *headers: tuple[str, str]) -> Answer:
    return json_answer({"key": key, "error": message}, status, (*JSON, *headers))


def _id(number: int) -> str:
    return str(FIRST_ID + number)


def _item(one: str, name: str) -> dict[str, Any]:
    return {"id": one, "value": name, "name": name, "archived": False, "children": []}


def _put(holder: dict[str, Any], category: str, key: str, value: Any) -> None:
    (holder if category == "root" else holder.setdefault(category, {}))[key] = value


def simulator(options: SimulatorOptions) -> HiBobSimulator:
    return HiBobSimulator(options.people, options.seed, Behaviour.parse(options.behaviour))

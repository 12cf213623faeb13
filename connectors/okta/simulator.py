"""Local simulator of Okta."""

import asyncio
import re
import time
from collections import deque
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from aiohttp import web
from pydantic import Field

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
    simulated_rsa_key,
)

JSON = (("Content-Type", "application/json"),)
USERS = "/api/v1/users"
TOKEN = "/oauth2/v1/token"
LARGEST = 200
WINDOW = 60
"""Seconds that the quota applies to."""
API_TOKEN = "00simulated-okta-token-71d2"
OMITTED = "okta-response=omitCredentials"
_PROJECTION = re.compile(r"profile:\(([^)]*)\)")
_SUMMARIES = {
    "E0000001": (400, "Api validation failed: after"),
    "E0000006": (403, "You do not have permission to perform the requested action"),
    "E0000007": (404, "Not found: Resource not found"),
    "E0000011": (401, "Invalid token provided"),
    "E0000031": (400, "Invalid search criteria"),
    "E0000047": (429, "API call exceeded rate limit due to too many requests"),
}


class Behaviour(Switches):
    """Switches. The first value of each is the default."""

    attributes: Literal["absent", "null"] = "absent"
    """Attributes without a value: absent, or null."""
    manager: Literal["login", "id", "number", "dangling"] = "login"
    """Content of managerId: a login, an id, a staff number, or a name of another directory that finds no user."""
    deprovisioned: Literal["filtered", "listed"] = "filtered"
    """Users who were deactivated: only behind a filter, or in the usual list, too."""
    role: Literal["all", "none", "narrow"] = "all"
    """Resource set of the app's role: all users, no role at all, or half of the users."""
    dpop: Literal["off", "on"] = "off"
    """The app's box for DPoP. With it, no token is issued."""
    fields: Literal["honoured", "ignored"] = "honoured"
    """Effect of the parameter `fields` on lists."""
    links: Literal["lines", "joined", "elsewhere"] = "lines"
    """Link headers: one for each relation, one for both, or a next page at another host."""
    cursor: Literal["plain", "encoded"] = "plain"
    """Cursors: ids, or texts that are percent-encoded in the address of the next page."""
    cursor_life: Annotated[int, Field(ge=0)] = 0
    """Seconds for which a cursor is valid; 0 for ever."""
    oversize: Literal["clamp", "error"] = "clamp"
    """Effect of a limit above 200."""
    quota: Annotated[int, Field(ge=1)] = 600
    """Requests of users allowed in a minute."""
    resets: Literal["once", "twice"] = "once"
    """How often X-Rate-Limit-Reset comes in one answer."""
    crowded: Annotated[int, Field(ge=0)] = 0
    """Requests of users that are refused first, since too many of the organisation's are under way."""
    latency: Annotated[int, Field(ge=0)] = 0
    """Milliseconds before each answer."""


class OktaSimulator(StaffSimulator):
    host = "acme.okta.com"
    other_credentials = ({"domain": host, "api_token": API_TOKEN},)
    reset_header = "X-Rate-Limit-Reset"
    listings = (Listed(USERS, "", values="profile"),)

    def __init__(self, people: int, seed: int, behaviour: Behaviour) -> None:
        super().__init__(people, seed)
        self.behaviour = behaviour
        self.latency = behaviour.latency / 1000
        self.oauth = self.server = AuthorizationServer(
            issuer=f"https://{self.host}",
            client_id="0oasimulated5d7",
            private_key=simulated_rsa_key("okta"),
            token_path=TOKEN,
            scopes=frozenset({"okta.users.read"}),
            issued=self.issued,
        )
        self._requested: deque[float] = deque()
        self._refused = 0
        self._cursors: dict[str, tuple[float, int]] = {}
        """When each cursor was issued, and the number of the person before the next page."""

    @property
    def credentials(self) -> Mapping[str, str]:  # type: ignore[override]  # the key is made when it is needed
        key = self.server.private_key
        return {"domain": self.host, "client_id": self.server.client_id, "kid": "simulated-kid", "private_key": key}

    def ids(self, kind: type[Entity]) -> set[str]:
        if kind is Employee:
            return {id_of(one) for one in self._visible()}
        return {f"department:{name.lower()}" for name in map(_department, self._visible()) if name}

    def answer(self, request: web.Request) -> Answer:
        path = request.path
        if path == TOKEN:
            if self.behaviour.dpop == "on":
                return json_answer({"error": "use_dpop_nonce", "error_description": "Nonce is required"}, 400, JSON)
            return self.server.answer(request) or _error("E0000007")
        if request.headers.get("Authorization") != f"SSWS {API_TOKEN}" and not self.server.accepts(request):
            return _error("E0000011")
        if not path.startswith(USERS):
            return _error("E0000007")
        if throttled := self._throttle():
            return throttled
        answer = _error("E0000006") if self.behaviour.role == "none" else self._answer_about_users(request)
        return Answer(answer.status, answer.body, (*answer.headers, *self._rate_headers()))

    def _answer_about_users(self, request: web.Request) -> Answer:
        if request.path == USERS:
            return self._page(request)
        named = request.path.removeprefix(f"{USERS}/")
        # A login finds its user as well.
        found = [one for one in self._visible() if named in {id_of(one), login_of(one)}]
        return json_answer(self._row(found[0], request, ""), 200, JSON) if found else _error("E0000007")

    # ---- rates

    def _throttle(self) -> Answer | None:
        if self._refused < self.behaviour.crowded:
            self._refused += 1
            zero = (("X-Rate-Limit-Limit", "0"), ("X-Rate-Limit-Remaining", "0"))
            return _error("E0000047", *zero, self._reset(time.time() + WINDOW))
        now = asyncio.get_running_loop().time()
        while self._requested and self._requested[0] <= now - WINDOW:
            self._requested.popleft()
        if len(self._requested) >= self.behaviour.quota:
            return _error("E0000047", *self._rate_headers())
        self._requested.append(now)
        return None

    def _rate_headers(self) -> tuple[tuple[str, str], ...]:
        first = self._requested[0] if self._requested else asyncio.get_running_loop().time()
        left = first + WINDOW - asyncio.get_running_loop().time()
        reset = self._reset(time.time() + left)
        limits = ("X-Rate-Limit-Limit", str(self.behaviour.quota))
        remaining = ("X-Rate-Limit-Remaining", str(self.behaviour.quota - len(self._requested)))
        return (limits, remaining, *([reset] * (2 if self.behaviour.resets == "twice" else 1)))

    def _reset(self, moment: float) -> tuple[str, str]:
        return (self.reset_header, str(int(moment) + 1))

    # ---- lists

    def _page(self, request: web.Request) -> Answer:
        query = request.query
        found = self._filtered(query.get("filter"))
        limit, after = int(query.get("limit", LARGEST)), query.get("after")
        if found is None or "search" in query or "q" in query:
            return _error("E0000031")
        if limit > LARGEST and self.behaviour.oversize == "error":
            return _error("E0000001")
        start = 0
        if after is not None:
            issued, number = self._cursors.get(after, (float("-inf"), 0))
            life = self.behaviour.cursor_life or float("inf")
            if issued + life < asyncio.get_running_loop().time():
                return _error("E0000001")
            start = _behind(found, number)
        end = start + min(limit, LARGEST, self.largest_page or LARGEST)
        fields = query.get("fields", "") if self.behaviour.fields == "honoured" else ""
        rows = [self._row(one, request, fields) for one in found[start:end]]
        return json_answer(rows, 200, (*JSON, *self._links(request, found[start:end], more=end < len(found))))

    def _links(self, request: web.Request, rows: list[Person], *, more: bool) -> tuple[tuple[str, str], ...]:
        address = f"https://{self.host}{USERS}"
        links = [f'<{address}?{request.query_string}>; rel="self"']
        if more:
            cursor = id_of(rows[-1]) if self.behaviour.cursor == "plain" else f"{id_of(rows[-1])}/+%3D="
            self._cursors[cursor] = (asyncio.get_running_loop().time(), rows[-1].number)
            host = "evil.example" if self.behaviour.links == "elsewhere" else self.host
            following = urlencode({**request.query, "after": cursor})
            links.append(f'<https://{host}{USERS}?{following}>; rel="next"')
        return (
            (("Link", ", ".join(links)),) if self.behaviour.links == "joined" else tuple(("Link", one) for one in links)
        )

    def _visible(self) -> list[Person]:
        people = self.present()
        return people[: len(people) // 2] if self.behaviour.role == "narrow" else people

    def _filtered(self, given: str | None) -> list[Person] | None:
        """Return the users that a filter finds; None for a filter of another sort."""
        people = self._visible()
        if given is None:
            listed = self.behaviour.deprovisioned == "listed"
            return [one for one in people if listed or self._status(one) != "DEPROVISIONED"]
        asked = re.fullmatch(r'status eq "([A-Z_]+)"', given)
        return [one for one in people if self._status(one) == asked[1]] if asked else None

    # ---- one user

    def _row(self, one: Person, request: web.Request, fields: str) -> dict[str, Any]:
        row: dict[str, Any] = {
            "id": id_of(one),
            "status": self._status(one),
            "created": _moment(one.created),
            "activated": None,
            "lastUpdated": _moment(one.changed),
            "type": {"id": "oty1abcd2efgh3ijk5d7"},
            "profile": self._profile(one),
            "_links": {"self": {"href": f"https://{self.host}{USERS}/{id_of(one)}"}},
        }
        if OMITTED not in request.headers.get("Content-Type", ""):
            row["credentials"] = {"recovery_question": {"question": one.private(3)}}
        if not fields:
            return row
        wanted = _PROJECTION.search(fields)
        names = wanted[1].split(",") if wanted else ()
        row["profile"] = {name: value for name, value in row["profile"].items() if name in names}
        chosen = {*_PROJECTION.sub("profile", fields).split(",")}
        return {name: value for name, value in row.items() if name in chosen}

    def _profile(self, one: Person) -> dict[str, Any]:
        values = {
            "login": login_of(one),
            "email": one.email,
            "firstName": one.first,
            "lastName": one.last,
            "displayName": f"{one.first} {one.last}" if one.number % 9 else None,
            "title": one.title,
            "userType": "Contractor" if one.contractor else "Employee",
            "employeeNumber": number_of(one),
            "department": _department(one),
            "division": "Research" if one.number % 2 else None,
            "costCenter": f"CC {one.number % 3}",
            "managerId": None if one.manager is None else self._name_of(one.manager),
        }
        given = {name: value for name, value in values.items() if value is not None}
        private = {"secondEmail": one.private(1), "mobilePhone": one.private(2)}
        return (values if self.behaviour.attributes == "null" else given) | private

    def _name_of(self, number: int) -> str:
        manager = next(one for one in self.people if one.number == number)
        names = {"login": login_of(manager), "id": id_of(manager), "number": str(number)}
        return names.get(self.behaviour.manager, f"CN={manager.first},OU=People,DC=acme,DC=example")

    def _status(self, one: Person) -> str:
        if not one.active:
            return "DEPROVISIONED"
        if one.start > self.today:
            return "STAGED"
        if one.on_leave:
            return "SUSPENDED"
        return {0: "PASSWORD_EXPIRED", 1: "LOCKED_OUT", 2: "RECOVERY"}.get(one.number % 30, "ACTIVE")


def id_of(one: Person) -> str:
    return f"00u{one.number:013}x5d7"


def login_of(one: Person) -> str:
    """Return a login, which is not everybody's e-mail."""
    return one.email if one.number % 4 else f"{one.last}{one.number}@corp.acme.example"


def number_of(one: Person) -> str | None:
    return str(one.number) if one.number % 7 or one.number <= 10 else None


def _department(one: Person) -> str | None:
    return one.department if one.number % 21 else None


def _behind(people: list[Person], number: int) -> int:
    """Return the index behind the person of this number, who may have been deleted meanwhile."""
    places = [index for index, one in enumerate(people) if one.number == number]
    return places[0] + 1 if places else sum(one.number < number for one in people)


def _moment(moment: Any) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"


def _error(code: str, *headers: tuple[str, str]) -> Answer:
    status, summary = _SUMMARIES[code]
    body = {"errorCode": code, "errorSummary": summary, "errorLink": code, "errorId": "oae5d7", "errorCauses": []}
    return json_answer(body, status, (*JSON, *headers))


def simulator(options: SimulatorOptions) -> OktaSimulator:
    return OktaSimulator(options.people, options.seed, Behaviour.parse(options.behaviour))

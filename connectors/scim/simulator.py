"""Local simulator of a SCIM 2.0 server."""

import random
import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import parse_qsl

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

T = TypeVar("T")

BASE = "/scim/v2"
USERS = f"{BASE}/Users"
GROUPS = f"{BASE}/Groups"
CONFIG = f"{BASE}/ServiceProviderConfig"
SIGN_IN = "/oauth2/token"
_RANGES = r"scim\+json|\*/\*"
_ADDRESS = f"https://directory.acme.example{BASE}"
_MESSAGE = "urn:ietf:params:scim:api:messages:2.0:"
_CORE = "urn:ietf:params:scim:schemas:core:2.0:"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_MEDIA = {"scim": "application/scim+json; charset=utf-8", "json": "application/json"}
_EXTENSION = {"urn": ENTERPRISE, "lower": ENTERPRISE.lower(), "short": "EnterpriseUser"}


class Behaviour(Switches):
    """Switches. The first value of each is the default."""

    paging: Literal["index", "cursor", "both", "forced"] = "index"
    """Paging: as the configuration says; `forced` announces the index, and sends cursors."""
    configuration: Literal["full", "pages", "none"] = "full"
    """Answer to /ServiceProviderConfig: all; only how it pages; or 404."""
    total: Literal["true", "page", "stale", "missing"] = "true"
    """The total: true; the rows of the page; seven too many; or none."""
    start_index: Literal["one", "zero", "ignored"] = "one"
    """Number of the first row; or the first page is sent whatever is requested."""
    behind_end: Literal["empty", "first", "absent"] = "empty"
    """Page behind the last row: without rows; the first page again; or without their key, if there are none at all."""
    largest_count: Annotated[int, Field(ge=1)] = 100
    """Most rows in a page."""
    default_count: Annotated[int, Field(ge=0)] = 10
    """Rows of a page without count. With 0, a list is empty unless both startIndex and count are sent."""
    order: Literal["stable", "shuffled"] = "stable"
    """Order of the rows, unless they are sorted: the same each time, or another one."""
    rows: Literal["Resources", "resources"] = "Resources"
    """Key of the rows."""
    active: Literal["boolean", "text", "absent", "hidden"] = "boolean"
    """Value of active: a boolean, True or False as text, none, or inactive users are not listed."""
    manager: Literal["object", "text", "absent"] = "object"
    """Value of manager: an object with an id, the id alone, or none."""
    extension: Literal["urn", "lower", "short"] = "urn"
    """Key of the enterprise extension: its URN, the same in lower case, or EnterpriseUser."""
    members: Literal["group", "user"] = "group"
    """Place of memberships: with the groups, or with the users."""
    cursor_life: Annotated[int, Field(ge=0)] = 0
    """Pages after which a cursor has expired, once. With 0, none expires."""
    dates: Literal["yes", "no"] = "yes"
    """Presence of meta.created and meta.lastModified."""
    media: Literal["scim", "json"] = "scim"
    """Media type of the answers: application/scim+json or application/json."""
    latency: Annotated[int, Field(ge=0)] = 0
    """Milliseconds before each answer."""


class ScimSimulator(StaffSimulator):
    host = "directory.acme.example"
    other_hosts = ("login.acme.example",)
    credentials: Mapping[str, str] = {"base_url": _ADDRESS, "token": "scim-simulated-token-71c0d5"}
    basic: Mapping[str, str] = {"base_url": _ADDRESS, "user": "reader", "password": "scim-simulated-password-3f"}
    client: Mapping[str, str] = {
        "base_url": _ADDRESS,
        "client_id": "scim-simulated-client",
        "client_secret": "scim-simulated-secret-88ae",
        "sign_in_url": f"https://login.acme.example{SIGN_IN}",
        "scope": "users.read",
    }
    other_credentials = (basic, client)
    listings = (Listed(USERS, "Resources", "totalResults"),)

    def __init__(self, people: int, seed: int, behaviour: Behaviour) -> None:
        super().__init__(people, seed)
        self.behaviour = behaviour
        self.latency = behaviour.latency / 1000
        self._random = random.Random(seed)
        self._has_expired = False

    def ids(self, kind: type[Entity]) -> set[str]:
        if kind is Employee:
            return {_id(one) for one in self.people}
        return {f"department:{name.lower()}" for name in self.departments}

    def answer(self, request: web.Request) -> Answer:
        if request.path == SIGN_IN and request.method == "POST":
            return self._sign_in(request)
        if self.behaviour.media == "scim" and not re.search(_RANGES, _accept(request)):
            return self._error(406, "The responses are of type application/scim+json")
        if not self._may(request.headers.get("Authorization", "")):
            return self._error(401, "The credentials are not valid")
        if request.method != "GET":
            return self._error(403, "The client may only read")
        if request.path == CONFIG and self.behaviour.configuration != "none":
            return self._scim(self._configuration())
        if request.path == USERS:
            return self._list(request.query, self._listed_people(), lambda one: one.number, self._user)
        if request.path == GROUPS:
            return self._list(request.query, sorted(self.departments), _group_id, self._group)
        found = [one for one in self._listed_people() if request.path == f"{USERS}/{_id(one)}"]
        return self._scim(self._user(found[0])) if found else self._error(404, "Not found")

    def _sign_in(self, request: web.Request) -> Answer:
        form = dict(parse_qsl(request[BODY].decode()))
        wanted = {name: self.client[name] for name in ("client_id", "client_secret", "scope")}
        if form != {"grant_type": "client_credentials", **wanted}:
            return json_answer({"error": "invalid_client"}, 401, (("Content-Type", "application/json"),))
        token = f"scim-issued-{self._random.getrandbits(96):024x}"
        self.issued.add(token)
        body = {"access_token": token, "token_type": "Bearer", "expires_in": 3600}
        return json_answer(body, 200, (("Content-Type", "application/json"),))

    def _may(self, authorization: str) -> bool:
        word, _, given = authorization.partition(" ")
        if word == "Basic":
            return given == b64encode(f"{self.basic['user']}:{self.basic['password']}".encode()).decode()
        return word == "Bearer" and given in {self.credentials["token"], *self.issued}

    # ---- lists

    def _configuration(self) -> dict[str, Any]:
        paging = self.behaviour.paging
        pages = {
            "cursor": paging in {"cursor", "both"},
            "index": paging != "cursor",
            "defaultPaginationMethod": "cursor" if paging == "cursor" else "index",
            "maxPageSize": self.behaviour.largest_count,
        }
        found = {"schemas": [f"{_CORE}ServiceProviderConfig"], "pagination": pages}
        full = {"patch": {"supported": False}, "sort": {"supported": True}, "filter": {"supported": False}}
        return {**found, **full} if self.behaviour.configuration == "full" else found

    def _list(
        self,
        query: Mapping[str, str],
        found: Sequence[T],
        order: Callable[[T], Any],
        row: Callable[[T], dict[str, Any]],
    ) -> Answer:
        if query.get("sortBy") == "id" and self.behaviour.configuration == "full":
            found = sorted(found, key=order)
        elif self.behaviour.order == "shuffled":
            found = self._random.sample(found, len(found))
        count = int(query.get("count", self.behaviour.default_count))
        if not self.behaviour.default_count and not {"startIndex", "count"} <= query.keys():
            count = 0
        size = min(count, self.behaviour.largest_count, self.largest_page or count)
        if self.behaviour.paging in {"cursor", "forced"} or "cursor" in query:
            return self._by_cursor(query, found, row, size)
        start = self._start(int(query.get("startIndex", 1)), len(found))
        rows = [row(one) for one in found[start : start + size]]
        body = {"startIndex": start + 1, "itemsPerPage": len(rows), **self._total(len(found), len(rows))}
        absent = self.behaviour.behind_end == "absent" and not rows
        return self._message({**body, **({} if absent else {self.behaviour.rows: rows})})

    def _start(self, start: int, total: int) -> int:
        if self.behaviour.start_index == "ignored" or (self.behaviour.behind_end == "first" and start > total):
            return 0
        return start if self.behaviour.start_index == "zero" else max(start, 1) - 1

    def _by_cursor(
        self, query: Mapping[str, str], found: Sequence[T], row: Callable[[T], dict[str, Any]], size: int
    ) -> Answer:
        cursor = query.get("cursor", "")
        if cursor and not cursor.startswith("c/+="):
            return self._error(400, "The cursor is not valid", "invalidCursor")
        at = int(cursor.removeprefix("c/+=") or 0)
        if cursor and at == self.behaviour.cursor_life * size and not self._has_expired:
            self._has_expired = True
            return self._error(400, "The cursor has expired", "expiredCursor")
        rows = [row(one) for one in found[at : at + size]]
        more = {"nextCursor": f"c/+={at + size}"} if at + size < len(found) else {}
        # As RFC 9865 allows, without a total unless one page holds all.
        total = {} if at or more else self._total(len(found), len(rows))
        return self._message({"itemsPerPage": len(rows), **total, **more, self.behaviour.rows: rows})

    def _total(self, total: int, found: int) -> dict[str, int]:
        totals = {"true": total, "page": found, "stale": total + 7}
        return {"totalResults": totals[self.behaviour.total]} if self.behaviour.total in totals else {}

    def _message(self, body: dict[str, Any]) -> Answer:
        return self._scim({"schemas": [f"{_MESSAGE}ListResponse"], **body})

    # ---- shapes of the answers

    def _listed_people(self) -> list[Person]:
        return [one for one in self.present() if one.active] if self.behaviour.active == "hidden" else self.people

    def _user(self, person: Person) -> dict[str, Any]:
        one = person.at(self.today)
        office, home = {"type": "work", "locality": one.office, "country": "DE"}, {"type": "home"}
        emails = [{**home, "value": f"{one.private(1)}@home.example"}]
        if one.number % 40:
            emails.append({"type": "work", "value": one.email, "primary": True})  # type: ignore[dict-item]
        groups = [{"value": _group_id(one.department)}]
        return {
            "schemas": [f"{_CORE}User", ENTERPRISE],
            "id": _id(one),
            "externalId": str(one.number),
            "userName": one.email,
            "name": {"givenName": one.first, "familyName": one.last, "formatted": f"{one.first} {one.last}"},
            "displayName": f"{one.first}ie {one.last}" if one.number % 9 == 0 else f"{one.first} {one.last}",
            "title": one.title,
            "userType": "Contractor" if one.contractor else "Employee",
            **self._active(one),
            "emails": emails,
            "phoneNumbers": [{"type": "mobile", "value": one.private(2)}],
            "addresses": [{**home, "streetAddress": one.private(3), "locality": one.private(4)}, office],
            **({"groups": groups} if self.behaviour.members == "user" else {}),
            _EXTENSION[self.behaviour.extension]: {
                "employeeNumber": str(one.number),
                "department": one.department,
                "division": f"{one.department[0]} division",
                "costCenter": f"CC {len(one.department)}",
                **self._manager(one),
            },
            "meta": self._meta("User", _id(one), one),
        }

    def _active(self, one: Person) -> dict[str, Any]:
        if self.behaviour.active == "absent":
            return {}
        return {"active": str(one.active) if self.behaviour.active == "text" else one.active}

    def _manager(self, one: Person) -> dict[str, Any]:
        if one.manager is None or self.behaviour.manager == "absent":
            return {}
        found = f"{one.manager:08x}-simulated"
        reference = {"value": found, "$ref": f"https://{self.host}{USERS}/{found}"}
        return {"manager": found if self.behaviour.manager == "text" else reference}

    def _group(self, name: str) -> dict[str, Any]:
        found = self.departments[name]
        return {
            "schemas": [f"{_CORE}Group"],
            "id": _group_id(name),
            "displayName": name,
            **({"members": [{"value": _id(one)} for one in found]} if self.behaviour.members == "group" else {}),
            "meta": self._meta("Group", _group_id(name), found[0]),
        }

    def _meta(self, kind: str, source_id: str, one: Person) -> dict[str, str]:
        found = {"resourceType": kind, "location": f"https://{self.host}{BASE}/{kind}s/{source_id}"}
        dates = {"created": one.created.isoformat(), "lastModified": one.changed.isoformat()}
        return {**found, **(dates if self.behaviour.dates == "yes" else {})}

    def _error(self, status: int, detail: str, kind: str = "") -> Answer:
        body = {"schemas": [f"{_MESSAGE}Error"], "status": str(status), "detail": detail}
        return self._scim({**body, **({"scimType": kind} if kind else {})}, status)

    def _scim(self, body: dict[str, Any], status: int = 200) -> Answer:
        return json_answer(body, status, (("Content-Type", _MEDIA[self.behaviour.media]),))


def _accept(request: web.Request) -> str:
    return request.headers.get("Accept", "*/*")


def _id(one: Person) -> str:
    return f"{one.number:08x}-simulated"


def _group_id(name: str) -> str:
    return f"group-{name.lower()}"


def simulator(options: SimulatorOptions) -> ScimSimulator:
    return ScimSimulator(options.people, options.seed, Behaviour.parse(options.behaviour))

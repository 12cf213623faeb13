"""Local simulator of Microsoft Graph and of its sign-in."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import count
from typing import Any
from urllib.parse import quote

from aiohttp import web

from connector_core import Employee, Entity
from connector_core.testing import (
    Answer,
    AuthorizationServer,
    Listed,
    OAuthError,
    Person,
    SimulatorOptions,
    StaffSimulator,
    json_answer,
)
from connectors.entra.simulator.behaviour import Behaviour

__all__ = ["TENANT", "Behaviour", "EntraSimulator", "simulator"]

PREFIX = "/v1.0"
JSON = (("Content-Type", "application/json;odata.metadata=minimal;charset=utf-8"),)
TEXT = (("Content-Type", "text/plain"),)
TENANT = "8d6f3c1e-2b7a-4f0e-9c55-1a2b3c4d5e6f"
LARGEST, LARGEST_WITH_MANAGERS = 999, 100
TOKEN_DAYS = 7
BASIC = frozenset({"id", "displayName", "givenName", "surname", "mail", "userPrincipalName"})
"""The properties that the permission User.ReadBasic.All shows, as far as they are read."""
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The people at the time of a delta token, and the properties that are tracked."""

    day: date
    people: tuple[Person, ...]
    selected: str


class SignIn(AuthorizationServer):
    def refusal(self, error: OAuthError) -> Answer:
        code = {"invalid_client": 7000215, "invalid_scope": 70011}.get(error.code, 900144)
        body = {"error": error.code, "error_description": f"AADSTS{code}: Simulated.", "error_codes": [code]}
        return json_answer(body, error.status, JSON)


class EntraSimulator(StaffSimulator):
    host = "graph.microsoft.com"
    other_hosts = ("login.microsoftonline.com",)
    credentials: Mapping[str, str] = {
        "tenant": TENANT,
        "client_id": "5e0d93ab-7c1e-4b52-8a55-6c1f2e90d3b4",
        "client_secret": "simulated~entra~secret-71c4",
    }
    listings = (Listed("/users", "value", cursor="$skiptoken", addresses=True),)
    oauth: SignIn

    def __init__(self, people: int, seed: int, behaviour: Behaviour) -> None:
        super().__init__(people, seed)
        self.behaviour = behaviour
        self.latency = behaviour.latency / 1000
        self.oauth = SignIn(
            f"https://{self.other_hosts[0]}",
            self.credentials["client_id"],
            "expired" if behaviour.secret == "expired" else self.credentials["client_secret"],
            token_path=f"/{TENANT}/oauth2/v2.0/token",
            scopes=frozenset({f"https://{self.host}/.default"}),
            secret_in="body",  # noqa: S106 - a place
            token_life=3599,
            issued=self.issued,
        )
        self._numbers = count(1)
        self._snapshots: dict[str, Snapshot] = {}
        self._rounds: dict[str, tuple[list[Row], str]] = {}
        """The rows of a delta, and the token behind it, by the number in the addresses of its pages."""
        self._throttled = self._page_expired = False

    def ids(self, kind: type[Entity]) -> set[str]:
        if kind is Employee:
            return {_id(one.number) for one in self.people}
        names = [self._values(one)["department"] for one in self.present()]
        return {f"department:{name.lower()}" for name in names if name}

    def expire_tokens(self) -> None:
        self._snapshots.clear()

    def path_of(self, request: web.Request) -> str:
        return request.path.removeprefix(PREFIX)

    def answer(self, request: web.Request) -> Answer:
        if answer := self.oauth.answer(request):
            return answer
        if "/oauth2/" in request.path:
            codes = {"error": "invalid_request", "error_description": "AADSTS90002: Simulated.", "error_codes": [90002]}
            return json_answer(codes, 400, JSON)
        if not self.oauth.accepts(request):
            return _error(401, "InvalidAuthenticationToken", "Access token has expired or is not yet valid.")
        path, query = self.path_of(request), dict(request.query)
        if refusal := self._refusal(path, query):
            return refusal
        if path == "/users/$count":
            return self._count(request)
        if path == "/users/delta":
            return self._delta(query)
        return self._users(query) if path == "/users" else self._user(path.removeprefix("/users/"), query)

    def _refusal(self, path: str, query: Mapping[str, str]) -> Answer | None:
        if self.behaviour.throttle != "no" and path == "/users" and not self._throttled:
            self._throttled = True
            after = (("Retry-After", "2.128"),) if self.behaviour.throttle == "fraction" else ()
            return _error(429, "TooManyRequests", "Please retry later.", *after)
        leave_dates = "employeeLeaveDateTime" in query.get("$select", "")
        if self.behaviour.rights == "forbidden" or (leave_dates and self.behaviour.leave_dates == "forbidden"):
            return _error(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
        if "$expand" in query and self.behaviour.expand == "refused":
            return _error(400, "Request_UnsupportedQuery", "Expand is not supported.")
        return None

    def _count(self, request: web.Request) -> Answer:
        if request.headers.get("ConsistencyLevel") != "eventual" or self.behaviour.count == "refused":
            return _error(400, "Request_BadRequest", "$count is not currently supported.")
        return Answer(200, str(len(self.people) - (3 if self.behaviour.count == "off" else 0)).encode(), TEXT)

    # ---- the list

    def _users(self, query: dict[str, str]) -> Answer:
        size = int(query.get("$top", 100))
        if not 1 <= size <= LARGEST:
            return _error(400, "Request_UnsupportedQuery", "Invalid page size specified.")
        size = min(size, LARGEST_WITH_MANAGERS if "$expand" in query else LARGEST, self._largest)
        token = query.get("$skiptoken", "0")
        if token != "0" and self._expires():
            return _error(400, "Directory_ExpiredPageToken", "The specified page token value has expired.")
        start = int(token.removeprefix("empty-"))
        people = self.people if self.behaviour.replica == "current" else self.people[:-1]
        first = max(0, start - 1) if self.behaviour.twice == "yes" else start
        shown = () if token != str(start) else people[first : start + size]
        following = start if token != str(start) else start + size
        body: Row = {"value": [self._row(one.at(self.today), query) for one in shown]}
        if following < len(people):
            empty = start == 0 and self.behaviour.empty_page == "yes"
            query["$skiptoken"] = f"{'empty-' if empty else ''}{following}"
            body["@odata.nextLink"] = self._address("/users", query, self.behaviour.next_host)
        return json_answer(body, 200, JSON)

    @property
    def _largest(self) -> int:
        return min(self.behaviour.page, self.largest_page or LARGEST)

    def _expires(self) -> bool:
        expired, self._page_expired = self._page_expired, True
        return self.behaviour.page_tokens == "expire" or (self.behaviour.page_tokens == "expire_once" and not expired)

    def _user(self, wanted: str, query: Mapping[str, str]) -> Answer:
        found = [one for one in self.people if _id(one.number) == wanted]
        if not found:
            return _error(404, "Request_ResourceNotFound", "Resource does not exist.")
        return json_answer(self._row(found[0].at(self.today), query), 200, JSON)

    def _address(self, path: str, query: Mapping[str, str], host: str = "") -> str:
        written = "&".join(f"{name}={quote(value, safe='$(),=')}" for name, value in query.items())
        return f"https://{host or self.host}{PREFIX}{path}?{written}"

    # ---- deltas

    def _delta(self, query: Mapping[str, str]) -> Answer:
        if self.behaviour.delta == "refused" or "$expand" in query or "$top" in query:
            return _error(400, "Request_UnsupportedQuery", "Unsupported query.")
        if token := query.get("$skiptoken"):
            number, _, start = token.partition(".")
            return self._delta_page(number, int(start))
        token = query.get("$deltatoken", "")
        if token == "latest":
            return json_answer({"value": [], "@odata.deltaLink": self._snapshot(query["$select"])}, 200, JSON)
        before = self._snapshots.get(token) if token else Snapshot(self.today, (), query["$select"])
        if before is None or (self.today - before.day).days >= TOKEN_DAYS:
            location = ("Location", self._address("/users/delta", {"$deltatoken": ""}))
            gone = self.behaviour.resync == 410
            return _error(
                self.behaviour.resync, "SyncStateNotFound", "Resync required.", *((location,) if gone else ())
            )
        number = str(next(self._numbers))
        self._rounds[number] = ([*self._changes(before)], self._snapshot(before.selected))
        return self._delta_page(number, 0)

    def _delta_page(self, number: str, start: int) -> Answer:
        rows, behind = self._rounds[number]
        first = max(0, start - 1) if self.behaviour.delta_repeats == "yes" else start
        body: Row = {"value": rows[first : start + self._largest]}
        if start + self._largest < len(rows):
            token = f"{number}.{start + self._largest}"
            body["@odata.nextLink"] = self._address("/users/delta", {"$skiptoken": token})
        else:
            body["@odata.deltaLink"] = behind
        return json_answer(body, 200, JSON)

    def _snapshot(self, selected: str) -> str:
        token = f"simulated-delta-{next(self._numbers)}"
        self._snapshots[token] = Snapshot(self.today, tuple(self.people), selected)
        return self._address("/users/delta", {"$deltatoken": token})

    def _changes(self, before: Snapshot) -> Iterable[Row]:
        old = {one.number: self._tracked(one.at(before.day), before.selected) for one in before.people}
        for one in self.present():
            new, known = self._tracked(one, before.selected), old.pop(one.number, {})
            if new == known:
                continue
            if not known or self.behaviour.delta_rows == "whole":
                yield self._changed(one, new, known, [name for name in new if new[name] is not None or known.get(name)])
                continue
            changed = [name for name in new if new[name] != known[name]]
            # In rows of their own, as the same user comes twice.
            for names in (
                [name for name in changed if name != "manager"],
                [name for name in changed if name == "manager"],
            ):
                if names:
                    yield self._changed(one, new, known, names)
        for number in old:
            yield {"id": _id(number), "@removed": {"reason": self.behaviour.removed}}

    def _tracked(self, one: Person, selected: str) -> Row:
        return {**self._row(one, {"$select": selected}), "manager": one.manager}

    def _changed(self, one: Person, new: Row, known: Row, names: Collection[str]) -> Row:
        row = {"id": _id(one.number), **{name: new[name] for name in names if name != "manager"}}
        if "manager" in names and self.behaviour.delta_managers == "sent":
            gone = [known["manager"]] if known.get("manager") not in {None, new["manager"]} else []
            row["manager@delta"] = [{"id": _id(number), "@removed": {"reason": "deleted"}} for number in gone]
            if new["manager"] is not None:
                row["manager@delta"].append({"@odata.type": "#microsoft.graph.user", "id": _id(new["manager"])})
        return row

    # ---- shapes of the answers

    def _row(self, one: Person, query: Mapping[str, str]) -> Row:
        values = self._values(one)
        # A phone always comes: what is not read must not be kept, whatever is sent.
        row: Row = {"id": _id(one.number), "mobilePhone": one.private(1)}
        for name in query.get("$select", "displayName").split(","):
            if name in values and (self.behaviour.rights != "absent" or name in BASIC):
                row[name] = values[name] if self.behaviour.rights == "all" or name in BASIC else None
        if self._kind(one) == "agent":
            row["@odata.type"] = "#microsoft.graph.agentUser"
        if "$expand" in query and one.manager is not None and self.behaviour.rights == "all":
            row["manager"] = {"@odata.type": "#microsoft.graph.user", "id": _id(one.manager)}
        return row

    def _kind(self, one: Person) -> str:
        kinds = {3: "guest", 5: "room", 7: "agent"} if self.behaviour.others == "some" and one.number > 10 else {}
        return kinds.get(one.number % 17, "member")

    def _values(self, one: Person) -> Row:
        kind = self._kind(one)
        of_person = kind in {"member", "guest"}
        end, present = one.end or one.last_day, one.active and one.start <= self.today
        leaves = end and self.behaviour.leave_dates != "blank"
        return {
            "displayName": f"{one.first} {one.last}" if of_person else f"{kind.title()} {one.number}",
            "givenName": one.first if of_person else None,
            "surname": one.last if of_person else None,
            "mail": one.email if one.number % 40 else None,
            "userPrincipalName": f"{one.email.replace('@', '_')}#EXT#@acme.example" if kind == "guest" else one.email,
            "employeeId": str(one.number) if kind == "member" and one.number % 5 else None,
            "employeeType": ("Contractor" if one.contractor else "Employee") if kind == "member" else None,
            "employeeHireDate": f"{one.start.isoformat()}T00:00:00Z" if kind == "member" else None,
            "employeeLeaveDateTime": f"{end.isoformat()}T17:00:00Z" if end and leaves else None,
            "employeeOrgData": {"division": one.office.strip() or None, "costCenter": f"CC {len(one.department)}"},
            "accountEnabled": kind != "room" and present,
            "userType": "Guest" if kind == "guest" else "Member",
            "externalUserState": ("PendingAcceptance", "Accepted")[one.number % 2] if kind == "guest" else None,
            "jobTitle": one.title if of_person else None,
            "department": one.department if kind == "member" else None,
            "officeLocation": one.office,
        }


def _id(number: int) -> str:
    return f"5f0c2b1e-6a39-4d57-9c1a-{number:012x}"


def _error(status: int, code: str, message: str, *headers: tuple[str, str]) -> Answer:
    inner = {"date": "2026-11-27T12:00:00", "request-id": "0", "client-request-id": "0"}
    body = {"error": {"code": code, "message": message, "innerError": inner}}
    return json_answer(body, status, (*JSON, ("request-id", "0"), *headers))


def simulator(options: SimulatorOptions) -> EntraSimulator:
    return EntraSimulator(options.people, options.seed, Behaviour.parse(options.behaviour))

"""Local simulator of Personio."""

import asyncio
import json
import random
from collections.abc import Mapping
from math import ceil
from typing import Annotated, Any, Literal
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

JSON = (("Content-Type", "application/json"),)
PROBLEM = (("Content-Type", "application/problem+json"),)
AUTH = "/v1/auth"
EMPLOYEES = "/v1/company/employees"
ORG_UNITS = "/v2/org-units"
LARGEST = 100


class Behaviour(Switches):
    """Switches. The first value of each is the default."""

    token_life: Annotated[int, Field(ge=1)] = 86_400
    """Lifetime of a token in seconds. Until then the same token is issued again, with the remaining lifetime."""
    refusal: Literal[403, 401] = 403
    """Status of the answer to wrong credentials at /auth."""
    oversize: Literal["clamp", "error"] = "clamp"
    """Effect of a limit above 100."""
    metadata: Literal["yes", "no"] = "yes"
    """Presence of a total in answers; those of 2020 had none."""
    ungranted: Literal["absent", "null"] = "absent"
    """Value of an attribute that the integration may not read."""
    hidden: str = ""
    """An attribute that the integration may not read, such as department."""
    departments: Literal["id", "name"] = "id"
    """Identifier of a department: an id, or its name only."""
    unit_ids: Literal["same", "others"] = "same"
    """Ids of the org units of version 2: those of the departments of version 1, or others."""
    units: Literal["granted", "forbidden", "refused"] = "granted"
    """Answer to /v2/org-units: the units, 403, or 401 since the token is one of version 1."""
    latency: Annotated[int, Field(ge=0)] = 0
    """Milliseconds before each answer."""


class PersonioSimulator(StaffSimulator):
    host = "api.personio.de"
    credentials: Mapping[str, str] = {
        "client_id": "papi-simulated-5e0d",
        "client_secret": "papi-simulated-personio-secret-93ab",
    }
    listings = (Listed(EMPLOYEES, "data", "metadata.total_elements", values="attributes"),)

    def __init__(self, people: int, seed: int, behaviour: Behaviour) -> None:
        super().__init__(people, seed)
        self.behaviour = behaviour
        self.latency = behaviour.latency / 1000
        self._random = random.Random(seed)
        self._expires_at: dict[str, float] = {}

    def ids(self, kind: type[Entity]) -> set[str]:
        if kind is Employee:
            return {str(one.number) for one in self.people}
        return {str(self._unit(name).get("id", f"department:{name.lower()}")) for name in self.departments}

    def revoke(self) -> None:
        self._expires_at.clear()

    def shorten_tokens(self, seconds: float) -> None:
        self.behaviour = self.behaviour.model_copy(update={"token_life": seconds})

    def answer(self, request: web.Request) -> Answer:
        path = request.path
        if path == AUTH and request.method == "POST":
            return self._auth(request)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self._expires_at.get(token, 0) <= _now():
            return _error(401, "The token is expired or unknown")
        if path == ORG_UNITS:
            return self._org_units(request)
        if path == EMPLOYEES:
            return self._page(request)
        number = path.removeprefix(f"{EMPLOYEES}/")
        found = [one for one in self.people if str(one.number) == number]
        return _ok({"data": self._row(found[0], ())}) if found else _error(404, "The employee was not found")

    def _auth(self, request: web.Request) -> Answer:
        if request.query:
            return _error(403, "Credentials in the query are no longer accepted")
        as_json = request.content_type == "application/json"
        if (json.loads(request[BODY]) if as_json else dict(parse_qsl(request[BODY].decode()))) != self.credentials:
            return _error(self.behaviour.refusal, "Wrong credentials")
        valid = [token for token, expires_at in self._expires_at.items() if expires_at > _now()]
        token = valid[0] if valid else f"papi-{self._random.getrandbits(128):032x}"
        self._expires_at.setdefault(token, _now() + self.behaviour.token_life)
        self.issued.add(token)
        left = ceil(self._expires_at[token] - _now())
        return _ok({"data": {"token": token, "expires_in": left, "scope": "employees:read"}})

    def _page(self, request: web.Request) -> Answer:
        start, limit = int(request.query.get("offset", 0)), int(request.query.get("limit", 50))
        if limit > LARGEST and self.behaviour.oversize == "error":
            return _error(400, "The limit is too large")
        limit = min(limit, LARGEST, self.largest_page or LARGEST)
        names = request.query.getall("attributes[]", [])
        rows = [self._row(one, names) for one in self.people[start : start + limit]]
        total = len(self.people)
        pages = {"total_elements": total, "current_page": start // limit, "total_pages": ceil(total / limit)}
        metadata = {"metadata": pages} if self.behaviour.metadata == "yes" else {}
        return _ok({**metadata, "offset": start, "limit": limit, "data": rows})

    def _org_units(self, request: web.Request) -> Answer:
        if self.behaviour.units != "granted":
            return _problem(401 if self.behaviour.units == "refused" else 403, "Insufficient access scope")
        if request.headers.get("Beta") != "true":
            return _problem(404, "Not found")
        if request.query.get("type") != "department":
            return _problem(400, "The type is required")
        start = int(request.query.get("cursor", "cur_0").removeprefix("cur_"))
        limit = min(int(request.query.get("limit", 20)), LARGEST, self.largest_page or LARGEST)
        units = self.org_units()
        links = {"self": {"href": f"https://{self.host}{ORG_UNITS}"}}
        if start + limit < len(units):
            links["next"] = {"href": f"{ORG_UNITS}?limit={limit}&cursor=cur_{start + limit}"}
        return json_answer({"_data": units[start : start + limit], "_meta": {"links": links}}, 200, JSON)

    # ---- shapes of the answers

    def org_units(self) -> list[dict[str, Any]]:
        """Return the departments with people in them, one without, and the parent of all."""
        names = [*sorted(self.departments), "Skunk Works"]
        group = {"id": "280000", "type": "department", "name": "Group", "abbreviation": "GRP", "parent_id": None}
        return [group, *({**group, "id": self._unit_id(one), "name": one, "parent_id": "280000"} for one in names)]

    def _unit_id(self, name: str) -> str:
        number: int = self._unit(name).get("id", 0)
        return str(number if self.behaviour.unit_ids == "same" else number + 9_000_000)

    def _row(self, one: Person, names: Any) -> dict[str, Any]:
        attributes: dict[str, Any] = {
            name: _labelled(name, value)
            for name, value in self._values(one.at(self.today)).items()
            # Pay and birth dates always come: an integration may be granted more than it requests.
            if not names or name in names or name in {"fix_salary", "dynamic_1146666"}
        }
        if attributes.pop(self.behaviour.hidden, None) and self.behaviour.ungranted == "null":
            attributes[self.behaviour.hidden] = None
        return {"type": "Employee", "attributes": attributes}

    def _values(self, one: Person) -> dict[str, Any]:
        end = one.end or one.last_day
        return {
            "id": one.number,
            "first_name": one.first,
            "last_name": one.last,
            "preferred_name": f"{one.first}ie" if one.number % 9 == 0 else "",
            "email": one.email if one.number % 40 else None,
            "status": self._status(one),
            "position": one.title,
            "employment_type": "external" if one.contractor else "internal",
            "hire_date": f"{one.start.isoformat()}T00:00:00+01:00",
            "termination_date": f"{end.isoformat()}T00:00:00+01:00" if end else None,
            "supervisor": None if one.manager is None else _of("Employee", {"id": _labelled("id", one.manager)}),
            "department": _of("Department", self._unit(one.department)),
            "office": _of("Office", {"id": 7, "name": one.office}),
            "created_at": one.created.isoformat(),
            "last_modified_at": one.changed.isoformat(),
            "fix_salary": one.private(1),
            "dynamic_1146666": one.private(2),
        }

    def _status(self, one: Person) -> str:
        if not one.active:
            return "inactive"
        return "onboarding" if one.start > self.today else "leave" if one.on_leave else "active"

    def _unit(self, name: str) -> dict[str, Any]:
        number = 281_000 + sum(map(ord, name))
        return {"name": name} if self.behaviour.departments == "name" else {"id": number, "name": name}


def _now() -> float:
    return asyncio.get_running_loop().time()


def _labelled(name: str, value: Any) -> dict[str, Any]:
    return {"label": name.replace("_", " ").capitalize(), "value": value, "type": "standard", "universal_id": name}


def _of(kind: str, attributes: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "attributes": attributes}


def _ok(body: dict[str, Any]) -> Answer:
    return json_answer({"success": True, **body}, 200, JSON)


def _error(status: int, message: str) -> Answer:
    return json_answer({"success": False, "error": {"code": status, "message": message}}, status, JSON)


def _problem(status: int, title: str) -> Answer:
    errors = [{"title": title, "detail": title, "type": "https://developer.personio.de/errors"}]
    return json_answer({"personio_trace_id": "0", "errors": errors}, status, PROBLEM)


def simulator(options: SimulatorOptions) -> PersonioSimulator:
    return PersonioSimulator(options.people, options.seed, Behaviour.parse(options.behaviour))

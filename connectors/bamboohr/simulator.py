"""Local simulator of BambooHR."""

import json
from base64 import b64encode
from collections.abc import Mapping
from datetime import date
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

JSON = (("Content-Type", "application/json"),)
HTML = ("Content-Type", "text/html; charset=UTF-8")
CONTRACT = {True: "Contractor", False: "Full-Time"}


class Behaviour(Switches):
    """Switches. The first value of each is the default."""

    throttle_status: Literal[429, 503] = 429
    """503 before 2026-09-16. Both come with Retry-After."""
    numbers: Literal["integers", "strings"] = "integers"
    """Type of the ids of options and supervisors."""
    unseen: Literal["omitted", "null"] = "omitted"
    """Value of a field that the API key may not see. The answer's list of fields omits it either way."""
    hidden: str = ""
    """A field that the API key may not see, such as jobTitle."""
    department_list: Literal["all", "short", "current"] = "all"
    """Departments listed: all; `short` omits the first, which people are in; `current` omits archived ones."""
    history: Literal["all", "recent"] = "all"
    """Employees in /employees/changed; `recent` omits those who have not changed since 2011."""
    future_status: Literal["present", "future"] = "present"
    """Status in a report with onlyCurrent=false: the present one, or the one that is to come."""
    forbidden: Literal["nothing", "company", "everything"] = "nothing"
    """Refused with 403: nothing; the company's information; or everything, as for a key whose user is disabled."""
    owner: Literal["employee", "none", "zero"] = "employee"
    """Answer to /employees/0: the key's employee; 404, if its user is not one; or the id 0."""
    latency: Annotated[int, Field(ge=0)] = 0
    """Milliseconds before each answer."""


class BambooHRSimulator(StaffSimulator):
    host = "acme.bamboohr.com"
    other_hosts = ("api.bamboohr.com",)
    credentials: Mapping[str, str] = {"company": "acme", "api_key": "simulated-bamboohr-key-2f7c"}
    listings = (Listed("/reports/custom", "employees"),)

    def __init__(self, people: int, seed: int, behaviour: Behaviour) -> None:
        super().__init__(people, seed)
        self.behaviour = behaviour
        self.latency = behaviour.latency / 1000
        self.throttle_status = behaviour.throttle_status
        self._departments = {one.department: 100 + number for number, one in enumerate(self.organisation.people[:10])}
        self._erased: list[int] = []

    def ids(self, kind: type[Entity]) -> set[str]:
        if kind is Employee:
            return {str(one.number) for one in self.people}
        return {str(one["id"]) for one in self._options()}

    def erase(self, index: int) -> None:
        self._erased.append(self.people[index].number)
        super().erase(index)

    def path_of(self, request: web.Request) -> str:
        return request.path.removeprefix(self._prefix(request))

    def _prefix(self, request: web.Request) -> str:
        """Return the path that all others are below: at the company's own host, or at the older one of all."""
        company = self.credentials["company"]
        prefixes = {f"{company}.bamboohr.com": "/api/v1", "api.bamboohr.com": f"/api/gateway.php/{company}/v1"}
        return prefixes.get(request.url.host or "", "/unknown")

    def answer(self, request: web.Request) -> Answer:
        key = b64encode(f"{self.credentials['api_key']}:x".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {key}":
            return _error(401, "API key not provided or invalid")
        if not request.path.startswith(self._prefix(request)):
            return _error(404, "Company not found")
        path, forbidden = self.path_of(request), self.behaviour.forbidden
        if forbidden == "everything" or (forbidden == "company" and path == "/company_information"):
            return _error(403, "The API user does not have permission")
        if path == "/reports/custom" and request.method == "POST":
            ahead = request.query.get("onlyCurrent") == "false"
            return json_answer(self._report(json.loads(request[BODY]), ahead=ahead), 200, JSON)
        return self._employee(request, path) or self._single(path)

    def _employee(self, request: web.Request, path: str) -> Answer | None:
        """Return one employee: the requested fields, without those that the key may not see; today's values or not."""
        found = [one for one in self.people if path == f"/employees/{one.number}"]
        if not found:
            return None
        fields, ahead = request.query.get("fields", "").split(","), request.query.get("onlyCurrent") == "false"
        row = self._row(found[0], ahead=ahead)
        # A real key may see more than it should.
        named = [*(name for name in fields if name != self.behaviour.hidden), "id", "ssn"]
        return json_answer({name: row[name] for name in named if name in row}, 200, JSON)

    def _single(self, path: str) -> Answer:
        owner = {"employee": "1", "none": "", "zero": "0"}[self.behaviour.owner]
        if path == "/employees/changed":
            return json_answer({"latest": "2026-01-05T09:00:00+00:00", "employees": self._changes()}, 200, JSON)
        if path == "/meta/lists":
            return json_answer(self._lists(), 200, JSON)
        if path == "/company_information":
            return json_answer({"legalName": "Acme Holding Ltd.", "displayName": "Acme", "phone": "555"}, 200, JSON)
        if path == "/employees/0" and owner:
            return json_answer({"id": owner}, 200, JSON)
        return _error(404, "Employee not found, Employee not found")

    # ---- shapes of the answers

    def _id(self, number: int) -> int | str:
        return str(number) if self.behaviour.numbers == "strings" else number

    def _report(self, query: dict[str, Any], *, ahead: bool) -> dict[str, Any]:
        hidden, known = self.behaviour.hidden, self._row(self.people[0], ahead=ahead)
        fields = [name for name in query.get("fields", []) if name != hidden and name in known]
        # Without fields the real API sends one employee only.
        people = self.people if fields else self.people[:1]
        rows = [self._selected(self._row(one, ahead=ahead), query) for one in people]
        described = [{"id": name, "type": "text", "name": name} for name in fields]
        return {"title": query.get("title", ""), "fields": described, "employees": rows}

    def _selected(self, row: dict[str, Any], query: dict[str, Any]) -> dict[str, Any]:
        selected = {name: row[name] for name in query.get("fields", []) if name in row}
        if self.behaviour.hidden in selected:
            selected[self.behaviour.hidden] = None
            if self.behaviour.unseen == "omitted":
                del selected[self.behaviour.hidden]
        # The API always sends the id, and a real key may see more than it should.
        return {"id": row["id"], **selected, "ssn": row["ssn"]}

    def _row(self, person: Person, *, ahead: bool) -> dict[str, Any]:
        """Return the row as of today; with ``ahead``, with the values that are to come."""
        one = person.at(date.max if ahead else self.today)
        # A future employee has no job yet.
        placed = ahead or one.start <= self.today
        manager = one.manager if placed else None
        return {
            "id": str(one.number),
            "displayName": f"{one.first} {one.last}",
            "firstName": one.first,
            "lastName": one.last,
            "preferredName": f"{one.first}ie" if one.number % 9 == 0 else None,
            "workEmail": one.email if one.number % 40 else None,
            "employeeNumber": f"E{one.number:05}",
            "jobTitle": one.title if placed else None,
            "department": one.department if placed else None,
            "location": one.office if placed else None,
            "status": self._status(person, ahead=ahead),
            "employmentHistoryStatus": CONTRACT[one.contractor] if one.active else "Terminated",
            "hireDate": one.start.isoformat(),
            "terminationDate": one.end.isoformat() if one.end else "0000-00-00",
            "supervisor": None if manager is None else f"Supervisor {manager}",
            "supervisorEId": None if manager is None else self._id(manager),
            "lastChanged": one.changed.isoformat(),
            "ssn": one.private(1),
            "dateOfBirth": one.private(2),
        }

    def _status(self, person: Person, *, ahead: bool) -> str:
        day = date.max if ahead and self.behaviour.future_status == "future" else self.today
        return "Active" if person.start <= day and person.at(day).active else "Inactive"

    def _changes(self) -> dict[str, Any] | list[Any]:
        changed = self.people if self.behaviour.history == "all" else self.people[-5:]
        rows = [(str(one.number), "Updated", one.changed.isoformat()) for one in changed]
        rows += [(str(number), "Deleted", "2026-01-05T09:00:00+00:00") for number in self._erased]
        return {one: {"id": one, "action": action, "lastChanged": at} for one, action, at in rows} or []

    def _options(self) -> list[dict[str, Any]]:
        options = [
            {"id": self._id(number), "archived": "no", "name": name} for name, number in self._departments.items()
        ]
        if self.behaviour.department_list != "current":
            options.append({"id": self._id(99), "archived": "yes", "name": "Skunk Works"})
        return options[1:] if self.behaviour.department_list == "short" else options

    def _lists(self) -> list[dict[str, Any]]:
        shape = {"manageable": "yes", "multiple": "no"}
        return [
            {"fieldId": 18, "alias": "location", "name": "Location", "options": [], **shape},
            {"fieldId": 4, "alias": "department", "name": "Department", "options": self._options(), **shape},
        ]


def _error(status: int, reason: str) -> Answer:
    return Answer(status, b"", (HTML, ("x-bamboohr-error-message", reason)), compressed=False)


def simulator(options: SimulatorOptions) -> BambooHRSimulator:
    return BambooHRSimulator(options.people, options.seed, Behaviour.parse(options.behaviour))

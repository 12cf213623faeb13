"""Simulators of Namely, and connectors, that misbehave in one way each."""

import json
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from connector_core import Employee, Page, PageNumber, Product, discovers
from connector_core.testing import Answer
from connector_core.testing.organisation import Person
from connectors.bamboohr.simulator import BambooHRSimulator
from connectors.namely.simulator import NamelySimulator
from planted.example import Example, People, to_employee

JSON = (("Content-Type", "application/json"),)


def is_listing(request: web.Request) -> bool:
    return request.path == "/api/v1/profiles"


def is_about_one(request: web.Request) -> bool:
    return request.path.startswith("/api/v1/profiles/") and not request.path.endswith("/me")


def rewritten(answer: Answer, body: Any) -> Answer:
    return Answer(answer.status, json.dumps(body).encode(), answer.headers)


class Shifting(NamelySimulator):
    """After its first page a person on it is deleted and another appended, so that a third moves up unread."""

    scans = 0
    """Number of scans still to misbehave in."""
    appends = True

    def answer(self, request: web.Request) -> Answer:
        answer = super().answer(request)
        if self.scans and is_listing(request) and request.query["page"] == "1":
            tenant: Any = self.directory
            tenant.delete(tenant.people[9])
            if self.appends:
                self.hire()
            self.scans -= 1
        return answer


class Endless(NamelySimulator):
    """Lists new people on every page, for ever, and announces as many as there are."""

    ends = False

    def answer(self, request: web.Request) -> Answer:
        if self.ends or not is_listing(request):
            return super().answer(request)
        number = int(request.query["page"])
        answer = super().answer(request.clone(rel_url=request.rel_url.update_query(page="1")))
        body = json.loads(answer.body)
        for one in body["profiles"] if number > 1 else ():
            one["id"] = f"{number}-{one['id']}"
        return rewritten(answer, body)


class EndlessGroups(NamelySimulator):
    """Lists new groups on every page, for ever, and announces more than any number of them."""

    def answer(self, request: web.Request) -> Answer:
        if not request.path.endswith("/groups"):
            return super().answer(request)
        number = request.query.get("page", "1")
        answer = super().answer(request.clone(rel_url=request.rel_url.without_query_params("page")))
        body = json.loads(answer.body)
        for one in body["groups"]:
            one["id"] = f"{number}-{one['id']}"
        body["meta"]["count"] = 10**9
        return rewritten(answer, body)


class Mute(NamelySimulator):
    """Lists people, and answers no question about one of them."""

    def answer(self, request: web.Request) -> Answer:
        if is_about_one(request):
            return Answer(503, b"", compressed=False)
        return super().answer(request)


class Hiding(NamelySimulator):
    """Leaves a person out of the listing and of its total, and still has them unless they are ``gone``."""

    hidden = ""
    gone = False

    def answer(self, request: web.Request) -> Answer:
        if self.gone and request.path.endswith(f"/profiles/{self.hidden}"):
            return self._error(404, "Profile not found")
        answer = super().answer(request)
        if not (self.hidden and is_listing(request)):
            return answer
        body = json.loads(answer.body)
        body["profiles"] = [one for one in body["profiles"] if one["id"] != self.hidden]
        body["meta"]["total_count"] -= 1
        return rewritten(answer, body)


class Denying(Hiding):
    """Leaves a person out of the listing, and denies everybody whom it is asked for."""

    def answer(self, request: web.Request) -> Answer:
        if is_about_one(request):
            return self._error(404, "Profile not found")
        return super().answer(request)


class Busy(NamelySimulator):
    """Throttles the fifth question about one person, and those after it, once each."""

    def __init__(self, directory: Any, behaviour: Any) -> None:
        super().__init__(directory, behaviour)
        self.asked: list[str] = []

    def answer(self, request: web.Request) -> Answer:
        if is_about_one(request):
            self.asked.append(request.path)
            if len(self.asked) > 4 and self.asked.count(request.path) == 1:
                return Answer(429, b"{}", (*JSON, ("Retry-After", "1")))
        return super().answer(request)


class Forgetful(Hiding):
    """Leaves a person out of the listing, and answers no question about them."""

    def answer(self, request: web.Request) -> Answer:
        if self.hidden and is_about_one(request):
            return Answer(500, b"{}", JSON)
        return super().answer(request)


class Untold(NamelySimulator):
    """Sends groups, or group types, that lack something."""

    lacking = ""

    def answer(self, request: web.Request) -> Answer:
        answer = super().answer(request)
        if not self.lacking or not request.path.endswith(self.lacking):
            return answer
        body = json.loads(answer.body)
        if self.lacking == "/groups":
            body["groups"][0] |= {"type": None, "links": {}}
        else:
            del body["group_types"][-1]
        return rewritten(answer, body)


class Overstated(NamelySimulator):
    """Always announces one row more than there is."""

    def answer(self, request: web.Request) -> Answer:
        answer = super().answer(request)
        if not is_listing(request):
            return answer
        body = json.loads(answer.body)
        body["meta"]["total_count"] += 1
        return rewritten(answer, body)


class RestrictedNamely(NamelySimulator):
    """Sends null for ``lost`` keys of the ``restricted`` people, as after a permission that was lost for these."""

    restricted: frozenset[str] = frozenset()
    lost: tuple[str, ...] = ()

    def answer(self, request: web.Request) -> Answer:
        answer = super().answer(request)
        if not (self.restricted and is_listing(request)):
            return answer
        body = json.loads(answer.body)
        for one in body["profiles"]:
            if one["id"] in self.restricted:
                one.update(dict.fromkeys(self.lost))
        return rewritten(answer, body)


class RestrictedBambooHR(BambooHRSimulator):
    """Sends null for ``lost`` fields of the ``restricted`` people, as after a permission that was lost for these."""

    restricted: frozenset[str] = frozenset()
    lost: tuple[str, ...] = ()

    def _row(self, person: Person, *, ahead: bool) -> dict[str, Any]:
        row = super()._row(person, ahead=ahead)
        return row | dict.fromkeys(self.lost) if row["id"] in self.restricted else row


class Unsorted(NamelySimulator):
    """Ignores the requested order."""

    def answer(self, request: web.Request) -> Answer:
        query = {key: value for key, value in request.query.items() if key != "sort"}
        return super().answer(request.clone(rel_url=request.rel_url.with_query(query)))


_discovers_people = discovers(
    Employee, products={Product.SMP}, resource="People", description="All people.", provides=("display_name",)
)


class MergesRows(Example):
    """Gives every row the same id."""

    @_discovers_people
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages("/people", People, paging=PageNumber(size=25)):
            yield page.map(lambda row: Employee.of(row, source_id="same", display_name=row.name))


class Broken(Example):
    """Fails on its second page with an exception that names a person."""

    @_discovers_people
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages("/people", People, paging=PageNumber(size=25)):
            if page.place.number > 1:
                raise KeyError("canary-person")
            yield page.map(to_employee)

"""Namely's endpoints: envelopes, headers, both paging styles, the quota and error bodies."""

import asyncio
import uuid
import zlib
from collections import deque
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any

from aiohttp import web

from connector_core import Employee, Entity
from connector_core.testing import Answer, Listed, Simulator, json_answer
from connectors.namely.simulator.behaviour import Behaviour
from connectors.namely.simulator.directory import Directory, Group, GroupType
from connectors.namely.simulator.listing import SMALL_PAGE, BadQueryError, number, select
from connectors.namely.simulator.profile import PRIVATE

PREFIX = "/api/v1"
LOGIN = (
    b"<!DOCTYPE html><html><head><title>Namely</title></head><body><form action='/users/login'></form></body></html>"
)


class NamelySimulator(Simulator):
    """One company at one host. Any other host under namely.com is a company that does not exist."""

    listings = (
        Listed("/profiles", "profiles", "meta.total_count"),
        Listed("/groups", "groups", "meta.count", people=False),
        Listed("/group_types", "group_types", "meta.count", people=False),
    )
    private = PRIVATE

    def __init__(self, directory: Any, behaviour: Behaviour) -> None:
        super().__init__()
        self.directory: Directory = directory
        self.behaviour = behaviour
        self.host = directory.host
        self.permalink = ""
        """The company's name for addresses; empty for the first label of the host."""
        self.credentials = {"domain": directory.host, "personal_access_token": directory.token}
        self.notes = directory.notes
        self.latency = behaviour.latency / 1000
        self._counted: deque[float] = deque()

    @property
    def people(self) -> list[Any]:
        return self.directory.profiles()

    def ids(self, kind: type[Entity]) -> set[str]:
        if kind is Employee:
            return {self.directory.id_of(one) for one in self.people}
        return {one.id for one in self.directory.departments()}

    def hire(self) -> Any:
        return self.directory.hire(datetime.now(UTC))

    def erase(self, index: int) -> None:
        self.directory.delete(self.people[index])

    def evolve(self) -> tuple[str, ...]:
        return self.directory.evolve(datetime.now(UTC) if self.live else None)

    def path_of(self, request: web.Request) -> str:
        return request.path.removeprefix(PREFIX).removesuffix(".json")

    def answer(self, request: web.Request) -> Answer:
        if request.host.partition(":")[0] != self.host or not request.path.startswith(PREFIX + "/"):
            return self._no_such_company()
        path = self.path_of(request)
        if path == "/companies/info":
            return self._ok(self._company())
        if rejection := self._reject(request):
            return rejection
        if request.method not in {"GET", "HEAD"}:
            return self._error(404, "Not found")
        if self._counts(path) and (throttled := self._throttle()):
            return throttled
        return self._route(path, request)

    def _route(self, path: str, request: web.Request) -> Answer:
        first, _, rest = path.strip("/").partition("/")
        if first == "profiles" and not rest:
            return self._profiles(request)
        if first == "profiles":
            return self._profile(rest)
        if first == "groups" and self.behaviour.owner == "no_groups":
            return self._error(self.behaviour.unpermitted, "Forbidden")
        if first == "groups" and not rest:
            return self._groups(request)
        if first == "groups":
            return self._group(rest)
        if first == "group_types" and not rest:
            return self._group_types()
        # The answer of 2014 for an unknown route.
        return json_answer({"error": ""}, 401, self._headers(401, "no-cache"))

    # ---- authentication and quota

    def _reject(self, request: web.Request) -> Answer | None:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not given and self.behaviour.token_by_query == "yes":
            given = request.query.get("access_token", "")
        if given != self.directory.token or self.behaviour.owner == "sso":
            return self._error(401, "Invalid access token provided.")
        if self.behaviour.owner == "inactive":
            return self._error(403, "Forbidden")
        return None

    def _counts(self, path: str) -> bool:
        return path == "/profiles" or (self.behaviour.quota_covers == "all" and path.startswith("/profiles/"))

    def _throttle(self) -> Answer | None:
        now, window = asyncio.get_running_loop().time(), self.behaviour.window
        if self.behaviour.window_kind == "fixed":
            while self._counted and int(self._counted[0] // window) != int(now // window):
                self._counted.popleft()
            wait = window - now % window
        else:
            while self._counted and self._counted[0] <= now - window:
                self._counted.popleft()
            wait = (self._counted[0] + window - now) if self._counted else 0.0
        if len(self._counted) < self.behaviour.quota:
            self._counted.append(now)
            return None
        extra: tuple[tuple[str, str], ...] = ()
        if self.behaviour.retry_after == "seconds":
            extra = (("Retry-After", str(int(wait) + 1)),)
        elif self.behaviour.retry_after == "date":
            moment = datetime.now(UTC) + timedelta(seconds=wait + 1)
            extra = (("Retry-After", format_datetime(moment, usegmt=True)),)
        return self._error(self.behaviour.throttle_status, "Rate limit exceeded", extra)

    def _no_such_company(self) -> Answer:
        html = (("Content-Type", "text/html; charset=utf-8"),)
        if self.behaviour.unknown_tenant == "redirect":
            return Answer(302, b"", (*html, ("Location", "/users/login")), compressed=False)
        if self.behaviour.unknown_tenant == "missing":
            return Answer(404, LOGIN, html)
        return Answer(200, LOGIN, html)

    # ---- endpoints

    def _company(self) -> dict[str, Any]:
        kind = "saml" if self.behaviour.owner == "sso" else "email_password"
        return {
            "name": self.directory.company_name,
            "permalink": self.permalink or self.host.partition(".")[0],
            "background_url": None,
            "logo_url": None,
            "authentications": [{"type": kind, "init_url": "/users/login"}],
        }

    def _profiles(self, request: web.Request) -> Answer:
        visible = self._visible()
        if request.query.get("sort") == "created_at":
            visible = sorted(visible, key=self.directory.created_at)
        total = self.directory.total if self.behaviour.hidden_rows == "no" else len(visible)
        try:
            rows, meta = select(visible, self.directory.profile, request.query, self._paging(), total)
        except BadQueryError as error:
            return self._error(422, str(error))
        envelope = {"profiles": rows, "meta": meta, "links": self._links(), "linked": self._linked(rows)}
        answer = self._ok(envelope)
        etag = f'W/"{zlib.crc32(answer.body):08x}"'
        if self.behaviour.not_modified == "yes" and request.headers.get("If-None-Match") == etag:
            return Answer(304, b"", self._headers(304, "max-age=0"), compressed=False)
        return Answer(answer.status, answer.body, (*answer.headers, ("ETag", etag)))

    def _paging(self) -> Behaviour:
        if self.largest_page is None:
            return self.behaviour
        return self.behaviour.model_copy(update={"page_size": min(self.largest_page, self.behaviour.page_size)})

    def _visible(self) -> list[Any]:
        people = self.directory.profiles()
        if self.behaviour.hidden_rows == "no":
            return people
        return [one for number, one in enumerate(people, 1) if number % 10]

    def _profile(self, source_id: str) -> Answer:
        found: dict[str, Any] | None = None
        if source_id == "me":
            me = self.directory.me
            found = self.directory.profile(me) if me is not None else None
        else:
            one = next((one for one in self._visible() if self.directory.id_of(one) == source_id), None)
            found = None if one is None else self.directory.profile(one)
        if found is None:
            return self._error(404, "Profile not found")
        if found.get("links") == {}:
            return self._ok({"profiles": [found], "meta": {"count": 1, "status": 200}, "links": {}, "linked": {}})
        meta = {"count": 1, "status": 200, "total_count": 1}
        return self._ok({"profiles": [found], "meta": meta, "links": self._links(), "linked": self._linked([found])})

    def _groups(self, request: web.Request) -> Answer:
        groups = self.directory.groups
        total = len(groups)
        if self.behaviour.groups_pages == "yes":
            start = (max(1, number(request.query.get("page"), 1)) - 1) * SMALL_PAGE
            groups = groups[start : start + SMALL_PAGE]
        return self._generated(
            {
                "groups": [self._group_row(one, self.directory.members(one)) for one in groups],
                "meta": {"response": 200, "count": total, "page_title": "Groups", "page_copy": ""},
                "links": {"groups.group_types": {"type": "group_types"}},
                "linked": {"group_types": [self._type_row(one) for one in self.directory.group_types]},
            }
        )

    def _group(self, source_id: str) -> Answer:
        group = next((one for one in self.directory.groups if one.id == source_id), None)
        if group is None:
            return self._error(404, "Group not found")
        # Unlike in the listing, `type` is the id of the type.
        row = {**self._group_row(group), "type": group.type_id}
        return self._generated({"groups": [row], "meta": {"response": 200, "count": 1}, "links": {}, "linked": {}})

    def _group_types(self) -> Answer:
        rows = [self._type_row(one) for one in self.directory.group_types]
        return self._generated({"group_types": rows, "meta": {"count": len(rows), "status": 200}})

    # ---- shapes of the answers

    def _group_row(self, group: Group, people: int = 0) -> dict[str, Any]:
        """Return a group. Groups linked by a page of profiles have the count 0 in the only known sample."""
        title = next(one.title for one in self.directory.group_types if one.id == group.type_id)
        return {
            "id": group.id,
            "title": group.title,
            "type": title,
            "is_team": False,
            "address": None,
            "count": people,
            "links": {"group_type": group.type_id},
        }

    def _type_row(self, one: GroupType) -> dict[str, Any]:
        return {
            "id": one.id,
            "title": one.title,
            "field_name": one.title.lower().replace(" ", "_"),
            "deletable": one.type == "custom",
            "type": one.type,
            "x_groups_as_teams": False,
        }

    def _links(self) -> dict[str, Any]:
        kinds = {"job_title": "job_titles", "image": "files", "groups": "groups", "teams": "teams"}
        return {f"profiles.{name}": {"type": kind} for name, kind in kinds.items()}

    def _linked(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        used = {link["id"] for row in rows for link in row["links"].get("groups") or []}
        teams = {team["id"]: team for row in rows for team in row["links"].get("teams") or []}
        titles = {row["job_title"]["id"]: row["job_title"] for row in rows if row.get("job_title")}
        return {
            "job_titles": [{**title, "parent_id": None, "links": {"job_tier": None}} for title in titles.values()],
            "files": [],
            "groups": [self._group_row(one) for one in self.directory.groups if one.id in used],
            "teams": list(teams.values()),
        }

    def _ok(self, value: Any) -> Answer:
        # Namely sends this header twice.
        second = (("Strict-Transport-Security", "max-age=31536000; includeSubDomains;"),)
        return json_answer(value, 200, self._headers(200, "max-age=0, private, must-revalidate") + second)

    def _generated(self, value: Any) -> Answer:
        answer = self._ok(value)
        if self.directory.label == "recorded":
            return Answer(answer.status, answer.body, (*answer.headers, ("X-Simulated", "generated")))
        return answer

    def _error(self, status: int, message: str, extra: tuple[tuple[str, str], ...] = ()) -> Answer:
        bodies: dict[str, Any] = {
            "message": {"message": message, "errors": []},
            "error": {"error": ""},
            "empty": None,
        }
        body = bodies["message" if status in {404, 422} else self.behaviour.error_body]
        headers = self._headers(status, "no-cache") + extra
        return Answer(status, b"", headers, compressed=False) if body is None else json_answer(body, status, headers)

    def _headers(self, status: int, cache: str) -> tuple[tuple[str, str], ...]:
        return (
            ("Content-Type", "application/json; charset=utf-8"),
            ("Server", "nginx"),
            ("Connection", "keep-alive"),
            ("Status", f"{status} {HTTPStatus(status).phrase}"),
            ("Cache-Control", cache),
            ("Strict-Transport-Security", "max-age=31536000"),
            ("Vary", "Accept-Encoding"),
            ("X-Rack-Cache", "miss"),
            ("X-Request-Id", str(uuid.uuid4())),
            ("X-Runtime", f"{self.latency:.6f}"),
        )

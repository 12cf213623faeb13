"""The JSON API by hand: requests that are refused, pages of long lists, and what each operation does."""

import gzip
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from connector_core.audit import Action
from connector_core.errors import ConnectorCoreError
from connector_core.host import Host
from connector_core.settings import Role
from connector_core.store.notices import Event, NewNotice
from connector_core.web.api import OPERATIONS, document_of
from connector_core.web.failures import STATUSES
from web_host import NotedRuns, WebHost, client, served_web, web_settings
from world import Start

DOCS = Path(__file__).parents[2] / "docs"
READ_BY_BODY = ("search_people", "list_reports")
"""Operations that change nothing, and whose requests are bodies, since they may name a person."""
READ_BY_FEW = ("list_audit", "list_notices")
"""Operations that change nothing, and are not for everyone."""


@pytest.fixture
def engine() -> NotedRuns:
    return NotedRuns()


@pytest.fixture
async def web(namely: Start, engine: NotedRuns) -> AsyncIterator[WebHost]:
    place = await namely(60, connected=True)
    settings = place.settings.model_copy(update={"web": web_settings()})
    async with Host(settings) as host, served_web(host, place.simulator.credentials, engine=engine) as served:
        yield served


@pytest.fixture
async def api(web: WebHost) -> AsyncIterator[aiohttp.ClientSession]:
    async with client(base_url=f"{web.address}/api/v1/", headers=web.bearer) as session:
        yield session


async def sent(api: aiohttp.ClientSession, method: str, path: str, **more: Any) -> tuple[int, Any]:
    async with api.request(method, path, **more) as response:
        text = await response.text()
        return response.status, json.loads(text) if text else None


async def test_every_part_of_a_request_that_is_not_valid_is_named(api: aiohttp.ClientSession) -> None:
    status, problem = await sent(api, "GET", "integrations/acme/runs?limit=0&offset=1&limits=5")
    assert (status, problem["code"]) == (422, "request")
    assert {one["place"] for one in problem["errors"]} == {"query.limit", "query.offset", "query.limits"}
    status, problem = await sent(api, "POST", "integrations/acme/runs", json={"delta": "yes", "force": True})
    assert status == 422
    assert {one["place"] for one in problem["errors"]} == {"body.delta", "body.force"}
    status, problem = await sent(api, "GET", "integrations/acme/runs?limit=1&limit=2")
    assert problem["errors"] == [{"place": "query.limit", "problem": "is given twice"}]
    status, problem = await sent(api, "GET", "me?verbose=1")
    assert problem["errors"][0]["place"] == "query.verbose"


@pytest.mark.parametrize("limit", ["1_0", " 5", "+5", "5.0", "501", "-1", "\N{ARABIC-INDIC DIGIT FIVE}"])
async def test_a_limit_is_plain_digits_up_to_500(api: aiohttp.ClientSession, limit: str) -> None:
    assert (await sent(api, "GET", "integrations/acme/runs", params={"limit": limit}))[0] == 422


async def test_a_body_is_json_and_nothing_else(api: aiohttp.ClientSession) -> None:
    path = "integrations/acme/runs"
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16"):
        assert (await sent(api, "POST", path, data=b"{}", headers={"Content-Type": kind}))[0] == 415
    compressed = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert (await sent(api, "POST", path, data=gzip.compress(b"{}"), headers=compressed))[0] == 415
    plain = {"Content-Type": "application/json"}
    assert (await sent(api, "POST", path, data=b"{", headers=plain))[0] == 422
    assert (await sent(api, "POST", path, data=b"[" * 100_000, headers=plain))[0] == 422
    large = json.dumps({"kinds": ["x" * 300_000]}).encode()
    status, problem = await sent(api, "POST", path, data=large, headers=plain)
    assert (status, problem["code"]) == (413, "http_413")


async def test_methods_are_those_that_allow_names(api: aiohttp.ClientSession) -> None:
    async with api.options("integrations/acme/runs") as response:
        assert (response.status, response.headers["Allow"]) == (204, "GET,HEAD,OPTIONS,POST")
    async with api.delete("integrations/acme/runs") as response:
        assert (response.status, response.headers["Allow"]) == (405, "GET,HEAD,OPTIONS,POST")
        assert response.content_type == "application/problem+json"
    async with api.head("integrations/acme") as response:
        assert (response.status, await response.read()) == (200, b"")


async def test_lists_come_in_pages_without_a_gap_or_a_repetition(web: WebHost, api: aiohttp.ClientSession) -> None:
    await web.host.run("acme", apply=False)
    status, plan = await sent(api, "GET", "integrations/acme/plan")
    assert (status, plan["changes"]) == (200, sum(one["changes"] for one in plan["counts"]))
    changes = await all_pages(api, "integrations/acme/plan/changes", 7)
    assert len({(one["kind"], one["source_id"]) for one in changes}) == len(changes) == plan["changes"]
    whole = await all_pages(api, "integrations/acme/plan/changes", 500)
    assert changes == whole
    status, applied = await sent(api, "POST", "integrations/acme/plan/apply", json=decision(plan))
    assert (status, applied) == (200, {"applied": plan["changes"], "stale": 0})
    people = await all_pages(api, "integrations/acme/entities/employees", 7)
    stored = await web.host.count_entities("acme")
    assert len({one["source_id"] for one in people}) == len(people) == stored["Employee"]
    one = await sent(api, "GET", f"integrations/acme/entities/employees/{people[0]['source_id']}")
    assert one == (200, people[0])
    await web.host.run("acme")
    runs = await all_pages(api, "integrations/acme/runs", 1)
    assert [one["id"] for one in runs] == [one.run.id for one in await web.host.history("acme")]
    assert await sent(api, "GET", f"integrations/acme/runs/{runs[1]['id']}") == (200, runs[1])


async def all_pages(api: aiohttp.ClientSession, path: str, limit: int) -> list[Any]:
    found: list[Any] = []
    after = None
    while True:
        query = {"limit": limit, **({"after": after} if after else {})}
        status, page = await sent(api, "GET", path, params=query)
        assert status == 200
        found += page["items"]
        if (after := page["next"]) is None:
            return found


def decision(plan: Any, **more: Any) -> dict[str, Any]:
    return {"fingerprint": plan["fingerprint"], **more}


async def test_only_the_plan_that_was_shown_is_decided_on(web: WebHost, api: aiohttp.ClientSession) -> None:
    decide = "integrations/acme/plan/discard"
    assert (await sent(api, "POST", decide, json={"fingerprint": "0" * 32}))[0] == 404
    report = await web.host.run("acme", apply=False)
    status, problem = await sent(api, "POST", decide, json={"fingerprint": "0" * 32})
    assert (status, problem["code"]) == (409, "plan_changed")
    assert (await sent(api, "POST", decide, json={}))[0] == 422
    assert await web.host.held("acme")
    _, plan = await sent(api, "GET", "integrations/acme/plan")
    status, done = await sent(api, "POST", decide, json=decision(plan))
    assert (status, done["discarded"]) == (200, sum(one.plan.held for one in report.kinds))


async def test_a_part_of_a_plan_is_applied_and_the_rest_waits(web: WebHost, api: aiohttp.ClientSession) -> None:
    await web.host.run("acme", apply=False)
    _, plan = await sent(api, "GET", "integrations/acme/plan")
    count = {(one["kind"], one["operation"]): one["changes"] for one in plan["counts"]}
    status, effects = await sent(api, "GET", "integrations/acme/plan/effects")
    assert (status, effects["run_id"]) == (200, plan["run_id"])
    assert {one["after"] - one["before"] - one["joins"] + one["leaves"] for one in effects["items"]} == {0}
    person = next(
        one["source_id"]
        for one in await all_pages(api, "integrations/acme/plan/changes", 500)
        if one["kind"] == "Employee"
    )
    only = {
        "groups": [{"kind": "Department", "operation": "create"}],
        "rows": [{"kind": "Employee", "source_id": person}],
    }
    path = "integrations/acme/plan/apply"
    status, applied = await sent(api, "POST", path, json=decision(plan, only=only))
    assert (status, applied["applied"]) == (200, count["Department", "create"] + 1)
    assert await web.host.count_entities("acme") == {"Department": applied["applied"] - 1, "Employee": 1}
    # The plan is another one now: what is left of it has to be looked at.
    status, problem = await sent(api, "POST", path, json=decision(plan))
    assert (status, problem["code"]) == (409, "plan_changed")
    _, rest = await sent(api, "GET", "integrations/acme/plan")
    assert rest["changes"] == plan["changes"] - applied["applied"]


async def test_a_plan_says_why_it_is_held(namely: Start) -> None:
    place = await namely(60, scanned=True)
    place.tenant.people = place.tenant.people[:30]
    await place.run()
    settings = place.settings.model_copy(update={"web": web_settings()})
    async with (
        Host(settings) as host,
        served_web(host, engine=NotedRuns()) as web,
        client(base_url=f"{web.address}/api/v1/", headers=web.bearer) as api,
    ):
        _, plan = await sent(api, "GET", "integrations/acme/plan")
        _, stands = await sent(api, "GET", "integrations/acme/status")
    assert plan["because"]["Employee"][0]["message"]
    (people,) = [one for one in stands["kinds"] if one["kind"] == "Employee"]
    assert people["held"] > 0
    assert plan["because"]["Employee"][0]["message"] in people["cause"]
    assert not stands["good"]


async def test_the_status_of_each_kind_comes_with_its_certificate(web: WebHost, api: aiohttp.ClientSession) -> None:
    await web.host.run("acme")
    status, stands = await sent(api, "GET", "integrations/acme/status")
    assert (status, stands["good"], stands["running"], stands["held"]) == (200, True, False, 0)
    kinds = {one["kind"]: one for one in stands["kinds"]}
    assert kinds["Employee"]["stored"] == 60
    assert kinds["Employee"]["certificate"]["standing"] == "complete"
    assert kinds["Employee"]["last_complete_at"] == kinds["Employee"]["read_at"]
    assert await sent(api, "GET", "status") == (200, {"items": [stands]})


async def test_a_schedule_is_set_paused_resumed_and_taken_away(api: aiohttp.ClientSession) -> None:
    path = "integrations/acme/schedule"
    assert (await sent(api, "GET", path))[1]["schedule"]["cron"] == ""
    status, made = await sent(api, "PUT", path, json={"cron": "0  6 * * 1", "delta": True})
    assert (status, made["schedule"]["cron"], made["words"]) == (200, "0 6 * * 1", "on Mondays at 06:00")
    assert len(made["times"]) == 5
    assert made["schedule"]["next_at"]
    status, paused = await sent(api, "POST", "integrations/acme/pause")
    assert (status, paused["schedule"]["paused_by"], paused["schedule"]["next_at"]) == (200, "token", None)
    status, resumed = await sent(api, "POST", "integrations/acme/resume")
    assert (status, resumed["schedule"]["paused_at"]) == (200, None)
    assert (await sent(api, "PUT", path, json={"cron": "61 6 * * *"}))[0] == 422
    assert await sent(api, "GET", path) == (200, resumed)
    assert await sent(api, "DELETE", path) == (204, None)
    assert (await sent(api, "GET", path))[1]["times"] == []


async def test_a_cron_expression_is_explained_while_it_is_typed(api: aiohttp.ClientSession) -> None:
    status, meaning = await sent(api, "GET", "cron", params={"cron": "*/30 * * * *"})
    assert (status, meaning["words"], meaning["timezone"]) == (200, "every 30 minutes", "UTC")
    assert [one[14:16] for one in meaning["times"]] in (["00", "30"] * 2 + ["00"], ["30", "00"] * 2 + ["30"])
    status, problem = await sent(api, "GET", "cron", params={"cron": "* * * *"})
    assert (status, problem["code"]) == (422, "settings")
    assert "4 fields" in problem["title"]


async def test_people_are_found_and_their_reports_listed_page_by_page(web: WebHost, api: aiohttp.ClientSession) -> None:
    await web.host.run("acme")
    path = "integrations/acme/people/search"
    found, after = [], None
    while True:
        status, page = await sent(api, "POST", path, json={"after": after, "limit": 7})
        assert (status, page["total"]) == (200, 60)
        found += page["items"]
        if (after := page["next"]) is None:
            break
    assert len({one["source_id"] for one in found}) == len(found) == 60
    one = next(one for one in found if one["manager"])
    assert one in (await sent(api, "POST", path, json={"search": one["email"]}))[1]["items"]
    _, active = await sent(api, "POST", path, json={"status": "active", "limit": 500})
    assert 0 < active["total"] < 60
    assert {person["status"] for person in active["items"]} == {"active"}
    status, details = await sent(api, "GET", f"integrations/acme/people/{one['source_id']}")
    assert (status, details["person"]) == (200, one)
    manager = details["managers"][0]
    assert manager["source_id"] == one["manager"]["source_id"]
    path = f"integrations/acme/people/{manager['source_id']}/reports"
    status, reports = await sent(api, "POST", path, json={})
    assert one in reports["items"]
    assert (await sent(api, "GET", f"integrations/acme/people/{manager['source_id']}"))[1]["reports"] == reports[
        "total"
    ]
    status, problem = await sent(api, "POST", path, json={"after": "no place"})
    assert (status, problem["code"]) == (422, "settings")
    assert (await sent(api, "POST", "integrations/acme/people/nobody/reports", json={}))[0] == 404


async def test_departments_are_a_tree_whose_head_counts_add_up(web: WebHost, api: aiohttp.ClientSession) -> None:
    await web.host.run("acme")
    path = "integrations/acme/departments"
    status, top = await sent(api, "GET", path)
    assert status == 200
    stored = (await web.host.count_entities("acme"))["Department"]
    below = [top]
    seen = 0
    while below:
        level = below.pop()
        seen += len(level["items"])
        for one in level["items"]:
            if one["branches"]:
                _, branch = await sent(api, "GET", path, params={"parent": one["source_id"]})
                assert len(branch["items"]) == one["branches"]
                below.append(branch)
    assert seen == stored
    assert (await sent(api, "GET", path, params={"parent": "none-such"}))[0] == 404
    _, counts = await sent(api, "GET", "integrations/acme/headcounts/employees")
    assert counts["items"][-1]["stored"] == 60
    late = {"since": "2999-01-01T00:00:00Z"}
    assert (await sent(api, "GET", "integrations/acme/headcounts/employees", params=late))[1] == {"items": []}


async def test_one_row_is_previewed_explained_and_its_changes_listed(web: WebHost, api: aiohttp.ClientSession) -> None:
    report = await web.host.run("acme")
    (one,) = await all_pages_first(api)
    row = f"integrations/acme/entities/employees/{one['source_id']}"
    status, shown = await sent(api, "POST", "integrations/acme/preview/employees", json={"source_id": one["source_id"]})
    assert (status, shown["answer"], shown["changes"], shown["created"]) == (200, "found", [], False)
    assert {field["field"]: field["value"] for field in shown["mapping"]}["email"] == one["email"]
    status, missing = await sent(api, "POST", "integrations/acme/preview/employees", json={"source_id": "nobody"})
    assert (status, missing["answer"]) == (200, "not there")
    status, explained = await sent(api, "GET", f"{row}/explanation")
    assert (status, explained["stored"], explained["known"]) == (200, True, True)
    assert {field["source"]["run_id"] for field in explained["fields"]} == {report.run.id}
    _, history = await sent(api, "GET", f"{row}/history")
    assert [(change["operation"], change["state"]) for change in history["items"]] == [("create", "applied")]
    _, unknown = await sent(api, "GET", "integrations/acme/entities/employees/nobody/explanation")
    assert not unknown["known"]


async def all_pages_first(api: aiohttp.ClientSession) -> list[Any]:
    _, page = await sent(api, "GET", "integrations/acme/entities/employees?limit=1")
    return list(page["items"])


async def test_the_audit_log_says_who_did_what_and_names_no_person(web: WebHost, api: aiohttp.ClientSession) -> None:
    await web.host.run("acme")
    (one,) = await all_pages_first(api)
    await sent(api, "POST", "integrations/acme/preview/employees", json={"source_id": one["source_id"]})
    await sent(api, "PUT", "integrations/acme/schedule", json={"cron": "0 6 * * *"})
    entries = await all_pages(api, "audit?integration=acme", 2)
    assert [entry["number"] for entry in entries] == sorted({entry["number"] for entry in entries}, reverse=True)
    by_token = [(entry["action"], entry["details"]) for entry in entries if entry["actor"] == "token"]
    assert by_token == [("scheduled", {"cron": "0 6 * * *", "delta": False}), ("previewed", {"kind": "Employee"})]
    assert one["source_id"] not in json.dumps(entries)


async def test_notices_come_with_the_state_of_their_delivery(web: WebHost, api: aiohttp.ClientSession) -> None:
    assert await sent(api, "GET", "notices") == (200, {"items": []})
    new = NewNotice(datetime.now(UTC), "acme", Event.TEST, "", "{}")
    await web.host.store.schedules.edit("acme", lambda before: (before, [new]), Action.SCHEDULED)
    status, found = await sent(api, "GET", "notices?integration=acme&limit=5")
    assert (status, [(one["event"], one["state"]) for one in found["items"]]) == (200, [("test", "shown only")])
    assert "payload" not in found["items"][0]


async def test_an_integration_is_connected_checked_reconnected_and_removed(
    web: WebHost, api: aiohttp.ClientSession
) -> None:
    new = {"name": "second", "connector": "namely", "fields": dict(web.credentials)}
    status, check = await sent(api, "POST", "integrations", json=new)
    assert (status, [one["may_be_read"] for one in check["kinds"]]) == (201, [True, True])
    assert (await sent(api, "POST", "integrations", json=new))[0] == 409
    assert (await sent(api, "POST", "integrations/second/check"))[0] == 200
    path, token = "integrations/second/credentials", web.credentials["personal_access_token"]
    wrong = {"fields": {**web.credentials, "personal_access_token": f"{token}x"}}
    status, problem = await sent(api, "PUT", path, json=wrong)
    assert (status, problem["code"]) == (422, "credentials_rejected")
    assert token not in json.dumps(problem)
    assert (await sent(api, "PUT", path, json={"fields": dict(web.credentials)}))[0] == 200
    status, found = await sent(api, "GET", "integrations/second")
    assert token not in json.dumps(found)
    assert found["integration"]["fields"] == {"domain": "acme.namely.com"}
    assert await sent(api, "DELETE", "integrations/second") == (204, None)
    assert (await sent(api, "GET", "integrations/second"))[0] == 404


async def test_a_mistyped_field_comes_back_with_what_was_meant(api: aiohttp.ClientSession) -> None:
    body = {"fields": {"domain": "https://acme.namely.com"}}
    status, said = await sent(api, "POST", "connectors/namely/validate", json=body)
    assert (status, said["valid"], said["field"], said["suggestion"]) == (200, False, "domain", "acme.namely.com")
    new = {"name": "second", "connector": "namely", **body}
    status, problem = await sent(api, "POST", "integrations", json=new)
    assert (status, problem["field"], problem["suggestion"]) == (422, "domain", "acme.namely.com")


async def test_a_run_is_started_and_cancelled_by_the_engine(api: aiohttp.ClientSession, engine: NotedRuns) -> None:
    path = "integrations/acme/runs"
    assert (await sent(api, "POST", path, json={"plan": True, "kinds": ["employees"]}))[0] == 202
    assert engine.started == {"acme": {"plan": True, "kinds": ("employees",)}}
    assert await sent(api, "POST", "integrations/acme/cancel") == (204, None)
    assert engine.cancelled == ["acme"]
    assert (await sent(api, "POST", path, json={"kinds": ["invoices"]}))[0] == 422


def test_every_operation_is_documented_and_says_what_role_it_needs() -> None:
    document = document_of(OPERATIONS)
    for one in OPERATIONS:
        made = document["paths"][f"/api/v1{one.path}"][one.method.lower()]
        assert made["summary"]
        assert made["x-role"] == one.role
        assert one.changes is (one.role is not Role.VIEWER) or one.name in {*READ_BY_BODY, *READ_BY_FEW}, one
        assert ("formKey" in made["security"][1]) is one.changes
        assert {"401", "421", "422", "429", "500", "503"} <= set(made["responses"])
    names = [one.name for one in OPERATIONS]
    assert len({*names}) == len(names)


def test_every_code_that_the_api_answers_with_is_documented() -> None:
    documented = set(re.findall(r"^\| `(\w+)` ", (DOCS / "errors.md").read_text(encoding="utf-8"), re.MULTILINE))
    declared = {code for one in OPERATIONS for _, code in one.errors()}
    # An error is answered with the code of its own class, which may be a narrower one than is declared.
    possible = subclasses_of(ConnectorCoreError)
    assert declared - {"bug", "http_413"} <= possible <= documented


def subclasses_of(kind: type[ConnectorCoreError]) -> set[str]:
    return {kind.code}.union(*[subclasses_of(one) for one in kind.__subclasses__()])


async def test_the_host_serves_its_document_to_users_only(web: WebHost, api: aiohttp.ClientSession) -> None:
    status, served = await sent(api, "GET", "openapi.json")
    port = web.address.rpartition(":")[2]
    assert (status, served) == (200, document_of(OPERATIONS, cookie=f"discover-{port}"))
    async with client() as stranger, stranger.get(f"{web.address}/api/v1/openapi.json") as response:
        assert response.status == 401


def test_the_document_names_the_bounds_of_a_page() -> None:
    parameters = document_of(OPERATIONS)["paths"]["/api/v1/integrations/{name}/runs"]["get"]["parameters"]
    (limit,) = [one["schema"] for one in parameters if one["name"] == "limit"]
    assert limit == {"type": "integer", "minimum": 1, "maximum": 500, "default": 50}


def test_the_committed_document_is_the_one_that_is_made() -> None:
    assert json.loads((DOCS / "openapi.json").read_text(encoding="utf-8")) == document_of(OPERATIONS)


def test_every_error_has_one_status() -> None:
    kinds = [kind for kind, _ in STATUSES]
    assert len(kinds) == len(set(kinds))

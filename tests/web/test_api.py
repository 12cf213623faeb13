"""The JSON API by hand: requests that are refused, pages of long lists, and what each operation does."""

import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from connector_core.host import Host
from connector_core.settings import Role
from connector_core.web.api import OPERATIONS, document_of
from web_host import NotedRuns, WebHost, client, served_web, web_settings
from world import Start


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
    status, applied = await sent(api, "POST", "integrations/acme/plan/apply", json={"run_id": plan["run_id"]})
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


async def test_only_the_plan_that_was_shown_is_decided_on(web: WebHost, api: aiohttp.ClientSession) -> None:
    decide = "integrations/acme/plan/discard"
    assert (await sent(api, "POST", decide, json={"run_id": "0" * 32}))[0] == 404
    report = await web.host.run("acme", apply=False)
    status, problem = await sent(api, "POST", decide, json={"run_id": "0" * 32})
    assert (status, problem["code"]) == (409, "conflict")
    assert await web.host.held("acme")
    status, done = await sent(api, "POST", decide, json={"run_id": report.run.id})
    assert (status, done["discarded"]) == (200, sum(one.plan.held for one in report.kinds))


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
        assert one.changes is (one.role is not Role.VIEWER), one
        assert ("formKey" in made["security"][1]) is one.changes
        assert {"401", "421", "422", "429", "500", "503"} <= set(made["responses"])
    names = [one.name for one in OPERATIONS]
    assert len({*names}) == len(names)


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
    committed = Path(__file__).parents[2] / "docs" / "openapi.json"
    assert json.loads(committed.read_text(encoding="utf-8")) == document_of(OPERATIONS)

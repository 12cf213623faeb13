"""The simulator answers as the recordings and the documents say. Held against the recordings where they are."""

import gzip
import json
from typing import Any

import pytest

from connector_core.http import open_session, tls_context
from connector_core.testing import Faults, SimulatorOptions, load
from connectors.namely.simulator import Behaviour, NamelySimulator, Tenant
from world import SAMPLES, Place, Start

recorded_only = pytest.mark.skipif(not SAMPLES.exists(), reason="the recordings are not in this checkout")


def recording(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text())["interactions"]


async def ask(place: Place, path: str, *, token: str | None = None) -> tuple[int, dict[str, str], Any]:
    given = place.tenant.token if token is None else token
    async with open_session(place.settings.host.endpoints()) as session:
        headers = {"Authorization": f"Bearer {given}"} if given else {}
        url = f"https://{place.simulator.host}/api/v1{path}"
        async with session.get(url, headers=headers, ssl=tls_context(), allow_redirects=False) as response:
            body = await response.read()
            return response.status, dict(response.headers), json.loads(body) if body.startswith(b"{") else body


def kind_of(value: object) -> str:
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def shapes(rows: list[dict[str, Any]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in rows:
        for key, value in row.items():
            found.setdefault(key, set()).add(kind_of(value))
    return found


@recorded_only
async def test_a_page_has_the_keys_types_and_headers_of_the_recorded_one(namely: Start) -> None:
    place = await namely()
    _, headers, ours = await ask(place, "/profiles")
    recorded = recording("profiles_index")[0]["response"]
    theirs = recorded["body"]
    assert set(ours) == set(theirs)
    assert set(ours["links"]) == set(theirs["links"])
    assert set(ours["linked"]) == set(theirs["linked"])
    assert len(ours["profiles"]) == len(theirs["profiles"]) == 30
    mine, wanted = shapes(ours["profiles"]), shapes(theirs["profiles"])
    fixed = {
        field["name"]
        for field in recording("profiles__fields_index")[0]["response"]["body"]["fields"]
        if field["default"]
    }
    assert fixed & set(wanted) <= set(mine)
    for key in mine.keys() & wanted.keys() & fixed:
        assert mine[key] & wanted[key], key
    assert {name.lower() for name in recorded["headers"]} <= {name.lower() for name in headers}
    for name in ("Content-Type", "Content-Encoding", "Cache-Control", "Server", "Vary"):
        assert headers[name] == recorded["headers"][name][0]


@recorded_only
async def test_a_missing_profile_is_answered_as_recorded(namely: Start) -> None:
    place = await namely()
    status, headers, body = await ask(place, "/profiles/this-is-not-the-id-of-anybody")
    recorded = recording("profiles_show_missing")[0]["response"]
    assert (status, body) == (recorded["status"]["code"], recorded["body"])
    for name in ("Cache-Control", "Status", "Content-Type"):
        assert headers[name] == recorded["headers"][name][0]


@recorded_only
async def test_a_limited_token_sees_what_the_recorded_one_saw(namely: Start) -> None:
    place = await namely(owner="limited")
    _, _, body = await ask(place, "/profiles/me")
    recorded = recording("current_user")[0]["response"]["body"]
    assert (body["links"], body["linked"], body["meta"]) == (recorded["links"], recorded["linked"], recorded["meta"])
    assert set(recorded["profiles"][0]) <= set(body["profiles"][0])
    assert body["profiles"][0]["links"] == {}


@recorded_only
async def test_an_unknown_route_is_answered_as_recorded(namely: Start) -> None:
    place = await namely()
    status, _, body = await ask(place, "/fields")
    recorded = recording("fields_index")[0]["response"]
    assert (status, body) == (recorded["status"]["code"], recorded["body"])


async def test_both_paging_styles_give_everybody_once_and_end_empty(namely: Start) -> None:
    place = await namely(75)
    wanted = [one.id for one in place.tenant.people]
    by_page: list[str] = []
    for number in range(1, 4):
        _, _, body = await ask(place, f"/profiles?page={number}&per_page=50")
        by_page += [one["id"] for one in body["profiles"]]
        assert body["meta"] == {"count": len(body["profiles"]), "total_count": 75, "status": 200}
    after, by_id = "", []
    while True:
        _, _, body = await ask(place, f"/profiles?after={after}" if after else "/profiles")
        if not body["profiles"]:
            break
        after = body["profiles"][-1]["id"]
        by_id += [one["id"] for one in body["profiles"]]
    assert by_page == by_id == wanted
    assert body["meta"]["after"] == after


async def test_sort_by_creation_is_the_order_of_the_listing(namely: Start) -> None:
    place = await namely()
    _, _, body = await ask(place, "/profiles?sort=created_at&per_page=50")
    moments = [one["created_at"] for one in body["profiles"]]
    assert moments == sorted(moments)


@pytest.mark.parametrize(
    ("behaviour", "path", "status"),
    [
        ({"quota": 1}, "/profiles", 406),
        ({"quota": 1, "throttle_status": 429}, "/profiles", 429),
        ({"quota": 1, "quota_covers": "all"}, "/profiles/me", 406),
        ({"quota": 1}, "/profiles/me", 200),
        ({"oversize": "error"}, "/profiles?per_page=100", 422),
        ({"oversize": "clamp"}, "/profiles?per_page=100", 200),
        ({"page_zero": "error"}, "/profiles?page=0", 422),
        ({"limit_all": "error"}, "/profiles?limit=all", 422),
        ({"owner": "inactive"}, "/profiles", 403),
        ({"owner": "no_groups"}, "/groups", 403),
        ({"owner": "sso"}, "/profiles", 401),
    ],
)
async def test_each_switch_turns_what_is_unknown(
    namely: Start, behaviour: dict[str, Any], path: str, status: int
) -> None:
    place = await namely(**behaviour)
    if "quota" in behaviour:
        await ask(place, path)
    assert (await ask(place, path))[0] == status


@pytest.mark.parametrize("covers", ["no", "yes"])
async def test_groups_may_be_sent_thirty_at_a_time(namely: Start, covers: str) -> None:
    place = await namely(groups_pages=covers)
    for number in range(40):
        place.tenant.groups.append(
            type(place.tenant.groups[0])(f"extra-{number}", f"Extra {number}", place.tenant.department_type.id)
        )
    await place.connect()
    report = await place.host.run("acme")
    assert all(one.complete for one in report.certificates)
    assert place.host.store.entities.count("acme", "Department") == 52


@pytest.mark.parametrize(
    "behaviour",
    [
        {"count_means": "total"},
        {"type_words": "title"},
        {"type_words": "none"},
        {"type_titles": "singular"},
        {"job_title": "sometimes_null"},
        {"type_words": "none", "type_titles": "singular"},
    ],
)
async def test_the_connector_is_right_whichever_way_an_unknown_turns_out(
    namely: Start, behaviour: dict[str, Any]
) -> None:
    place = await namely(75, **behaviour)
    await place.connect()
    report = await place.host.run("acme")
    assert all(one.complete for one in report.certificates)
    assert len(place.people()) == 75
    assert place.host.store.entities.count("acme", "Department") == 12


async def test_an_unknown_host_and_an_unknown_path_are_no_company(namely: Start) -> None:
    place = await namely()
    place.simulator.host = "other.namely.com"
    async with open_session(place.settings.host.endpoints()) as session:
        url = "https://acme.namely.com/api/v1/companies/info"
        async with session.get(url, ssl=tls_context()) as response:
            assert response.content_type == "text/html"


async def test_the_company_may_be_asked_without_a_token(namely: Start) -> None:
    place = await namely()
    status, _, body = await ask(place, "/companies/info", token="")
    assert (status, body["permalink"]) == (200, "acme")
    assert (await ask(place, "/profiles", token=""))[0] == 401


async def test_answers_are_compressed_when_asked_for(namely: Start) -> None:
    place = await namely()
    async with open_session(place.settings.host.endpoints()) as session:
        url = f"https://{place.simulator.host}/api/v1/companies/info"
        async with session.get(url, ssl=tls_context(), auto_decompress=False) as response:
            assert json.loads(gzip.decompress(await response.read()))["name"] == "Acme Widgets"


def test_the_same_seed_makes_the_same_organisation() -> None:
    behaviour = Behaviour()
    one, two, other = (Tenant(40, seed, behaviour) for seed in (1, 1, 2))
    assert [one.profile(p) for p in one.people] == [two.profile(p) for p in two.people]
    assert [p.id for p in one.people] != [p.id for p in other.people]


def test_the_organisation_is_believable_and_holds_every_oddity() -> None:
    tenant = Tenant(1200, 1, Behaviour())
    people = tenant.people
    assert sum(one.manager is None for one in people) == 1
    for one in people:
        seen = set()
        boss = one.manager
        while boss:
            assert boss.id not in seen
            seen.add(boss.id)
            boss = boss.manager
    assert {one.status for one in people} == {"active", "inactive", "pending"}
    assert any(one.status == "active" and one.departure > "2026-11" for one in people)
    assert any(one.status == "inactive" and not one.departure for one in people)
    assert any(not one.email for one in people)
    assert any(not one.start for one in people)
    assert len({one.employee_id for one in people}) < len(people)
    departments = {one.id for one in tenant.departments()}
    assert any(len(departments.intersection(one.groups)) > 1 for one in people)
    assert any(not one.groups for one in people)


def test_the_simulator_is_the_one_that_the_manifest_names() -> None:
    made = load("connectors.namely.simulator", SimulatorOptions(people=5, behaviour={"quota": "7"}))
    assert isinstance(made, NamelySimulator)
    assert made.behaviour.quota == 7


async def test_faults_are_seen_to_fire(namely: Start) -> None:
    place = await namely()
    place.simulator.faults = Faults("503@2:/profiles")
    statuses = [(await ask(place, "/profiles"))[0] for _ in range(3)]
    assert statuses == [200, 503, 200]
    assert [fault.kind for fault in place.simulator.faults.fired] == ["503"]

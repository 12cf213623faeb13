"""The simulated Namely answers as the documentation says, and as the recordings show if they are available."""

import gzip
import json
from typing import Any

import pytest

from connector_core.http import open_session, tls_context
from connector_core.testing import Faults, SimulatorOptions, load
from connectors.namely.connector import Namely
from connectors.namely.simulator import Behaviour, NamelySimulator, Tenant
from world import SAMPLES, Place, Start

pytestmark = pytest.mark.jumping
recorded_only = pytest.mark.skipif(not SAMPLES.exists(), reason="the recordings are not in this checkout")


def recording(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text())["interactions"]


async def get(place: Place, path: str, *, token: str | None = None) -> tuple[int, dict[str, str], Any]:
    given = place.tenant.token if token is None else token
    async with open_session(place.settings.host.endpoints()) as session:
        headers = {"Authorization": f"Bearer {given}"} if given else {}
        url = f"https://{place.simulator.host}/api/v1{path}"
        async with session.get(url, headers=headers, ssl=tls_context(), allow_redirects=False) as response:
            body = await response.read()
            return response.status, dict(response.headers), json.loads(body) if body.startswith(b"{") else body


def json_type(value: object) -> str:
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def shapes(rows: list[dict[str, Any]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in rows:
        for key, value in row.items():
            found.setdefault(key, set()).add(json_type(value))
    return found


@recorded_only
async def test_a_page_has_the_keys_types_and_headers_of_the_recording(namely: Start) -> None:
    place = await namely()
    _, headers, ours = await get(place, "/profiles")
    recorded = recording("profiles_index")[0]["response"]
    theirs = recorded["body"]
    assert set(ours) == set(theirs)
    assert set(ours["links"]) == set(theirs["links"])
    assert set(ours["linked"]) == set(theirs["linked"])
    assert len(ours["profiles"]) == len(theirs["profiles"]) == 30
    our_types, their_types = shapes(ours["profiles"]), shapes(theirs["profiles"])
    fixed = {
        field["name"]
        for field in recording("profiles__fields_index")[0]["response"]["body"]["fields"]
        if field["default"]
    }
    assert fixed & set(their_types) <= set(our_types)
    for key in our_types.keys() & their_types.keys() & fixed:
        assert our_types[key] & their_types[key], key
    assert {name.lower() for name in recorded["headers"]} <= {name.lower() for name in headers}
    for name in ("Content-Type", "Content-Encoding", "Cache-Control", "Server", "Vary"):
        assert headers[name] == recorded["headers"][name][0]


@recorded_only
async def test_a_missing_profile_is_answered_as_recorded(namely: Start) -> None:
    place = await namely()
    status, headers, body = await get(place, "/profiles/this-is-not-the-id-of-anybody")
    recorded = recording("profiles_show_missing")[0]["response"]
    assert (status, body) == (recorded["status"]["code"], recorded["body"])
    for name in ("Cache-Control", "Status", "Content-Type"):
        assert headers[name] == recorded["headers"][name][0]


@recorded_only
async def test_a_limited_token_sees_what_the_recorded_one_saw(namely: Start) -> None:
    place = await namely(owner="limited")
    _, _, body = await get(place, "/profiles/me")
    recorded = recording("current_user")[0]["response"]["body"]
    assert (body["links"], body["linked"], body["meta"]) == (recorded["links"], recorded["linked"], recorded["meta"])
    assert set(recorded["profiles"][0]) <= set(body["profiles"][0])
    assert body["profiles"][0]["links"] == {}


@recorded_only
async def test_an_unknown_route_is_answered_as_recorded(namely: Start) -> None:
    place = await namely()
    status, _, body = await get(place, "/fields")
    recorded = recording("fields_index")[0]["response"]
    assert (status, body) == (recorded["status"]["code"], recorded["body"])


async def test_both_paging_styles_list_each_person_once_and_end_with_an_empty_page(namely: Start) -> None:
    place = await namely(75)
    expected = [one.id for one in place.tenant.people]
    by_page: list[str] = []
    for number in range(1, 4):
        _, _, body = await get(place, f"/profiles?page={number}&per_page=50")
        by_page += [one["id"] for one in body["profiles"]]
        assert body["meta"] == {"count": len(body["profiles"]), "total_count": 75, "status": 200}
    after, by_id = "", []
    while True:
        _, _, body = await get(place, f"/profiles?after={after}" if after else "/profiles")
        if not body["profiles"]:
            break
        after = body["profiles"][-1]["id"]
        by_id += [one["id"] for one in body["profiles"]]
    assert by_page == by_id == expected
    assert body["meta"]["after"] == after


async def test_sorting_by_creation_keeps_the_order_of_the_listing(namely: Start) -> None:
    place = await namely()
    _, _, listed = await get(place, "/profiles?per_page=50")
    _, _, body = await get(place, "/profiles?sort=created_at&per_page=50")
    created = [one["created_at"] for one in body["profiles"]]
    assert created == sorted(created)
    assert body["profiles"] == listed["profiles"]


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
async def test_a_switch_changes_the_answer(namely: Start, behaviour: dict[str, Any], path: str, status: int) -> None:
    place = await namely(**behaviour)
    if "quota" in behaviour:
        await get(place, path)
    assert (await get(place, path))[0] == status


@pytest.mark.parametrize("paged", ["no", "yes"])
async def test_all_groups_are_read_if_they_are_sent_thirty_at_a_time(namely: Start, paged: str) -> None:
    place = await namely(groups_pages=paged)
    for number in range(40):
        place.tenant.groups.append(
            type(place.tenant.groups[0])(f"extra-{number}", f"Extra {number}", place.tenant.department_type.id)
        )
    await place.connect()
    report = await place.host.run("acme")
    assert all(one.certificate.complete for one in report.kinds)
    assert len(await place.departments()) == 52


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
async def test_the_connector_reads_everything_with_any_value_of_a_switch(
    namely: Start, behaviour: dict[str, Any]
) -> None:
    place = await namely(75, **behaviour)
    await place.connect()
    report = await place.host.run("acme")
    assert all(one.certificate.complete for one in report.kinds)
    assert len(await place.people()) == 75
    assert len(await place.departments()) == 12


@pytest.mark.parametrize(
    ("host", "path"), [("other.namely.com", "/api/v1/companies/info"), ("acme.namely.com", "/api")]
)
async def test_an_unknown_host_or_path_is_answered_with_the_login_page(namely: Start, host: str, path: str) -> None:
    place = await namely()
    place.simulator.host = host
    async with (
        open_session(place.settings.host.endpoints()) as session,
        session.get(f"https://acme.namely.com{path}", ssl=tls_context()) as response,
    ):
        assert response.content_type == "text/html"


async def test_the_company_needs_no_token(namely: Start) -> None:
    place = await namely()
    status, _, body = await get(place, "/companies/info", token="")
    assert (status, body["permalink"]) == (200, "acme")
    assert (await get(place, "/profiles", token=""))[0] == 401


async def test_answers_are_compressed_on_request(namely: Start) -> None:
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


def test_the_organisation_has_a_tree_of_managers_and_every_oddity() -> None:
    tenant = Tenant(1200, 1, Behaviour())
    people = tenant.people
    assert sum(one.manager is None for one in people) == 1
    for one in people:
        seen = set()
        manager = one.manager
        while manager:
            assert manager.id not in seen
            seen.add(manager.id)
            manager = manager.manager
    assert {one.status for one in people} == {"active", "inactive", "pending"}
    assert any(one.status == "active" and one.departure > "2026-11" for one in people)
    assert any(one.status == "inactive" and not one.departure for one in people)
    assert any(not one.email for one in people)
    assert any(not one.start for one in people)
    assert len({one.employee_id for one in people}) < len(people)
    departments = {one.id for one in tenant.departments()}
    assert any(len(departments.intersection(one.groups)) > 1 for one in people)
    assert any(not one.groups for one in people)


def test_the_manifest_names_the_simulator() -> None:
    assert Namely.manifest.simulator
    simulator = load(Namely.manifest.simulator, SimulatorOptions(people=5, behaviour={"quota": "7"}))
    assert isinstance(simulator, NamelySimulator)
    assert simulator.behaviour.quota == 7


async def test_a_scripted_fault_fires_and_is_recorded(namely: Start) -> None:
    place = await namely()
    place.simulator.faults = Faults("503@2:/profiles")
    statuses = [(await get(place, "/profiles"))[0] for _ in range(3)]
    assert statuses == [200, 503, 200]
    assert [fault.kind for fault in place.simulator.faults.fired] == ["503"]
    assert place.simulator.faults.fired_at == ["/profiles"]

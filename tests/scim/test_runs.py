"""Whole runs against the simulated server: every way to page, to sign in, and to be wrong."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import parse_qs

import pytest

from connector_core import Code, CredentialsError, RejectedCredentialsError, Status
from connector_core.beginnings import Proof
from connector_core.settings import PluginSettings
from connector_core.testing import clock
from connector_core.testing.kit.harness import Harness, RunResult, open_harness
from connectors.scim.connector import Scim
from connectors.scim.simulator import USERS, Behaviour, ScimSimulator
from world import UNGUARDED, StartProvider

T = TypeVar("T")
MANY = 230
"""Three pages of a hundred."""


def play(simulator: ScimSimulator, work: Callable[[Harness], Awaitable[T]]) -> T:
    """Run this work with this simulator, on a jumping clock."""

    async def begin() -> T:
        async with open_harness(Scim) as harness:
            harness.served.simulator = simulator
            return await work(harness)

    return clock.run(begin())


def simulated(people: int = MANY, **switches: Any) -> ScimSimulator:
    return ScimSimulator(people, 7, Behaviour.model_validate(switches))


async def once(harness: Harness) -> RunResult:
    return await harness.run(await harness.connected_store())


def queries(simulator: ScimSimulator, path: str = USERS) -> list[dict[str, str]]:
    """Return the parameters of every list but that of the check, which fits every server."""
    found = [parse_qs(one.query, keep_blank_values=True) for one in simulator.requests if one.path == path]
    return [{name: values[0] for name, values in one.items()} for one in found if len(one) > 1]


def proofs(found: RunResult) -> set[Any]:
    return {one.proof for one in found.certificates}


@pytest.mark.parametrize(
    ("switches", "proof"),
    [
        ({}, Proof.CREATION_TIMES),
        ({"paging": "both"}, Proof.CREATION_TIMES),
        ({"configuration": "none"}, Proof.CREATION_TIMES),
        ({"behind_end": "first"}, Proof.CREATION_TIMES),
        ({"behind_end": "absent"}, Proof.CREATION_TIMES),
        ({"rows": "resources"}, Proof.CREATION_TIMES),
        ({"default_count": 0}, Proof.CREATION_TIMES),
        ({"largest_count": 30}, Proof.CREATION_TIMES),
        ({"largest_count": 30, "configuration": "none"}, Proof.CREATION_TIMES),
        ({"order": "shuffled"}, Proof.CREATION_TIMES),
        ({"extension": "short", "manager": "text", "active": "text", "media": "json"}, Proof.CREATION_TIMES),
        ({"paging": "cursor"}, Proof.READ_TWICE),
        ({"paging": "forced"}, Proof.READ_TWICE),
        ({"paging": "cursor", "rows": "resources", "dates": "no"}, Proof.READ_TWICE),
        ({"total": "missing"}, Proof.READ_TWICE),
        ({"dates": "no"}, Proof.READ_TWICE),
    ],
)
def test_every_row_is_read_however_the_server_pages(switches: dict[str, Any], proof: Proof) -> None:
    simulator = simulated(**switches)
    found = play(simulator, once)
    assert found.complete, found.outcome
    assert found.stored["Employee"].keys() == {f"{one.number:08x}-simulated" for one in simulator.people}
    assert len(found.stored["Department"]) == 10
    assert proofs(found) == {proof}
    assert not any(one.profile.dangling for one in found.certificates)


@pytest.mark.parametrize(
    ("switches", "reason"),
    [
        ({"total": "page"}, Code.TOTAL_FELL),
        ({"total": "stale"}, Code.TOTAL_DIFFERS),
        ({"start_index": "zero"}, Code.TOTAL_DIFFERS),
        ({"start_index": "ignored"}, Code.PAGE_REPEATED),
        ({"start_index": "ignored", "total": "page"}, Code.PAGE_REPEATED),
        ({"order": "shuffled", "configuration": "pages"}, Code.ROWS_REPEATED),
    ],
)
def test_a_server_that_is_wrong_is_read_incompletely_and_removes_nothing(
    switches: dict[str, Any], reason: Code
) -> None:
    simulator = simulated()

    async def turn_wrong(harness: Harness) -> tuple[RunResult, RunResult]:
        store = await harness.connected_store()
        before = await harness.run(store)
        simulator.behaviour = Behaviour.model_validate(switches)
        return before, await harness.run(store)

    before, after = play(simulator, turn_wrong)
    assert before.complete
    certificate = after.certificates[0]
    assert not certificate.complete
    assert reason in {one.code for one in certificate.reasons}
    assert after.stored["Employee"].keys() == before.stored["Employee"].keys()


@pytest.mark.parametrize("total", ["page", "stale"])
async def test_a_wrong_total_that_is_ignored_is_outweighed_by_two_readings(provider: StartProvider, total: str) -> None:
    scim = await provider("scim", MANY, plugin=PluginSettings(options={"total": "ignored"}), total=total)
    await scim.connect()
    report = await scim.run()
    assert [(one.certificate.complete, one.certificate.proof) for one in report.kinds] == [(True, Proof.READ_TWICE)] * 2
    assert len(await scim.people()) == MANY


def test_a_server_that_ignores_the_index_is_not_believed_even_without_a_total() -> None:
    found = play(simulated(start_index="ignored", total="missing"), once)
    assert not found.complete


def test_by_index_both_parameters_are_sent_and_rows_are_sorted_where_the_server_can() -> None:
    simulator = simulated()
    assert play(simulator, once).complete
    assert all({"startIndex", "count"} < one.keys() and one["sortBy"] == "id" for one in queries(simulator))
    assert {one["startIndex"] for one in queries(simulator)} == {"1", "101", "201", "301"}
    unsorted = simulated(configuration="pages")
    assert play(unsorted, once).complete
    assert not any("sortBy" in one for one in queries(unsorted))


def test_by_cursor_no_index_is_sent_and_the_first_page_has_an_empty_cursor() -> None:
    simulator = simulated(paging="cursor")
    assert play(simulator, once).complete
    assert not any("startIndex" in one for one in queries(simulator))
    assert {one["cursor"] for one in queries(simulator)} == {"", "c/+=100", "c/+=200"}


def test_no_more_rows_are_requested_than_the_server_says() -> None:
    simulator = simulated(largest_count=30)
    assert play(simulator, once).complete
    assert {one["count"] for one in queries(simulator)} == {"1", "30"}


def test_after_a_cursor_that_expires_the_reading_starts_over() -> None:
    calm, forgetful = simulated(paging="cursor"), simulated(paging="cursor", cursor_life=1)
    assert play(calm, once).complete
    done = play(forgetful, once)
    assert done.complete
    assert len(done.stored["Employee"]) == MANY
    started = [sum(one["cursor"] == "" for one in queries(simulator)) for simulator in (calm, forgetful)]
    assert started[1] > started[0]


@pytest.mark.parametrize("way", ["credentials", "basic", "client"])
async def test_each_way_to_sign_in_reads(provider: StartProvider, way: str) -> None:
    scim = await provider("scim", 20)
    fields: dict[str, str] = dict(getattr(scim.simulator, way))
    await scim.host.connect("scim", "acme", fields)
    assert len((await scim.run()).kinds) == 2
    assert len(await scim.people()) == 20
    assert bool(scim.simulator.issued) == (way == "client")
    assert not any(
        fields[name] in one.query for name in fields.keys() - {"base_url"} for one in scim.simulator.requests
    )


async def test_a_client_needs_the_address_that_issues_its_tokens(provider: StartProvider) -> None:
    scim = await provider("scim", 20)
    fields = {name: value for name, value in scim.simulator.client.items() if name != "sign_in_url"}
    with pytest.raises(CredentialsError, match="sign_in_url"):
        await scim.host.connect("scim", "acme", fields)
    assert scim.simulator.requests == []


async def test_no_host_is_asked_but_those_that_the_operator_names(provider: StartProvider) -> None:
    scim = await provider("scim", 20)
    for wrong in ("http://directory.acme.example/scim/v2", "https://user@directory.acme.example/scim/v2"):
        with pytest.raises(CredentialsError, match="base_url"):
            await scim.connect(base_url=wrong)
    assert scim.simulator.requests == []


async def test_the_check_reads_users_since_the_configuration_needs_no_rights(provider: StartProvider) -> None:
    scim = await provider("scim", 20)
    report = await scim.connect()
    assert (USERS, "count=1") in [(one.path, one.query) for one in scim.simulator.requests]
    assert report.account.name == scim.simulator.credentials["base_url"]
    assert report.account.tenant is None


@pytest.mark.parametrize("wrong", ["https://directory.acme.example", "https://directory.acme.example/scim/v2/Users"])
async def test_an_address_without_the_api_is_the_operators_to_correct(provider: StartProvider, wrong: str) -> None:
    scim = await provider("scim", 20)
    with pytest.raises(RejectedCredentialsError, match="There is no API of SCIM at this address") as caught:
        await scim.connect(base_url=wrong)
    assert caught.value.field == "base_url"
    assert caught.value.hint.startswith("Compare the Base URL with the one that the product shows")


async def test_users_who_are_no_longer_listed_are_asked_for_by_id_and_gone_at_a_404(provider: StartProvider) -> None:
    scim = await provider("scim", 60, losses=UNGUARDED)
    await scim.connect()
    await scim.run()
    leaver = next(one for one in scim.simulator.people if one.number == 30)
    scim.simulator.erase(scim.simulator.people.index(leaver))
    await scim.run()
    assert len(await scim.people()) == 59
    asked = [one.path for one in scim.simulator.requests if one.path.startswith(f"{USERS}/")]
    assert f"{USERS}/{leaver.number:08x}-simulated" in asked


def test_a_server_without_active_leaves_the_status_unknown_and_a_stored_one_as_it_is() -> None:
    simulator = simulated(60)

    async def hide(harness: Harness) -> tuple[RunResult, RunResult]:
        store = await harness.connected_store()
        before = await harness.run(store)
        simulator.behaviour = Behaviour(active="absent")
        return before, await harness.run(store)

    before, after = play(simulator, hide)
    assert after.stored["Employee"] == before.stored["Employee"]
    fresh = play(simulated(60, active="absent"), once)
    statuses: set[Any] = {getattr(one, "status", None) for one in fresh.stored["Employee"].values()}
    assert statuses == {Status.UNKNOWN}


@pytest.mark.parametrize("members", ["group", "user"])
async def test_groups_are_departments_by_option(provider: StartProvider, members: str) -> None:
    scim = await provider("scim", 60, plugin=PluginSettings(options={"departments": "groups"}), members=members)
    await scim.connect()
    report = await scim.run()
    assert all(one.certificate.complete for one in report.kinds)
    assert {one.name for one in (await scim.departments()).values()} == set(scim.simulator.departments)
    linked = [one for one in (await scim.people()).values() if one.department_source_ids]
    assert len(linked) == (60 if members == "group" else 0)


async def test_division_and_cost_centre_are_departments_by_option(provider: StartProvider) -> None:
    scim = await provider("scim", 60, plugin=PluginSettings(options={"departments": "division"}))
    await scim.connect()
    await scim.run()
    found = await scim.departments()
    assert {str(one.kind) for one in found.values()} == {"division"}
    assert all(one.source_id.startswith("division:") for one in found.values())
    people = await scim.people()
    assert {one.primary_department_source_id for one in people.values()} == set(found)

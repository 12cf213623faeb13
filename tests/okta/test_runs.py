"""Whole runs against the simulated Okta, and all that its switches leave open."""

import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web

from connector_core import Code, Employee, RejectedCredentialsError, Report, Status, Verdict
from connector_core.beginnings import Proof
from connector_core.explanations import Answer as Previewed
from connector_core.testing import Answer, clock
from connector_core.testing.kit import scale
from connector_core.testing.kit.findings import Findings
from connector_core.testing.kit.harness import open_harness
from connectors.okta.connector import Okta
from connectors.okta.simulator import API_TOKEN, TOKEN, USERS, Behaviour, OktaSimulator, id_of, login_of
from world import UNGUARDED, Provider, StartProvider

pytestmark = pytest.mark.jumping


def reasons(report: Report, kind: str = "Employee") -> list[Code]:
    return [one.code for one in report[kind].certificate.reasons]


async def once(okta: Provider) -> Report:
    await okta.connect()
    return await okta.run()


async def test_all_users_are_read_and_those_who_have_left_too(provider: StartProvider) -> None:
    okta = await provider("okta", 700)
    report = await once(okta)
    assert report.verdict is Verdict.COMPLETE
    assert [one.certificate.proof for one in report.kinds] == [Proof.EXPECTED_IDS, Proof.READ_TWICE]
    people = await okta.people()
    assert people.keys() == okta.simulator.ids(Employee)
    left = {id_of(one) for one in okta.simulator.people if not one.active}
    assert left
    assert {people[one].status for one in left} == {Status.INACTIVE}
    assert {one.primary_department_source_id for one in people.values()} > (await okta.departments()).keys()


async def test_nothing_private_is_requested_and_no_recovery_question(provider: StartProvider) -> None:
    okta = await provider("okta")
    await once(okta)
    requested = "".join(one.query for one in okta.simulator.requests if one.path == USERS)
    assert "fields=" in requested
    assert not re.search("secondEmail|mobilePhone|address|city|phone", requested, re.IGNORECASE)


async def test_a_token_is_fetched_with_a_signed_assertion_for_one_scope(provider: StartProvider) -> None:
    okta = await provider("okta")
    assert (await once(okta)).verdict is Verdict.COMPLETE
    server = okta.simulator.server
    # One to connect, and one for the run.
    assert server.counts["client_credentials"] == 2
    assert {one["scope"] for one in server.requested} == {"okta.users.read"}


async def test_an_api_token_reads_the_same(provider: StartProvider) -> None:
    okta = await provider("okta")
    await okta.host.connect("okta", "acme", okta.simulator.other_credentials[0])
    assert (await okta.run()).verdict is Verdict.COMPLETE
    assert all(one.path != TOKEN for one in okta.simulator.requests)
    assert (await okta.people()).keys() == okta.simulator.ids(Employee)


async def test_a_wrong_api_token_is_rejected_with_the_likely_causes(provider: StartProvider) -> None:
    okta = await provider("okta")
    fields = {**okta.simulator.other_credentials[0], "api_token": f"{API_TOKEN}x"}
    with pytest.raises(RejectedCredentialsError, match="Okta does not accept these credentials") as caught:
        await okta.host.connect("okta", "acme", fields)
    assert "the token has expired" in caught.value.hint


@pytest.mark.parametrize(
    ("switch", "message", "hint"),
    [
        (("role", "none"), "Okta shows these credentials no users", "assign the admin role Read-only Administrator"),
        (("dpop", "on"), "Okta does not accept these credentials", "DPoP is on"),
    ],
)
async def test_what_is_missing_at_okta_is_told(
    provider: StartProvider, switch: tuple[str, str], message: str, hint: str
) -> None:
    okta = await provider("okta")
    okta.switch(**dict([switch]))
    with pytest.raises(RejectedCredentialsError, match=message) as caught:
        await okta.connect()
    assert hint in caught.value.hint


async def test_a_scope_that_is_not_granted_is_told(provider: StartProvider) -> None:
    okta = await provider("okta")
    okta.simulator.server.scopes = frozenset({"okta.groups.read"})
    with pytest.raises(RejectedCredentialsError) as caught:
        await okta.connect()
    assert "okta.users.read is not granted" in caught.value.hint


async def test_a_role_without_any_user_is_told(provider: StartProvider) -> None:
    okta = await provider("okta")
    okta.simulator.people.clear()
    with pytest.raises(RejectedCredentialsError, match="shows these credentials no users"):
        await okta.connect()


# ---- what public material leaves open


@pytest.mark.parametrize(
    "switch",
    [
        {"attributes": "null"},
        {"manager": "id"},
        {"manager": "number"},
        {"fields": "ignored"},
        {"links": "joined"},
        {"cursor": "encoded"},
        {"cursor_life": "600"},
        {"oversize": "error"},
        {"resets": "twice"},
    ],
    ids=str,
)
async def test_the_same_is_stored_however_okta_answers(provider: StartProvider, switch: dict[str, str]) -> None:
    okta = await provider("okta", 450)
    assert (await once(okta)).verdict is Verdict.COMPLETE
    before = await okta.people()
    okta.switch(**{name: int(value) if value.isdigit() else value for name, value in switch.items()})
    report = await okta.run()
    assert report.verdict is Verdict.COMPLETE
    assert await okta.people() == before
    assert {one.manager_source_id for one in before.values()} - {None} <= before.keys()


async def test_managers_who_cannot_be_found_stay_and_are_counted(provider: StartProvider) -> None:
    okta = await provider("okta")
    await once(okta)
    before = await okta.people()
    okta.switch(manager="dangling")
    report = await okta.run()
    assert report.verdict is Verdict.COMPLETE
    assert report["Employee"].certificate.profile.unread["manager_source_id"] == 59
    assert await okta.people() == before


async def test_a_next_page_at_another_host_is_not_requested(provider: StartProvider) -> None:
    okta = await provider("okta", 450, links="elsewhere")
    report = await once(okta)
    assert report.verdict is not Verdict.COMPLETE
    assert "evil.example" in str(report["Employee"].certificate.reasons[0]["message"])


async def test_users_who_are_listed_twice_are_not_taken_for_a_complete_list(provider: StartProvider) -> None:
    okta = await provider("okta", deprovisioned="listed")
    report = await once(okta)
    assert reasons(report) == [Code.ROWS_REPEATED]


async def test_a_narrower_role_removes_nobody_at_once(provider: StartProvider) -> None:
    okta = await provider("okta", 100)
    await once(okta)
    okta.switch(role="narrow")
    report = await okta.run()
    assert report.verdict is Verdict.HELD
    assert len(await okta.people()) == 100


async def test_an_attribute_that_nobody_has_any_more_keeps_its_stored_values(provider: StartProvider) -> None:
    okta = await provider("okta")
    await once(okta)
    before = await okta.people()
    real = okta.simulator._profile
    okta.simulator._profile = lambda one: {name: value for name, value in real(one).items() if name != "department"}
    report = await okta.run()
    assert await okta.people() == before
    assert report["Employee"].certificate.profile.unread["department_source_ids"] == 60
    assert reasons(report, "Department") == [Code.LISTING_EMPTY]


async def test_a_title_that_one_user_lost_is_null_although_okta_leaves_it_out(provider: StartProvider) -> None:
    okta = await provider("okta")
    await once(okta)
    one = okta.simulator.people[20]
    okta.simulator.people[20] = replace(one, title=None)
    await okta.run()
    assert (await okta.people())[id_of(one)].job_title is None


async def test_an_organisation_without_departments_has_none(provider: StartProvider) -> None:
    okta = await provider("okta")
    real = okta.simulator._profile
    okta.simulator._profile = lambda one: {name: value for name, value in real(one).items() if name != "department"}
    report = await once(okta)
    assert report["Department"].certificate.complete
    assert await okta.departments() == {}


# ---- while it is read


class Turning(OktaSimulator):
    """Lets a user leave, or come back, between the usual list and that of those who have left."""

    leaves = True
    turned = False

    def answer(self, request: web.Request) -> Answer:
        if {"DEPROVISIONED", "displayName"} <= set(re.findall(r"\w+", request.query_string)) and not self.turned:
            self.turned = True
            index = next(n for n, one in enumerate(self.people) if one.active is self.leaves and one.number > 10)
            self.people[index] = replace(self.people[index], end=self.today if self.leaves else None)
        return super().answer(request)


@pytest.mark.parametrize("leaves", [True, False])
async def test_a_status_that_turns_between_the_lists_costs_another_reading_and_no_user(
    provider: StartProvider, leaves: bool
) -> None:
    simulator = Turning(60, 7, Behaviour())
    simulator.leaves = leaves
    okta = await provider("okta", simulator=simulator)
    report = await once(okta)
    assert simulator.turned
    assert report["Employee"].certificate.complete
    people = await okta.people()
    assert people.keys() == simulator.ids(Employee)
    assert {one.source_id for one in people.values() if one.source_status == "DEPROVISIONED"} == {
        id_of(one) for one in simulator.people if not one.active
    }


@pytest.mark.parametrize("request_number", [4, 5])
async def test_an_error_in_either_list_is_told(provider: StartProvider, request_number: int) -> None:
    okta = await provider("okta")
    await once(okta)
    okta.simulator.script(f"403@{request_number}:{USERS}")
    report = await okta.run(kinds=("employees",))
    assert reasons(report)[0] is Code.READ_FAILED
    assert len(await okta.people()) == 60


async def test_two_readings_that_bring_different_departments_are_not_complete(provider: StartProvider) -> None:
    okta = await provider("okta")
    await once(okta)
    # Of the second pass, the usual list comes without them.
    okta.simulator.script(f"other_keys@4:{USERS}")
    report = await okta.run(kinds=("departments",))
    assert not report["Department"].certificate.complete
    assert len(await okta.departments()) == 10


async def test_a_user_who_was_deleted_for_good_is_removed_when_okta_denies_the_id(provider: StartProvider) -> None:
    okta = await provider("okta", losses=UNGUARDED)
    await once(okta)
    gone = okta.simulator.people[20]
    okta.simulator.erase(20)
    report = await okta.run()
    assert report["Employee"].plan.removes == 1
    assert id_of(gone) not in await okta.people()
    assert any(one.path == f"{USERS}/{id_of(gone)}" for one in okta.simulator.requests)


async def test_a_cursor_that_has_ended_is_told_and_nothing_is_lost(provider: StartProvider) -> None:
    okta = await provider("okta", 700)
    await once(okta)
    before = await okta.people()
    okta.switch(cursor_life=1, latency=0)
    okta.simulator.latency = 2.0
    report = await okta.run()
    assert not report["Employee"].certificate.complete
    assert await okta.people() == before


# ---- limits


@pytest.mark.parametrize("resets", ["once", "twice"])
async def test_a_smaller_rate_is_read_from_the_answers_and_kept(provider: StartProvider, resets: str) -> None:
    okta = await provider("okta", 450, quota="8", resets=resets)
    report = await once(okta)
    assert report.verdict is Verdict.COMPLETE
    assert report.traffic.throttled == 0
    assert report.traffic.waited > 60
    assert (await okta.people()).keys() == okta.simulator.ids(Employee)


async def test_too_many_requests_at_once_cost_a_short_pause(provider: StartProvider) -> None:
    okta = await provider("okta", crowded="0")
    await okta.connect()
    okta.switch(crowded=2)
    report = await okta.run()
    assert report.verdict is Verdict.COMPLETE
    times = [one.at for one in okta.simulator.requests if one.path == USERS]
    assert max(later - earlier for earlier, later in pairwise(times)) < 10


async def test_every_user_who_is_previewed_becomes_what_the_list_makes_of_it(provider: StartProvider) -> None:
    okta = await provider("okta")
    await once(okta)
    one = okta.simulator.people[30]
    found: Any = await okta.host.preview("acme", Employee, id_of(one))
    assert found.changes == ()
    # Okta finds users by their logins, too, but that is not their id.
    found = await okta.host.preview("acme", Employee, login_of(one))
    assert found.answer is Previewed.NOT_THERE


def test_the_kit_measures_memory_although_no_two_token_requests_are_the_same() -> None:
    async def measure() -> Findings:
        findings = Findings()
        async with open_harness(Okta) as harness:
            await scale.examine(harness, findings, sizes=(1,), traced=(50, 500))
        return findings

    findings = clock.run(measure())
    # So few people say nothing of the growth; that the runs from recorded answers fail would be said.
    assert "memory" in findings.measures
    assert not [one for problems in findings.problems.values() for one in problems if "fails" in one]

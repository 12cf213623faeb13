"""Whole runs against the simulated tenant: what its switches leave open, and the clouds."""

from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import web

from connector_core import (
    Code,
    Employee,
    ForbiddenError,
    InvalidCredentialsError,
    RejectedCredentialsError,
    Status,
    Verdict,
)
from connector_core.settings import PluginSettings
from connector_core.testing import Answer
from connectors.entra.connector import Entra
from connectors.entra.credentials import CLOUDS, EntraCredentials
from connectors.entra.simulator import TENANT, Behaviour, EntraSimulator
from world import UNGUARDED, Provider, StartProvider

pytestmark = pytest.mark.jumping
CREDENTIALS = EntraSimulator.credentials


def options(**values: Any) -> PluginSettings:
    return PluginSettings(options=values)


def codes(report: Any, kind: str = "Employee") -> list[Code]:
    return [reason.code for one in report.kinds if one.certificate.kind == kind for reason in one.certificate.reasons]


def notes(report: Any, kind: str = "Employee") -> list[Code]:
    return [reason.code for one in report.kinds if one.certificate.kind == kind for reason in one.certificate.notes]


def unread(report: Any, kind: str = "Employee") -> Mapping[str, int]:
    return next(one.certificate.profile.unread for one in report.kinds if one.certificate.kind == kind)


async def everyone(entra: Provider) -> None:
    people = await entra.people()
    assert people.keys() == entra.simulator.ids(Employee)


@pytest.mark.parametrize(
    "switches",
    [
        {"empty_page": "yes"},
        {"throttle": "fraction"},
        {"throttle": "bare"},
        {"page_tokens": "expire_once"},
        {"count": "refused"},
        {"count": "off"},
        {"others": "none"},
        {"page": "100"},
    ],
)
async def test_the_reading_is_complete_whatever_graph_does(provider: StartProvider, switches: dict[str, Any]) -> None:
    entra = await provider("entra", 150, **switches)
    await entra.connect()
    report = await entra.run()
    assert report.verdict is Verdict.COMPLETE, codes(report)
    await everyone(entra)


async def test_a_count_that_is_off_is_told_and_decides_nothing(provider: StartProvider) -> None:
    entra = await provider("entra", 150, count="off")
    await entra.connect()
    report = await entra.run()
    assert report.verdict is Verdict.COMPLETE
    assert Code.COUNT_OUTWEIGHED in notes(report)


async def test_page_tokens_that_always_expire_end_the_reading_and_remove_nothing(provider: StartProvider) -> None:
    entra = await provider("entra", 150, losses=UNGUARDED)
    await entra.connect()
    await entra.run()
    before = await entra.people()
    entra.switch(page_tokens="expire")
    requests = len(entra.simulator.requests)
    report = await entra.run()
    assert report.verdict is not Verdict.COMPLETE
    assert len(entra.simulator.requests) - requests < 30
    assert (await entra.people()).keys() == before.keys()


async def test_the_address_of_another_host_is_not_followed(provider: StartProvider) -> None:
    entra = await provider("entra", 150, next_host="graph.microsoft.us")
    await entra.connect()
    report = await entra.run()
    assert report.verdict is not Verdict.COMPLETE
    failed = [r for one in report.kinds for r in one.certificate.reasons if r.code is Code.READ_FAILED]
    assert len(failed) == 2
    for reason in failed:
        assert "graph.microsoft.us, which is not a host of this connector" in str(reason["message"])


async def test_a_user_who_comes_twice_keeps_the_manager_and_nothing_is_removed(provider: StartProvider) -> None:
    entra = await provider("entra", 150, losses=UNGUARDED)
    await entra.connect()
    await entra.run()
    before = await entra.people()
    entra.switch(twice="yes")
    entra.simulator.erase(40)
    report = await entra.run()
    assert Code.ROWS_REPEATED in codes(report)
    after = await entra.people()
    assert after.keys() == before.keys()
    moved = [one for one in after if after[one].manager_source_id is None and before[one].manager_source_id]
    assert moved == []


async def test_a_replica_that_is_behind_removes_no_one(provider: StartProvider) -> None:
    entra = await provider("entra", 30, losses=UNGUARDED, page="100")
    await entra.connect()
    await entra.run()
    entra.switch(replica="behind")
    report = await entra.run()
    assert report.verdict is not Verdict.COMPLETE
    await everyone(entra)


@pytest.mark.parametrize("rights", ["null", "absent"])
async def test_too_small_a_permission_empties_nothing_and_is_told(provider: StartProvider, rights: str) -> None:
    entra = await provider("entra", 60, losses=UNGUARDED)
    await entra.connect()
    await entra.run()
    before = await entra.people()
    entra.switch(rights=rights)
    report = await entra.run()
    assert await entra.people() == before
    assert {"status", "source_status"} <= unread(report).keys()


async def test_too_small_a_permission_is_told_when_it_is_connected(provider: StartProvider) -> None:
    entra = await provider("entra", rights="absent")
    report = await entra.connect()
    employees = next(one for one in report.probes if one.declaration.kind.__name__ == "Employee")
    assert {"status", "job_title", "manager_source_id", "department_source_ids"} <= set(employees.unread)
    assert "User.Read.All" in employees.remedy


async def test_a_permission_that_was_not_granted_is_named(provider: StartProvider) -> None:
    entra = await provider("entra", rights="forbidden")
    with pytest.raises(ForbiddenError):
        await entra.connect()


async def test_where_graph_refuses_to_expand_managers_all_else_is_read(provider: StartProvider) -> None:
    entra = await provider("entra", 60, plugin=options(managers=False), expand="refused")
    await entra.connect()
    report = await entra.run()
    assert report.verdict is Verdict.COMPLETE
    await everyone(entra)
    assert unread(report)["manager_source_id"] == 60


async def test_leave_dates_are_read_where_that_is_wanted(provider: StartProvider) -> None:
    entra = await provider("entra", 60, plugin=options(leave_dates=True))
    leaving = {one.last_day for one in entra.simulator.people if one.last_day}
    assert leaving
    await entra.connect()
    assert (await entra.run()).verdict is Verdict.COMPLETE
    assert leaving <= {one.end_date for one in (await entra.people()).values()}


async def test_leave_dates_that_come_blank_keep_the_stored_ones(provider: StartProvider) -> None:
    entra = await provider("entra", 60, plugin=options(leave_dates=True))
    await entra.connect()
    await entra.run()
    before = {one: person.end_date for one, person in (await entra.people()).items()}
    entra.switch(leave_dates="blank")
    await entra.run()
    assert {one: person.end_date for one, person in (await entra.people()).items()} == before


async def test_leave_dates_are_not_requested_by_default(provider: StartProvider) -> None:
    entra = await provider("entra", 60, leave_dates="forbidden")
    await entra.connect()
    assert (await entra.run()).verdict is Verdict.COMPLETE


async def test_guests_are_partners_or_left_out(provider: StartProvider) -> None:
    entra = await provider("entra", 60, plugin=options(guests=False))
    guests = [one for one in entra.simulator.people if one.number > 10 and one.number % 17 == 3]
    assert guests
    await entra.connect()
    assert (await entra.run()).verdict is Verdict.COMPLETE
    assert len(await entra.people()) == 60 - len(guests)


async def test_divisions_and_cost_centers_are_units_where_that_is_wanted(provider: StartProvider) -> None:
    entra = await provider("entra", 60, plugin=options(units=["division", "cost_center"]))
    await entra.connect()
    assert (await entra.run()).verdict is Verdict.COMPLETE
    kinds = {one.kind for one in (await entra.departments()).values()}
    assert kinds == {"department", "division", "cost_center"}
    linked = {one for person in (await entra.people()).values() for one in person.department_source_ids}
    assert linked == (await entra.departments()).keys()


async def test_people_who_are_still_to_come_are_pending_until_their_first_day(provider: StartProvider) -> None:
    entra = await provider("entra", 150, losses=UNGUARDED)
    coming = [one.number for one in entra.simulator.people if one.start > entra.simulator.today]
    assert coming
    await entra.connect()
    await entra.run()
    before = {person.status for one, person in (await entra.people()).items() if int(one[-12:], 16) in coming}
    entra.simulator.pass_days(31)
    await entra.run()
    after = {person.status for one, person in (await entra.people()).items() if int(one[-12:], 16) in coming}
    assert (before, after) == ({Status.PENDING}, {Status.ACTIVE})


# ---- sign-in


async def test_a_secret_that_has_expired_is_told_as_such(provider: StartProvider) -> None:
    entra = await provider("entra", secret="expired")
    with pytest.raises(RejectedCredentialsError, match="refuses this app") as caught:
        await entra.connect()
    assert "expired" in caught.value.hint


@pytest.mark.parametrize("field", ["tenant", "client_id", "client_secret"])
async def test_what_was_mistyped_is_refused_at_the_sign_in(provider: StartProvider, field: str) -> None:
    entra = await provider("entra")
    mistyped: dict[str, Any] = {field: "5e0d93ab-0000-0000-0000-000000000000"}
    with pytest.raises(RejectedCredentialsError, match="refuses this app"):
        await entra.connect(**mistyped)


async def test_the_secret_travels_in_the_body_with_the_scope_of_the_cloud(provider: StartProvider) -> None:
    entra = await provider("entra")
    await entra.connect()
    form = entra.simulator.oauth.requested[0]
    assert form["scope"] == "https://graph.microsoft.com/.default"
    assert form["grant_type"] == "client_credentials"
    signed_in = [one for one in entra.simulator.requests if "oauth2" in one.path]
    assert [(one.method, one.path, one.query) for one in signed_in] == [("POST", f"/{TENANT}/oauth2/v2.0/token", "")]


class Forgetting(EntraSimulator):
    """Revokes the token with the second page."""

    def answer(self, request: web.Request) -> Answer:
        given = super().answer(request)
        if "$skiptoken" in request.query and len(self.issued) == 2:
            self.revoke()
        return given


async def test_a_token_that_is_revoked_in_the_middle_of_a_run_is_replaced(provider: StartProvider) -> None:
    entra = await provider("entra", simulator=Forgetting(150, 7, Behaviour()))
    await entra.connect()
    assert (await entra.run()).verdict is Verdict.COMPLETE
    assert len(entra.simulator.issued) == 3


# ---- clouds


class China(EntraSimulator):
    host = "microsoftgraph.chinacloudapi.cn"
    other_hosts = ("login.chinacloudapi.cn",)
    credentials: Mapping[str, str] = {**CREDENTIALS, "cloud": "china"}


async def test_another_cloud_has_other_hosts_and_another_scope(provider: StartProvider) -> None:
    entra = await provider("entra", simulator=China(60, 7, Behaviour()))
    await entra.connect()
    assert (await entra.run()).verdict is Verdict.COMPLETE
    scopes = {one["scope"] for one in entra.simulator.oauth.requested}
    assert scopes == {"https://microsoftgraph.chinacloudapi.cn/.default"}


@pytest.mark.parametrize("cloud", CLOUDS)
def test_only_the_hosts_of_the_chosen_cloud_are_reached(cloud: str) -> None:
    manifest = Entra.manifest.reached_with(EntraCredentials.parse({**CREDENTIALS, "cloud": cloud}))
    hosts = {one.removeprefix("https://") for one in CLOUDS[cloud].values()}
    assert set(manifest.hosts) == hosts
    others = {host.removeprefix("https://") for one in CLOUDS.values() for host in one.values()} - hosts
    assert not any(manifest.allows(host) for host in others)


def test_the_global_cloud_is_the_default_and_unknown_ones_are_refused() -> None:
    assert EntraCredentials.parse(CREDENTIALS).variables()["graph"] == "https://graph.microsoft.com"
    with pytest.raises(InvalidCredentialsError, match="cloud") as caught:
        EntraCredentials.parse({**CREDENTIALS, "cloud": "us_goverment"})
    assert caught.value.suggestion == "us_government"


@pytest.mark.parametrize("tenant", ["", "a/b", "a?b", "a b", "a#b", "a%2fb"])
def test_a_tenant_that_would_change_the_address_is_refused(tenant: str) -> None:
    with pytest.raises(InvalidCredentialsError, match="tenant"):
        EntraCredentials.parse({**CREDENTIALS, "tenant": tenant})


async def test_the_tenant_is_the_same_in_upper_case(provider: StartProvider) -> None:
    entra = await provider("entra")
    report = await entra.connect()
    assert (report.account.tenant, report.account.owner) == (TENANT, CREDENTIALS["client_id"])

"""The check: a wrong company, a wrong token and a missing permission are told apart."""

import asyncio

import pytest
from aiohttp import web

from connector_core import Account, ForbiddenError, RejectedCredentialsError, SettingsError, UnavailableError
from connector_core.host import Host
from connector_core.testing import Faults
from connectors.namely.simulator import NamelySimulator
from world import Start

pytestmark = pytest.mark.jumping


async def test_a_good_token_is_saved_and_every_kind_may_be_read(namely: Start) -> None:
    place = await namely()
    report = await place.host.connect("namely", "acme", place.simulator.credentials)
    assert report.account.name == "Acme Widgets"
    assert [(probe.declaration.kind.plural, probe.ok) for probe in report.probes] == [
        ("employees", True),
        ("departments", True),
    ]
    assert [one.name for one in await place.host.integrations()] == ["acme"]


@pytest.mark.parametrize("error_body", ["message", "error", "empty"])
async def test_a_rejected_token_says_so_with_the_likely_causes_and_is_not_saved(namely: Start, error_body: str) -> None:
    place = await namely(error_body=error_body)
    with pytest.raises(RejectedCredentialsError) as caught:
        await place.connect(personal_access_token="canary-wrong")
    assert caught.value.message == "Invalid access token provided."
    for words in (
        "mistyped or has been revoked",
        "older than two years",
        "SSO or is no longer active",
        "connect again",
    ):
        assert words in caught.value.hint
    assert "canary-wrong" not in caught.value.hint
    assert await place.host.integrations() == []


@pytest.mark.parametrize("unknown_tenant", ["login", "redirect", "missing"])
async def test_a_wrong_company_is_told_from_a_wrong_token(namely: Start, unknown_tenant: str) -> None:
    place = await namely(unknown_tenant=unknown_tenant)
    # The name of the certificate stays; the tenant behind it is another.
    place.simulator.host = "other.namely.com"
    with pytest.raises(RejectedCredentialsError, match=r"No Namely company answers at acme\.namely\.com") as caught:
        await place.connect(domain="acme.namely.com")
    assert caught.value.field == "domain"


async def test_a_token_whose_user_is_inactive_is_told_from_a_missing_permission(namely: Start) -> None:
    place = await namely(owner="inactive")
    with pytest.raises(RejectedCredentialsError, match="inactive or deleted"):
        await place.connect()


async def test_single_sign_on_is_named_where_the_company_uses_it(namely: Start) -> None:
    place = await namely(owner="sso")
    with pytest.raises(RejectedCredentialsError) as caught:
        await place.connect()
    assert "SAML" in caught.value.hint


async def test_a_kind_that_may_not_be_read_says_what_to_grant_and_where(namely: Start) -> None:
    place = await namely(owner="no_groups")
    report = await place.host.connect("namely", "acme", place.simulator.credentials)
    employees, departments = report.probes
    assert employees.ok
    assert "department_source_ids" in employees.unread
    assert "403" in departments.problem
    assert "Access Roles" in departments.remedy
    assert "Department" in departments.remedy
    assert not report.ok


async def test_fields_that_the_token_does_not_see_are_named(namely: Start) -> None:
    place = await namely(owner="limited")
    report = await place.host.connect("namely", "acme", place.simulator.credentials)
    assert {"manager_source_id", "start_date", "department_source_ids"} <= set(report.probes[0].unread)
    assert "email" not in report.probes[0].unread


class FailsByQuery(NamelySimulator):
    """Its faults are scripted by path and query."""

    def path_of(self, request: web.Request) -> str:
        return request.path_qs.removeprefix("/api/v1")


async def test_nothing_is_saved_when_nothing_may_be_read(namely: Start) -> None:
    place = await namely(simulator=FailsByQuery)
    # The listing of people has a query, and fails; the question about the token's owner has none.
    place.simulator.faults = Faults("403:/groups,403:/group_types,403:/profiles?")
    with pytest.raises(ForbiddenError, match="nothing may be read"):
        await place.connect()
    assert await place.host.integrations() == []


async def test_new_credentials_replace_the_old_ones_once_checked_and_keep_the_data(namely: Start) -> None:
    place = await namely(scanned=True)
    before = (await place.host.integrations())[0]
    with pytest.raises(RejectedCredentialsError):
        await place.connect(personal_access_token="wrong")
    assert await place.host.integrations() == [before]
    await place.connect()
    assert (await place.host.integrations())[0].credentials_at == before.credentials_at
    await place.connect_with_new_token()
    after = (await place.host.integrations())[0]
    assert after.credentials_at > before.credentials_at
    assert after.created_at == before.created_at
    assert len(await place.people()) == 60


async def test_a_name_that_another_connector_took_while_the_check_was_made_is_refused(namely: Start) -> None:
    place = await namely()
    integrations = place.host.store.integrations
    connecting = asyncio.create_task(place.connect())
    while not place.simulator.requests:  # noqa: ASYNC110 - the server tells nothing
        await asyncio.sleep(0)
    await integrations.save("acme", "hibob", {}, b"", Account("One", "1"))
    with pytest.raises(SettingsError, match="exists already, for hibob"):
        await connecting
    assert (await integrations.get("acme")).sealed == b""


async def test_the_requests_of_a_check_run_at_once(namely: Start) -> None:
    place = await namely()
    place.simulator.latency = 0.2
    started = asyncio.get_running_loop().time()
    await place.connect()
    # Four steps would follow one another in the longest chain: types, groups, then the first page of people.
    assert len(place.simulator.requests) >= 5
    assert asyncio.get_running_loop().time() - started < 0.2 * (len(place.simulator.requests) - 1)


async def test_a_stored_integration_can_be_checked_again(namely: Start) -> None:
    place = await namely()
    await place.connect()
    assert (await place.host.check("acme")).ok
    place.simulator.faults = Faults("503")
    async with Host(place.settings) as host:
        with pytest.raises(UnavailableError):
            await host.check("acme")

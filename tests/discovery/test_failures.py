"""Failures of the provider, the token, the settings and the connector, end to end."""

import asyncio
from pathlib import Path

import pytest

from connector_core import BusyError, Code, RejectedCredentialsError, Verdict
from connector_core.messages import message
from connector_core.testing import Faults
from misbehaving import Broken
from planted.simulator import ExampleSimulator
from world import Start, first_run

pytestmark = pytest.mark.jumping


@pytest.mark.parametrize("script", ["401", "401@3x99:/profiles"], ids=["at the check", "during the run"])
async def test_a_token_that_died_ends_the_run_and_changes_nothing(namely: Start, script: str) -> None:
    place = await namely(120, connected=True)
    place.simulator.faults = Faults(script)
    with pytest.raises(RejectedCredentialsError, match=r"Invalid access token provided\."):
        await place.run()
    assert await place.people() == {}
    assert (await place.host.history("acme"))[0].error == "credentials_rejected"


async def test_a_resource_that_the_token_may_not_read_ends_its_kind_only(namely: Start) -> None:
    place = await namely(connected=True)
    place.simulator.faults = Faults("401:/group_types")
    report = await place.run()
    assert report["Employee"].certificate.complete
    departments = report["Department"].certificate
    assert [one.code for one in departments.reasons] == [Code.RESOURCE_REFUSED]
    assert "Access Roles" in departments.remedy
    assert len(await place.people()) == 60


async def test_a_missing_permission_is_named_beside_what_was_wrong(namely: Start) -> None:
    place = await namely(connected=True, owner="no_groups")
    departments = (await place.run())["Department"].certificate
    assert [one["error"] for one in departments.reasons] == ["provider_forbidden"]
    assert "Access Roles" in departments.remedy


async def test_a_provider_that_asks_to_wait_too_long_defers_the_run(namely: Start) -> None:
    place = await namely(quota=1, retry_after="seconds", window=3600, connected=True)
    report = await place.run("employees")
    assert report.verdict is Verdict.DEFERRED
    (reason,) = [one for one in report["Employee"].certificate.reasons if one.code is Code.DEFERRED]
    assert str(reason["until"]).endswith(" UTC")


async def test_an_unknown_department_type_is_an_error_whichever_kinds_are_run(namely: Start) -> None:
    place = await namely(options={"department_group_types": ["Nope"]})
    report = await place.host.connect("namely", "acme", place.simulator.credentials)
    assert "no type of group named 'Nope'" in report.probes[1].problem
    assert report.probes[1].said.startswith("The types are Departments, Divisions")
    for kinds in ((), ("departments",)):
        departments = (await place.run(*kinds))["Department"].certificate
        assert [(one.code, one["error"]) for one in departments.reasons] == [(Code.READ_FAILED, "provider_protocol")]
        assert departments.remedy.endswith("A check lists all types.")
        assert "Divisions" not in repr(departments)


async def test_a_bug_in_a_connector_is_named_by_its_place_and_not_by_its_data(tmp_path: Path) -> None:
    report = await first_run(Broken, ExampleSimulator(60, 1), tmp_path / "people.sqlite")
    reason = report["Employee"].certificate.reasons[0]
    assert (reason.code, reason["error"]) == (Code.READ_FAILED, "discovery")
    assert "example failed with KeyError in employees, line" in message(reason)
    assert "misbehaving.py" in message(reason)
    assert "canary" not in repr(report)


async def test_a_second_run_at_the_same_time_is_refused(namely: Start) -> None:
    place = await namely(connected=True)
    place.simulator.latency = 0.05
    first = asyncio.create_task(place.run())
    await asyncio.sleep(0.05)
    with pytest.raises(BusyError):
        await place.run()
    assert (await first).verdict is Verdict.COMPLETE

"""Fields that empty or do not come, end to end: stored values stay."""

import pytest

from connector_core import Code, SettingsError, Verdict
from connector_core.testing import Faults
from world import Start

pytestmark = pytest.mark.jumping


async def test_a_field_that_empties_keeps_its_values_until_the_loss_is_accepted(namely: Start) -> None:
    place = await namely(scanned=True)
    before = await place.people()
    for one in place.tenant.people:
        one.title = ""
    place.tenant.people[3].email = "new@acme.example"
    for _ in range(2):
        report = await place.run()
        assert report.verdict is Verdict.HELD
        certificate = report["Employee"].certificate
        assert certificate.profile.emptied == {"job_title": (1.0, 0.0)}
        assert "Access Roles" in certificate.remedy
    people = await place.people()
    assert all(one.job_title == before[key].job_title for key, one in people.items())
    assert people[place.tenant.people[3].id].email == "new@acme.example"
    assert (await place.run(accept=["job_title"])).verdict is Verdict.COMPLETE
    assert all(one.job_title is None for one in (await place.people()).values())
    assert (await place.run()).verdict is Verdict.COMPLETE


async def test_a_field_that_the_connector_does_not_promise_is_watched_too(namely: Start) -> None:
    place = await namely(scanned=True)
    before = await place.people()
    two = {one.id for one in place.tenant.departments()[:2]}
    for one in place.tenant.people:
        one.groups = [*two, *(group for group in one.groups if group not in two)]
    report = await place.run()
    # With two departments no one has a primary one: a fact for a row, a warning sign for all.
    assert report.verdict is Verdict.HELD
    assert list(report["Employee"].certificate.profile.emptied) == ["primary_department_source_id"]
    after = await place.people()
    assert {key: one.primary_department_source_id for key, one in after.items()} == {
        key: one.primary_department_source_id for key, one in before.items()
    }


async def test_accepting_a_loss_counts_only_once_it_is_applied(namely: Start) -> None:
    place = await namely(scanned=True)
    for one in place.tenant.people:
        one.title = ""
    await place.run(apply=False, accept=["job_title"])
    await place.host.discard("acme")
    assert (await place.run()).verdict is Verdict.HELD
    assert all(one.job_title for one in (await place.people()).values())
    with pytest.raises(SettingsError, match="no field job_titel"):
        await place.run(accept=["job_titel"])


async def test_a_short_listing_does_not_tell_how_full_a_field_should_be(namely: Start) -> None:
    place = await namely(scanned=True)
    everybody = list(place.tenant.people)
    for one in everybody:
        one.title = ""
    del place.tenant.people[5:]
    await place.run()
    place.tenant.people[:] = everybody
    assert (await place.run()).verdict is Verdict.HELD
    assert all(one.job_title for one in (await place.people()).values())


async def test_departments_that_cannot_be_read_stay_with_the_people_who_belong_to_them(namely: Start) -> None:
    place = await namely(scanned=True)
    before = await place.people()
    place.simulator.faults = Faults("403:/groups")
    report = await place.run()
    departments, people = report["Department"].certificate, report["Employee"].certificate
    assert [(one.code, one["error"]) for one in departments.reasons] == [(Code.READ_FAILED, "provider_forbidden")]
    assert people.complete
    assert people.profile.unread["department_source_ids"] == 60
    assert await place.people() == before
    assert len(await place.departments()) == 12


async def test_keys_that_a_weaker_token_does_not_see_keep_their_stored_values(namely: Start) -> None:
    place = await namely(scanned=True)
    before = await place.people()
    place.simulator.behaviour = place.simulator.behaviour.model_copy(update={"owner": "limited"})
    place.tenant._behaviour = place.simulator.behaviour
    report = await place.run()
    assert report["Employee"].certificate.profile.unread["manager_source_id"] == 60
    assert await place.people() == before

"""Fields that empty or do not come, end to end: stored values stay."""

import pytest
from attacks import FULL

from connector_core import Code, SettingsError, Status, Verdict, WorkerType
from connector_core.settings import DriftSettings
from connector_core.testing import Faults
from connectors.bamboohr.simulator import Behaviour as BambooHRBehaviour
from connectors.namely.simulator import Behaviour, Tenant
from misbehaving import RestrictedBambooHR, RestrictedNamely
from world import Start, StartProvider, copied_settings

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
        assert certificate.profile.emptied == {"job_title": (60, 60)}
        assert "Access Roles" in certificate.remedy
    people = await place.people()
    assert all(one.job_title == before[key].job_title for key, one in people.items())
    assert people[place.tenant.people[3].id].email == "new@acme.example"
    assert (await place.run(accept=["job_title"])).verdict is Verdict.COMPLETE
    assert all(one.job_title is None for one in (await place.people()).values())
    assert (await place.run()).verdict is Verdict.COMPLETE


@pytest.mark.attack(
    "All worker types become unknown, in a large or a small company", "The stored ones stay, and the run is held", FULL
)
@pytest.mark.parametrize("people", [2, 5, 60])
async def test_worker_types_that_become_unknown_are_kept_however_few_they_are(namely: Start, people: int) -> None:
    place = await namely(people, connected=True)
    for one in place.tenant.people:
        one.employee_type = "Full Time"
    await place.run()
    for one in place.tenant.people:
        one.employee_type = ""
    report = await place.run()
    assert report.verdict is Verdict.HELD
    assert report["Employee"].certificate.profile.emptied == {"worker_type": (people, people)}
    assert {one.worker_type for one in (await place.people()).values()} == {WorkerType.EMPLOYEE}


@pytest.mark.attack("A field that few people have empties", "The stored values stay, and the run is held", FULL)
async def test_a_field_that_few_people_have_is_kept_when_it_empties(namely: Start) -> None:
    place = await namely(connected=True)
    for number, one in enumerate(place.tenant.people):
        one.departure = "2024-05-31" if number < 13 else ""
    await place.run()
    before = await place.people()
    for one in place.tenant.people:
        one.departure = ""
    report = await place.run()
    assert report["Employee"].certificate.profile.emptied == {"end_date": (13, 13)}
    assert await place.people() == before
    # One who is hired again has no last day any more: everyday, and a fact.
    for number, one in enumerate(place.tenant.people):
        one.departure = "2024-05-31" if 0 < number < 13 else ""
    assert (await place.run()).verdict is Verdict.COMPLETE
    assert [one.end_date for one in (await place.people()).values()].count(None) == 60 - 12


@pytest.mark.attack("The status of people comes as null", "Nobody leaves the active set", FULL)
@pytest.mark.parametrize("number", [1, 9, 60])
async def test_a_status_that_does_not_come_takes_nobody_out_of_the_active_set(namely: Start, number: int) -> None:
    place = await namely(scanned=True)
    before = await place.people()
    assert {one.status for one in before.values()} == {Status.ACTIVE, Status.INACTIVE, Status.PENDING}
    for one in place.tenant.people[-number:]:
        one.status = ""
    report = await place.run()
    assert report.verdict is Verdict.HELD
    assert report["Employee"].certificate.profile.emptied["status"] == (number, 60)
    # Neither does the provider's word for it go.
    assert {key: (one.status, one.source_status) for key, one in (await place.people()).items()} == {
        key: (one.status, one.source_status) for key, one in before.items()
    }


async def test_an_accepted_loss_of_statuses_is_a_loss_of_people(namely: Start) -> None:
    place = await namely(scanned=True)
    for one in place.tenant.people:
        one.status = ""
    report = await place.run(accept=["status", "source_status"])
    plan = report["Employee"].plan
    assert plan.held_because
    active = [one for one in (await place.people()).values() if one.is_active()]
    assert plan.held == len(active) > 40
    await place.host.apply("acme")
    assert {one.status for one in (await place.people()).values()} == {Status.UNKNOWN}
    assert (await place.run()).verdict is Verdict.COMPLETE


@pytest.mark.attack("Values are cleared a few at a time", "They add up, and are held", FULL)
async def test_values_that_are_cleared_in_small_steps_add_up(namely: Start) -> None:
    place = await namely(scanned=True)
    place.host.settings = copied_settings(place.settings, drift=DriftSettings(share=0.1))
    emptied = []
    for number, one in enumerate(place.tenant.people[:8]):
        one.title = ""
        place.tenant._touch(one)
        # A delta reads a few rows only, among which the share is another.
        report = await place.run(delta=number % 2 > 0)
        assert report.extent.delta is (number % 2 > 0)
        emptied.append(report["Employee"].certificate.profile.emptied.get("job_title"))
    # Six of sixty are a tenth; the seventh is one too many, and so is the next that is read with it.
    assert emptied == [None] * 6 + [(7, 60), (8, 60)]
    assert [one.job_title for one in (await place.people()).values()].count(None) == 6


def restricted(name: str) -> RestrictedNamely | RestrictedBambooHR:
    if name == "namely":
        return RestrictedNamely(Tenant(400, 7, Behaviour()), Behaviour())
    return RestrictedBambooHR(400, 7, BambooHRBehaviour())


IDENTITY = {
    "namely": ("full_name", "first_name", "last_name", "preferred_name", "email"),
    "bamboohr": ("displayName", "firstName", "lastName", "preferredName", "workEmail"),
}
WORK = {
    "namely": ("job_title", "reports_to", "start_date", "departure_date"),
    "bamboohr": ("jobTitle", "supervisorEId", "hireDate", "terminationDate"),
}
NAMES = ["display_name", "first_name", "last_name", "email"]
ACCEPTED = [*NAMES, "job_title", "manager_source_id", "start_date", "end_date"]


@pytest.mark.attack(
    "A permission is lost for some of 400 people: most of their fields come as null at once",
    "The stored values stay, and the run is held",
    FULL,
)
@pytest.mark.parametrize("number", [3, 40])
@pytest.mark.parametrize("name", ["namely", "bamboohr"])
async def test_people_who_come_nearly_empty_keep_their_values_until_the_loss_is_accepted(
    provider: StartProvider, name: str, number: int
) -> None:
    simulator = restricted(name)
    place = await provider(name, simulator=simulator)
    await place.connect()
    await place.run()
    before = await place.people()
    # The head of the company has no manager to lose.
    simulator.restricted = frozenset([key for key, one in before.items() if one.manager_source_id][:number])
    for simulator.lost in (IDENTITY[name] + WORK[name], IDENTITY[name], WORK[name]):
        report = await place.run()
        profile = report["Employee"].certificate.profile
        # No field by itself lost enough to be a warning sign.
        assert (report.verdict, profile.emptied, profile.emptied_rows) == (Verdict.HELD, {}, number)
        assert len(profile.emptied_example) >= 2
        assert await place.people() == before
    simulator.lost = IDENTITY[name] + WORK[name]
    assert (await place.run(accept=ACCEPTED)).verdict is Verdict.COMPLETE
    assert {key for key, one in (await place.people()).items() if not one.display_name} == simulator.restricted
    assert (await place.run()).verdict is Verdict.COMPLETE


async def test_people_who_come_nearly_empty_one_at_a_time_add_up(provider: StartProvider) -> None:
    simulator = restricted("namely")
    place = await provider("namely", simulator=simulator)
    await place.connect()
    await place.run()
    simulator.lost = IDENTITY["namely"] + WORK["namely"]
    ids = list(await place.people())
    emptied = []
    for number in range(1, 5):
        simulator.restricted = frozenset(ids[:number])
        emptied.append((await place.run())["Employee"].certificate.profile.emptied_rows)
    assert emptied == [0, 0, 1, 2]
    assert [one.display_name for one in (await place.people()).values()].count(None) == 2


@pytest.mark.parametrize("name", ["bamboohr", "namely"])
async def test_the_providers_word_stays_with_the_status(provider: StartProvider, name: str) -> None:
    simulator = restricted(name)
    place = await provider(name, simulator=simulator)
    await place.connect()
    await place.run()
    before = await place.people()
    simulator.restricted = frozenset(list(before)[:9])
    simulator.lost = ("status", "user_status")
    report = await place.run()
    assert report["Employee"].certificate.profile.emptied.keys() == {"status", "source_status"}
    assert await place.people() == before


async def test_values_whose_loss_was_accepted_count_no_more(namely: Start) -> None:
    place = await namely(scanned=True)
    for one in place.tenant.people[:40]:
        one.title = ""
    assert (await place.run()).verdict is Verdict.HELD
    assert (await place.run(accept=["job_title"])).verdict is Verdict.COMPLETE
    place.tenant.people[40].title = ""
    assert (await place.run()).verdict is Verdict.COMPLETE
    assert [one.job_title for one in (await place.people()).values()].count(None) == 41


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
    place.tenant.behaviour = place.simulator.behaviour
    report = await place.run()
    assert report["Employee"].certificate.profile.unread["manager_source_id"] == 60
    assert await place.people() == before

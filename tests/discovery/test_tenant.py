"""Two companies behind one name: refused when connecting, and held when running."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from attacks import FULL

from builders import compared, declaration, delta_start, difference, evidence, read_result
from connector_core import Account, Code, Department, Employee, OtherTenantError, Reason, Verdict
from connector_core.discovery.drift import DifferenceCounts
from connector_core.discovery.results import Evidence
from connector_core.discovery.tenant import judge_tenant
from connector_core.host import Host
from connector_core.outcomes import State
from connector_core.testing import SimulatorOptions, load
from world import Provider, Start, StartProvider

pytestmark = pytest.mark.jumping

ACME, GLOBEX, UNTOLD = Account("Acme", "acme"), Account("Globex", "globex"), Account("A service user", None)


# ---- the judgement


@pytest.mark.parametrize(
    ("told", "stored", "differs"),
    [(ACME, ACME, False), (GLOBEX, ACME, True), (UNTOLD, ACME, False), (ACME, UNTOLD, False)],
)
def test_a_tenant_differs_where_both_are_told(told: Account, stored: Account, *, differs: bool) -> None:
    because = Reason(Code.OTHER_TENANT, tenant="globex", stored="acme")
    assert judge_tenant(told, stored, []) == (because if differs else None)


def test_a_new_owner_of_the_token_is_no_other_tenant() -> None:
    assert judge_tenant(Account("Acme", "acme", "7"), Account("Acme", "acme", "8"), []) is None


def read_people(staged: int, stored: int, *, same_ids: int, strangers: int = 0, delta: bool = False) -> Evidence:
    """Return a reading in which so many rows have the id of a stored one, some of them with another name and e-mail."""
    result = read_result(delta=delta_start()) if delta else read_result()
    comparison = compared(staged, stored, creates=staged - same_ids, differing=strangers)
    return evidence(result, comparison)


@pytest.mark.parametrize(
    ("staged", "stored", "same_ids", "strangers", "differs"),
    [
        (80, 60, 60, 0, False),
        (80, 60, 60, 30, False),
        (80, 60, 60, 31, True),
        # Other ids.
        (80, 60, 30, 0, False),
        (80, 60, 29, 0, True),
        # A reading that ended early, and one that brings many more people than there were.
        (50, 60, 50, 0, False),
        (500, 5, 5, 0, False),
        # Few people, and few of many.
        (5, 5, 5, 5, True),
        (5, 5, 5, 2, False),
        (2, 2, 2, 2, True),
        (1, 1, 1, 1, True),
        (12, 60, 11, 11, True),
        (12, 60, 12, 3, False),
        (60, 2, 2, 2, True),
        (60, 2, 0, 0, True),
        (0, 60, 0, 0, False),
        (60, 0, 0, 0, False),
    ],
)
def test_rows_must_be_those_of_stored_ones_by_more_than_their_ids(
    staged: int, stored: int, same_ids: int, strangers: int, *, differs: bool
) -> None:
    found = judge_tenant(UNTOLD, UNTOLD, [read_people(staged, stored, same_ids=same_ids, strangers=strangers)])
    assert (found.code if found else None) is (Code.UNRECOGNISED if differs else None)


@pytest.mark.parametrize(("same_ids", "strangers", "differs"), [(0, 0, False), (2, 2, False), (3, 3, True)])
def test_a_delta_may_read_new_people_only_but_no_others_in_their_place(
    same_ids: int, strangers: int, *, differs: bool
) -> None:
    read = read_people(4, 60, same_ids=same_ids, strangers=strangers, delta=True)
    assert bool(judge_tenant(UNTOLD, UNTOLD, [read])) is differs


def test_people_decide_where_they_were_read() -> None:
    result = replace(read_result(), declaration=declaration(Department))
    departments = evidence(result, compared(11, 11, creates=0, differing=11))
    assert judge_tenant(UNTOLD, UNTOLD, [departments])
    assert not judge_tenant(UNTOLD, UNTOLD, [read_people(60, 60, same_ids=58), departments])
    same = evidence(result, compared(11, 11, creates=0, differing=0))
    assert judge_tenant(UNTOLD, UNTOLD, [same, read_people(60, 60, same_ids=60, strangers=60)])


@pytest.mark.parametrize(
    ("stored", "read", "alike"),
    [
        ({"email": "a@x", "display_name": "Ada"}, {"email": "b@x", "display_name": "Ada"}, True),
        ({"email": "a@x", "display_name": "Ada"}, {"email": "a@x", "display_name": "Bob"}, True),
        ({"email": "a@x", "display_name": "Ada"}, {"email": "b@x", "display_name": "Bob"}, False),
        # Without a name that came, the rest must be the same.
        ({"email": "a@x", "job_title": "Lead"}, {"job_title": "Lead"}, True),
        ({"email": "a@x", "job_title": "Lead"}, {"email": None, "job_title": "Lead"}, True),
        ({"email": "a@x", "job_title": "Lead"}, {"job_title": "Cook"}, False),
        # Nothing is known by which the stored one could be recognised.
        ({"job_title": "Lead"}, {"email": "b@x", "job_title": "Cook"}, True),
    ],
)
def test_a_row_is_recognised_by_its_name_or_e_mail(
    stored: dict[str, Any], read: dict[str, Any], *, alike: bool
) -> None:
    counts = DifferenceCounts(Employee)
    counts.add([difference(stored, read)])
    assert counts.alike == alike


# ---- end to end


def turn_into_another_company(place: Provider, people: int = 80) -> None:
    """Let the same credentials, at the same address, lead to another company from now on."""
    other = load(f"connectors.{place.name}.simulator", SimulatorOptions(people=people, seed=8, behaviour={}))
    place.served.simulator = other


async def everything(place: Provider) -> Any:
    return await place.people(), await place.departments()


@pytest.mark.attack(
    "Another company answers to the same credentials, with the same ids", "Nothing is created, changed or removed", FULL
)
@pytest.mark.parametrize("sizes", [(60, 80), (60, 12), (12, 60), (5, 5), (2, 60)])
@pytest.mark.parametrize("name", ["namely", "bamboohr", "hibob", "okta", "personio"])
async def test_another_company_behind_the_same_credentials_changes_nothing(
    provider: StartProvider, name: str, sizes: tuple[int, int]
) -> None:
    place = await provider(name, sizes[0])
    await place.connect()
    await place.run()
    before = await everything(place)
    turn_into_another_company(place, sizes[1])
    for _ in range(2):
        report = await place.run()
        assert report.verdict is Verdict.HELD
        assert report["Employee"].plan.held_because[0].code is Code.UNRECOGNISED
        changes = [one async for one in place.host.changes(report.run.id)]
        assert changes
        assert {one.state for one in changes} == {State.HELD}
        assert await everything(place) == before
    # The operator may say that it is right.
    await place.host.apply("acme")
    assert place.simulator.ids(Employee) <= (await place.people()).keys()


@asynccontextmanager
async def at(place: Provider, company: str) -> AsyncIterator[Provider]:
    """Give the simulator's company another address, and return it with a host that reaches it there."""
    simulator = place.simulator
    simulator.host = f"{company}.{simulator.host.partition('.')[2]}"
    told = {"domain": simulator.host} if place.name == "namely" else {"company": company}
    simulator.credentials = {**simulator.credentials, **told}
    settings = place.host.settings
    there = settings.host.model_copy(update={"resolve": place.served.resolve})
    async with Host(settings.model_copy(update={"host": there})) as host:
        yield Provider(place.name, place.served, host)


@pytest.mark.attack(
    "A name is connected with another company's credentials",
    "Refused; on purpose, the first run holds everything",
    FULL,
)
@pytest.mark.parametrize("name", ["namely", "bamboohr"])
async def test_another_companys_credentials_are_refused_for_a_name_that_is_taken(
    provider: StartProvider, name: str
) -> None:
    place = await provider(name)
    await place.connect()
    await place.run()
    before, stored = await everything(place), await place.host.integrations()
    turn_into_another_company(place)
    async with at(place, "globex") as other:
        with pytest.raises(OtherTenantError, match=r"globex.*acme") as caught:
            await other.connect()
        assert "--change-tenant" in caught.value.hint
        assert await other.host.integrations() == stored
        # On purpose it is possible; but these are other people.
        await other.connect(change_tenant=True)
        assert (await other.run()).verdict is Verdict.HELD
        assert await everything(other) == before


@pytest.mark.attack("The provider names another company than when it was connected", "Every change is held", FULL)
async def test_a_run_that_finds_another_tenant_holds_everything_though_the_people_are_known(namely: Start) -> None:
    place = await namely(scanned=True)
    place.simulator.permalink = "globex"
    place.tenant.people[3].title = "Moved"
    place.tenant.hire()
    report = await place.run()
    assert report.verdict is Verdict.HELD
    plan = report["Employee"].plan
    assert plan.held_because[0] == Reason(Code.OTHER_TENANT, tenant="globex", stored="acme")
    assert plan.held == plan.creates + plan.updates > 1


async def test_the_same_people_at_a_new_address_of_the_company_go_on(provider: StartProvider) -> None:
    place = await provider("namely")
    await place.connect()
    await place.run()
    async with at(place, "acme-group") as moved:
        await moved.connect(change_tenant=True)
        assert (await moved.run()).verdict is Verdict.COMPLETE

"""Two companies behind one name: refused when connecting, and held when running."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from attacks import FULL

from builders import compared, evidence
from connector_core import Account, Code, Employee, OtherTenantError, Reason, Verdict
from connector_core.discovery.tenant import judge_tenant
from connector_core.host import Host
from connector_core.outcomes import State
from connector_core.testing import SimulatorOptions, load
from world import Provider, StartProvider

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


@pytest.mark.parametrize(
    ("staged", "stored", "recognised", "differs"),
    [
        (80, 60, 60, False),
        (80, 60, 30, False),
        (80, 60, 29, True),
        # A reading that ended early, and one that brings many more people than there were.
        (50, 60, 50, False),
        (500, 5, 5, False),
        # Of one or two rows nothing can be said.
        (2, 60, 0, False),
        (3, 60, 0, True),
        (0, 60, None, False),
        (60, 0, None, False),
    ],
)
def test_most_rows_must_be_those_of_stored_ones(
    staged: int, stored: int, recognised: int | None, *, differs: bool
) -> None:
    read = evidence(comparison=compared(staged, stored), recognised=recognised)
    found = judge_tenant(UNTOLD, UNTOLD, [read])
    rows = min(staged, stored)
    assert found == (Reason(Code.UNRECOGNISED, recognised=recognised, rows=rows) if differs else None)


def test_a_few_departments_with_new_names_are_no_other_company() -> None:
    people = evidence(comparison=compared(60, 60), recognised=58)
    departments = evidence(comparison=compared(11, 11), recognised=0)
    assert judge_tenant(UNTOLD, UNTOLD, [people, departments]) is None


# ---- end to end


def turn_into_another_company(place: Provider) -> None:
    """Let the same credentials, at the same address, lead to another company from now on."""
    other = load(f"connectors.{place.name}.simulator", SimulatorOptions(people=80, seed=8, behaviour={}))
    place.served.simulator = other


async def everything(place: Provider) -> Any:
    return await place.people(), await place.departments()


@pytest.mark.attack(
    "Another company answers to the same credentials, with the same ids", "Nothing is created, changed or removed", FULL
)
@pytest.mark.parametrize("name", ["namely", "bamboohr", "hibob", "personio"])
async def test_another_company_behind_the_same_credentials_changes_nothing(provider: StartProvider, name: str) -> None:
    place = await provider(name)
    await place.connect()
    await place.run()
    before = await everything(place)
    turn_into_another_company(place)
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
    if place.name == "namely":
        simulator.host = f"{company}.namely.com"
        simulator.credentials = {**simulator.credentials, "domain": simulator.host}
    else:
        simulator.credentials = {**simulator.credentials, "company": company}
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


async def test_the_same_people_at_a_new_address_of_the_company_go_on(provider: StartProvider) -> None:
    place = await provider("namely")
    await place.connect()
    await place.run()
    async with at(place, "acme-group") as moved:
        await moved.connect(change_tenant=True)
        assert (await moved.run()).verdict is Verdict.COMPLETE

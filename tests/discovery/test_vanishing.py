"""Rows that vanish for another reason than that they are gone: hidden rows, deaf witnesses, short lists."""

from typing import Any

import pytest
from attacks import FULL

from connector_core import Code, Department, Employee, Verdict
from connector_core.testing import Faults
from misbehaving import Denying, Hiding
from world import AT_ONCE, UNGUARDED, Start, StartProvider

pytestmark = pytest.mark.jumping


@pytest.mark.attack(
    "A token loses the right to some people: not listed, not counted, 404 by id", "Nobody is removed unseen", FULL
)
async def test_people_whom_a_token_may_no_longer_see_are_not_removed(namely: Start) -> None:
    place = await namely(scanned=True)
    place.simulator.behaviour = place.simulator.behaviour.model_copy(update={"hidden_rows": "yes"})
    for _ in range(3):
        report = await place.run()
        people = report["Employee"]
        # They are neither listed nor counted, and 404 by id: the reading is complete, and the witness denies them.
        assert people.certificate.complete
        assert (people.plan.removes, people.plan.held) == (6, 6)
        assert Code.TOO_MANY_VANISHED in [one.code for one in people.plan.held_because]
        assert report.verdict is Verdict.HELD
        assert len(await place.people()) == 60


@pytest.mark.attack("Three of 400 people vanish, at each provider", "Their removal is held", FULL)
@pytest.mark.parametrize("name", ["namely", "bamboohr", "hibob", "okta", "personio"])
async def test_three_people_who_vanish_are_held_whoever_the_provider_is(provider: StartProvider, name: str) -> None:
    place = await provider(name, 400, losses=AT_ONCE)
    await place.connect()
    await place.run()
    # Nobody reports to the last ones.
    for _ in range(3):
        place.simulator.erase(-1)
    for _ in range(2):
        report = await place.run()
    plan = report["Employee"].plan
    assert (plan.removes, plan.held) == (3, 3)
    assert [one.code for one in plan.held_because] == [Code.TOO_MANY_VANISHED]
    assert len(await place.people()) == 400
    await place.host.apply("acme")
    assert (await place.people()).keys() == place.simulator.ids(Employee)


@pytest.mark.attack(
    "A row moves out of the listing, and the witness answers 404 to everybody", "Nobody is removed", FULL
)
async def test_a_witness_that_denies_everybody_is_not_believed(namely: Start) -> None:
    place = await namely(scanned=True, simulator=Denying, losses=UNGUARDED)
    hidden = place.tenant.people[-1]
    simulator: Any = place.simulator
    simulator.hidden = hidden.id
    report = await place.run()
    assert report["Employee"].certificate.complete
    assert (report["Employee"].plan.removes, report["Employee"].plan.unconfirmed) == (0, 1)
    assert hidden.id in await place.people()


@pytest.mark.attack("A manager vanishes whom others still name", "The removal is held", FULL)
async def test_a_manager_whom_others_still_name_is_not_removed_unseen(namely: Start) -> None:
    place = await namely(400, scanned=True, simulator=Hiding, losses=UNGUARDED)
    people = await place.people()
    manager = next(one.manager_source_id for one in people.values() if one.manager_source_id)
    others = {one.source_id for one in people.values() if one.manager_source_id != manager}
    simulator: Any = place.simulator
    for hidden, code in ((manager, Code.STILL_NAMED), (min(others - {manager}), None)):
        simulator.hidden = hidden
        simulator.gone = True
        plan = (await place.run())["Employee"].plan
        assert plan.removes == 1
        assert [one.code for one in plan.held_because] == ([code] if code else [])
        assert (hidden in await place.people()) is bool(code)


@pytest.mark.attack(
    "A list of departments comes short, in every scan", "No department is removed unseen, and nobody loses theirs", FULL
)
@pytest.mark.parametrize("name", ["bamboohr", "hibob"])
async def test_a_list_that_comes_short_removes_no_department_that_people_still_name(
    provider: StartProvider, name: str
) -> None:
    place = await provider(name, losses=UNGUARDED)
    await place.connect()
    await place.run()
    before, people = await place.departments(), await place.people()
    place.switch(department_list="short")
    # One scan alone proves nothing, and the list is no witness of itself.
    plan = (await place.run())["Department"].plan
    assert (plan.removes, plan.unconfirmed) == (0, 1)
    plan = (await place.run())["Department"].plan
    assert (plan.removes, plan.held) == (1, 1)
    assert [one.code for one in plan.held_because] == [Code.STILL_NAMED]
    assert await place.departments() == before
    assert await place.people() == people


@pytest.mark.parametrize("name", ["bamboohr", "hibob"])
async def test_a_department_that_nobody_names_is_removed_by_a_second_scan(provider: StartProvider, name: str) -> None:
    place = await provider(name, losses=UNGUARDED)
    await place.connect()
    await place.run()
    before = (await place.departments()).keys()
    place.switch(department_list="current")
    for removed in (0, 1):
        assert (await place.run())["Department"].plan.removes == removed
    assert len(before - (await place.departments()).keys()) == 1
    assert (await place.departments()).keys() == place.simulator.ids(Department)


@pytest.mark.attack("A department vanishes while the people who name it cannot be read", "Its removal is held", FULL)
async def test_people_who_were_not_read_go_on_naming_their_department(namely: Start) -> None:
    place = await namely(scanned=True, losses=UNGUARDED)
    named = next(one for person in (await place.people()).values() for one in person.department_source_ids)
    group = next(one for one in place.tenant.groups if one.id == named)
    place.tenant.groups.remove(group)
    # Their listing fails on its first page, so no row of this run says where they are.
    place.simulator.faults = Faults("500@2x99:/profiles")
    report = await place.run()
    assert not report["Employee"].certificate.complete
    plan = report["Department"].plan
    assert (plan.removes, plan.held) == (1, 1)
    assert [one.code for one in plan.held_because] == [Code.STILL_NAMED]
    assert named in await place.departments()

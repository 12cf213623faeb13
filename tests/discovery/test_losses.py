"""Losses that are held until an operator accepts them, end to end."""

import pytest

from connector_core import Code, Reason, Verdict
from connector_core.host import Host
from connector_core.testing import Faults
from misbehaving import Overstated
from world import UNGUARDED, Start, copied_settings

pytestmark = pytest.mark.jumping


async def test_many_losses_are_held_and_the_rest_is_applied(namely: Start) -> None:
    place = await namely(12, scanned=True)
    people = [one for one in place.tenant.people[1:] if one.status == "active"]
    for one in people[:3]:
        place.tenant.leave(one)
    people[3].title = "Moved Up"
    report = await place.run()
    assert report.verdict is Verdict.HELD
    assert report["Employee"].plan.held == 3
    assert report["Employee"].plan.held_because == (Reason(Code.TOO_MANY_LOST, lost=3, size=12, days=7, share=0.2),)
    stored = await place.people()
    assert stored[people[0].id].status == "active"
    assert stored[people[3].id].job_title == "Moved Up"
    await place.host.apply("acme")
    assert (await place.people())[people[0].id].status == "inactive"
    assert (await place.run()).verdict is Verdict.COMPLETE


async def test_small_losses_add_up_within_the_window(namely: Start) -> None:
    place = await namely(12, scanned=True)
    verdicts = []
    for one in [one for one in place.tenant.people[1:] if one.status == "active"][:3]:
        place.tenant.leave(one)
        verdicts.append((await place.run()).verdict)
    assert verdicts == [Verdict.COMPLETE, Verdict.COMPLETE, Verdict.HELD]


async def test_the_first_run_with_a_new_token_holds_even_one_loss(namely: Start) -> None:
    place = await namely(scanned=True, losses=UNGUARDED)
    place.tenant.delete(place.tenant.people[-1])
    await place.connect_with_new_token()
    report = await place.run()
    assert report.verdict is Verdict.HELD
    assert report["Employee"].plan.held_because == (Reason(Code.ACCEPTANCE_CHANGED),)
    assert len(await place.people()) == 60
    await place.host.apply("acme")
    assert len(await place.people()) == 59
    # What was applied is accepted.
    place.tenant.delete(place.tenant.people[-1])
    assert (await place.run()).verdict is Verdict.COMPLETE


async def test_a_new_token_holds_losses_even_if_no_run_was_ever_complete(namely: Start) -> None:
    place = await namely(120, connected=True)
    place.simulator.faults = Faults("500@4x9:/profiles")
    assert (await place.run()).verdict is Verdict.INCOMPLETE
    place.simulator.faults = Faults()
    await place.connect_with_new_token()
    place.tenant.delete(place.tenant.people[30])
    plan = (await place.run())["Employee"].plan
    assert plan.removes == plan.held == 1


async def test_a_changed_rule_for_departments_holds_their_loss(namely: Start) -> None:
    place = await namely(scanned=True)
    async with Host(copied_settings(place.settings, {"department_group_types": ["Divisions"]})) as host:
        plan = (await host.run("acme"))["Department"].plan
    assert (plan.creates, plan.removes, plan.held) == (3, 12, 12)
    assert plan.held_because == (Reason(Code.ACCEPTANCE_CHANGED),)
    assert len(await place.departments()) == 15


async def test_a_tenant_that_is_never_complete_is_not_held_for_ever(namely: Start) -> None:
    place = await namely(connected=True, simulator=Overstated)
    assert (await place.run()).verdict is Verdict.INCOMPLETE
    leaver = next(one for one in place.tenant.people[1:] if one.status == "active")
    place.tenant.leave(leaver)
    report = await place.run()
    assert report.verdict is Verdict.INCOMPLETE
    assert report["Employee"].plan.held == 0
    assert (await place.people())[leaver.id].status == "inactive"

"""Removals end to end: each has a second witness and a reason."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attacks import FULL

from connector_core import Code, Reason, StoreError, Verdict
from connector_core.outcomes import Operation
from connector_core.testing import Faults
from misbehaving import Hiding, Mute
from world import UNGUARDED, Start

pytestmark = pytest.mark.jumping

NO_RETRY: dict[str, Any] = {"simulator": Mute, "http": {"tries": 1}, "losses": UNGUARDED}


async def test_every_change_is_planned_with_its_reason_and_the_fields_that_changed(namely: Start) -> None:
    place = await namely(scanned=True, losses=UNGUARDED)
    mover, leaver, erased = place.tenant.people[-1], place.tenant.people[-2], place.tenant.people[-3]
    assert leaver.status == mover.status == "active"
    place.tenant.move(mover, next(one for one in place.tenant.departments() if one.id not in mover.groups))
    place.tenant.leave(leaver)
    place.tenant.delete(erased)
    hired = place.tenant.hire()
    report = await place.run()
    found = await place.changes(report)
    assert {one.source_id: (one.operation, one.reason) for one in found.values()} == {
        mover.id: (Operation.UPDATE, Reason(Code.CHANGED, provider="Namely")),
        leaver.id: (Operation.UPDATE, Reason(Code.STATUS_LOST, provider="Namely", status="inactive")),
        hired.id: (Operation.CREATE, Reason(Code.NEW, provider="Namely")),
        erased.id: (Operation.REMOVE, Reason(Code.NOT_FOUND, provider="Namely")),
    }
    assert "department_source_ids" in found[mover.id].fields
    assert "status" in found[leaver.id].fields
    assert [one.loss for one in found.values() if one.source_id in {leaver.id, erased.id}] == [True, True]
    # It is stored no more, so the report keeps its name.
    assert list(report.removed) == [erased.id]
    assert erased.last_name in report.removed[erased.id]
    people = await place.people()
    assert erased.id not in people
    assert people[leaver.id].status == "inactive"


async def test_a_group_that_becomes_another_type_is_removed_for_that_reason(namely: Start) -> None:
    place = await namely(scanned=True)
    turned = place.tenant.departments()[0]
    turned.type_id = place.tenant.group_types[1].id
    report = await place.run()
    found = [one for one in (await place.changes(report)).values() if one.kind == "Department"]
    assert [(one.source_id, one.operation) for one in found] == [(turned.id, Operation.REMOVE)]
    assert found[0].reason == Reason(Code.OTHER_KIND, provider="Namely", kind="department")


async def test_without_a_witness_a_removal_waits_for_a_second_complete_scan(namely: Start) -> None:
    place = await namely(scanned=True, **NO_RETRY)
    gone = place.tenant.people[-1]
    place.tenant.delete(gone)
    report = await place.run()
    assert report["Employee"].plan.unconfirmed == 1
    assert gone.id in await place.people()
    report = await place.run()
    assert [one.reason for one in (await place.changes(report)).values()] == [Reason(Code.ABSENT_TWICE)]
    assert gone.id not in await place.people()


@pytest.mark.attack(
    "Two scans within minutes lack a person who cannot be asked for", "The second proves nothing for hours", FULL
)
async def test_a_second_scan_proves_something_only_some_time_after_the_first(namely: Start) -> None:
    place = await namely(scanned=True, **{**NO_RETRY, "losses": UNGUARDED.model_copy(update={"second_scan_after": 12})})
    gone = place.tenant.people[-1]
    place.tenant.delete(gone)
    for _ in range(3):
        report = await place.run()
        assert (report["Employee"].plan.removes, report["Employee"].plan.unconfirmed) == (0, 1)
    # The scans in between do not make it wait for longer: the first of them counts.
    (first,) = place.query("SELECT DISTINCT missed_run FROM entities WHERE missed_run IS NOT NULL")[0]
    long_ago = (datetime.now(UTC) - timedelta(hours=12)).isoformat(timespec="milliseconds")
    place.execute(f"UPDATE runs SET finished_at = '{long_ago}' WHERE id = '{first}'")
    await place.run()
    assert gone.id not in await place.people()


async def test_a_first_scan_that_is_dated_in_the_future_is_replaced_by_the_next(namely: Start) -> None:
    place = await namely(scanned=True, **{**NO_RETRY, "losses": UNGUARDED.model_copy(update={"second_scan_after": 12})})
    place.tenant.delete(place.tenant.people[-1])
    await place.run()
    place.execute("UPDATE runs SET finished_at = '2999-01-01T00:00:00.000+00:00' WHERE n = (SELECT max(n) FROM runs)")
    report = await place.run()
    assert place.query("SELECT missed_run FROM entities WHERE missed_run IS NOT NULL") == [(report.run.id,)]


async def test_a_person_who_comes_back_in_between_is_not_missing_twice(namely: Start) -> None:
    place = await namely(scanned=True, **NO_RETRY)
    person = place.tenant.people[-1]
    for present in (False, True, False):
        if present:
            place.tenant.people.append(person)
        else:
            place.tenant.people.remove(person)
        await place.run()
        assert person.id in await place.people()


async def test_a_404_that_is_not_the_providers_json_witnesses_nothing(namely: Start) -> None:
    place = await namely(scanned=True, simulator=Hiding)
    hidden = place.tenant.people[-1]
    place.simulator.hidden = hidden.id  # type: ignore[attr-defined]
    place.simulator.faults = Faults(f"404:/profiles/{hidden.id}")
    report = await place.run()
    assert report["Employee"].plan.removes == 0
    assert hidden.id in await place.people()


async def test_one_scan_that_was_cut_off_and_resumed_is_not_two_witnesses(namely: Start) -> None:
    place = await namely(scanned=True, **NO_RETRY)
    hidden = place.tenant.people.pop()
    with place.failing("UPDATE ON acceptances"), pytest.raises(StoreError, match="refused"):
        await place.run()
    report = await place.run()
    assert report["Employee"].plan.removes == 0
    assert report["Employee"].plan.unconfirmed == 1
    assert hidden.id in await place.people()


async def test_a_scan_with_another_token_is_no_witness_and_its_losses_stay_held(namely: Start) -> None:
    place = await namely(scanned=True, **NO_RETRY)
    await place.connect_with_new_token()
    hidden = {place.tenant.people.pop().id for _ in range(6)}
    for _ in range(3):
        report = await place.run()
    assert report.verdict is Verdict.HELD
    assert report["Employee"].plan.held == 6
    assert hidden <= (await place.people()).keys()

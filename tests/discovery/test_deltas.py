"""Deltas end to end: changes are stored, no row is removed, and what a delta cannot see makes a full scan due."""

import pytest
from attacks import FULL

from connector_core import Code, Reason, Report, Verdict
from connector_core.beginnings import Began
from connector_core.host import Host
from connector_core.testing import Faults
from misbehaving import Forgetful, Unsorted
from world import Place, Start, copied_settings

pytestmark = pytest.mark.jumping


async def delta(place: Place) -> Report:
    return await place.run(delta=True)


def change(place: Place, start: int, end: int) -> None:
    for person in place.tenant.people[start:end]:
        person.title = "Changed"
        place.tenant._touch(person)


async def test_an_unchanged_tenant_costs_a_handful_of_requests(namely: Start) -> None:
    place = await namely(600, scanned=True)
    asked = len(place.simulator.requests)
    report = await delta(place)
    assert report.verdict is Verdict.CAUGHT_UP
    assert report.extent.delta
    assert report.extent.why
    assert report.extent.why.code is Code.CHANGED_SINCE
    assert len(place.simulator.requests) - asked == report.traffic.requests <= 6
    # Nothing is known of rows that are gone, so it is not complete.
    assert not report["Employee"].certificate.complete


async def test_a_delta_stores_what_a_full_scan_would(namely: Start) -> None:
    place = await namely(120, scanned=True)
    mover, leaver = place.tenant.people[7], place.tenant.people[9]
    place.tenant.move(mover, next(one for one in place.tenant.departments() if one.id not in mover.groups))
    place.tenant.leave(leaver)
    hired = place.tenant.hire()
    report = await delta(place)
    assert report.verdict is Verdict.CAUGHT_UP
    assert (await place.changes(report)).keys() == {mover.id, leaver.id, hired.id}
    after = await place.people()
    full = (await place.run())["Employee"].plan
    assert (full.creates, full.updates) == (0, 0)
    assert await place.people() == after


async def test_many_changes_are_read_to_the_last_and_no_further(namely: Start) -> None:
    place = await namely(400, scanned=True)
    change(place, 50, 200)
    report = await delta(place)
    assert report.verdict is Verdict.CAUGHT_UP
    assert report["Employee"].plan.updates == 150
    assert report["Employee"].certificate.pages < 7


async def test_the_first_delta_is_a_full_scan_with_its_reason(namely: Start) -> None:
    place = await namely(connected=True)
    report = await delta(place)
    assert report.verdict is Verdict.COMPLETE
    assert (report.extent.delta, report.extent.why) == (False, Reason(Code.NO_FULL_SCAN))


async def test_a_missing_person_stays_and_the_next_delta_is_a_full_scan(namely: Start) -> None:
    place = await namely(120, scanned=True)
    gone = place.tenant.people[5]
    place.tenant.delete(gone)
    unknown = Reason(Code.ROWS_UNKNOWN, provider="Namely", announced=119, known=120)
    report = await delta(place)
    assert report.verdict is Verdict.INCOMPLETE
    assert report["Employee"].certificate.reasons == (unknown,)
    assert gone.id in await place.people()
    report = await delta(place)
    assert (report.extent.delta, report.extent.why) == (False, unknown)
    assert report.verdict is Verdict.COMPLETE
    assert gone.id not in await place.people()
    assert (await delta(place)).verdict is Verdict.CAUGHT_UP


async def test_a_department_that_is_gone_stays_until_a_full_scan(namely: Start) -> None:
    place = await namely(120, scanned=True)
    group = place.tenant.groups.pop(0)
    for person in place.tenant.people:
        person.groups = [one for one in person.groups if one != group.id]
    assert (await delta(place))["Department"].plan.removes == 0
    assert (await place.run())["Department"].plan.removes == 1


async def test_an_old_full_scan_is_repeated(namely: Start) -> None:
    place = await namely(120, scanned=True)
    settings = place.settings.host.delta.model_copy(update={"full_after": 1e-9})
    async with Host(copied_settings(place.settings, delta=settings)) as other:
        report = await other.run("acme", delta=True)
    assert report.extent.why == Reason(Code.FULL_SCAN_OLD, days=0)
    assert report.verdict is Verdict.COMPLETE


@pytest.mark.attack("A clock that is ten years ahead during a full scan", "The next delta is a full scan", FULL)
@pytest.mark.parametrize("columns", ["full_at", "watermark", "full_at, watermark"])
async def test_after_a_scan_with_a_clock_that_was_ahead_the_next_one_is_full(namely: Start, columns: str) -> None:
    place = await namely(120, scanned=True)
    for column in columns.split(", "):
        place.execute(f"UPDATE last_scans SET {column} = '2999-01-01T00:00:00+00:00'")
    change(place, 3, 4)
    report = await delta(place)
    assert report.extent.why == Reason(Code.SCAN_IN_FUTURE, moment="2999-01-01 00:00:00 UTC")
    assert report.verdict is Verdict.COMPLETE
    assert report["Employee"].plan.updates == 1
    # It has put the moments right.
    assert (await delta(place)).extent.delta


async def test_a_new_token_asks_for_a_full_scan(namely: Start) -> None:
    place = await namely(120, scanned=True)
    await place.connect_with_new_token()
    report = await delta(place)
    assert report.extent.why == Reason(Code.ACCESS_CHANGED)
    assert report["Employee"].certificate.complete


async def test_a_listing_that_is_not_in_the_order_of_change_asks_for_a_full_scan(namely: Start) -> None:
    place = await namely(120, scanned=True, simulator=Unsorted)
    change(place, 3, 4)
    report = await delta(place)
    assert report.verdict is Verdict.INCOMPLETE
    assert report["Employee"].certificate.reasons == (Reason(Code.ORDER_BROKEN),)
    assert not (await delta(place)).extent.delta


async def test_while_changes_are_held_every_run_is_a_full_scan(namely: Start) -> None:
    place = await namely(120, scanned=True)
    for person in [one for one in place.tenant.people[20:70] if one.status == "active"]:
        place.tenant.leave(person)
    report = await delta(place)
    assert report.extent.delta
    assert report.verdict is Verdict.HELD
    held = report["Employee"].plan.held
    assert held > 20
    report = await delta(place)
    assert report.extent.why == Reason(Code.CHANGES_HELD)
    assert report["Employee"].plan.held == held


async def test_held_removals_of_a_kind_that_is_not_listed_by_change_stay_held(namely: Start) -> None:
    place = await namely(120, scanned=True)
    for group in place.tenant.departments()[:8]:
        place.tenant.groups.remove(group)
        for person in place.tenant.people:
            person.groups = [one for one in person.groups if one != group.id]
    assert (await place.run())["Department"].plan.held == 8
    report = await delta(place)
    assert report.extent.why == Reason(Code.CHANGES_HELD)
    assert report["Department"].plan.held == 8


async def test_a_moment_in_the_future_hides_no_change(namely: Start) -> None:
    place = await namely(120, connected=True)
    place.tenant.people[4].updated_at = 4_102_444_800
    await place.run()
    changed = place.tenant.people[8]
    change(place, 8, 9)
    report = await delta(place)
    assert (await place.changes(report)).keys() == {changed.id}


async def test_an_interrupted_delta_starts_over(namely: Start) -> None:
    place = await namely(220, scanned=True)
    change(place, 50, 170)
    await place.run_cut_off(100, delta=True)
    report = await delta(place)
    assert report.verdict is Verdict.CAUGHT_UP
    assert report["Employee"].certificate.began is Began.FRESH
    assert report["Employee"].plan.updates == 120


async def test_a_failed_delta_leaves_the_watermark_where_it_was(namely: Start) -> None:
    place = await namely(220, scanned=True)
    change(place, 50, 170)
    changed = {one.id for one in place.tenant.people[50:170]}
    place.simulator.faults = Faults("500@3x99:/profiles")
    report = await delta(place)
    assert report.verdict is Verdict.INCOMPLETE
    place.simulator.faults = Faults()
    report = await delta(place)
    assert report.extent.delta
    assert report.verdict is Verdict.CAUGHT_UP
    assert {one.job_title for key, one in (await place.people()).items() if key in changed} == {"Changed"}


async def test_a_field_that_the_full_scan_did_not_have_asks_for_another(namely: Start) -> None:
    place = await namely(connected=True)
    place.simulator.faults = Faults("500:/group_types")
    await place.run("employees")
    place.simulator.faults = Faults()
    assert not any(one.department_source_ids for one in (await place.people()).values())
    report = await delta(place)
    (reason,) = report["Employee"].certificate.reasons
    assert reason.code is Code.FIELDS_APPEARED
    assert "department_source_ids" in str(reason["fields"])
    assert not (await delta(place)).extent.delta
    assert any(one.department_source_ids for one in (await place.people()).values())


async def test_rows_whose_fields_could_not_be_resolved_are_read_again_by_the_next_delta(namely: Start) -> None:
    place = await namely(120, scanned=True)
    mover = place.tenant.people[7]
    place.tenant.move(mover, next(one for one in place.tenant.departments() if one.id not in mover.groups))
    place.simulator.faults = Faults("bad_row:/groups")
    assert (await delta(place)).verdict is Verdict.INCOMPLETE
    place.simulator.faults = Faults()
    assert (await delta(place)).verdict is Verdict.CAUGHT_UP
    home = {one.id for one in place.tenant.departments()} & set(mover.groups)
    assert set((await place.people())[mover.id].department_source_ids) == home


async def test_a_total_that_was_promised_and_does_not_come_proves_nothing(namely: Start) -> None:
    place = await namely(120, scanned=True)
    place.simulator.faults = Faults("no_total:/profiles")
    report = await delta(place)
    assert report.verdict is Verdict.INCOMPLETE
    assert report["Employee"].certificate.reasons == (Reason(Code.TOTAL_MISSING, provider="Namely"),)


async def test_a_person_whom_a_delta_has_read_is_not_missing_from_two_scans(namely: Start) -> None:
    place = await namely(120, scanned=True, simulator=Forgetful)
    simulator, person = place.simulator, place.tenant.people[5]
    assert isinstance(simulator, Forgetful)
    simulator.hidden = person.id
    assert (await place.run())["Employee"].plan.unconfirmed == 1
    simulator.hidden = ""
    place.tenant._touch(person)
    assert (await delta(place)).verdict is Verdict.CAUGHT_UP
    simulator.hidden = person.id
    plan = (await place.run())["Employee"].plan
    assert (plan.removes, plan.unconfirmed) == (0, 1)
    assert person.id in await place.people()

"""Runs end to end: complete, incomplete, moved and repeated listings."""

from pathlib import Path

import pytest

from connector_core import Code, Product, Reason, Verdict
from connector_core.beginnings import Began
from connector_core.testing import Faults
from misbehaving import Hiding, MergesRows, Shifting, Untold
from planted.simulator import ExampleSimulator
from world import UNGUARDED, Start, first_run

pytestmark = pytest.mark.jumping


async def test_a_first_run_stores_every_person_and_every_department(namely: Start) -> None:
    place = await namely(120, connected=True)
    report = await place.run()
    assert report.verdict is Verdict.COMPLETE
    certificate = report["Employee"].certificate
    assert certificate.seen == certificate.announced == 120
    assert certificate.began is Began.FRESH
    people = await place.people()
    assert people.keys() == {one.id for one in place.tenant.people}
    assert (await place.departments()).keys() == {one.id for one in place.tenant.departments()}
    person = place.tenant.people[20]
    stored = people[person.id]
    assert stored.email == (person.email or None)
    assert stored.manager_source_id == (person.manager.id if person.manager else None)


async def test_a_run_over_an_unchanged_tenant_plans_nothing(namely: Start) -> None:
    place = await namely(scanned=True)
    report = await place.run()
    assert [(one.plan.creates, one.plan.updates, one.plan.removes) for one in report.kinds] == [(0, 0, 0)] * 2
    assert await place.changes(report) == {}


async def test_a_product_reads_only_the_kinds_that_serve_it(namely: Start) -> None:
    place = await namely(connected=True)
    report = await place.run(product=Product.EAM)
    assert [one.kind for one in report.kinds] == ["Employee"]
    assert await place.departments() == {}
    assert any(one.department_source_ids for one in (await place.people()).values())
    report = await place.run("departments")
    assert [one.kind for one in report.kinds] == ["Department"]
    assert len(await place.people()) == 60


async def test_an_incomplete_reading_applies_what_was_read_and_removes_nothing(namely: Start) -> None:
    place = await namely(120, scanned=True)
    first = place.tenant.people[0]
    first.title = "Chief of Everything"
    place.tenant.delete(place.tenant.people[60])
    place.simulator.faults = Faults("500@3x9:/profiles")
    report = await place.run()
    assert report.verdict is Verdict.INCOMPLETE
    assert not report["Employee"].certificate.complete
    assert report["Department"].certificate.complete
    people = await place.people()
    assert len(people) == 120
    assert people[first.id].job_title == "Chief of Everything"


async def test_an_empty_listing_removes_no_row(namely: Start) -> None:
    place = await namely(scanned=True)
    place.tenant.people.clear()
    report = await place.run()
    assert report["Employee"].certificate.announced == 0
    assert report["Employee"].certificate.reasons == (Reason(Code.LISTING_EMPTY, stored=60),)
    assert len(await place.people()) == 60


# ---- listings that move


@pytest.mark.parametrize("scans", [1, 2])
async def test_a_row_that_moved_up_unread_is_found_by_reading_again(namely: Start, scans: int) -> None:
    place = await namely(120, scanned=True, simulator=Shifting, losses=UNGUARDED)
    before = set(await place.people())
    place.simulator.scans = scans  # type: ignore[attr-defined]
    report = await place.run()
    people = report["Employee"].certificate
    # One deleted, one appended: the counters agree in every scan, and a third person was not in it.
    assert people.seen == people.announced == 120
    assert people.began is Began.READ_TWICE
    assert people.reasons == (() if scans == 1 else (Reason(Code.ROWS_UNACCOUNTED),))
    assert report["Employee"].plan.removes == 0
    assert before <= set(await place.people())
    # Once the listing no longer moves, only the rows that the provider deleted are removed.
    assert (await place.run()).verdict is Verdict.COMPLETE
    assert set(await place.people()) == {one.id for one in place.tenant.people}


async def test_a_listing_that_shrank_while_it_was_read_is_read_again(namely: Start) -> None:
    place = await namely(120, scanned=True, simulator=Shifting)
    place.simulator.scans, place.simulator.appends = 1, False  # type: ignore[attr-defined]
    people = (await place.run())["Employee"].certificate
    assert people.complete
    assert people.began is Began.READ_TWICE
    assert people.seen == people.announced == 119
    assert {one.id for one in place.tenant.people} <= set(await place.people())


async def test_a_row_that_the_listing_lacks_and_the_provider_has_makes_the_scan_incomplete(namely: Start) -> None:
    place = await namely(scanned=True, simulator=Hiding)
    place.simulator.hidden = place.tenant.people[-1].id  # type: ignore[attr-defined]
    report = await place.run()
    people = report["Employee"].certificate
    # The counters agree, in two scans.
    assert people.seen == people.announced == 59
    assert people.reasons == (Reason(Code.ROWS_NOT_LISTED, rows=1, provider="Namely"),)
    assert report["Employee"].plan.removes == 0
    assert len(await place.people()) == 60


# ---- what the rows say


@pytest.mark.parametrize("lacking", ["/groups", "/group_types"])
async def test_groups_without_a_type_and_missing_types_leave_departments_incomplete(
    namely: Start, lacking: str
) -> None:
    place = await namely(scanned=True, simulator=Untold)
    before = await place.people()
    place.simulator.lacking = lacking  # type: ignore[attr-defined]
    report = await place.run()
    assert not report["Department"].certificate.complete
    assert report["Department"].plan.removes == 0
    assert await place.people() == before
    assert len(await place.departments()) == 12


async def test_links_to_unknown_people_are_reported_and_no_person_is_invented(namely: Start) -> None:
    place = await namely(connected=True)
    boss = place.tenant.people[0]
    place.tenant.people.remove(boss)
    report = await place.run()
    assert report["Employee"].certificate.profile.dangling == {"manager_source_id": 1}
    assert boss.id not in await place.people()


async def test_two_rows_with_one_id_are_never_a_complete_reading(tmp_path: Path) -> None:
    report = await first_run(MergesRows, ExampleSimulator(30, 1), tmp_path / "people.sqlite")
    certificate = report["Employee"].certificate
    assert certificate.seen == certificate.announced == 30
    assert certificate.reasons == (Reason(Code.ROWS_MERGED, rows=29),)

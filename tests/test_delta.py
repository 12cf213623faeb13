"""Deltas: what has changed is stored, nobody is removed, and what a delta cannot see asks for a full scan."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from connector_core import Employee, Entity, PlaceInListing, Verdict
from connector_core.discovery.delta import Catchup
from connector_core.host import Host
from connector_core.outcomes import Progress, Report
from connector_core.sdk.page import Page
from connector_core.testing import Answer, Faults
from connectors.namely.simulator import NamelySimulator
from world import Discover, Place, Running, Start


def kind(report: Report, name: str = "Employee") -> Any:
    return next(one for one in report.certificates if one.kind == name)


async def begun(namely: Start, people: int = 120, **more: Any) -> Place:
    """A tenant that was scanned once."""
    place = await namely(people, **more)
    await place.connect()
    report = await place.host.run("acme")
    assert report.verdict is Verdict.COMPLETE
    return place


async def delta(place: Place) -> Report:
    return await place.host.run("acme", delta=True)


async def test_an_unchanged_tenant_costs_a_handful_of_requests(namely: Start) -> None:
    place = await begun(namely, 600)
    asked = len(place.simulator.requests)
    report = await delta(place)
    assert report.verdict is Verdict.CAUGHT_UP
    assert report.extent.delta
    assert report.extent.why.startswith("what has changed since 20")
    assert len(place.simulator.requests) - asked == report.traffic.requests <= 6
    assert kind(report).caught_up
    assert not kind(report).complete


async def test_what_has_changed_is_stored_as_by_a_full_scan(namely: Start) -> None:
    place = await begun(namely)
    mover, leaver = place.tenant.people[7], place.tenant.people[9]
    place.tenant.move(mover, next(one for one in place.tenant.departments() if one.id not in mover.groups))
    leaver.status = "active"
    place.tenant.leave(leaver)
    hired = place.tenant.hire()
    report = await delta(place)
    assert report.verdict is Verdict.CAUGHT_UP
    assert {one.source_id for one in place.host.changes(report.run.id)} == {mover.id, leaver.id, hired.id}
    after = place.people()
    full = await place.host.run("acme")
    assert full.plans[0].creates == full.plans[0].updates == 0
    assert place.people() == after


async def test_many_changes_are_read_to_the_last(namely: Start) -> None:
    place = await begun(namely, 400)
    for person in place.tenant.people[50:300]:
        person.title = "Changed"
        place.tenant._touch(person)
    report = await delta(place)
    assert report.verdict is Verdict.CAUGHT_UP
    assert report.plans[0].updates == 250
    assert kind(report).pages < 9


async def test_the_first_delta_is_a_full_scan_and_says_why(namely: Start) -> None:
    place = await namely()
    await place.connect()
    report = await delta(place)
    assert report.verdict is Verdict.COMPLETE
    assert str(report.extent) == "full scan: no full scan has been applied whole yet"


async def test_nobody_is_removed_and_the_next_one_is_a_full_scan(namely: Start) -> None:
    place = await begun(namely)
    gone = place.tenant.people[5]
    place.tenant.delete(gone)
    report = await delta(place)
    assert report.verdict is Verdict.INCOMPLETE
    assert kind(report).reasons == ("Namely announced 119 rows and 120 are known: a full scan is due",)
    assert gone.id in place.people()
    report = await delta(place)
    assert not report.extent.delta
    assert report.extent.why == "Namely announced 119 rows and 120 are known"
    assert report.verdict is Verdict.COMPLETE
    assert gone.id not in place.people()
    assert (await delta(place)).verdict is Verdict.CAUGHT_UP


async def test_a_department_that_has_gone_stays_until_a_full_scan(namely: Start) -> None:
    place = await begun(namely)
    group = place.tenant.groups.pop(0)
    for person in place.tenant.people:
        person.groups = [one for one in person.groups if one != group.id]
    assert (await delta(place)).plans[1].removes == 0
    assert (await place.host.run("acme")).plans[1].removes == 1


async def test_a_full_scan_is_due_after_the_days_that_are_set(namely: Start) -> None:
    place = await begun(namely)
    host = place.settings.host.model_copy(
        update={"delta": place.settings.host.delta.model_copy(update={"full_after": 1e-9})}
    )
    async with Host(place.settings.model_copy(update={"host": host})) as other:
        report = await other.run("acme", delta=True)
    assert report.extent.why == "the last one is 0 days old"
    assert report.verdict is Verdict.COMPLETE


class Unsorted(NamelySimulator):
    """Ignores the order that is asked for."""

    def answer(self, request: web.Request) -> Answer:
        query = {key: value for key, value in request.query.items() if key != "sort"}
        return super().answer(request.clone(rel_url=request.rel_url.with_query(query)))


async def test_a_listing_that_is_not_in_the_order_of_change_is_not_believed(namely: Start) -> None:
    place = await begun(namely, simulator=Unsorted)
    place.tenant.people[3].title = "Changed"
    place.tenant._touch(place.tenant.people[3])
    report = await delta(place)
    assert report.verdict is Verdict.INCOMPLETE
    assert "did not come in the order of change: a full scan is due" in kind(report).reasons[0]
    assert not (await delta(place)).extent.delta


async def test_while_changes_are_held_it_is_a_full_scan(namely: Start) -> None:
    place = await begun(namely)
    for person in place.tenant.people[20:70]:
        person.status = "active"
    await place.host.run("acme")
    for person in place.tenant.people[20:70]:
        place.tenant.leave(person)
    report = await delta(place)
    assert report.verdict is Verdict.HELD
    assert report.plans[0].held > 20
    report = await delta(place)
    assert str(report.extent) == "full scan: changes are held"
    assert report.plans[0].held > 20


async def test_a_new_token_asks_for_a_full_scan(namely: Start) -> None:
    place = await begun(namely)
    await place.connect_with_new_token()
    report = await delta(place)
    assert report.extent.why == "the token, the account, the options or the version has changed"
    assert kind(report).complete


async def test_a_date_in_the_future_hides_no_change(namely: Start) -> None:
    place = await namely(120)
    place.tenant.people[4].updated_at = 4_102_444_800
    await place.connect()
    await place.host.run("acme")
    changed = place.tenant.people[8]
    changed.title = "Changed"
    place.tenant._touch(changed)
    report = await delta(place)
    assert {one.source_id for one in place.host.changes(report.run.id)} == {changed.id}


async def test_a_delta_that_is_cut_off_starts_over(namely: Start) -> None:
    place = await begun(namely, 300)
    for person in place.tenant.people[100:250]:
        person.title = "Changed"
        place.tenant._touch(person)

    def cut_off(told: Progress) -> None:
        if told.seen >= 100:
            run.cancel()

    run = asyncio.create_task(place.host.run("acme", delta=True, progress=cut_off))
    with pytest.raises(asyncio.CancelledError):
        await run
    report = await delta(place)
    assert report.verdict is Verdict.CAUGHT_UP
    assert kind(report).began == ""
    assert report.plans[0].updates == 150


async def test_a_fault_leaves_the_watermark_where_it_was(namely: Start) -> None:
    place = await begun(namely, 300)
    for person in place.tenant.people[100:250]:
        person.title = "Changed"
        place.tenant._touch(person)
    place.simulator.faults = Faults("500@3x99:/profiles")
    report = await delta(place)
    assert report.verdict is Verdict.INCOMPLETE
    place.simulator.faults = Faults()
    report = await delta(place)
    assert report.extent.delta
    assert report.verdict is Verdict.CAUGHT_UP
    assert {one.job_title for one in place.people().values() if one.source_id in ids(place, 100, 250)} == {"Changed"}


def ids(place: Place, start: int, end: int) -> set[str]:
    return {one.id for one in place.tenant.people[start:end]}


async def test_what_no_row_of_the_full_scan_had_asks_for_one_when_it_comes(namely: Start) -> None:
    place = await namely()
    await place.connect()
    place.simulator.faults = Faults("500:/group_types")
    await place.host.run("acme", kinds=["employees"])
    place.simulator.faults = Faults()
    assert not any(one.department_source_ids for one in place.people().values())
    report = await delta(place)
    assert "department_source_ids" in kind(report).reasons[0]
    report = await delta(place)
    assert not report.extent.delta
    assert any(one.department_source_ids for one in place.people().values())


async def test_a_kind_that_cannot_be_listed_by_its_changes_is_scanned(namely: Start) -> None:
    place = await begun(namely)
    report = await place.host.run("acme", kinds=["departments"], delta=True)
    assert report.extent.why == "nothing that is asked for can be listed by its changes"
    assert report.verdict is Verdict.COMPLETE


def test_rows_that_tell_no_moment_end_it() -> None:
    follower = Catchup(datetime(2026, 1, 1, tzinfo=UTC))
    page: Page[Entity] = Page((Employee(source_id="a"),), ("a",), place=PlaceInListing(last=False))
    assert follower.reached(page)
    assert follower.problem == "no row tells when it was changed"
    assert not follower.done


def test_the_command_line_says_delta_or_full_and_why(discover: Discover, acme: Running) -> None:
    assert discover("connect", "namely", "--name", "acme", "--domain", acme.host).code == 0
    first = discover("run", "acme", "--delta")
    assert first.code == 0
    assert "Full scan: no full scan has been applied whole yet." in first.out
    second = discover("run", "acme", "--delta")
    assert second.code == 0
    assert second.out.startswith("acme: caught up")
    assert "Delta: what has changed since" in second.out
    told = discover("run", "acme", "--delta", "--json").json()
    assert told["verdict"] == "caught up"
    assert told["extent"]["delta"] is True
    assert told["certificates"][0]["caught_up"] is True
    last = discover("history", "acme", "--json", "--limit", "1").json()["runs"][0]
    assert last["extent"].startswith("delta: what has changed since")


class Forgetful(NamelySimulator):
    """Leaves somebody out of the listing and of its total, and never says whether one is there."""

    hidden: str = ""

    def answer(self, request: web.Request) -> Answer:
        if not self.hidden:
            return super().answer(request)
        if request.path.startswith("/api/v1/profiles/") and not request.path.endswith("/me"):
            return Answer(500, b"{}", (("Content-Type", "application/json"),))
        there = list(self.people)
        self.people[:] = [one for one in there if one.id != self.hidden]
        try:
            return super().answer(request)
        finally:
            self.people[:] = there


async def test_whom_a_delta_has_read_was_not_missing_from_two_scans(namely: Start) -> None:
    place = await begun(namely, simulator=Forgetful)
    simulator, person = place.simulator, place.tenant.people[5]
    assert isinstance(simulator, Forgetful)
    simulator.hidden = person.id
    assert (await place.host.run("acme")).plans[0].unconfirmed == 1
    simulator.hidden = ""
    place.tenant._touch(person)
    assert (await delta(place)).verdict is Verdict.CAUGHT_UP
    simulator.hidden = person.id
    report = await place.host.run("acme")
    assert report.plans[0].removes == 0
    assert report.plans[0].unconfirmed == 1
    assert person.id in place.people()


async def test_rows_whose_fields_could_not_be_told_are_asked_for_again(namely: Start) -> None:
    place = await begun(namely)
    mover = place.tenant.people[7]
    place.tenant.move(mover, next(one for one in place.tenant.departments() if one.id not in mover.groups))
    place.simulator.faults = Faults("bad_row:/groups")
    first = await delta(place)
    assert first.verdict is Verdict.INCOMPLETE
    place.simulator.faults = Faults()
    assert (await delta(place)).verdict is Verdict.CAUGHT_UP
    home = {one.id for one in place.tenant.departments()} & set(mover.groups)
    assert set(place.people()[mover.id].department_source_ids) == home


async def test_held_removals_of_a_kind_that_is_scanned_stay_held(namely: Start) -> None:
    place = await begun(namely)
    for group in place.tenant.departments()[:8]:
        place.tenant.groups.remove(group)
        for person in place.tenant.people:
            person.groups = [one for one in person.groups if one != group.id]
    assert (await place.host.run("acme")).plans[1].held == 8
    report = await delta(place)
    assert str(report.extent) == "full scan: changes are held"
    held = place.host.held("acme")
    assert held
    assert held.changes >= 8


def test_rows_that_were_pushed_onto_the_next_page_are_in_order() -> None:
    follower = Catchup(datetime(2020, 1, 1, tzinfo=UTC))

    def page(number: int, *rows: tuple[str, int]) -> Page[Entity]:
        made = tuple(Employee(source_id=one, updated_at=datetime(2026, 1, day, tzinfo=UTC)) for one, day in rows)
        return Page(made, tuple(one for one, _ in rows), place=PlaceInListing(number=number, last=False))

    assert not follower.reached(page(1, ("a", 9), ("b", 8), ("c", 7)))
    assert not follower.reached(page(2, ("b", 8), ("c", 7), ("d", 6)))
    assert not follower.done
    assert follower.reached(page(3, ("e", 7)))
    assert follower.problem == "the listing did not come in the order of change"


async def test_a_total_that_was_promised_and_does_not_come_is_no_proof(namely: Start) -> None:
    place = await begun(namely)
    place.simulator.faults = Faults("no_total:/profiles")
    report = await delta(place)
    assert report.verdict is Verdict.INCOMPLETE
    assert "never announced the total" in kind(report).reasons[0]

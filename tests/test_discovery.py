"""Runs end to end: what is read, certified, planned and applied, and what must never be."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from connector_core import (
    Department,
    Employee,
    Product,
    RejectedCredentialsError,
    SettingsError,
    StoreError,
    Verdict,
)
from connector_core.host import Host
from connector_core.outcomes import Operation, Progress, Report, State
from connector_core.testing import Answer, Faults
from connectors.namely.simulator import NamelySimulator
from world import Start


def certificate(report: Report, kind: str) -> Any:
    return next(one for one in report.certificates if one.kind == kind)


def plan(report: Report, kind: str) -> Any:
    return next(one for one in report.plans if one.kind == kind)


def changes(plan: Any) -> int:
    return int(plan.creates + plan.updates + plan.removes)


def listed(request: web.Request) -> bool:
    return request.path == "/api/v1/profiles"


async def test_a_first_run_stores_everybody_and_every_department(namely: Start) -> None:
    place = await namely(120)
    await place.connect()
    report = await place.host.run("acme")
    assert report.verdict is Verdict.COMPLETE
    assert certificate(report, "Employee").seen == certificate(report, "Employee").announced == 120
    assert set(place.people()) == {one.id for one in place.tenant.people}
    stored = {one.source_id for one in place.host.entities("acme", Department)}
    assert stored == {one.id for one in place.tenant.departments()}


async def test_a_run_over_an_unchanged_tenant_plans_nothing(namely: Start) -> None:
    place = await namely()
    await place.connect()
    await place.host.run("acme")
    report = await place.host.run("acme")
    assert [changes(one) for one in report.plans] == [0, 0]
    assert list(place.host.changes(report.run.id)) == []


async def test_changes_are_planned_each_with_its_reason_and_the_fields_that_changed(namely: Start) -> None:
    place = await namely()
    await place.connect()
    await place.host.run("acme")
    mover, leaver, erased = place.tenant.people[-1], place.tenant.people[-2], place.tenant.people[-3]
    leaver.status = "active"
    await place.host.run("acme")
    place.tenant.move(mover, next(one for one in place.tenant.departments() if one.id not in mover.groups))
    place.tenant.leave(leaver)
    place.tenant.delete(erased)
    hired = place.tenant.hire()
    report = await place.host.run("acme")
    found = {one.source_id: one for one in place.host.changes(report.run.id)}
    assert set(found) == {mover.id, leaver.id, erased.id, hired.id}
    assert "department_source_ids" in found[mover.id].fields
    assert "status" in found[leaver.id].fields
    assert found[leaver.id].reason == "turned inactive in Namely"
    assert found[hired.id].operation is Operation.CREATE
    assert found[erased.id].operation is Operation.REMOVE
    assert "answers that it does not exist" in found[erased.id].reason
    people = place.people()
    assert erased.id not in people
    assert people[leaver.id].status == "inactive"


async def test_a_plan_is_held_until_it_is_applied(namely: Start) -> None:
    place = await namely()
    await place.connect()
    report = await place.host.run("acme", apply=False)
    assert place.people() == {}
    held = place.host.held("acme")
    assert held
    assert held.changes == sum(changes(one) for one in report.plans)
    applied = await place.host.apply("acme")
    assert (applied.applied, applied.stale) == (held.changes, 0)
    assert len(place.people()) == 60
    assert place.host.held("acme") is None
    assert [changes(one) for one in (await place.host.run("acme")).plans] == [0, 0]


async def test_a_discarded_plan_changes_nothing_and_comes_again(namely: Start) -> None:
    place = await namely()
    await place.connect()
    await place.host.run("acme", apply=False)
    assert await place.host.discard("acme") > 0
    assert place.people() == {}
    assert (await place.host.run("acme")).plans[0].creates == 60


async def test_a_newer_run_replaces_a_held_plan(namely: Start) -> None:
    place = await namely()
    await place.connect()
    first = await place.host.run("acme", apply=False)
    await place.host.run("acme")
    assert {one.state for one in place.host.changes(first.run.id)} == {State.REPLACED}
    assert place.host.held("acme") is None


async def test_an_incomplete_read_applies_what_was_read_and_removes_nothing(namely: Start) -> None:
    place = await namely(120)
    await place.connect()
    await place.host.run("acme")
    first, last = place.tenant.people[0], place.tenant.people[-1]
    first.title = "Chief of Everything"
    place.tenant.delete(place.tenant.people[60])
    place.simulator.faults = Faults("500@3x9:/profiles")
    report = await place.host.run("acme")
    assert report.verdict is Verdict.INCOMPLETE
    assert not certificate(report, "Employee").complete
    assert certificate(report, "Department").complete
    people = place.people()
    assert len(people) == 120
    assert last.id in people
    assert people[first.id].job_title == "Chief of Everything"


class Shifting(NamelySimulator):
    """After its first page somebody on it is deleted and somebody is appended, so that a third moves up unread."""

    scans = 0
    """How many more scans this happens in."""
    appends = True

    def answer(self, request: web.Request) -> Answer:
        answer = super().answer(request)
        if self.scans and listed(request) and request.query["page"] == "1":
            tenant: Any = self.directory
            tenant.delete(tenant.people[9])
            if self.appends:
                tenant.hire()
            self.scans -= 1
        return answer


@pytest.mark.parametrize("scans", [1, 2])
async def test_a_row_hidden_by_one_deleted_and_one_appended_is_found_by_reading_again(
    namely: Start, scans: int
) -> None:
    place = await namely(120, simulator=Shifting)
    await place.connect()
    await place.host.run("acme")
    before = set(place.people())
    place.simulator.scans = scans  # type: ignore[attr-defined]
    report = await place.host.run("acme")
    people = certificate(report, "Employee")
    # The counters agree in every scan, and still it lacked somebody.
    assert people.seen == people.announced == 120
    assert people.began.startswith("read twice")
    assert plan(report, "Employee").removes == 0
    assert before <= set(place.people())
    assert people.complete
    # Once it is quiet again, those who were deleted are removed, and nobody else.
    assert (await place.host.run("acme")).verdict is Verdict.COMPLETE
    assert set(place.people()) == {one.id for one in place.tenant.people}


class Mute(NamelySimulator):
    """Lists people, and will not say of a single one whether they exist."""

    def answer(self, request: web.Request) -> Answer:
        if request.path.startswith("/api/v1/profiles/") and not request.path.endswith("/me"):
            return Answer(503, b"", compressed=False)
        return super().answer(request)


async def test_without_a_second_witness_a_removal_waits_for_a_second_complete_scan(namely: Start) -> None:
    place = await namely(simulator=Mute, http={"tries": 1})
    await place.connect()
    await place.host.run("acme")
    gone = place.tenant.people[-1]
    place.tenant.delete(gone)
    report = await place.host.run("acme")
    assert plan(report, "Employee").unconfirmed == 1
    assert gone.id in place.people()
    report = await place.host.run("acme")
    assert [one.reason for one in place.host.changes(report.run.id)] == ["absent from two complete scans"]
    assert gone.id not in place.people()


async def test_somebody_who_comes_back_is_not_counted_as_missing_any_more(namely: Start) -> None:
    place = await namely(simulator=Mute, http={"tries": 1})
    await place.connect()
    await place.host.run("acme")
    person = place.tenant.people[-1]
    for present in (False, True, False):
        if present:
            place.tenant.people.append(person)
        else:
            place.tenant.people.remove(person)
        await place.host.run("acme")
        assert person.id in place.people()


async def test_an_empty_listing_removes_nobody(namely: Start) -> None:
    place = await namely()
    await place.connect()
    await place.host.run("acme")
    me = place.tenant.me
    place.tenant.people.clear()
    assert me
    report = await place.host.run("acme")
    assert certificate(report, "Employee").announced == 0
    assert certificate(report, "Employee").reasons == ("the listing is empty, and 60 are stored",)
    assert len(place.people()) == 60


async def test_many_losses_are_held_and_the_rest_is_applied(namely: Start) -> None:
    place = await namely(12)
    await place.connect()
    await place.host.run("acme")
    active = [one for one in place.tenant.people[1:] if one.status == "active"]
    for one in active[:3]:
        place.tenant.leave(one)
    active[3].title = "Moved Up"
    report = await place.host.run("acme")
    assert report.verdict is Verdict.HELD
    assert plan(report, "Employee").held == 3
    assert "3 of 12 would be lost within 7 days" in plan(report, "Employee").held_because
    people = place.people()
    assert people[active[0].id].status == "active"
    assert people[active[3].id].job_title == "Moved Up"
    await place.host.apply("acme")
    assert place.people()[active[0].id].status == "inactive"
    assert (await place.host.run("acme")).verdict is Verdict.COMPLETE


async def test_small_losses_add_up_over_the_days(namely: Start) -> None:
    place = await namely(12)
    await place.connect()
    await place.host.run("acme")
    active = [one for one in place.tenant.people[1:] if one.status == "active"]
    verdicts = []
    for one in active[:3]:
        place.tenant.leave(one)
        verdicts.append((await place.host.run("acme")).verdict)
    assert verdicts == [Verdict.COMPLETE, Verdict.COMPLETE, Verdict.HELD]


async def test_the_first_run_with_a_new_token_holds_even_one_loss(namely: Start) -> None:
    place = await namely()
    await place.connect()
    await place.host.run("acme")
    place.tenant.delete(place.tenant.people[-1])
    await place.connect_with_new_token()
    report = await place.host.run("acme")
    assert report.verdict is Verdict.HELD
    assert "has changed since the last accepted run" in plan(report, "Employee").held_because
    assert len(place.people()) == 60
    await place.host.apply("acme")
    assert len(place.people()) == 59
    place.tenant.delete(place.tenant.people[-1])
    assert (await place.host.run("acme")).verdict is Verdict.COMPLETE


async def test_a_changed_rule_for_departments_holds_their_loss(namely: Start) -> None:
    place = await namely()
    await place.connect()
    await place.host.run("acme")
    plugins = {"namely": {"options": {"department_group_types": ["Divisions"]}}}
    other = place.settings.model_validate({"host": place.settings.host.model_dump(), "plugins": plugins})
    async with Host(other) as host:
        report = await host.run("acme")
        assert plan(report, "Department").creates == 3
        assert plan(report, "Department").removes == plan(report, "Department").held == 12
        stored = list(host.entities("acme", Department))
    assert len(stored) == 15


async def test_a_group_that_becomes_another_type_is_removed_for_that_reason(namely: Start) -> None:
    place = await namely()
    await place.connect()
    await place.host.run("acme")
    turned = place.tenant.departments()[0]
    turned.type_id = place.tenant.group_types[1].id
    report = await place.host.run("acme")
    found = [one for one in place.host.changes(report.run.id) if one.kind == "Department"]
    assert [(one.source_id, one.operation) for one in found] == [(turned.id, Operation.REMOVE)]
    assert found[0].reason == "Namely lists it, but no longer as a department"


async def test_departments_that_cannot_be_read_leave_those_of_the_people_as_they_were(namely: Start) -> None:
    place = await namely()
    await place.connect()
    await place.host.run("acme")
    before = place.people()
    place.simulator.faults = Faults("403:/groups")
    report = await place.host.run("acme")
    departments, people = certificate(report, "Department"), certificate(report, "Employee")
    assert not departments.complete
    assert "403" in departments.reasons[0]
    assert people.complete
    assert people.unread["department_source_ids"] == 60
    assert place.people() == before
    assert place.host.store.entities.count("acme", "Department") == 12


async def test_keys_that_a_weaker_token_does_not_see_keep_their_stored_values(namely: Start) -> None:
    place = await namely()
    await place.connect()
    await place.host.run("acme")
    before = place.people()
    place.simulator.behaviour = place.simulator.behaviour.model_copy(update={"owner": "limited"})
    place.tenant._behaviour = place.simulator.behaviour
    report = await place.host.run("acme")
    assert certificate(report, "Employee").unread["manager_source_id"] == 60
    assert place.people() == before


async def test_a_product_reads_only_the_kinds_that_serve_it(namely: Start) -> None:
    place = await namely()
    await place.connect()
    report = await place.host.run("acme", product=Product.EAM)
    assert [one.kind for one in report.certificates] == ["Employee"]
    assert place.host.store.entities.count("acme", "Department") == 0
    assert any(one.department_source_ids for one in place.people().values())
    report = await place.host.run("acme", kinds=["departments"])
    assert [one.kind for one in report.certificates] == ["Department"]
    assert len(place.people()) == 60


async def test_a_second_run_at_the_same_time_is_refused(namely: Start) -> None:
    place = await namely()
    await place.connect()
    place.simulator.latency = 0.05
    first = asyncio.create_task(place.host.run("acme"))
    await asyncio.sleep(0.05)
    with pytest.raises(StoreError, match="being run or changed"):
        await place.host.run("acme")
    assert (await first).verdict is Verdict.COMPLETE


async def test_a_cancelled_run_leaves_what_was_applied_and_the_next_one_is_whole(namely: Start) -> None:
    place = await namely(200)
    await place.connect()
    await place.host.run("acme")
    place.tenant.people[-1].title = "Changed"

    def cut_off(told: Progress) -> None:
        if told.seen == 100:
            run.cancel()

    run = asyncio.create_task(place.host.run("acme", progress=cut_off))
    with pytest.raises(asyncio.CancelledError):
        await run
    assert len(place.people()) == 200
    assert place.host.history("acme")[0].error == "interrupted"
    report = await place.host.run("acme")
    assert certificate(report, "Employee").began == "resumed at page 2"
    assert plan(report, "Employee").updates == 1
    assert place.host.store.staging._database.query("SELECT count(*) FROM latest") == [(0,)]
    assert place.host.store.staging._database.query("SELECT count(*) FROM bodies") == [(212,)]


async def test_a_token_that_dies_during_a_run_ends_it_and_changes_nothing(namely: Start) -> None:
    place = await namely(120)
    await place.connect()
    place.simulator.faults = Faults("401@3x99:/profiles")
    with pytest.raises(RejectedCredentialsError, match=r"Invalid access token provided\."):
        await place.host.run("acme")
    assert place.people() == {}
    assert place.host.history("acme")[0].error == "credentials_rejected"


async def test_a_long_throttle_defers_the_run(namely: Start) -> None:
    place = await namely(quota=1, retry_after="seconds", window=3600)
    await place.connect()
    report = await place.host.run("acme", kinds=["employees"])
    assert report.verdict is Verdict.DEFERRED
    assert "deferred until 20" in certificate(report, "Employee").reasons[0]


async def test_people_without_an_email_or_with_somebody_elses_are_kept_and_noted(namely: Start) -> None:
    place = await namely()
    await place.connect()
    place.tenant.people[3].email = ""
    place.tenant.people[4].email = place.tenant.people[5].email.upper()
    report = await place.host.run("acme")
    notes = certificate(report, "Employee").notes
    assert notes["with an e-mail that another has too"] == 1
    assert notes["without an e-mail"] >= 1
    assert len(place.people()) == 60


async def test_links_to_nobody_are_reported_and_not_invented(namely: Start) -> None:
    place = await namely()
    await place.connect()
    boss = place.tenant.people[0]
    place.tenant.people.remove(boss)
    report = await place.host.run("acme")
    assert certificate(report, "Employee").dangling["manager_source_id"] == 1
    assert boss.id not in place.people()


async def test_an_integration_is_removed_with_all_that_it_brought(namely: Start) -> None:
    place = await namely()
    await place.connect()
    await place.host.run("acme")
    someone = next(iter(place.people().values()))
    await place.host.remove("acme")
    place.host.store.close()
    data = place.settings.host.store.read_bytes()
    assert someone.email
    assert someone.email.encode() not in data
    assert place.served.simulator.host.encode() not in data


async def test_employees_are_stored_as_the_model_declares_them(namely: Start) -> None:
    place = await namely()
    await place.connect()
    await place.host.run("acme")
    person = place.tenant.people[20]
    stored = place.people()[person.id]
    assert isinstance(stored, Employee)
    assert stored.email == (person.email or None)
    assert stored.manager_source_id == (person.manager.id if person.manager else None)


async def test_a_404_that_is_no_json_does_not_witness_anything(namely: Start) -> None:
    place = await namely(simulator=Hiding)
    await place.connect()
    await place.host.run("acme")
    hidden = place.tenant.people[-1]
    place.simulator.hidden = hidden.id  # type: ignore[attr-defined]
    place.simulator.faults = Faults(f"404:/profiles/{hidden.id}")
    report = await place.host.run("acme")
    assert plan(report, "Employee").removes == 0
    assert hidden.id in place.people()


class Hiding(NamelySimulator):
    """Leaves somebody out of the listing, and out of its total."""

    hidden = ""

    def answer(self, request: web.Request) -> Answer:
        answer = super().answer(request)
        if not (self.hidden and listed(request)):
            return answer
        body = json.loads(answer.body)
        body["profiles"] = [one for one in body["profiles"] if one["id"] != self.hidden]
        body["meta"]["total_count"] -= 1
        return Answer(answer.status, json.dumps(body).encode(), answer.headers)


async def test_a_row_that_the_listing_lacks_and_the_provider_has_makes_the_scan_incomplete(namely: Start) -> None:
    place = await namely(simulator=Hiding)
    await place.connect()
    await place.host.run("acme")
    place.simulator.hidden = place.tenant.people[-1].id  # type: ignore[attr-defined]
    report = await place.host.run("acme")
    people = certificate(report, "Employee")
    # The counters agree, in two scans.
    assert people.seen == people.announced == 59
    assert people.reasons == ("1 rows were not in the listing, and Namely still has them",)
    assert plan(report, "Employee").removes == 0
    assert len(place.people()) == 60


class Untold(NamelySimulator):
    """Sends groups, or group types, that lack something."""

    lacking = ""

    def answer(self, request: web.Request) -> Answer:
        answer = super().answer(request)
        if not self.lacking or not request.path.endswith(self.lacking):
            return answer
        body = json.loads(answer.body)
        if self.lacking == "/groups":
            body["groups"][0] |= {"type": None, "links": {}}
        else:
            del body["group_types"][-1]
        return Answer(answer.status, json.dumps(body).encode(), answer.headers)


@pytest.mark.parametrize("lacking", ["/groups", "/group_types"])
async def test_what_a_group_is_must_be_told_before_anything_follows_from_it(namely: Start, lacking: str) -> None:
    place = await namely(simulator=Untold)
    await place.connect()
    await place.host.run("acme")
    before = place.people()
    place.simulator.lacking = lacking  # type: ignore[attr-defined]
    report = await place.host.run("acme")
    assert not certificate(report, "Department").complete
    assert plan(report, "Department").removes == 0
    assert place.people() == before
    assert place.host.store.entities.count("acme", "Department") == 12


async def test_a_route_that_the_token_may_not_use_does_not_end_the_run(namely: Start) -> None:
    place = await namely()
    await place.connect()
    place.simulator.faults = Faults("401:/group_types")
    report = await place.host.run("acme")
    assert certificate(report, "Employee").complete
    assert "refuses it to this token, which is good elsewhere" in certificate(report, "Department").reasons[0]
    assert len(place.people()) == 60


async def test_a_plan_that_was_cut_off_can_not_be_applied(namely: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    place = await namely()
    await place.connect()
    run = asyncio.create_task(place.host.run("acme", apply=False))

    def cut_off(*_: object) -> None:
        run.cancel()

    monkeypatch.setattr(place.host.store.runs, "finish", cut_off)
    with pytest.raises(asyncio.CancelledError):
        await run
    assert place.host.held("acme") is None
    with pytest.raises(SettingsError, match="no held plan"):
        await place.host.apply("acme")
    assert place.host.store.plans.counts(place.host.history("acme")[0].run.id).keys() == {
        ("Employee", "create", "discarded"),
        ("Department", "create", "discarded"),
    }


async def test_a_plan_is_applied_only_if_it_is_the_one_that_was_shown(namely: Start) -> None:
    place = await namely()
    await place.connect()
    shown = await place.host.run("acme", apply=False)
    await place.host.run("acme", apply=False)
    with pytest.raises(SettingsError, match="replaced since it was shown"):
        await place.host.apply("acme", shown.run.id)
    assert place.people() == {}


async def test_new_credentials_withdraw_a_held_plan(namely: Start) -> None:
    place = await namely()
    await place.connect()
    await place.host.run("acme", apply=False)
    await place.connect()
    assert place.host.held("acme"), "the same credentials are no new ones"
    await place.connect_with_new_token()
    assert place.host.held("acme") is None


async def test_a_new_token_holds_losses_even_if_no_run_was_ever_complete(namely: Start) -> None:
    place = await namely(120)
    await place.connect()
    place.simulator.faults = Faults("500@4x9:/profiles")
    assert (await place.host.run("acme")).verdict is Verdict.INCOMPLETE
    place.simulator.faults = Faults()
    await place.connect_with_new_token()
    place.tenant.delete(place.tenant.people[30])
    report = await place.host.run("acme")
    assert plan(report, "Employee").removes == plan(report, "Employee").held == 1


class Overstated(NamelySimulator):
    """Announces one more than there is, always."""

    def answer(self, request: web.Request) -> Answer:
        answer = super().answer(request)
        if not listed(request):
            return answer
        body = json.loads(answer.body)
        body["meta"]["total_count"] += 1
        return Answer(answer.status, json.dumps(body).encode(), answer.headers)


async def test_a_tenant_that_is_never_complete_is_not_held_for_ever(namely: Start) -> None:
    place = await namely(simulator=Overstated)
    await place.connect()
    assert (await place.host.run("acme")).verdict is Verdict.INCOMPLETE
    leaver = next(one for one in place.tenant.people[1:] if one.status == "active")
    place.tenant.leave(leaver)
    report = await place.host.run("acme")
    assert report.verdict is Verdict.INCOMPLETE
    assert plan(report, "Employee").held == 0
    assert place.people()[leaver.id].status == "inactive"


async def test_a_listing_that_shrank_while_it_was_read_is_read_again(namely: Start) -> None:
    place = await namely(120, simulator=Shifting)
    await place.connect()
    await place.host.run("acme")
    place.simulator.scans, place.simulator.appends = 1, False  # type: ignore[attr-defined]
    report = await place.host.run("acme")
    people = certificate(report, "Employee")
    assert people.complete
    assert people.began.startswith("read twice")
    assert people.seen == people.announced == 119
    assert {one.id for one in place.tenant.people} <= set(place.people())


async def test_a_lost_field_keeps_its_values_until_the_loss_is_accepted(namely: Start) -> None:
    place = await namely()
    await place.connect()
    await place.host.run("acme")
    before = place.people()
    titles = [one.title for one in place.tenant.people]
    for one in place.tenant.people:
        one.title = ""
    place.tenant.people[3].email = "new@acme.example"
    for _ in range(2):
        report = await place.host.run("acme")
        assert report.verdict is Verdict.HELD
        assert certificate(report, "Employee").drifted == {"job_title": (1.0, 0.0)}
        assert "Access Roles" in certificate(report, "Employee").remedy
    people = place.people()
    assert [people[one.id].job_title for one in place.tenant.people] == titles
    assert people[place.tenant.people[3].id].email == "new@acme.example"
    assert {key: value.job_title for key, value in people.items()} == {k: v.job_title for k, v in before.items()}
    report = await place.host.run("acme", accept=["job_title"])
    assert report.verdict is Verdict.COMPLETE
    assert all(one.job_title is None for one in place.people().values())
    assert (await place.host.run("acme")).verdict is Verdict.COMPLETE


@pytest.mark.parametrize("moved", [False, True])
async def test_a_run_that_was_cut_off_goes_on_at_its_last_page_or_starts_over_and_says_which(
    namely: Start, moved: bool
) -> None:
    place = await namely(220)
    await place.connect()
    place.simulator.faults = Faults("500@5x9:/profiles")
    report = await place.host.run("acme", kinds=["employees"])
    assert certificate(report, "Employee").seen == 150
    place.simulator.faults = Faults()
    if moved:
        place.tenant.delete(place.tenant.people[10])
    asked = len(place.simulator.requests)
    report = await place.host.run("acme", kinds=["employees"])
    people = certificate(report, "Employee")
    assert people.complete
    assert people.seen == people.announced == len(place.tenant.people)
    pages = [one for one in place.simulator.requests[asked:] if one.path == "/profiles"]
    if moved:
        assert people.began.startswith("started over")
        assert len(pages) == 1 + 6
    else:
        assert people.began == "resumed at page 3"
        assert len(pages) == 4
    # Whoever went between the two runs was stored by the first, and is not removed by the way.
    assert len(place.people()) == 220 - moved


async def test_a_checkpoint_that_is_too_old_is_not_resumed(namely: Start) -> None:
    place = await namely(120)
    await place.connect()
    place.simulator.faults = Faults("500@4x9:/profiles")
    await place.host.run("acme", kinds=["employees"])
    place.simulator.faults = Faults()
    host = place.settings.host.model_copy(update={"resume_within": 0.001})
    async with Host(place.settings.model_copy(update={"host": host})) as later:
        report = await later.run("acme", kinds=["employees"])
    assert certificate(report, "Employee").began.startswith(
        "started over: what the run that was cut off left is too old"
    )
    assert certificate(report, "Employee").complete
    assert certificate(await place.host.run("acme", kinds=["employees"]), "Employee").began == ""


async def test_a_run_that_takes_too_long_stops_and_the_next_one_goes_on(namely: Start) -> None:
    place = await namely(220, http={"at_once": 1})
    await place.connect()
    place.simulator.latency = 0.2
    host = place.settings.host.model_copy(update={"run_timeout": 0.9})
    async with Host(place.settings.model_copy(update={"host": host})) as short:
        report = await short.run("acme", kinds=["employees"])
    assert "the run's time was over" in certificate(report, "Employee").reasons[0]
    place.simulator.latency = 0
    report = await place.host.run("acme", kinds=["employees"])
    assert certificate(report, "Employee").began.startswith("resumed at page")
    assert certificate(report, "Employee").complete


async def test_a_reading_that_brought_nothing_does_not_replace_a_held_plan(namely: Start) -> None:
    place = await namely()
    await place.connect()
    first = await place.host.run("acme", apply=False)
    place.simulator.faults = Faults("500:/group")
    await place.host.run("acme", kinds=["departments"])
    held = place.host.held("acme")
    assert held
    assert (held.run_id, held.changes) == (first.run.id, 72)


async def test_when_all_who_are_active_leave_it_is_held_however_many_left_before(namely: Start) -> None:
    place = await namely(60)
    for one in place.tenant.people[10:]:
        one.status = "inactive"
    for one in place.tenant.people[:10]:
        one.status = "active"
    await place.connect()
    await place.host.run("acme")
    for one in place.tenant.people[:10]:
        one.status = "inactive"
    report = await place.host.run("acme")
    assert "10 of 10 active" in plan(report, "Employee").held_because
    assert sum(one.status == "active" for one in place.people().values()) == 10


async def test_two_rows_with_one_id_are_never_a_complete_reading(
    namely: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def same(profile: Any, _structure: Any) -> Employee:
        return Employee(source_id=profile.id[:1], display_name=profile.first_name)

    monkeypatch.setattr("connectors.namely.connector.to_employee", same)
    place = await namely()
    await place.connect()
    report = await place.host.run("acme", kinds=["employees"])
    assert "were given the id of another" in certificate(report, "Employee").reasons[0]


async def test_a_check_that_fails_is_in_the_history(namely: Start) -> None:
    place = await namely()
    await place.connect()
    await place.host.run("acme")
    place.simulator.faults = Faults("401")
    with pytest.raises(RejectedCredentialsError):
        await place.host.run("acme")
    assert place.host.history("acme")[0].error == "credentials_rejected"


async def test_a_bug_in_a_connector_is_named_by_its_place_and_not_by_its_data(
    namely: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = await namely()
    await place.connect()

    def broken(*_: Any) -> None:
        raise KeyError("canary-person")

    monkeypatch.setattr("connectors.namely.connector.structure_of", broken)
    report = await place.host.run("acme")
    reason = certificate(report, "Department").reasons[0]
    assert "The connector namely failed with KeyError in broken, line" in reason
    assert "canary" not in repr(report)


async def test_a_wrong_name_for_departments_is_an_error_in_every_way_to_run(namely: Start) -> None:
    place = await namely(options={"department_group_types": ["Nope"]})
    report = await place.host.connect("namely", "acme", place.simulator.credentials)
    assert "no type of group named 'Nope'" in report.probes[1].problem
    for kinds in ([], ["departments"]):
        run = await place.host.run("acme", kinds=kinds)
        departments = certificate(run, "Department")
        assert "no type of group named 'Nope'" in departments.reasons[0]
        assert "The types are Departments, Divisions" in departments.remedy


async def test_what_to_do_stands_beside_what_was_wrong(namely: Start) -> None:
    place = await namely(owner="no_groups")
    await place.connect()
    report = await place.host.run("acme")
    assert "Access Roles" in certificate(report, "Department").remedy


async def test_a_report_names_those_whom_it_removed(namely: Start) -> None:
    place = await namely()
    await place.connect()
    await place.host.run("acme")
    gone = place.tenant.people[-1]
    place.tenant.delete(gone)
    report = await place.host.run("acme")
    assert list(report.removed) == [gone.id]
    assert gone.last_name in report.removed[gone.id]


async def test_after_a_rotation_no_old_seal_is_left_in_the_store(
    namely: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISCOVER_SECRET_KEY")
    place = await namely()
    await place.connect()
    old = place.host.integrations()[0].sealed
    assert place.host.rotate_secrets() == 1
    assert (await place.host.check("acme")).ok
    await place.host.remove("acme")
    place.host.close()
    kept = b"".join(file.read_bytes() for file in tmp_path.glob("people.sqlite*"))
    assert old not in kept
    assert b"gAAAA" not in kept
    assert not list(tmp_path.glob("*.lock"))


# ---- found by review: each once removed somebody, or lost them


async def test_one_scan_that_was_cut_off_and_resumed_is_not_two_witnesses(
    namely: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = await namely(simulator=Mute, http={"tries": 1})
    await place.connect()
    await place.host.run("acme")
    hidden = place.tenant.people.pop()
    with monkeypatch.context() as patched:

        def full(*_: object) -> None:
            raise StoreError("disk full")

        patched.setattr(place.host.store.plans, "apply", full)
        with pytest.raises(StoreError):
            await place.host.run("acme")
    report = await place.host.run("acme")
    assert plan(report, "Employee").removes == 0
    assert hidden.id in place.people()


async def test_a_scan_with_another_token_is_no_witness_and_its_losses_stay_held(namely: Start) -> None:
    place = await namely(simulator=Mute, http={"tries": 1})
    await place.connect()
    await place.host.run("acme")
    await place.connect_with_new_token()
    hidden = {place.tenant.people.pop().id for _ in range(6)}
    for _ in range(3):
        report = await place.host.run("acme")
    assert report.verdict is Verdict.HELD
    assert plan(report, "Employee").held == 6
    assert hidden <= place.people().keys()


async def test_what_was_read_with_other_options_is_not_resumed(namely: Start) -> None:
    place = await namely(120)
    await place.connect()
    place.simulator.faults = Faults("500@4x9:/profiles")
    await place.host.run("acme", kinds=["employees"])
    place.simulator.faults = Faults()
    plugins = {"namely": {"options": {"department_group_types": ["Divisions"]}}}
    other = place.settings.model_validate({"host": place.settings.host.model_dump(), "plugins": plugins})
    async with Host(other) as host:
        report = await host.run("acme", kinds=["employees"])
    assert certificate(report, "Employee").began.startswith("started over")


async def test_a_reading_that_moves_after_it_was_resumed_starts_over(namely: Start) -> None:
    place = await namely(220, http={"at_once": 1})
    await place.connect()
    place.simulator.faults = Faults("500@4x9:/profiles")
    await place.host.run("acme", kinds=["employees"])
    place.simulator.script("delete@3:/profiles")
    report = await place.host.run("acme", kinds=["employees"])
    people = certificate(report, "Employee")
    assert people.complete
    assert people.began.startswith("started over")
    assert {one.id for one in place.tenant.people} <= place.people().keys()


@pytest.mark.parametrize("decision", ["discard", "apply", "connect"])
async def test_a_checkpoint_whose_rows_are_gone_is_not_resumed(namely: Start, decision: str) -> None:
    place = await namely(220)
    await place.connect()
    place.simulator.faults = Faults("500@5x9:/profiles")
    await place.host.run("acme", kinds=["employees"], apply=False)
    place.simulator.faults = Faults()
    if decision == "connect":
        await place.connect_with_new_token()
    else:
        await getattr(place.host, decision)("acme")
    report = await place.host.run("acme", kinds=["employees"])
    assert certificate(report, "Employee").seen == 220
    assert certificate(report, "Employee").complete


async def test_a_second_reading_that_is_cut_off_is_not_gone_on_with_for_ever(namely: Start) -> None:
    place = await namely(220)
    await place.connect()
    place.simulator.script("delete@3:/profiles,later@10:/profiles")
    await place.host.run("acme", kinds=["employees"])
    place.simulator.script("")
    report = await place.host.run("acme", kinds=["employees"])
    assert certificate(report, "Employee").complete
    assert certificate(report, "Employee").seen == 219


async def test_a_small_listing_is_no_measure_of_how_full_a_field_should_be(namely: Start) -> None:
    place = await namely()
    await place.connect()
    await place.host.run("acme")
    everybody = list(place.tenant.people)
    for one in everybody:
        one.title = ""
    del place.tenant.people[5:]
    await place.host.run("acme")
    place.tenant.people[:] = everybody
    report = await place.host.run("acme")
    assert report.verdict is Verdict.HELD
    assert all(one.job_title for one in place.people().values())


async def test_accepting_a_loss_counts_only_once_it_is_applied(namely: Start) -> None:
    place = await namely()
    await place.connect()
    await place.host.run("acme")
    for one in place.tenant.people:
        one.title = ""
    await place.host.run("acme", apply=False, accept=["job_title"])
    await place.host.discard("acme")
    assert (await place.host.run("acme")).verdict is Verdict.HELD
    assert all(one.job_title for one in place.people().values())
    with pytest.raises(SettingsError, match="no field job_titel"):
        await place.host.run("acme", accept=["job_titel"])


async def test_a_held_removal_is_stale_once_a_later_run_has_read_the_person(namely: Start) -> None:
    place = await namely(120)
    await place.connect()
    await place.host.run("acme")
    person = place.tenant.people[5]
    place.tenant.people.remove(person)
    await place.host.run("acme", apply=False)
    place.tenant.people.insert(5, person)

    def cut_off(told: Progress) -> None:
        if told.seen >= 50:
            run.cancel()

    run = asyncio.create_task(place.host.run("acme", progress=cut_off))
    with pytest.raises(asyncio.CancelledError):
        await run
    applied = await place.host.apply("acme")
    assert applied.stale >= 1
    assert person.id in place.people()


async def test_staged_rows_that_no_longer_fit_the_model_are_read_anew(namely: Start) -> None:
    place = await namely(120)
    await place.connect()
    place.simulator.faults = Faults("500@4x9:/profiles")
    await place.host.run("acme", kinds=["employees"])
    place.simulator.faults = Faults()
    place.host.store.staging._database.execute('UPDATE bodies SET body = \'{"of": "another version"}\'')
    report = await place.host.run("acme", kinds=["employees"])
    assert certificate(report, "Employee").complete


async def test_a_disk_that_is_full_while_a_page_is_staged_ends_the_run_and_the_next_one_goes_on(namely: Start) -> None:
    place = await namely(220)
    await place.connect()
    database = place.host.store.staging._database
    (pages,) = database.query("PRAGMA page_count")[0]
    database.query(f"PRAGMA max_page_count = {pages + 12}")
    with pytest.raises(StoreError, match="full"):
        await place.host.run("acme")
    assert place.people() == {}
    database.query("PRAGMA max_page_count = 1000000")
    report = await place.host.run("acme")
    assert certificate(report, "Employee").complete
    assert len(place.people()) == 220
    assert database.query("PRAGMA integrity_check") == [("ok",)]


async def test_a_plan_whose_run_fails_at_its_very_end_leaves_no_rows_behind(namely: Start) -> None:
    place = await namely()
    await place.connect()
    finish = place.host.store.runs.finish

    def fail(*_: Any) -> None:
        raise StoreError("The disk is full.")

    place.host.store.runs.finish = fail  # type: ignore[assignment]
    with pytest.raises(StoreError):
        await place.host.run("acme", apply=False)
    place.host.store.runs.finish = finish  # type: ignore[method-assign]
    assert place.host.store._database.query("SELECT count(*) FROM bodies") == [(0,)]
    await place.host.run("acme")
    assert place.host.store._database.query("SELECT count(*) FROM bodies") == [(72,)]

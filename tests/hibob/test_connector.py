"""What HiBob does differently, and what is made of it."""

from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connector_core import Code, Employee, IdsByName, Reason, RejectedCredentialsError, Status, Verdict
from connectors.hibob.mapping import Departments, departments_of, to_department, to_employee, units_in
from connectors.hibob.simulator import FIRST_ID
from connectors.hibob.wire import Item, Person
from world import AT_ONCE, UNGUARDED, StartProvider

pytestmark = pytest.mark.jumping

DEPARTMENTS = Departments(frozenset({"267"}), IdsByName([("Sales", "267", True)]))


def _id(number: int) -> str:
    return str(FIRST_ID + number)


SALES = {"department_source_ids": ("267",), "primary_department_source_id": "267"}


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ({"work": {"startDate": "2020-02-29"}}, {"start_date": date(2020, 2, 29)}),
        ({"internal": {"terminationDate": None}}, {"end_date": None}),
        ({"internal": {"status": "Inactive"}}, {}),
        ({"work": {"title": "5009"}}, {}),
        ({"work": {"employeeIdInCompany": 7}}, {"employee_number": "7"}),
        ({"work": {"employeeIdInCompany": None}}, {"employee_number": None}),
        ({"work": {"title": "5009"}, "humanReadable": {"work": {"title": "Lead"}}}, {"job_title": "Lead"}),
        ({"work": {"title": "Lead"}}, {"job_title": "Lead"}),
        ({"work": {"title": None}, "humanReadable": {"work": {}}}, {"job_title": None}),
        ({"work": {"reportsTo": {"id": "12"}}}, {"manager_source_id": "12"}),
        ({"work": {"reportsTo": None, "manager": "13"}}, {"manager_source_id": None}),
        ({"work": {"manager": "13"}}, {"manager_source_id": "13"}),
        ({"work": {"department": "267"}}, SALES),
        ({"work": {"department": 267}}, SALES),
        ({"work": {"department": "Sales"}}, SALES),
        ({"work": {"department": " Sales"}}, SALES),
        # Another id, and not the name of any.
        ({"work": {"department": "267 "}}, {}),
        ({"work": {"reportsTo": {"id": "12 "}}}, {"manager_source_id": "12 "}),
        ({"work": {"department": None}}, {"department_source_ids": (), "primary_department_source_id": None}),
        ({"work": {"department": "Unheard of"}}, {}),
        ({"surname": "King", "/root/surname": {"value": "King"}}, {"last_name": "King"}),
        ({"work": None, "internal": None}, {}),
        ({}, {}),
    ],
)
def test_a_row_becomes_what_it_says_and_nothing_else(row: dict[str, Any], wanted: dict[str, Any]) -> None:
    person = msgspec.convert({"id": "3100000000000000001", **row}, Person, strict=False)
    found = to_employee(person, DEPARTMENTS)
    assert {name: getattr(found, name) for name in found.model_fields_set} == {"source_id": person.id, **wanted}


@pytest.mark.parametrize("access", ["Active", "Inactive", None])
@pytest.mark.parametrize(
    ("stage", "status", "stored"),
    [
        ("hired", Status.PENDING, "hired"),
        (" Hired", Status.PENDING, "hired"),
        ("employed", Status.ACTIVE, "employed"),
        ("Terminated", Status.INACTIVE, "terminated"),
        ("garden leave", Status.ACTIVE, "employed"),
        ("Garden_Leave", Status.ACTIVE, "employed"),
        ("parental leave", Status.ACTIVE, "employed"),
        ("Sabbatical in Rome", Status.ACTIVE, "employed"),
    ],
)
def test_the_stage_of_employment_decides_and_no_leave_is_told(
    access: str | None, stage: str, status: Status, stored: str
) -> None:
    row = {"id": "1", "internal": {"lifecycleStatus": stage, "status": access}}
    found = to_employee(msgspec.convert(row, Person), DEPARTMENTS)
    assert (found.status, found.source_status) == (status, stored)
    assert b"eave" not in found.body()


@pytest.mark.parametrize("stage", [{}, {"lifecycleStatus": None}, {"lifecycleStatus": "\u200b "}])
@pytest.mark.parametrize("access", ["Active", "Inactive"])
def test_without_the_stage_nothing_is_known_of_the_status(stage: dict[str, Any], access: str) -> None:
    row = {"id": "1", "internal": {"status": access, **stage}}
    found = to_employee(msgspec.convert(row, Person), DEPARTMENTS)
    assert not {"status", "source_status"} & found.model_fields_set


@pytest.mark.parametrize("leave_access", ["Inactive", "Active"])
async def test_people_are_active_from_their_first_day_to_their_last_whoever_may_sign_in(
    provider: StartProvider, leave_access: str, tmp_path: Path
) -> None:
    hibob = await provider("hibob", losses=UNGUARDED, leave_access=leave_access)
    people = hibob.simulator.people
    on_leave = {_id(one.number) for one in people if one.on_leave}
    leaving = {_id(one.number): one.last_day for one in people if one.last_day}
    coming = {_id(one.number) for one in people if one.start > hibob.simulator.today}
    moving = next(one for one in people if one.transfer)
    assert on_leave
    assert leaving
    assert coming
    await hibob.connect()

    await hibob.run()
    before = await hibob.people()
    assert {before[one].status for one in on_leave | leaving.keys()} == {Status.ACTIVE}
    assert {before[one].status for one in coming} == {Status.PENDING}
    assert {one: before[one].end_date for one in leaving} == leaving

    hibob.simulator.pass_days(31)
    await hibob.run()
    after = await hibob.people()
    assert {after[one].status for one in leaving} == {Status.INACTIVE}
    assert {after[one].status for one in on_leave | coming} == {Status.ACTIVE}
    titles = [found[_id(moving.number)].job_title for found in (before, after)]
    assert titles == [moving.title.strip(), moving.transfer.title]

    kept = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()).lower()
    assert b"employed" in kept
    assert [word for word in (b"leave", b"parental", b"sabbatical") if word in kept] == []


@pytest.mark.parametrize("leave_access", ["Inactive", "Active"])
async def test_the_lifecycle_that_gets_out_of_sight_is_no_reason_to_turn_people_on_leave_inactive(
    provider: StartProvider, leave_access: str
) -> None:
    hibob = await provider("hibob")
    await hibob.connect()
    await hibob.run()
    before = await hibob.people()
    hibob.switch(hidden="internal.lifecycleStatus", leave_access=leave_access)
    await hibob.run()
    after = await hibob.people()
    active = [{one.source_id for one in found.values() if one.status is Status.ACTIVE} for found in (before, after)]
    assert active[0] == active[1]


def test_a_list_is_a_tree_whose_branches_are_departments_too() -> None:
    leaf = Item(number=2, value="Design", archived=True)
    units = tuple(units_in((Item(number="1", name="Product", children=(leaf,)),)))
    found = [to_department(one) for one in units]
    assert [(one.source_id, one.name, one.parent_source_id, one.active) for one in found] == [
        ("1", "Product", None, True),
        ("2", "Design", "1", False),
    ]
    known = departments_of(units)
    assert known.ids == {"1", "2"}
    assert [known.names.find(name) for name in ("Product", "Design")] == ["1", "2"]


def test_a_name_that_two_departments_have_tells_neither() -> None:
    items = (Item(number=1, name="EMEA", children=(Item(number=2, name="Sales"),)), Item(number=3, name="Sales"))
    found = departments_of(units_in(items))
    assert found.ids == {"1", "2", "3"}
    assert [found.names.find(name) for name in ("EMEA", "Sales")] == ["1", None]


async def test_an_item_without_a_name_is_rejected_alone(provider: StartProvider) -> None:
    hibob = await provider("hibob")
    real = hibob.simulator._list
    hibob.simulator._list = lambda: {"name": "department", "items": [*real()["items"], {"id": "9999", "value": ""}]}
    await hibob.connect()
    report = await hibob.run()
    people, departments = [one.certificate for one in report.kinds]
    assert people.complete
    assert [one.source_id for one in departments.rejected] == ["9999"]
    assert len(await hibob.departments()) == 11


async def test_a_service_user_who_sees_no_people_is_refused(provider: StartProvider) -> None:
    hibob = await provider("hibob")
    await hibob.connect()
    hibob.simulator.people.clear()
    # The lists may still be read, but no person can be discovered.
    for attempt in (hibob.connect, hibob.run):
        with pytest.raises(RejectedCredentialsError, match="shows this service user no people") as caught:
            await attempt()
        assert "no condition on the lifecycle status" in caught.value.hint


async def test_a_service_user_who_may_read_lists_only_is_refused(provider: StartProvider) -> None:
    hibob = await provider("hibob")
    hibob.simulator.script("403x99:/people/search")
    with pytest.raises(RejectedCredentialsError, match="HiBob refuses this service user") as caught:
        await hibob.connect()
    assert "permission group" in caught.value.hint


@pytest.mark.parametrize("list_ids", ["numbers", "texts"])
@pytest.mark.parametrize("list_key", ["both", "items", "values"])
async def test_departments_are_found_however_the_list_has_them(
    provider: StartProvider, list_ids: str, list_key: str
) -> None:
    hibob = await provider("hibob", list_ids=list_ids, list_key=list_key)
    await hibob.connect()
    report = await hibob.run()
    assert report.verdict is Verdict.COMPLETE
    assert not any(one.certificate.profile.dangling for one in report.kinds)
    departments = await hibob.departments()
    assert {one.primary_department_source_id for one in (await hibob.people()).values()} < departments.keys()
    assert sum(one.parent_source_id == "2600" for one in departments.values()) == 1
    assert not departments["2600"].active


async def test_a_field_that_vanishes_keeps_its_stored_value(provider: StartProvider) -> None:
    hibob = await provider("hibob")
    await hibob.connect()
    await hibob.run()
    before = await hibob.people()
    hibob.simulator.behaviour = hibob.simulator.behaviour.model_copy(update={"hidden": "work.site"})
    report = await hibob.run()
    assert await hibob.people() == before
    assert report["Employee"].certificate.profile.unread["location_name"] == 60


async def test_a_search_without_a_person_of_the_other_search_is_incomplete(provider: StartProvider) -> None:
    hibob = await provider("hibob")
    await hibob.connect()
    await hibob.run()
    # The first search of a run is that of the check.
    hibob.simulator.script("drop_row@2:/people/search,drop_row@4:/people/search")
    report = await hibob.run()
    assert report["Employee"].certificate.reasons == (
        Reason(Code.EXPECTED_IDS_DIFFER, read=59, expected=60, provider="HiBob"),
    )
    assert len(await hibob.people()) == 60


async def test_people_who_get_out_of_sight_stay_and_are_held_when_they_are_many(provider: StartProvider) -> None:
    hibob = await provider("hibob", 100, losses=AT_ONCE)
    await hibob.connect()
    await hibob.run()
    hibob.simulator.behaviour = hibob.simulator.behaviour.model_copy(update={"leavers": "no"})
    for one in [*hibob.simulator.people][-30:]:
        hibob.simulator.people.remove(one)
    first = await hibob.run()
    assert first["Employee"].plan.removes == 0
    assert first["Employee"].plan.unconfirmed > 30
    second = await hibob.run()
    assert second.verdict is Verdict.HELD
    assert len(await hibob.people()) == 100


@pytest.mark.parametrize("refusal", ["401", "403"])
async def test_a_wrong_token_is_told_as_such_whatever_the_status(provider: StartProvider, refusal: str) -> None:
    hibob = await provider("hibob", refusal=refusal)
    with pytest.raises(RejectedCredentialsError, match="HiBob refuses this service user") as caught:
        await hibob.connect(token="mistyped")
    assert "permission group" in caught.value.hint


async def test_who_vanishes_is_removed_by_a_second_scan_only(provider: StartProvider) -> None:
    hibob = await provider("hibob", losses=UNGUARDED)
    await hibob.connect()
    await hibob.run()
    hibob.simulator.erase(20)
    # HiBob answers for somebody out of sight as for nobody, so no answer about one person is asked for.
    report = await hibob.run()
    plan = report["Employee"].plan
    assert (plan.removes, plan.unconfirmed) == (0, 1)
    report = await hibob.run()
    assert report["Employee"].plan.removes == 1
    assert (await hibob.people()).keys() == hibob.simulator.ids(Employee)

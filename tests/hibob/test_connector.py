"""What HiBob does differently, and what is made of it."""

from datetime import date
from typing import Any

import msgspec
import pytest

from connector_core import RejectedCredentialsError, Status, Verdict
from connectors.hibob.mapping import departments_in, names_of, to_employee
from connectors.hibob.wire import Item, NamedList, Person
from world import StartProvider

NAMES = {"267": "267", "Sales": "267"}


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ({"work": {"startDate": "2020-02-29"}}, {"start_date": date(2020, 2, 29)}),
        ({"internal": {"terminationDate": None}}, {"end_date": None}),
        ({"internal": {"status": "Active"}}, {"status": Status.ACTIVE, "source_status": "Active"}),
        ({"internal": {"status": "Inactive"}}, {"status": Status.INACTIVE, "source_status": "Inactive"}),
        ({"work": {"employeeIdInCompany": 7}}, {"employee_number": "7"}),
        ({"work": {"employeeIdInCompany": None}}, {"employee_number": None}),
        ({"work": {"title": "5009"}, "humanReadable": {"work": {"title": "Lead"}}}, {"job_title": "Lead"}),
        ({"work": {"title": "Lead"}}, {"job_title": "Lead"}),
        ({"work": {"title": None}, "humanReadable": {"work": {}}}, {"job_title": None}),
        ({"work": {"reportsTo": {"id": "12"}}}, {"manager_source_id": "12"}),
        ({"work": {"reportsTo": None, "manager": "13"}}, {"manager_source_id": None}),
        ({"work": {"manager": "13"}}, {"manager_source_id": "13"}),
        ({"work": {"department": "267"}}, {"department_source_ids": ("267",), "primary_department_source_id": "267"}),
        ({"work": {"department": 267}}, {"department_source_ids": ("267",), "primary_department_source_id": "267"}),
        ({"work": {"department": "Sales"}}, {"department_source_ids": ("267",), "primary_department_source_id": "267"}),
        ({"work": {"department": None}}, {"department_source_ids": (), "primary_department_source_id": None}),
        ({"work": {"department": "Unheard of"}}, {}),
        ({"surname": "King", "/root/surname": {"value": "King"}}, {"last_name": "King"}),
        ({"work": None, "internal": None}, {}),
        ({}, {}),
    ],
)
def test_a_row_becomes_what_it_says_and_nothing_else(row: dict[str, Any], wanted: dict[str, Any]) -> None:
    person = msgspec.convert({"id": "3100000000000000001", **row}, Person, strict=False)
    found = to_employee(person, NAMES)
    assert {name: getattr(found, name) for name in found.model_fields_set} == {"source_id": person.id, **wanted}


def test_a_list_is_a_tree_whose_branches_are_departments_too() -> None:
    leaf = Item(number=2, value="Design", archived=True)
    found = departments_in(NamedList(values=(Item(number="1", name="Product", children=(leaf,)),)))
    assert [(one.source_id, one.name, one.parent_source_id, one.active) for one in found] == [
        ("1", "Product", None, True),
        ("2", "Design", "1", False),
    ]
    assert names_of(found) == {"1": "1", "2": "2", "Product": "1", "Design": "2"}


@pytest.mark.parametrize("list_ids", ["numbers", "texts"])
@pytest.mark.parametrize("list_key", ["both", "items", "values"])
async def test_departments_are_found_however_the_list_has_them(
    provider: StartProvider, list_ids: str, list_key: str
) -> None:
    hibob = await provider("hibob", list_ids=list_ids, list_key=list_key)
    await hibob.connect()
    report = await hibob.run()
    assert report.verdict is Verdict.COMPLETE
    assert not any(one.dangling for one in report.certificates)
    departments = hibob.departments()
    assert {one.primary_department_source_id for one in hibob.people().values()} < departments.keys()
    assert sum(one.parent_source_id == "2600" for one in departments.values()) == 1
    assert not departments["2600"].active


async def test_a_field_that_vanishes_keeps_its_stored_value(provider: StartProvider) -> None:
    hibob = await provider("hibob")
    await hibob.connect()
    await hibob.run()
    before = hibob.people()
    hibob.simulator.behaviour = hibob.simulator.behaviour.model_copy(update={"hidden": "work.site"})
    report = await hibob.run()
    assert hibob.people() == before
    assert report.certificates[0].unread["location_name"] == 60


async def test_a_search_that_lacks_somebody_whom_the_other_names_is_not_complete(provider: StartProvider) -> None:
    hibob = await provider("hibob")
    await hibob.connect()
    await hibob.run()
    hibob.simulator.script("drop_row@1:/people/search,drop_row@3:/people/search")
    report = await hibob.run()
    assert report.certificates[0].reasons == ("59 rows were read and HiBob announced 60",)
    assert len(hibob.people()) == 60


async def test_leavers_who_are_out_of_sight_are_held_not_removed(provider: StartProvider) -> None:
    hibob = await provider("hibob", 100)
    await hibob.connect()
    await hibob.run()
    gone = len([one for one in hibob.people().values() if one.status is Status.INACTIVE])
    assert gone >= 3
    hibob.simulator.behaviour = hibob.simulator.behaviour.model_copy(update={"leavers": "no"})
    for one in [*hibob.simulator.people][-30:]:
        hibob.simulator.people.remove(one)
    report = await hibob.run()
    assert report.verdict is Verdict.HELD
    assert len(hibob.people()) == 100


@pytest.mark.parametrize("refusal", ["401", "403"])
async def test_a_wrong_token_is_told_as_such_whatever_the_status(provider: StartProvider, refusal: str) -> None:
    hibob = await provider("hibob", refusal=refusal)
    with pytest.raises(RejectedCredentialsError, match="HiBob refuses this service user") as caught:
        await hibob.connect(token="mistyped")
    assert "permission group" in caught.value.hint


async def test_a_witness_whose_filter_is_not_heeded_proves_nothing(provider: StartProvider) -> None:
    hibob = await provider("hibob")
    await hibob.connect()
    await hibob.run()
    erased = hibob.simulator.people[20].number
    hibob.simulator.erase(20)
    real = hibob.simulator._search
    hibob.simulator._search = lambda asked: real({name: asked[name] for name in asked if name != "filters"})
    report = await hibob.run()
    # Nobody could be asked, so the one stays until a second scan lacks them too.
    assert report.plans[0].unconfirmed == 1
    assert any(one.endswith(str(erased)) for one in hibob.people())
    await hibob.run()
    assert not any(one.endswith(f"0{erased}") for one in hibob.people())

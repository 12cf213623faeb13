"""What BambooHR does differently, and what is made of it."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from connector_core import (
    UNSET,
    Call,
    Code,
    IdsByName,
    PlaceInListing,
    Reason,
    RejectedCredentialsError,
    Status,
    Verdict,
    WorkerType,
)
from connector_core.http.parsing import parse_page
from connectors.bamboohr.mapping import names_of, to_department, to_employee
from connectors.bamboohr.wire import Option, Person, Report
from world import StartProvider

pytestmark = pytest.mark.jumping

SAMPLE = Path(__file__).parents[3] / "shared" / "samples" / "bamboohr" / "custom_report_employees.json"
DEPARTMENTS = IdsByName([("Sales", "17", True)])
UNKNOWN = Reason(Code.EXPECTED_IDS_MISSING)


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ({"hire_date": "2020-02-29"}, {"start_date": date(2020, 2, 29)}),
        ({"termination_date": "0000-00-00"}, {"end_date": None}),
        ({"termination_date": "soon"}, {}),
        ({"status": "Active"}, {"status": Status.ACTIVE, "source_status": "Active"}),
        ({"status": "Inactive"}, {"status": Status.INACTIVE, "source_status": "Inactive"}),
        ({"status": None}, {"status": Status.UNKNOWN, "source_status": None}),
        ({"employment_history_status": "Part-Time"}, {"worker_type": WorkerType.EMPLOYEE}),
        ({"employment_history_status": "Contractor"}, {"worker_type": WorkerType.CONTRACTOR}),
        ({"employment_history_status": "Terminated"}, {"worker_type": WorkerType.UNKNOWN}),
        ({"supervisor_e_id": 12}, {"manager_source_id": "12"}),
        ({"supervisor_e_id": "12 "}, {"manager_source_id": "12 "}),
        ({"supervisor_e_id": None}, {"manager_source_id": None}),
        ({"supervisor_e_id": 0}, {"manager_source_id": None}),
        ({"display_name": "Ada King", "preferred_name": "Addie"}, {"display_name": "Ada King"}),
        (
            {"display_name": "Ada King", "preferred_name": "Addie", "last_name": "King"},
            {"display_name": "Addie King", "last_name": "King"},
        ),
        ({"department": "Sales"}, {"department_source_ids": ("17",), "primary_department_source_id": "17"}),
        ({"department": None}, {"department_source_ids": (), "primary_department_source_id": None}),
        ({"department": "Unheard of"}, {}),
        ({"email": " ada@acme.example "}, {"email": "ada@acme.example"}),
        ({"last_changed": "yesterday"}, {}),
        ({}, {}),
    ],
)
def test_a_row_becomes_what_it_says_and_nothing_else(row: dict[str, Any], wanted: dict[str, Any]) -> None:
    found = to_employee(Person(id="4", **row), DEPARTMENTS)
    assert {name: getattr(found, name) for name in found.model_fields_set} == {"source_id": "4", **wanted}


def test_without_the_list_of_departments_stored_ones_stay() -> None:
    assert "department_source_ids" not in to_employee(Person(id="4", department=None), None).model_fields_set


def test_an_archived_department_stays_one_and_gives_way_to_another_of_its_name() -> None:
    options = (Option(number=1, name="Sales"), Option(number=2, name="Sales", archived="yes"))
    assert names_of(options).find("Sales") == "1" == names_of(reversed(options)).find("Sales")
    # Two in use of one name are nobody's to choose from.
    assert names_of((*options, Option(number=3, name="Sales"))).find("Sales") is None
    assert [to_department(one).active for one in options] == [True, False]


@pytest.mark.skipif(not SAMPLE.exists(), reason="the recordings are not in this checkout")
def test_the_recorded_report_is_read_whole() -> None:
    recorded = json.loads(SAMPLE.read_text())["body"]
    page = parse_page(Call("POST", "/reports/custom"), Report, json.dumps(recorded).encode()).at(PlaceInListing())
    names = IdsByName((row["department"], row["department"], True) for row in recorded["employees"])
    people = page.map(to_employee, names)
    assert len(people.rows) == len(recorded["employees"]) == 40
    assert not people.rejected
    assert sum(one.status is Status.INACTIVE for one in people.rows) == 6
    assert sum(one.end_date is not None for one in people.rows) == 6
    # These were not asked for, and are not told.
    assert not any({"manager_source_id", "updated_at"} & one.model_fields_set for one in people.rows)
    kept = b"".join(one.body() for one in people.rows)
    assert b"REDACTED" not in kept
    assert b"@instagram" not in kept


@pytest.mark.parametrize("unseen", ["omitted", "null"])
async def test_a_field_that_the_key_may_not_see_keeps_its_stored_value(provider: StartProvider, unseen: str) -> None:
    bamboo = await provider("bamboohr", unseen=unseen)
    await bamboo.connect()
    await bamboo.run()
    before = await bamboo.people()
    bamboo.simulator.behaviour = bamboo.simulator.behaviour.model_copy(update={"hidden": "jobTitle"})
    report = await bamboo.run()
    assert await bamboo.people() == before
    people = report["Employee"].certificate
    assert people.profile.unread["job_title"] == 60
    assert people.complete


@pytest.mark.parametrize("numbers", ["integers", "strings"])
async def test_ids_are_read_however_they_are_written(provider: StartProvider, numbers: str) -> None:
    bamboo = await provider("bamboohr", numbers=numbers)
    await bamboo.connect()
    report = await bamboo.run()
    assert report.verdict is Verdict.COMPLETE
    assert not any(one.certificate.profile.dangling for one in report.kinds)
    people, departments = await bamboo.people(), await bamboo.departments()
    assert people["20"].manager_source_id in people
    assert departments[people["20"].primary_department_source_id or ""].name
    assert [one.name for one in departments.values() if not one.active] == ["Skunk Works"]


async def test_those_who_have_left_are_read_too(provider: StartProvider) -> None:
    bamboo = await provider("bamboohr")
    await bamboo.connect()
    await bamboo.run()
    left = [one for one in (await bamboo.people()).values() if one.status is Status.INACTIVE]
    assert left
    assert all(one.end_date for one in left)


async def test_whom_the_history_has_forgotten_is_read_all_the_same(provider: StartProvider) -> None:
    bamboo = await provider("bamboohr", history="recent")
    await bamboo.connect()
    report = await bamboo.run()
    assert (report.verdict, len(await bamboo.people())) == (Verdict.COMPLETE, 60)


async def test_a_report_without_a_person_of_the_history_is_incomplete(provider: StartProvider) -> None:
    bamboo = await provider("bamboohr")
    await bamboo.connect()
    await bamboo.run()
    bamboo.simulator.script("drop_row@1x99:/reports/custom")
    report = await bamboo.run()
    assert report["Employee"].certificate.reasons == (
        Reason(Code.EXPECTED_IDS_DIFFER, read=59, expected=60, provider="BambooHR"),
    )
    assert len(await bamboo.people()) == 60


async def test_without_the_history_completeness_is_unknown(provider: StartProvider) -> None:
    bamboo = await provider("bamboohr")
    await bamboo.connect()
    bamboo.simulator.script("500x99:/employees/changed")
    report = await bamboo.run()
    assert report["Employee"].certificate.reasons == (UNKNOWN,)
    assert len(await bamboo.people()) == 60


async def test_an_empty_history_proves_nothing(provider: StartProvider) -> None:
    bamboo = await provider("bamboohr")
    await bamboo.connect()
    bamboo.simulator._changes = list
    report = await bamboo.run()
    assert report["Employee"].certificate.reasons == (UNKNOWN,)


async def test_a_wrong_company_is_told_from_a_wrong_key(provider: StartProvider) -> None:
    bamboo = await provider("bamboohr")
    with pytest.raises(
        RejectedCredentialsError, match=r"No BambooHR company answers at other\.bamboohr\.com"
    ) as caught:
        await bamboo.connect(company="other")
    assert caught.value.field == "company"
    with pytest.raises(RejectedCredentialsError, match="does not know this API key"):
        await bamboo.connect(api_key="mistyped")


def test_what_did_not_come_is_unset_in_every_row() -> None:
    row = {"id": "1", "status": "Active", "jobTitle": None, "supervisorEId": 5}
    body = json.dumps({"fields": [{"id": "status"}], "employees": [row]}).encode()
    (person,) = parse_page(Call("POST", "/reports/custom"), Report, body).rows
    # A value is one, whether its field is named or not.
    assert (person.status, person.job_title, person.supervisor_e_id) == ("Active", UNSET, 5)

"""What BambooHR does differently, and what is made of it."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from connector_core import (
    UNSET,
    Account,
    Call,
    Code,
    Employee,
    IdsByName,
    PlaceInListing,
    Reason,
    RejectedCredentialsError,
    Status,
    Verdict,
    WorkerType,
)
from connector_core.errors import PluginContractError
from connector_core.http.parsing import parse_page
from connector_core.plugins import registry_of
from connector_core.settings import PluginSettings
from connector_core.testing import BODY, Answer
from connectors.bamboohr.connector import BambooHR
from connectors.bamboohr.mapping import Ends, names_of, to_department, to_employee
from connectors.bamboohr.simulator import BambooHRSimulator, Behaviour
from connectors.bamboohr.wire import Option, Person, Report
from world import UNGUARDED, StartProvider

pytestmark = pytest.mark.jumping

SAMPLE = Path(__file__).parents[3] / "shared" / "samples" / "bamboohr" / "custom_report_employees.json"
DEPARTMENTS = IdsByName([("Sales", "17", True)])
TODAY = date(2026, 3, 1)
NAMED = {"display_name": "Ada L", "last_name": "L"}
ENDS = Ends({"4"}, {})
UNKNOWN = Reason(Code.EXPECTED_IDS_MISSING)


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ({"hire_date": "2020-02-29"}, {"start_date": date(2020, 2, 29)}),
        ({"termination_date": "0000-00-00"}, {"end_date": None}),
        ({"termination_date": "2026-02-01"}, {"end_date": date(2026, 2, 1)}),
        ({"termination_date": "soon"}, {}),
        ({"status": "Active"}, {"status": Status.ACTIVE, "source_status": "Active"}),
        # Left, or not started yet: nothing tells.
        ({"status": "Inactive"}, {"source_status": "Inactive"}),
        ({"status": "Inactive", "hire_date": "31.12.2026"}, {"source_status": "Inactive"}),
        (
            {"status": "Inactive", "hire_date": "soon", "termination_date": "2026-02-28"},
            {"status": Status.INACTIVE, "source_status": "Inactive", "end_date": date(2026, 2, 28)},
        ),
        (
            {"status": "Inactive", "hire_date": "2026-12-01", "termination_date": "2026-02-28"},
            {
                "status": Status.INACTIVE,
                "source_status": "Inactive",
                "start_date": date(2026, 12, 1),
                "end_date": date(2026, 2, 28),
            },
        ),
        ({"preferred_name": "\u200b", "last_name": "L", "display_name": "Ada L"}, NAMED),
        ({"status": None}, {"status": Status.UNKNOWN, "source_status": None}),
        (
            {"status": "Inactive", "hire_date": "2026-03-02"},
            {"status": Status.PENDING, "source_status": "Inactive", "start_date": date(2026, 3, 2)},
        ),
        (
            {"status": "Inactive", "hire_date": "2026-03-01"},
            {"status": Status.INACTIVE, "source_status": "Inactive", "start_date": TODAY},
        ),
        (
            {"status": "Active", "hire_date": "2026-03-02"},
            {"status": Status.ACTIVE, "source_status": "Active", "start_date": date(2026, 3, 2)},
        ),
        (
            {"status": "Inactive", "hire_date": "0000-00-00"},
            {"status": Status.INACTIVE, "source_status": "Inactive", "start_date": None},
        ),
        (
            {"status": "Active", "termination_date": "2026-12-31"},
            {"status": Status.ACTIVE, "source_status": "Active", "end_date": date(2026, 12, 31)},
        ),
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
    found = to_employee(Person(id="4", **row), DEPARTMENTS, ENDS, TODAY)
    assert {name: getattr(found, name) for name in found.model_fields_set} == {"source_id": "4", **wanted}


def test_without_the_list_of_departments_stored_ones_stay() -> None:
    found = to_employee(Person(id="4", department=None), None, ENDS, TODAY)
    assert "department_source_ids" not in found.model_fields_set


@pytest.mark.parametrize(
    ("date_now", "ends", "wanted"),
    [
        ("0000-00-00", Ends({"4"}, {"4": date(2026, 12, 31)}), date(2026, 12, 31)),
        ("0000-00-00", Ends({"4"}, {}), None),
        # A person whom the other report does not mention, or a report that did not come: the stored value stays.
        ("0000-00-00", Ends({"5"}, {}), UNSET),
        ("0000-00-00", None, UNSET),
        # An end that has come counts, whatever the other report says.
        ("2026-02-01", Ends({"4"}, {"4": date(2026, 12, 31)}), date(2026, 2, 1)),
        ("2026-02-01", None, date(2026, 2, 1)),
        (UNSET, Ends({"4"}, {"4": date(2026, 12, 31)}), UNSET),
    ],
)
def test_an_end_ahead_is_known_from_the_other_report_and_changes_no_status(
    date_now: Any, ends: Ends | None, wanted: Any
) -> None:
    found = to_employee(Person(id="4", status="Active", termination_date=date_now), DEPARTMENTS, ends, TODAY)
    assert found.status is Status.ACTIVE
    assert (found.end_date if "end_date" in found.model_fields_set else UNSET) == wanted


def _without_last_row(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "employees": body["employees"][:-1]}


def _of_other_fields(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "fields": [{"id": "displayName"}]}


@pytest.mark.parametrize("change", [None, _without_last_row, _of_other_fields])
async def test_what_the_other_report_lacks_stays_as_it_is_stored(
    provider: StartProvider, change: Callable[[dict[str, Any]], dict[str, Any]] | None
) -> None:
    # The last of them is under notice.
    bamboo = await provider("bamboohr", 62)
    await bamboo.connect()
    await bamboo.run()
    before = await bamboo.people()
    assert before["62"].end_date == bamboo.simulator.people[61].last_day

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.query.get("onlyCurrent") != "false":
            found: web.StreamResponse = await bamboo.simulator.handle(request)
            return found
        if change is None:
            return web.Response(status=500)
        request[BODY] = await request.read()
        return web.json_response(change(json.loads(bamboo.simulator.answer(request).body)))

    bamboo.served.handle = answer
    report = await bamboo.run()
    assert await bamboo.people() == before
    assert report.verdict is Verdict.COMPLETE


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
    people = page.map(to_employee, names, None, TODAY)
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


@pytest.mark.parametrize("future_status", ["present", "future"])
async def test_what_lies_ahead_is_stored_on_its_day_and_not_before(provider: StartProvider, future_status: str) -> None:
    bamboo = await provider("bamboohr", losses=UNGUARDED, future_status=future_status)
    await bamboo.connect()

    async def read() -> dict[str, Employee]:
        assert (await bamboo.run()).verdict is Verdict.COMPLETE
        return await bamboo.people()

    names = {str(number): name for name, number in bamboo.simulator._departments.items()}
    moving = next(one for one in bamboo.simulator.people if one.transfer)
    leaving = next(one for one in bamboo.simulator.people if one.last_day)
    coming = next(one for one in bamboo.simulator.people if one.start > bamboo.simulator.today)

    before = await read()
    moved, left, came = (before[str(one.number)] for one in (moving, leaving, coming))
    assert (moved.job_title, moved.manager_source_id) == (moving.title.strip(), str(moving.manager))
    assert names[moved.primary_department_source_id or ""] == moving.department
    assert (left.status, left.end_date) == (Status.ACTIVE, leaving.last_day)
    assert (came.status, came.start_date, came.end_date) == (Status.PENDING, coming.start, None)

    bamboo.simulator.pass_days(31)
    after = await read()
    moved, left, came = (after[str(one.number)] for one in (moving, leaving, coming))
    transfer = moving.transfer
    assert (moved.job_title, moved.manager_source_id) == (transfer.title, str(transfer.manager))
    assert names[moved.primary_department_source_id or ""] == transfer.department
    assert (left.status, left.end_date) == (Status.INACTIVE, leaving.last_day)
    assert (came.status, came.job_title) == (Status.ACTIVE, coming.title.strip())


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
    # The host name stays; the company behind it is another.
    bamboo.simulator.credentials = {**bamboo.simulator.credentials, "company": "other"}
    with pytest.raises(RejectedCredentialsError, match=r"No BambooHR company answers at acme\.bamboohr\.com") as caught:
        await bamboo.connect(company="acme")
    assert caught.value.field == "company"
    bamboo.simulator.credentials = {**bamboo.simulator.credentials, "company": "acme"}
    with pytest.raises(RejectedCredentialsError, match="does not know this API key"):
        await bamboo.connect(api_key="mistyped")


@pytest.mark.parametrize(
    ("switches", "name", "owner"),
    [
        ({}, "Acme", "1"),
        ({"forbidden": "company"}, "acme.bamboohr.com", "1"),
        ({"owner": "zero"}, "Acme", "0"),
        ({"owner": "none"}, "Acme", "0"),
    ],
)
async def test_a_key_need_not_belong_to_an_employee_nor_know_the_company_s_name(
    provider: StartProvider, switches: dict[str, Any], name: str, owner: str
) -> None:
    bamboo = await provider("bamboohr", **switches)
    report = await bamboo.connect()
    assert report.account == Account(name, "acme", owner)
    assert report.account.name == name
    assert (await bamboo.run()).verdict is Verdict.COMPLETE


async def test_a_key_that_may_read_nothing_is_refused_with_both_causes(provider: StartProvider) -> None:
    bamboo = await provider("bamboohr", forbidden="everything")
    with pytest.raises(RejectedCredentialsError, match="forbids every request of this key") as caught:
        await bamboo.connect()
    assert "(1) the key's user is disabled" in caught.value.hint
    assert "(2) its access level lacks the right" in caught.value.hint


async def test_the_check_asks_for_no_more_than_the_company_and_the_owner(provider: StartProvider) -> None:
    bamboo = await provider("bamboohr")
    await bamboo.connect()
    paths = [one.path for one in bamboo.simulator.requests]
    assert sorted(paths) == sorted(
        ["/company_information", "/employees/0", *2 * ["/reports/custom", "/meta/lists"], "/employees/changed"]
    )


@pytest.mark.parametrize("address", ["", "gateway"])
async def test_the_company_s_own_address_is_used_unless_settings_name_the_gateway(
    provider: StartProvider, address: str
) -> None:
    hosts: set[str] = set()

    class Noting(BambooHRSimulator):
        def answer(self, request: web.Request) -> Answer:
            hosts.add(request.url.host or "")
            return super().answer(request)

    bamboo = await provider("bamboohr", simulator=Noting(60, 7, Behaviour()), plugin=PluginSettings(address=address))
    await bamboo.connect()
    assert (await bamboo.run()).verdict is Verdict.COMPLETE
    assert hosts == {"api.bamboohr.com" if address else "acme.bamboohr.com"}


def test_an_address_that_the_connector_does_not_have_is_refused() -> None:
    with pytest.raises(PluginContractError, match="is 'sandbox'; it has gateway"):
        registry_of(BambooHR, PluginSettings(address="sandbox"))


def test_what_did_not_come_is_unset_in_every_row() -> None:
    row = {"id": "1", "status": "Active", "jobTitle": None, "supervisorEId": 5}
    body = json.dumps({"fields": [{"id": "status"}], "employees": [row]}).encode()
    (person,) = parse_page(Call("POST", "/reports/custom"), Report, body).rows
    # A value is one, whether its field is named or not.
    assert (person.status, person.job_title, person.supervisor_e_id) == ("Active", UNSET, 5)

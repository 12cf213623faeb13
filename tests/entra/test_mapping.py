"""What becomes of a row of Microsoft Graph."""

from datetime import date
from typing import Any

import msgspec
import pytest

from connector_core import Department, DepartmentKind, RowRejectedError, Status, WorkerType
from connectors.entra.connector import Entra
from connectors.entra.credentials import EntraOptions
from connectors.entra.departments import to_departments
from connectors.entra.mapping import to_employee
from connectors.entra.wire import Person

TODAY = date(2026, 11, 27)
WITHOUT_GUESTS = EntraOptions(guests=False)
ALL_UNITS = EntraOptions(units=("division", "cost_center"))
FINANCE = {"department_source_ids": ("department:finance",), "primary_department_source_id": "department:finance"}
NO_UNITS = {"department_source_ids": (), "primary_department_source_id": None}
WHOLE = {"givenName": None, "mail": None, "jobTitle": None, "userType": "Member", "department": None}
PENDING = {"status": Status.PENDING, "source_status": "PendingAcceptance"}
DISABLED = {"status": Status.INACTIVE, "source_status": "disabled"}


def person(**row: Any) -> Person:
    return msgspec.convert({"id": "5f0c", **row}, Person, strict=False)


def read(row: dict[str, Any], options: EntraOptions = EntraOptions(), *, listed: bool = True) -> dict[str, Any]:  # noqa: B008 - frozen
    found = to_employee(person(**row), options, TODAY, listed)
    assert found is not None
    assert found.source_id == "5f0c"
    return {name: getattr(found, name) for name in found.model_fields_set - {"source_id"}}


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ({}, {}),
        (
            {"displayName": "Mira Okafor", "givenName": "Mira", "surname": "Okafor"},
            {"display_name": "Mira Okafor", "first_name": "Mira", "last_name": "Okafor"},
        ),
        ({"jobTitle": " Controller ", "officeLocation": ""}, {"job_title": "Controller", "location_name": None}),
        ({"employeeId": "0042"}, {"employee_number": "0042"}),
        ({"employeeId": 42}, {"employee_number": "42"}),
        ({"employeeId": None}, {"employee_number": None}),
        ({"employeeHireDate": "2024-02-05T00:00:00Z"}, {"start_date": date(2024, 2, 5)}),
        ({"employeeHireDate": "0001-01-01T00:00:00Z"}, {"start_date": None}),
        ({"employeeLeaveDateTime": "2027-01-31T17:00:00Z"}, {"end_date": date(2027, 1, 31)}),
        # Not requested, whatever is sent.
        ({"mobilePhone": "1", "otherMails": ["m@home.example"], "usageLocation": "NO", "country": "Norway"}, {}),
    ],
)
def test_a_row_becomes_what_it_says_and_nothing_else(row: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert read(row) == wanted


@pytest.mark.parametrize(
    ("row", "email"),
    [
        ({"mail": "m@acme.example", "userPrincipalName": "mira@acme.example"}, "m@acme.example"),
        ({"mail": None, "userPrincipalName": "mira@acme.example"}, "mira@acme.example"),
        ({"mail": None, "userPrincipalName": "m_partner.example#EXT#@acme.example"}, None),
        ({"mail": None, "userPrincipalName": None}, None),
    ],
)
def test_the_name_to_sign_in_with_is_an_address_for_insiders_only(row: dict[str, Any], email: str | None) -> None:
    assert read(row) == {"email": email}


def test_an_address_that_did_not_come_is_not_made_up() -> None:
    assert "email" not in read({"userPrincipalName": "mira@acme.example"})


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ({"accountEnabled": True}, {"status": Status.ACTIVE, "source_status": "enabled"}),
        ({"accountEnabled": False}, DISABLED),
        ({"accountEnabled": None}, {}),
        ({"accountEnabled": False, "employeeHireDate": "2026-11-28T00:00:00Z"}, {**DISABLED, "status": Status.PENDING}),
        ({"accountEnabled": False, "employeeHireDate": "2026-11-27T00:00:00Z"}, DISABLED),
        ({"accountEnabled": False, "employeeHireDate": "soon"}, DISABLED),
        (
            {"accountEnabled": True, "employeeHireDate": "2026-11-28T00:00:00Z"},
            {"status": Status.ACTIVE, "source_status": "enabled"},
        ),
        ({"accountEnabled": True, "userType": "Guest", "externalUserState": "PendingAcceptance"}, PENDING),
        ({"userType": "Guest", "externalUserState": "PendingAcceptance"}, PENDING),
        (
            {"accountEnabled": True, "userType": "Guest", "externalUserState": "Accepted"},
            {"status": Status.ACTIVE, "source_status": "enabled"},
        ),
        ({"accountEnabled": False, "externalUserState": "PendingAcceptance", "userType": "Member"}, DISABLED),
    ],
)
def test_the_right_to_sign_in_decides_the_status(row: dict[str, Any], wanted: dict[str, Any]) -> None:
    found = read({"userType": "Member", "externalUserState": None, "employeeHireDate": None, **row})
    assert {name: found[name] for name in ("status", "source_status") if name in found} == wanted


@pytest.mark.parametrize("absent", ["userType", "externalUserState", "employeeHireDate"])
def test_a_status_is_not_told_unless_all_came_that_it_depends_on(absent: str) -> None:
    row = {"userType": "Member", "externalUserState": None, "employeeHireDate": None, "accountEnabled": False}
    del row[absent]
    assert "status" not in read(row)
    # A delta leaves out what was never set.
    assert read(row, listed=False)["status"] is Status.INACTIVE


@pytest.mark.parametrize(
    ("row", "worker"),
    [
        ({"userType": "Member", "employeeType": "Employee"}, WorkerType.EMPLOYEE),
        ({"userType": "Member", "employeeType": "CONTRACTOR "}, WorkerType.CONTRACTOR),
        ({"userType": "Member", "employeeType": "Consultant"}, WorkerType.CONTRACTOR),
        ({"userType": "Member", "employeeType": "Vendor"}, WorkerType.PARTNER),
        ({"userType": "Member", "employeeType": "Intern"}, WorkerType.UNKNOWN),
        ({"userType": None, "employeeType": None}, WorkerType.UNKNOWN),
        ({"userType": "Guest", "employeeType": "Employee"}, WorkerType.PARTNER),
        ({"userType": "Guest"}, WorkerType.PARTNER),
        ({"@odata.type": "#microsoft.graph.agentUser", "userType": "Member"}, WorkerType.SYSTEM_USER),
    ],
)
def test_guests_are_partners_and_agents_are_system_users(row: dict[str, Any], worker: WorkerType) -> None:
    assert read(row) == {"worker_type": worker}


@pytest.mark.parametrize(
    "row",
    [
        {"userType": "Member"},
        {"employeeType": "Employee"},
        {"@odata.type": {"not": "as promised"}, "userType": "Member", "employeeType": None},
    ],
)
def test_of_whom_the_type_did_not_come_no_worker_type_is_told(row: dict[str, Any]) -> None:
    assert read(row) == {}


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ({**WHOLE, "manager": {"@odata.type": "#microsoft.graph.user", "id": "b7d1"}}, {"manager_source_id": "b7d1"}),
        ({"manager": {"id": "b7d1"}}, {"manager_source_id": "b7d1"}),
        (WHOLE, {"manager_source_id": None}),
        ({**WHOLE, "manager": None}, {"manager_source_id": None}),
        # A row that lacks more may lack its manager, too.
        ({name: value for name, value in WHOLE.items() if name != "jobTitle"}, {}),
        ({name: value for name, value in WHOLE.items() if name != "department"}, {}),
    ],
)
def test_an_absent_manager_is_none_only_in_a_whole_row(row: dict[str, Any], wanted: dict[str, Any]) -> None:
    found = read(row)
    assert {name: value for name, value in found.items() if name == "manager_source_id"} == wanted


def test_a_manager_who_was_not_asked_for_is_unknown() -> None:
    assert "manager_source_id" not in read(WHOLE, listed=False)
    assert "manager_source_id" not in read(WHOLE, EntraOptions(managers=False))


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ([{"id": "b7d1"}], {"manager_source_id": "b7d1"}),
        ([{"id": "b7d1", "@removed": {"reason": "deleted"}}, {"id": "c8e2"}], {"manager_source_id": "c8e2"}),
        ([{"id": "c8e2"}, {"id": "b7d1", "@removed": {"reason": "changed"}}], {"manager_source_id": "c8e2"}),
        ([{"id": "b7d1", "@removed": {"reason": "deleted"}}], {"manager_source_id": None}),
        ([], {}),
        (None, {}),
    ],
)
def test_a_delta_tells_changes_of_managers(changes: Any, wanted: dict[str, Any]) -> None:
    assert read({"manager@delta": changes}, listed=False) == wanted


@pytest.mark.parametrize(
    ("row", "options", "wanted"),
    [
        ({"department": "Finance"}, EntraOptions(), FINANCE),
        ({"department": "  FINANCE "}, EntraOptions(), FINANCE),
        ({"department": None}, EntraOptions(), NO_UNITS),
        ({"department": " "}, EntraOptions(), NO_UNITS),
        ({"employeeOrgData": {"division": "EMEA"}}, EntraOptions(), {}),
        ({"department": "Finance", "employeeOrgData": {"division": "EMEA"}}, EntraOptions(), FINANCE),
        # Which units there are is known only if all came.
        ({"department": "Finance"}, ALL_UNITS, {}),
        ({"department": "Finance", "employeeOrgData": {"division": "EMEA"}}, ALL_UNITS, {}),
        ({"department": "Finance", "employeeOrgData": None}, ALL_UNITS, FINANCE),
        (
            {"department": "Finance", "employeeOrgData": {"division": "EMEA", "costCenter": "CC 7"}},
            ALL_UNITS,
            {**FINANCE, "department_source_ids": ("cost_center:cc 7", "department:finance", "division:emea")},
        ),
        (
            {"department": None, "employeeOrgData": {"division": "EMEA", "costCenter": None}},
            ALL_UNITS,
            {"department_source_ids": ("division:emea",), "primary_department_source_id": None},
        ),
    ],
)
def test_units_are_told_by_their_names(row: dict[str, Any], options: EntraOptions, wanted: dict[str, Any]) -> None:
    assert read(row, options) == wanted


def test_a_row_becomes_the_units_that_it_names() -> None:
    row = person(department=" Finance ", employeeOrgData={"division": "EMEA", "costCenter": None})
    finance = Department(source_id="department:finance", name="Finance", id_is_synthetic=True)
    emea = Department(source_id="division:emea", name="EMEA", kind=DepartmentKind.DIVISION, id_is_synthetic=True)
    assert to_departments(row, EntraOptions()) == (finance,)
    assert to_departments(row, ALL_UNITS) == (finance, emea)


def test_a_row_whose_department_did_not_come_is_rejected() -> None:
    with pytest.raises(RowRejectedError, match="department: did not come"):
        to_departments(person(displayName="Mira"), EntraOptions())


def test_guests_can_be_left_out() -> None:
    guest = person(userType="Guest", department="Finance")
    assert to_employee(guest, WITHOUT_GUESTS, TODAY, listed=True) is None
    assert to_departments(guest, WITHOUT_GUESTS) == ()
    assert to_employee(person(userType="Member"), WITHOUT_GUESTS, TODAY, listed=True) is not None


def test_of_whom_the_type_did_not_come_may_be_a_guest() -> None:
    with pytest.raises(RowRejectedError, match="user_type: did not come"):
        to_employee(person(displayName="Mira"), WITHOUT_GUESTS, TODAY, listed=True)


def test_nothing_private_is_requested() -> None:
    from connectors.entra.connector import _SELECTED

    private = {"otherMails", "mobilePhone", "businessPhones", "birthday", "homePhone", "streetAddress", "imAddresses"}
    assert not private & set(_SELECTED.split(","))
    # Leave dates take a permission of their own, and managers are expanded.
    assert not {"employeeLeaveDateTime", "manager", "manager@delta"} & set(_SELECTED.split(","))
    assert {"id", "department", "accountEnabled", "employeeOrgData"} <= set(_SELECTED.split(","))
    assert Entra.manifest.name == "entra"

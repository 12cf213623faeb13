"""What is made of a user of Okta."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from connector_core import (
    DepartmentKind,
    Employee,
    InvalidCredentialsError,
    References,
    RowRejectedError,
    Status,
    WorkerType,
)
from connectors.okta.connector import Okta
from connectors.okta.credentials import OktaCredentials
from connectors.okta.mapping import OktaOptions, names_of, to_employee, to_units
from connectors.okta.wire import User

USUAL = OktaOptions()
ALL = OktaOptions(units=("department", "division", "cost_center"))


def user(source_id: str = "00u1", status: str | None = None, **profile: Any) -> User:
    row = {"id": source_id, "profile": profile} | ({} if status is None else {"status": status})
    return msgspec.convert(row, User, strict=False)


BOSS = user("00uBoss", login="jonas.lind@example.com", email="jonas@example.com", employeeNumber="17")
TWINS = [user(one, login=f"{one}@x.example", email="office@x.example", employeeNumber=7) for one in ("00uA", "00ua")]
KNOWN = References(map(names_of, [BOSS, *TWINS]))


def employee(options: OktaOptions = USUAL, status: str | None = None, **profile: Any) -> Employee:
    return to_employee(user(status=status, **profile), KNOWN, options)


def facts(found: Employee) -> dict[str, Any]:
    return {name: getattr(found, name) for name in found.model_fields_set - {"source_id"}}


SALES = {"department_source_ids": ("department:sales",), "primary_department_source_id": "department:sales"}


@pytest.mark.parametrize(
    ("profile", "wanted"),
    [
        ({}, {}),
        ({"login": "ada", "secondEmail": "private@example.com", "mobilePhone": "1"}, {}),
        ({"email": "ada@example.com"}, {"email": "ada@example.com"}),
        ({"email": None}, {"email": None}),
        ({"title": " Controller "}, {"job_title": "Controller"}),
        ({"employeeNumber": 1042}, {"employee_number": "1042"}),
        ({"employeeNumber": None}, {"employee_number": None}),
        ({"userType": "Employee"}, {"worker_type": WorkerType.EMPLOYEE}),
        ({"userType": "CONTRACTOR"}, {"worker_type": WorkerType.CONTRACTOR}),
        ({"userType": "Werkstudent"}, {"worker_type": WorkerType.UNKNOWN}),
        ({"userType": None}, {"worker_type": WorkerType.UNKNOWN}),
        ({"department": "Sales"}, SALES),
        ({"department": "  SALES "}, SALES),
        ({"department": None}, {"department_source_ids": (), "primary_department_source_id": None}),
        ({"department": " "}, {"department_source_ids": (), "primary_department_source_id": None}),
        ({"division": "EMEA"}, {}),
    ],
)
def test_a_user_becomes_what_the_profile_says_and_nothing_else(profile: dict[str, Any], wanted: dict[str, Any]) -> None:
    nothing = {"display_name", "status", "source_status", "worker_type"}
    found = facts(employee(**profile))
    assert {name: value for name, value in found.items() if name in wanted or name not in nothing} == wanted


@pytest.mark.parametrize(
    ("profile", "shown"),
    [
        ({"displayName": "Ada King", "firstName": "Ada", "lastName": "Lovelace"}, "Ada King"),
        ({"displayName": None, "firstName": "Ada", "lastName": "Lovelace"}, "Ada Lovelace"),
        ({"firstName": "Ada", "lastName": "Lovelace"}, "Ada Lovelace"),
        ({"firstName": None, "lastName": "Lovelace"}, "Lovelace"),
        ({"displayName": None, "firstName": None, "lastName": None}, None),
    ],
)
def test_the_display_name_wins_over_the_full_name(profile: dict[str, Any], shown: str | None) -> None:
    assert facts(employee(**profile))["display_name"] == shown


@pytest.mark.parametrize("profile", [{}, {"displayName": None, "lastName": "Lovelace"}, {"firstName": "Ada"}])
def test_no_name_is_made_of_half_a_name(profile: dict[str, Any]) -> None:
    assert "display_name" not in facts(employee(**profile))


@pytest.mark.parametrize(
    ("word", "status"),
    [
        *((one, Status.ACTIVE) for one in ("ACTIVE", "PASSWORD_EXPIRED", "LOCKED_OUT", "RECOVERY", "active")),
        *((one, Status.PENDING) for one in ("STAGED", "PROVISIONED", "ACTIVATING")),
        *((one, Status.INACTIVE) for one in ("DEPROVISIONED", "SUSPENDED")),
        *((one, Status.UNKNOWN) for one in ("HIBERNATED", "")),
    ],
)
def test_a_status_means_what_okta_says(word: str, status: Status) -> None:
    found = employee(status=word)
    assert (found.status, found.source_status) == (status, word or None)


@pytest.mark.parametrize("status", [Status.ACTIVE, Status.INACTIVE])
def test_an_option_says_what_a_suspension_means(status: Status) -> None:
    options = OktaOptions(suspended=status)
    assert employee(options, status="SUSPENDED").status is status
    assert employee(options, status="DEPROVISIONED").status is Status.INACTIVE


def test_the_time_of_the_last_change_is_stored() -> None:
    row = {"id": "00u1", "profile": {}, "lastUpdated": "2026-10-02T08:15:00.000Z"}
    found = to_employee(msgspec.convert(row, User), KNOWN, USUAL)
    assert found.updated_at == datetime(2026, 10, 2, 8, 15, tzinfo=UTC)


# ---- managers


@pytest.mark.parametrize("named", ["00uBoss", "jonas.lind@example.com", "Jonas@Example.com ", 17])
def test_a_manager_is_found_by_id_login_email_or_number(named: str | int) -> None:
    assert employee(managerId=named).manager_source_id == "00uBoss"


@pytest.mark.parametrize("named", ["CN=Jonas,DC=example", "office@x.example", "7", "00uboss"])
def test_a_manager_who_is_not_found_or_not_the_only_one_is_left_out(named: str) -> None:
    assert "manager_source_id" not in facts(employee(managerId=named))


def test_ids_differ_by_case_and_win_over_other_names() -> None:
    known = References([("00uA", "00ua", None), ("00ua", "x", None), ("9", "10"), ("10", "8")])
    found = [known.find(one) for one in ("00uA", "00ua", "X", "9", "10", "8")]
    assert found == ["00uA", "00ua", "00ua", "9", "10", "10"]


@pytest.mark.parametrize("named", [None, "", " "])
def test_no_manager_is_a_fact(named: str | None) -> None:
    assert facts(employee(managerId=named))["manager_source_id"] is None


# ---- units


def test_units_are_the_names_of_the_chosen_kinds() -> None:
    one = user(department=" Sales", division="EMEA", costCenter=None)
    assert [(unit.source_id, unit.name, unit.kind, unit.id_is_synthetic) for unit in to_units(one, ALL)] == [
        ("department:sales", "Sales", DepartmentKind.DEPARTMENT, True),
        ("division:emea", "EMEA", DepartmentKind.DIVISION, True),
    ]
    found = to_employee(one, KNOWN, ALL)
    assert found.department_source_ids == ("department:sales", "division:emea")
    assert found.primary_department_source_id == "department:sales"


def test_a_unit_that_did_not_come_is_none_unless_some_of_the_page_could_not_be_read() -> None:
    assert to_units(user(), USUAL) == ()
    with pytest.raises(RowRejectedError, match="could not be read"):
        to_units(user(), USUAL, "profile.department")


def test_of_a_unit_that_did_not_come_no_link_is_stored() -> None:
    assert "department_source_ids" not in facts(employee(ALL, department="Sales", division="EMEA"))


# ---- credentials


@pytest.mark.parametrize("domain", ["acme.okta.com", "acme-2.okta-emea.com", "dev-1.oktapreview.com"])
def test_an_organisation_at_okta_is_accepted(domain: str) -> None:
    credentials = OktaCredentials.parse({"domain": domain, "api_token": "00token"})
    manifest = Okta.manifest.reached_with(credentials)
    assert manifest.base_url == f"https://{domain}"
    assert manifest.allows(domain)
    assert not manifest.allows("okta.com.evil.example")


@pytest.mark.parametrize(
    ("typed", "suggested"),
    [
        ("acme-admin.okta.com", "acme.okta.com"),
        ("https://acme-admin.oktapreview.com/admin/users?x=1", "acme.oktapreview.com"),
        ("ACME.okta-emea.com", "acme.okta-emea.com"),
        ("acme", "acme.okta.com"),
        ("id.acme.example", ""),
        ("-admin.okta.com", ""),
        ("a.b.okta.com", ""),
        ("acme.okta.com.evil.example", ""),
    ],
)
def test_of_another_address_the_organisation_is_suggested(typed: str, suggested: str) -> None:
    with pytest.raises(InvalidCredentialsError) as caught:
        OktaCredentials.parse({"domain": typed, "api_token": "00token"})
    assert (caught.value.field, caught.value.suggestion) == ("domain", suggested)


def test_a_custom_domain_is_reached_only_where_it_is_typed() -> None:
    fields = {"domain": "acme.okta.com", "api_token": "00token"}
    usual = Okta.manifest.reached_with(OktaCredentials.parse(fields))
    custom = Okta.manifest.reached_with(OktaCredentials.parse({**fields, "custom_domain": "https://id.acme.example"}))
    assert not usual.allows("id.acme.example")
    assert custom.allows("id.acme.example")
    assert custom.base_url == "https://id.acme.example"


@pytest.mark.parametrize("fields", [{}, {"client_id": "0oa1"}, {"client_id": "0oa1", "api_token": "00token"}])
def test_one_way_to_sign_requests_has_to_be_filled_in(fields: dict[str, str]) -> None:
    with pytest.raises(InvalidCredentialsError, match="Fill in client_id, private_key and kid, or api_token"):
        Okta.manifest.reached_with(OktaCredentials.parse({"domain": "acme.okta.com", **fields}))

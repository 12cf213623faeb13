"""What is made of SCIM's rows, and of lists that are written in other ways."""

from typing import Any

import msgspec
import pytest

from connector_core import Call, Department, MalformedError, RowRejectedError, Status, WorkerType
from connector_core.http.parsing import parse_page
from connectors.scim.departments import to_departments
from connectors.scim.mapping import to_employee
from connectors.scim.wire import ENTERPRISE, Group, LowerCase, Resources, ServiceProviderConfig, User

CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
CALL = Call("GET", "/Users")


def user(**row: Any) -> User:
    return msgspec.convert({"id": "7", **row}, User, strict=False)


def facts(row: User, **more: Any) -> dict[str, Any]:
    found = to_employee(row, "department", {}, **more)
    return {name: getattr(found, name) for name in found.model_fields_set if name != "source_id"}


def extended(**values: Any) -> dict[str, Any]:
    return {"schemas": [CORE, ENTERPRISE], ENTERPRISE: values}


NO_WORK = {
    "employee_number": None,
    "manager_source_id": None,
    "department_source_ids": (),
    "primary_department_source_id": None,
}


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ({}, {}),
        ({"title": "Lead"}, {"job_title": "Lead"}),
        ({"displayName": "Ada L."}, {"display_name": "Ada L."}),
        (
            {"name": {"givenName": "Ada", "familyName": "King"}},
            {"display_name": "Ada King", "first_name": "Ada", "last_name": "King"},
        ),
        ({"name": {"givenName": "Ada"}}, {"display_name": "Ada", "first_name": "Ada", "last_name": None}),
        ({"active": True}, {"status": Status.ACTIVE}),
        ({"active": "False"}, {"status": Status.INACTIVE}),
        ({"active": None}, {"status": Status.UNKNOWN}),
        ({"userType": "Contractor"}, {"worker_type": WorkerType.CONTRACTOR}),
        ({"userType": "intern"}, {"worker_type": WorkerType.EMPLOYEE}),
        ({"userType": "Board"}, {"worker_type": WorkerType.UNKNOWN}),
        # The row says that it has no extension, or that it has one which did not come.
        ({"schemas": [CORE]}, NO_WORK),
        ({"schemas": [CORE, ENTERPRISE]}, {}),
        ({"schemas": [CORE, ENTERPRISE.upper()]}, {}),
        (extended(), NO_WORK),
        (extended(employeeNumber="12"), {**NO_WORK, "employee_number": "12"}),
        (extended(manager={"value": "9", "$ref": "../Users/9"}), {**NO_WORK, "manager_source_id": "9"}),
        (extended(manager="9"), {**NO_WORK, "manager_source_id": "9"}),
        ({"EnterpriseUser": {"employeeNumber": "12"}}, {**NO_WORK, "employee_number": "12"}),
        ({ENTERPRISE.lower(): {"employeeNumber": "12"}}, {**NO_WORK, "employee_number": "12"}),
    ],
)
def test_a_row_becomes_what_it_says_and_nothing_else(row: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert facts(user(**row)) == wanted


def test_a_manager_without_an_id_is_not_known_and_not_none() -> None:
    found = facts(user(**extended(manager={"displayName": "Ada"})))
    assert "manager_source_id" not in found
    assert found["employee_number"] is None


@pytest.mark.parametrize(
    ("emails", "wanted"),
    [
        ([{"value": "a@x.example", "type": "work"}], "a@x.example"),
        ([{"value": "a@x.example"}, {"value": "b@x.example", "primary": True}], "b@x.example"),
        ([{"value": "h@x.example", "type": "home", "primary": True}, {"value": "a@x.example"}], "a@x.example"),
        ([{"value": "h@x.example", "type": "Home"}], None),
        ([{"value": "o@x.example", "type": "other"}], None),
        ([], None),
        (None, None),
    ],
)
def test_no_private_e_mail_leaves_the_parser(emails: Any, wanted: str | None) -> None:
    row = user(emails=emails)
    assert facts(row) == {"email": wanted}
    assert "h@x" not in repr(row)
    assert "o@x" not in repr(row)


def test_names_that_look_the_same_are_one_department_and_its_id_is_made_of_it() -> None:
    rows = [user(**extended(department=one)) for one in ("Sales", " SALES ", "sales")]
    found = {one.source_id: one for row in rows for one in to_departments(row, "department")}
    assert found == {"department:sales": Department(source_id="department:sales", name="sales", id_is_synthetic=True)}
    assert {facts(row)["primary_department_source_id"] for row in rows} == {"department:sales"}


@pytest.mark.parametrize(("kind", "name"), [("division", "North"), ("cost_center", "CC 7")])
def test_a_division_or_a_cost_centre_is_a_department_of_its_kind(kind: str, name: str) -> None:
    row = user(**extended(department="Sales", division="North", costCenter="CC 7"))
    (found,) = to_departments(row, kind)
    assert (found.source_id, found.name, found.kind) == (f"{kind}:{name.lower()}", name, kind)
    assert to_employee(row, kind, {}).department_source_ids == (found.source_id,)


def test_a_row_whose_extension_did_not_come_may_name_one_more_department() -> None:
    assert to_departments(user(schemas=[CORE]), "department") == ()
    with pytest.raises(RowRejectedError, match="department: did not come"):
        to_departments(user(), "department")


def test_groups_are_the_departments_and_one_alone_is_the_primary_one() -> None:
    groups = {"7": ["g2", "g1"], "8": ["g1"]}
    two, one, none = (to_employee(user(id=each), "groups", groups) for each in ("7", "8", "9"))
    assert (two.department_source_ids, two.primary_department_source_id) == (("g1", "g2"), None)
    assert (one.department_source_ids, one.primary_department_source_id) == (("g1",), "g1")
    assert (none.department_source_ids, none.primary_department_source_id) == ((), None)


def test_a_value_in_the_extension_that_cannot_be_read_costs_the_extension_and_no_field_is_emptied() -> None:
    row = {"id": "7", "title": "Lead", **extended(department={"no": "text"}, employeeNumber="12")}
    page = parse_page(CALL, Resources[User], msgspec.json.encode({"totalResults": 1, "Resources": [row]}))
    assert page.rejected == ()
    assert facts(page.rows[0]) == {"job_title": "Lead"}


@pytest.mark.parametrize("body", [{"totalResults": 0}, {"totalResults": 9, "itemsPerPage": 0}, {"Resources": []}])
def test_a_page_without_rows_may_lack_their_key(body: dict[str, Any]) -> None:
    assert parse_page(CALL, Resources[User], msgspec.json.encode(body)).rows == ()


@pytest.mark.parametrize("body", [{}, {"totalResults": 9}, {"totalResults": 9, "resources": []}, {"Resources": None}])
def test_a_page_that_should_have_rows_is_no_empty_one(body: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        parse_page(CALL, Resources[User], msgspec.json.encode(body))


def test_rows_under_the_other_key_are_rows_of_either_kind() -> None:
    body = {"totalResults": 1, "resources": [{"id": "g", "displayName": "All", "members": None}]}
    found = parse_page(CALL, LowerCase[Group], msgspec.json.encode(body))
    assert [(one.id, one.name) for one in found.rows] == [("g", "All")]
    assert Department.of(found.rows[0]) == Department(source_id="g", name="All")


def test_a_configuration_without_pagination_pages_by_index() -> None:
    found = msgspec.convert({"sort": {"supported": False}}, ServiceProviderConfig)
    assert (found.pagination.cursor, found.pagination.index) == (False, True)
    assert found.sort == {"supported": False}

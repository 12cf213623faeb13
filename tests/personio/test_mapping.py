"""From Personio's JSON to entities: labels taken off, departments told apart, and nobody's leave revealed."""

import json
from typing import Any

import pytest

from connector_core import Call, Department, Employee, Page, PlaceInListing, Status, TotalSource, WorkerType
from connector_core.http.parsing import parse_page
from connectors.personio.mapping import to_departments, to_employee
from connectors.personio.wire import People


def page(*people: dict[str, Any], **more: Any) -> Page[Any]:
    rows = [
        {"type": "Employee", "attributes": {"id": label(number), **attributes}}
        for number, attributes in enumerate(people, 1)
    ]
    body = json.dumps({"success": True, "data": rows, **more}).encode()
    return parse_page(Call("GET", "/v1/company/employees"), People, body).at(PlaceInListing(last=False))


def label(value: Any) -> dict[str, Any]:
    return {"label": "Whatever", "value": value, "type": "standard", "universal_id": None}


def unit(**attributes: Any) -> dict[str, Any]:
    return label({"type": "Department", "attributes": attributes})


def employee(**attributes: Any) -> Employee:
    mapped = page(attributes).map(to_employee)
    assert not mapped.rejected
    return mapped.rows[0]


def departments(*people: dict[str, Any]) -> Page[Department]:
    return page(*people).derive(to_departments)


@pytest.mark.parametrize("ungranted", [{}, {"email": None}], ids=["absent", "null instead of labelled"])
def test_an_attribute_that_may_not_be_read_is_left_unset(ungranted: dict[str, Any]) -> None:
    assert employee(**ungranted).model_fields_set == {"source_id"}


def test_a_value_that_is_null_is_a_fact() -> None:
    found = employee(email=label(None), supervisor=label(None), department=label(None), office=label(None))
    assert {"email", "manager_source_id", "department_source_ids", "location_name"} <= found.model_fields_set
    assert (found.email, found.manager_source_id, found.department_source_ids) == (None, None, ())


@pytest.mark.parametrize("number", [2116366, "2116366"], ids=["as a number", "as text"])
def test_the_id_is_the_number_under_its_label(number: object) -> None:
    assert employee(id=label(number)).source_id == "2116366"


@pytest.mark.parametrize("row", [{}, {"id": None}, {"id": label(None)}, {"id": {"label": "ID"}}])
def test_a_row_without_an_id_is_rejected_alone(row: dict[str, Any]) -> None:
    body = json.dumps({"data": [{"attributes": row}, {"attributes": {"id": label(2)}}]}).encode()
    read = parse_page(Call("GET", "/v1/company/employees"), People, body)
    assert read.ids == ("2",)
    assert len(read.rejected) == 1


@pytest.mark.parametrize(
    ("word", "status", "stored"),
    [
        ("active", Status.ACTIVE, "active"),
        ("leave", Status.ACTIVE, "active"),
        ("Leave", Status.ACTIVE, "active"),
        ("onboarding", Status.PENDING, "onboarding"),
        ("inactive", Status.INACTIVE, "inactive"),
        ("sabbatical", Status.UNKNOWN, "sabbatical"),
        (None, Status.UNKNOWN, None),
    ],
)
def test_who_is_on_leave_is_active_and_nothing_tells_them_apart(
    word: str | None, status: Status, stored: str | None
) -> None:
    found = employee(status=label(word))
    assert (found.status, found.source_status) == (status, stored)


def test_a_termination_date_never_decides_the_status() -> None:
    found = employee(status=label("active"), termination_date=label("2031-12-31T00:00:00+01:00"))
    assert (found.status, str(found.end_date)) == (Status.ACTIVE, "2031-12-31")


@pytest.mark.parametrize(
    ("word", "worker"),
    [("internal", WorkerType.EMPLOYEE), ("external", WorkerType.CONTRACTOR), ("", WorkerType.UNKNOWN)],
)
def test_the_employment_type_tells_who_is_a_contractor(word: str, worker: WorkerType) -> None:
    assert employee(employment_type=label(word)).worker_type is worker


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2014-11-09T00:00:00+01:00", "2014-11-09"),
        ("1835-02-01T00:00:00+00:53", "1835-02-01"),
        ("2014-11-09", "2014-11-09"),
        ("", None),
        (None, None),
    ],
)
def test_a_date_is_the_day_that_is_written_and_no_moment_in_utc(text: str | None, day: str | None) -> None:
    found = employee(hire_date=label(text)).start_date
    assert found == (found and type(found).fromisoformat(day or ""))
    assert (found is None) is (day is None)


def test_the_supervisors_attributes_are_labelled_again_and_a_units_are_not() -> None:
    boss = label({"type": "Employee", "attributes": {"id": label(2), "first_name": label("Ada")}})
    found = employee(supervisor=boss, office=unit(id=7, name="Berlin"))
    assert (found.manager_source_id, found.location_name) == ("2", "Berlin")
    unnamed = employee(supervisor=label({"type": "Employee", "attributes": {}}))
    assert "manager_source_id" not in unnamed.model_fields_set


@pytest.mark.parametrize(
    ("preferred", "shown"),
    [
        (None, "Augusta Lovelace"),
        ("", "Augusta Lovelace"),
        ("Ada", "Ada Lovelace"),
        ("Ada King", "Ada King"),
    ],
)
def test_the_preferred_name_wins(preferred: str | None, shown: str) -> None:
    named = {"first_name": label("Augusta"), "last_name": label("Lovelace")}
    assert employee(**named, preferred_name=label(preferred)).display_name == shown
    assert employee(**named).display_name == "Augusta Lovelace"
    assert "display_name" not in employee(preferred_name=label(preferred)).model_fields_set


# ---- departments


def test_a_department_has_the_id_that_employees_name() -> None:
    sales = unit(id=281521, name=" Sales ")
    found = departments({"department": sales}, {"department": sales}, {"department": label(None)})
    assert [(one.source_id, one.name, one.id_is_synthetic) for one in found.rows] == [("281521", "Sales", False)]
    assert found.listed == ("1", "2", "3")
    assert employee(department=sales).primary_department_source_id == "281521"


@pytest.mark.parametrize("name", ["Customer Support", " customer  support", "CUSTOMER SUPPORT"])
def test_a_department_with_a_name_only_has_an_id_made_of_it_and_is_linked_by_that(name: str) -> None:
    (found,) = departments({"department": unit(name=name)}).rows
    assert (found.source_id, found.name, found.id_is_synthetic) == ("department:customer support", name.strip(), True)
    assert employee(department=unit(name=name)).department_source_ids == ("department:customer support",)


@pytest.mark.parametrize(
    "attributes",
    [{}, {"department": None}, {"department": unit(id=1)}, {"department": unit(id=1, name=" ")}],
    ids=["absent", "null instead of labelled", "nameless", "blank"],
)
def test_a_department_that_cannot_be_told_rejects_its_row_and_empties_nothing(attributes: dict[str, Any]) -> None:
    found = departments(attributes, {"department": unit(id=1, name="Sales")})
    (rejected,) = found.rejected
    assert (rejected.source_id, rejected.field) == ("1", "department")
    assert rejected.problem.startswith("did not come, or has no name")
    assert found.ids == ("1",)
    assert "department_source_ids" not in employee(**attributes).model_fields_set


# ---- totals


@pytest.mark.parametrize(
    ("more", "announced"),
    [({"metadata": {"total_elements": 7}}, 7), ({"metadata": {}}, None), ({}, None)],
)
def test_a_total_that_did_not_come_is_missed(more: dict[str, Any], announced: int | None) -> None:
    read = page({}, **more)
    assert (read.announced, read.total_source) == (announced, TotalSource.LISTING)

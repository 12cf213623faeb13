"""Departments from Personio's org units, an option: all of them, with parents, and links that hold."""

import json
from typing import Any

import pytest

from connector_core import Call, Code, Context, Cursor, Department, IdsByName, MalformedError, Options, PlaceInListing
from connector_core.beginnings import Proof
from connector_core.http.parsing import ParsedPage, parse_page
from connector_core.settings import PluginSettings
from connectors.personio.connector import Personio, PersonioOptions
from connectors.personio.credentials import PersonioCredentials
from connectors.personio.mapping import DepartmentIds, ids_of, to_department, to_employee
from connectors.personio.simulator import ORG_UNITS
from connectors.personio.wire import OrgUnit, OrgUnits, People
from world import UNGUARDED, Provider, StartProvider

pytestmark = pytest.mark.jumping

WITH_UNITS = PluginSettings(options={"departments": "org_units"})
SALES = {"department_source_ids": ("7",), "primary_department_source_id": "7"}
NONE = {"department_source_ids": (), "primary_department_source_id": None}


def response(*units: dict[str, Any], links: Any) -> ParsedPage[OrgUnit]:
    body = json.dumps({"_data": units, "_meta": {"links": links}}).encode()
    return parse_page(Call("GET", ORG_UNITS), OrgUnits, body, paging=Cursor(5))


@pytest.mark.parametrize(
    ("links", "cursor"),
    [
        ({}, None),
        ({"next": None}, None),
        ({"next": {"href": "https://api.personio.de/v2/org-units?cursor=cur_8%3D&limit=5"}}, "cur_8="),
        ({"next": {"href": "/v2/org-units?limit=5&cursor=cur_8"}}, "cur_8"),
    ],
)
def test_the_next_page_begins_at_the_cursor_of_the_link(links: Any, cursor: str | None) -> None:
    assert response(links=links).next_cursor == cursor


@pytest.mark.parametrize("links", [None, {"next": {}}, {"next": {"href": "/v2/org-units"}}, {"next": "cur_8"}])
def test_a_response_that_does_not_tell_if_more_follow_is_no_last_page(links: Any) -> None:
    with pytest.raises(MalformedError):
        response(links=links)


def test_an_org_unit_is_a_department_with_its_parent() -> None:
    page = response({"id": "7", "name": "Sales", "parent_id": 5}, {"id": "5", "name": "Group"}, {"id": "6"}, links={})
    found = page.at(PlaceInListing()).map(to_department)
    assert [(one.source_id, one.name, one.parent_source_id) for one in found.rows] == [
        ("7", "Sales", "5"),
        ("5", "Group", None),
    ]
    assert [one.source_id for one in found.rejected] == ["6"]


@pytest.mark.parametrize(
    ("unit", "wanted"),
    [
        ({"id": 7, "name": "Sales"}, SALES),
        ({"id": 7, "name": " Sales "}, SALES),
        # Another id of the same department, or none.
        ({"id": 281_521, "name": "Sales"}, SALES),
        ({"name": "Sales"}, SALES),
        # The id of another department.
        ({"id": 7, "name": "Legal"}, {}),
        ({"id": 9, "name": "Legal"}, {}),
        ({"id": 7}, {}),
        ({"id": 7, "name": " "}, {}),
        # Two have this name: only the id tells which.
        ({"id": 11, "name": "Support"}, {"department_source_ids": ("11",), "primary_department_source_id": "11"}),
        ({"id": 13, "name": "Support"}, {}),
        (None, NONE),
    ],
)
def test_an_employee_s_department_is_one_of_the_org_units_or_unknown(
    unit: dict[str, Any] | None, wanted: dict[str, Any]
) -> None:
    units = [("7", "Sales"), ("11", "Support"), ("12", "Support")]
    known = ids_of(response(*({"id": one, "name": name} for one, name in units), links={}).rows)
    value = unit and {"type": "Department", "attributes": unit}
    row = {"attributes": {"id": {"value": 1}, "department": {"label": "Department", "value": value}}}
    body = json.dumps({"data": [row]}).encode()
    (person,) = parse_page(Call("GET", "/v1/company/employees"), People, body).rows
    found = to_employee(person, known)
    assert {name: getattr(found, name) for name in found.model_fields_set} == {"source_id": "1", **wanted}
    # Where the org units could not be read, nothing but their absence is known.
    left = to_employee(person, DepartmentIds({}, IdsByName([]))).model_fields_set - {"source_id"}
    assert left == (NONE.keys() if unit is None else set())


def test_an_option_that_is_not_set_is_no_rule_of_a_kind() -> None:
    def rule(options: PersonioOptions) -> str:
        credentials = PersonioCredentials.parse({"client_id": "papi-1", "client_secret": "secret"})
        unused: Any = None
        return Personio(Context(credentials, options, api=unused, log=unused)).rule(Department)

    assert rule(PersonioOptions()) == Options().model_dump_json()
    assert rule(PersonioOptions(departments="org_units")) != rule(PersonioOptions())


async def started(provider: StartProvider, **switches: Any) -> Provider:
    personio = await provider("personio", losses=UNGUARDED, plugin=WITH_UNITS, **switches)
    await personio.connect()
    return personio


@pytest.mark.parametrize("unit_ids", ["same", "others"])
@pytest.mark.parametrize("largest_page", [None, 5])
async def test_all_departments_are_read_with_their_parents_and_employees_are_linked_to_them(
    provider: StartProvider, unit_ids: str, largest_page: int | None
) -> None:
    personio = await started(provider, unit_ids=unit_ids)
    personio.simulator.largest_page = largest_page
    report = await personio.run()
    people, departments = report["Employee"].certificate, report["Department"].certificate
    assert people.complete
    assert departments.complete
    assert departments.proof is Proof.READ_TWICE
    assert not people.profile.dangling
    assert not departments.profile.dangling
    stored = await personio.departments()
    assert {(one.source_id, one.name, one.parent_source_id) for one in stored.values()} == {
        (one["id"], one["name"], one["parent_id"]) for one in personio.simulator.org_units()
    }
    named = {stored[one.primary_department_source_id or ""].name for one in (await personio.people()).values()}
    assert named == personio.simulator.departments.keys()


@pytest.mark.parametrize("units", ["forbidden", "refused"])
async def test_org_units_that_may_not_be_read_any_more_remove_and_empty_nothing(
    provider: StartProvider, units: str
) -> None:
    personio = await started(provider)
    await personio.run()
    before = await personio.people(), await personio.departments()
    personio.switch(units=units)
    for _ in range(2):
        report = await personio.run()
        assert (await personio.people(), await personio.departments()) == before
        assert [one.certificate.complete for one in report.kinds] == [True, False]
        (reason,) = report["Department"].certificate.reasons
        assert reason.code is (Code.READ_FAILED if units == "forbidden" else Code.RESOURCE_REFUSED)


async def test_org_units_are_requested_only_if_they_are_wanted(provider: StartProvider) -> None:
    personio = await provider("personio")
    await personio.connect()
    await personio.run()
    assert ORG_UNITS not in {one.path for one in personio.simulator.requests}

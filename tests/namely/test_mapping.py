"""From Namely's JSON to entities: every oddity of the facts, and nothing undeclared."""

import gc
import json
from types import FunctionType, ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector_core import Call, Employee, Page, PlaceInListing, ProtocolError, RowRejectedError, Status, WorkerType
from connector_core.http.parsing import parse_page
from connector_core.sdk.invalid_text import PROBLEM
from connectors.namely.groups import Structure, structure_of, to_department, types_named, types_that_are
from connectors.namely.mapping import to_employee
from connectors.namely.wire import Group, GroupLinks, GroupType, Profiles

PLACES = Structure(
    departments={"sales": "Departments", "legal": "Departments"},
    offices={"berlin": "Berlin"},
    known=frozenset({"sales", "legal", "berlin", "emea"}),
)


def page(*profiles: Any, **meta: Any) -> Page[Any]:
    body = json.dumps({"profiles": profiles, "meta": meta}).encode()
    return parse_page(Call("GET", "/profiles"), Profiles, body).at(PlaceInListing(last=False))


def employee(**profile: Any) -> Employee:
    mapped = page({"id": "p1", **profile}).map(to_employee, PLACES)
    assert not mapped.rejected
    return mapped.rows[0]


def test_a_key_that_is_absent_is_left_unset_and_one_that_is_null_is_a_fact() -> None:
    assert employee().model_fields_set == {"source_id"}
    assert "email" in employee(email=None).model_fields_set
    assert employee(email="").email is None


@pytest.mark.parametrize(
    ("reports_to", "manager"),
    [
        ([{"id": "no_guid", "first_name": "Nobody", "email": "None"}], None),
        ([{"id": "boss", "email": "b@x"}], "boss"),
        ([{"id": "boss"}, {"id": "second"}], "boss"),
        ([{"id": "boss "}], "boss "),
        ([], None),
        (None, None),
    ],
)
def test_the_manager_is_the_first_of_reports_to_unless_it_is_the_placeholder(
    reports_to: Any, manager: str | None
) -> None:
    found = employee(reports_to=reports_to)
    assert found.manager_source_id == manager
    assert "manager_source_id" in found.model_fields_set


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("active", Status.ACTIVE),
        ("inactive", Status.INACTIVE),
        ("pending", Status.PENDING),
        ("on_leave", Status.UNKNOWN),
    ],
)
def test_the_status_is_what_user_status_says(word: str, status: Status) -> None:
    assert employee(user_status=word).status is status
    assert employee(user_status=word).source_status == word


def test_a_departure_date_never_decides_the_status() -> None:
    leaving = employee(user_status="active", departure_date="2031-12-21")
    assert (leaving.status, str(leaving.end_date)) == (Status.ACTIVE, "2031-12-21")
    assert employee(user_status="inactive", departure_date="").status is Status.INACTIVE


@pytest.mark.parametrize(
    ("text", "day"), [("2011-01-15", "2011-01-15"), ("01/15/2011", "2011-01-15"), ("", None), (None, None), (" ", None)]
)
def test_dates_come_in_two_forms_and_empty(text: str | None, day: str | None) -> None:
    found = employee(start_date=text)
    assert (str(found.start_date) if found.start_date else None) == day
    assert "start_date" in found.model_fields_set


def test_a_date_that_cannot_be_read_is_no_fact() -> None:
    assert "start_date" not in employee(start_date="2011-02-31").model_fields_set


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (
            {"first_name": "Harriet", "last_name": "East", "preferred_name": "Boss", "full_name": "Boss East"},
            "Boss East",
        ),
        ({"first_name": "Harriet", "last_name": "East", "preferred_name": "Boss"}, "Boss East"),
        ({"first_name": "Harriet", "last_name": "East", "preferred_name": ""}, "Harriet East"),
        ({"first_name": "Harriet", "last_name": "East", "full_name": "Harriet J. East"}, "Harriet J. East"),
        ({"first_name": "", "last_name": ""}, None),
    ],
)
def test_the_preferred_name_wins(names: dict[str, str], shown: str | None) -> None:
    assert employee(**names).display_name == shown


def test_departments_are_those_of_the_groups_that_are_departments() -> None:
    groups = [{"id": "berlin", "name": "Berlin"}, {"id": "sales", "name": "Sales"}, {"id": "emea", "name": "EMEA"}]
    found = employee(links={"groups": groups})
    assert found.department_source_ids == ("sales",)
    assert found.primary_department_source_id == "sales"
    assert found.location_name == "Berlin"


def test_of_several_departments_none_is_known_to_be_the_primary() -> None:
    found = employee(links={"groups": [{"id": "sales"}, {"id": "legal"}]})
    assert found.department_source_ids == ("legal", "sales")
    assert found.primary_department_source_id is None
    assert "primary_department_source_id" in found.model_fields_set


@pytest.mark.parametrize(
    "links", [{}, None, {"job_title": {"id": "x"}}, {"groups": None}, {"groups": [{"id": "unheard-of"}]}]
)
def test_departments_that_cannot_be_told_are_left_as_they_were(links: Any) -> None:
    assert "department_source_ids" not in employee(links=links).model_fields_set


def test_belonging_to_no_group_is_a_fact() -> None:
    found = employee(links={"groups": []})
    assert found.department_source_ids == ()
    assert "department_source_ids" in found.model_fields_set


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"title": "Full Time"}, WorkerType.EMPLOYEE),
        ({"title": "Contractor"}, WorkerType.CONTRACTOR),
        ("Freelance", WorkerType.CONTRACTOR),
        ({"title": "Astronaut"}, WorkerType.UNKNOWN),
        (None, WorkerType.UNKNOWN),
    ],
)
def test_the_worker_type_comes_as_an_object_or_as_a_word(value: Any, kind: WorkerType) -> None:
    assert employee(employee_type=value).worker_type is kind


def test_a_job_title_may_be_null() -> None:
    assert employee(job_title=None).job_title is None
    assert employee(job_title={"id": 7, "title": "Clerk"}).job_title == "Clerk"


def test_moments_are_epoch_seconds() -> None:
    assert str(employee(updated_at=1415905802).updated_at) == "2014-11-13 19:10:02+00:00"
    assert "updated_at" not in employee(updated_at=10**18).model_fields_set


def test_a_staff_number_may_be_a_number() -> None:
    assert employee(employee_id=1011).employee_number == "1011"


@pytest.mark.parametrize(
    ("rows", "meta", "announced"),
    [
        (2, {"count": 2, "total_count": 368}, 368),
        (2, {"count": 368}, 368),
        (2, {"count": 2}, None),
        (0, {"count": 0}, None),
        (0, {"count": 0, "total_count": 0}, 0),
        (2, {}, None),
    ],
)
def test_the_total_is_read_in_both_meanings_of_count(rows: int, meta: dict[str, int], announced: int | None) -> None:
    assert page(*({"id": str(number)} for number in range(rows)), **meta).announced == announced


TYPES = (
    GroupType(id="t1", title="Divisions", type="custom"),
    GroupType(id="t2", title="Departments", type="department"),
    GroupType(id="t3", title="Office Locations", type="office location"),
)


@pytest.mark.parametrize(
    ("types", "found"),
    [
        (TYPES, {"t2"}),
        ((GroupType(id="t", title="Whatever", type="DEPARTMENT"),), {"t"}),
        ((GroupType(id="t", title="departments", type="custom"),), {"t"}),
        ((GroupType(id="t", title="Department", type=None),), {"t"}),
        ((GroupType(id="t", title="Teams", type="custom"),), set()),
    ],
)
def test_departments_are_told_by_type_then_by_title(types: tuple[GroupType, ...], found: set[str]) -> None:
    assert types_that_are("department", types) == found


def test_departments_may_be_named_by_title_or_id_and_a_name_that_is_none_is_an_error() -> None:
    assert types_named(("divisions",), TYPES) == {"t1"}
    assert types_named(("t1", "Departments"), TYPES) == {"t1", "t2"}
    with pytest.raises(KeyError, match="Nonsense"):
        types_named(("Departments", "Nonsense"), TYPES)


def test_a_group_names_its_type_by_link_by_title_or_by_id() -> None:
    groups = (
        Group(id="a", title="A", type="Departments", links=GroupLinks(group_type="t2")),
        Group(id="b", title="B", type="departments"),
        Group(id="c", title="C", type="t2"),
        Group(id="d", title="D", type="Divisions"),
        Group(id="e", title="E"),
        Group(id="f", title="F", links=GroupLinks(group_type="unheard-of")),
    )
    structure = structure_of(groups, TYPES, frozenset({"t2"}))
    assert set(structure.departments) == {"a", "b", "c"}
    assert structure.known == {"a", "b", "c", "d"}
    made = [to_department(group, structure) for group in groups[:4]]
    for untold in groups[4:]:
        with pytest.raises(RowRejectedError):
            to_department(untold, structure)
    assert [(one.name, one.source_type) if one else None for one in made] == [
        ("A", "Departments"),
        ("B", "Departments"),
        ("C", "Departments"),
        None,
    ]


@pytest.mark.parametrize(
    ("profile", "untold"),
    [
        ({"job_title": {"id": "x"}}, "job_title"),
        ({"employee_type": {}}, "worker_type"),
        ({"reports_to": [{"first_name": "Ada"}]}, "manager_source_id"),
        ({"links": {"groups": [{"name": "Sales"}]}}, "department_source_ids"),
        ({"office": {"city": "Berlin"}}, "country_code"),
    ],
)
def test_a_part_that_lacks_its_key_says_nothing(profile: dict[str, Any], untold: str) -> None:
    assert untold not in employee(**profile).model_fields_set


def test_where_no_department_is_visible_departments_stay_unset() -> None:
    nothing = Structure(departments={}, offices={}, known=frozenset({"emea"}))
    (found,) = page({"id": "p1", "links": {"groups": [{"id": "emea"}]}}).map(to_employee, nothing).rows
    assert not {"department_source_ids", "location_name"} & found.model_fields_set


def test_an_office_whose_title_did_not_come_says_nothing() -> None:
    untitled = Structure(departments={"sales": "Departments"}, offices={"b": ""}, known=frozenset({"b", "sales"}))
    at_work, at_home = (
        page({"id": "p1", "links": {"groups": [{"id": one} for one in groups]}}).map(to_employee, untitled).rows[0]
        for groups in (["sales", "b"], ["sales"])
    )
    assert "location_name" not in at_work.model_fields_set
    assert at_work.department_source_ids == ("sales",)
    # Someone who is in no office has none: a fact.
    assert at_home.model_dump(include={"location_name"}, exclude_unset=True) == {"location_name": None}


CANARIES = {
    "ssn": "canary-ssn",
    "dob": "canary-dob",
    "salary": {"yearly_amount": "canary-salary"},
    "home": {"address1": "canary-home"},
    "mobile_phone": "canary-phone",
    "personal_email": "canary@private",
    "my_custom_field": "canary-custom",
    "office": {"address1": "canary-street", "country_id": "DE"},
    "reports_to": [{"id": "boss", "email": "canary-boss@x"}],
}


def test_an_undeclared_key_is_in_nothing_that_outlives_the_parser() -> None:
    wire = page({"id": "p1", **CANARIES})
    mapped = wire.map(to_employee, PLACES)
    reached: list[object] = [wire, mapped]
    for one in reached:
        # Everything that the two pages hold, however deep, except the classes that they share with all others.
        reached += [
            held
            for held in gc.get_referents(one)
            if not isinstance(held, (type, ModuleType, FunctionType)) and not any(held is known for known in reached)
        ]
        assert len(reached) < 5_000
    assert len([one for one in reached if isinstance(one, str)]) > 3
    assert not [one for one in reached if isinstance(one, str) and "canary" in one]


def test_a_rejected_row_is_named_without_its_content() -> None:
    found = page({"id": "p1", "email": {"canary": 1}, "ssn": "canary"}, {"id": "p2"}, {"email": "no-id@x"}, "canary")
    assert found.ids == ("p2",)
    assert [(one.source_id, one.field, one.problem) for one in found.rejected] == [
        ("p1", "email", "expected `str | null`, got `object`"),
        (None, "id", "is missing"),
        (None, "", "expected `object`, got `str`"),
    ]


def test_text_that_is_not_utf8_rejects_its_row_and_no_other() -> None:
    body = b'{"profiles": [{"id": "p1", "email": "\xff\xfe"}, {"id": "p2"}], "meta": {"total_count": 2}}'
    found = parse_page(Call("GET", "/profiles"), Profiles, body)
    assert found.ids == ("p2",)
    assert [(one.source_id, one.problem) for one in found.rejected] == [("p1", PROBLEM)]


@pytest.mark.parametrize("body", [b'{"profiles": ' + b"[" * 100_000, b'{"profiles": [{"id": NaN}]}', b"", b"null"])
def test_what_is_no_answer_of_the_api_is_told_as_such(body: bytes) -> None:
    with pytest.raises(ProtocolError, match="is not as the API promises"):
        parse_page(Call("GET", "/profiles"), Profiles, body)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(
    "id email first_name last_name preferred_name full_name user_status updated_at job_title reports_to employee_type "
    "employee_id start_date departure_date office links ssn whatever".split()
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(st.dictionaries(KEYS, VALUES, max_size=8), max_size=4))
def test_mapping_is_total_a_value_or_a_counted_rejection(rows: list[dict[str, Any]]) -> None:
    try:
        found = page(*rows)
    except ProtocolError as error:
        pytest.fail(f"a bad row must not spoil its page: {error}")
    mapped = found.map(to_employee, PLACES)
    assert len(mapped.rows) + len(mapped.rejected) == len(rows)

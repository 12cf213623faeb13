"""Values that are not as promised: each costs its field at most, and its row only where the row needs it."""

from typing import Any

import msgspec
import pytest

from connector_core import UNSET, Call, Listing, Maybe, Row, Wire, field
from connector_core.http.parsing import ParsedPage, parse, parse_page
from connectors.bamboohr.wire import MetaList
from connectors.namely.wire import Owner, Profiles
from connectors.personio.mapping import to_employee
from connectors.personio.wire import People as PersonioPeople

CALL = Call("GET", "/people")


class Office(Wire):
    name: str
    floor: Maybe[int] = UNSET


class Nested(Wire):
    inner: Office
    name: Maybe[str] = UNSET


class Person(Row):
    name: str
    number: Maybe[str] = UNSET
    age: Maybe[int] = UNSET
    office: Maybe[Office] = UNSET
    tags: Maybe[list[str]] = UNSET
    nested: Maybe[Nested] = UNSET
    pair: Maybe[list[Office]] = UNSET
    links: Office | None = None


class People(Listing[Person]):
    rows: list[Person] = field(name="people")
    meta: Office | None = None


class Hidden(Wire):
    """A row whose id is nested, beside a field that it needs."""

    attributes: Office
    own: Row

    @property
    def id(self) -> str:
        return self.own.id


class HiddenPeople(Listing[Hidden]):
    rows: list[Hidden] = field(name="people")


def page(*rows: Any, **more: Any) -> ParsedPage[Person]:
    return parse_page(CALL, People, msgspec.json.encode({"people": rows, **more}))


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"number": 7}, {"number": "7"}),
        ({"number": 7.0}, {"number": "7"}),
        ({"number": 7.25}, {"number": "7.25"}),
        ({"number": 3_100_000_000_000_000_001}, {"number": "3100000000000000001"}),
        ({"age": "41"}, {"age": 41}),
        ({"tags": ["a", 1]}, {"tags": ["a", "1"]}),
        ({"office": []}, {"office": None}),
        ({"office": ""}, {"office": None}),
        ({"office": {"name": "Ulm", "floor": "2"}}, {"office": Office(name="Ulm", floor=2)}),
        ({"office": {"name": 7}}, {"office": Office(name="7")}),
        ({"links": []}, {"links": None}),
        ({"nested": {"inner": []}}, {"nested": None}),
        ({"nested": {"inner": "", "name": None}}, {"nested": None}),
    ],
)
def test_a_value_is_read_however_it_is_written(given: dict[str, Any], wanted: dict[str, Any]) -> None:
    found = page({"id": 5, "name": "Ada", **given}, {"id": "x", "name": "Eve"})
    assert found.rows[0] == Person(id="5", name="Ada", **wanted)
    assert (found.rejected, found.unreadable) == ((), ())


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"number": True}, "number"),
        ({"number": {"a": 1}}, "number"),
        ({"age": "old"}, "age"),
        ({"age": []}, "age"),
        ({"tags": ["a", {}]}, "tags"),
        ({"tags": ""}, "tags"),
        ({"office": {"floor": 2}}, "office"),
        ({"office": 7}, "office"),
        ({"office": {"name": "Ulm", "floor": "low"}}, "office.floor"),
        ({"number": 12345678901234567890.0}, "number"),
        ({"nested": {"inner": [], "name": "Ulm"}}, "nested"),
        ({"pair": [{"name": "Ulm"}, ""]}, "pair"),
    ],
)
def test_an_optional_value_that_cannot_be_read_stays_unset_and_is_named(given: dict[str, Any], place: str) -> None:
    found = page({"id": "a", "name": "Ada", **given})
    wanted = Office(name="Ulm") if place == "office.floor" else UNSET
    (name,) = given
    assert getattr(found.rows[0], name) == wanted
    assert (found.rejected, found.unreadable) == ((), (place,))


@pytest.mark.parametrize(
    ("row", "source_id", "place", "problem"),
    [
        ({"id": "a", "name": {"x": 1}}, "a", "name", "expected `str`, got `object`"),
        ({"id": 5, "age": 1}, "5", "name", "is missing"),
        ({"id": "a", "name": "Ada", "links": 7}, "a", "links", "expected `object | null`, got `int`"),
        ({"id": {"x": 1}, "name": "Ada"}, None, "id", "expected `str`, got `object`"),
        ({"id": 7.5, "name": "Ada"}, None, "id", "expected `str`, got `float`"),
        ({"id": 3.1e18, "name": "Ada"}, None, "id", "expected `str`, got `float`"),
        ({"id": True, "name": "Ada"}, None, "id", "expected `str`, got `bool`"),
        ({"id": "a\nb", "name": "Ada"}, None, "id", "expected `str` matching regex"),
        (["a"], None, "", "expected `object`, got `array`"),
        ({"id": "a", "name": "", "age": "old"}, "a", "age", "expected `int | null`, got `str`"),
    ],
)
def test_a_row_that_cannot_be_read_is_rejected_by_its_id(
    row: Any, source_id: str | None, place: str, problem: str
) -> None:
    found = page({"id": "good", "name": "Eve"}, row)
    (rejected,) = found.rejected
    assert found.ids == ("good",)
    assert (rejected.source_id, rejected.field) == (source_id, place)
    assert rejected.problem.startswith(problem)


def test_a_row_whose_id_is_nested_is_rejected_by_it() -> None:
    body = msgspec.json.encode({"people": [{"attributes": {"floor": 1}, "own": {"id": 12}}]})
    assert [one.source_id for one in parse_page(CALL, HiddenPeople, body).rejected] == ["12"]


def test_what_a_response_says_besides_its_rows_may_be_empty_too() -> None:
    assert page({"id": "a", "name": "Ada"}, meta=[]).rows


@pytest.mark.parametrize("number", ["x7", {}, True, 1.5, None])
def test_a_row_of_personio_whose_id_cannot_be_read_has_no_id(number: Any) -> None:
    row = {"attributes": {"id": {"value": number}, "email": {"value": "a@x.example"}}}
    (rejected,) = parse_page(CALL, PersonioPeople, msgspec.json.encode({"data": [row]})).rejected
    assert (rejected.source_id, rejected.field) == (None, "attributes.id.value")


def test_rows_are_kept_where_what_is_said_besides_them_is_empty() -> None:
    for head in (b'"metadata": []', b'"metadata": {"total_elements": ""}', b'"metadata": 7'):
        found = parse_page(CALL, PersonioPeople, b'{%b, "data": [{"attributes": {"id": {"value": 1}}}]}' % head)
        assert (found.ids, found.announced) == (("1",), None)
    for head in (b'"meta": []', b'"meta": {"total_count": ""}'):
        profiles = parse_page(CALL, Profiles, b'{%b, "profiles": [{"id": "g1"}]}' % head)
        assert (profiles.ids, profiles.announced) == (("g1",), None)


@pytest.mark.parametrize("office", [[], "", {"attributes": []}, {"attributes": ""}])
def test_an_empty_object_of_personio_is_null_and_the_person_is_kept(office: Any) -> None:
    row = {"attributes": {"id": {"value": "17"}, "office": {"value": office}, "email": {"value": "a@x.example"}}}
    (person,) = parse_page(CALL, PersonioPeople, msgspec.json.encode({"data": [row]})).rows
    employee = to_employee(person)
    assert (employee.source_id, employee.email, employee.location_name) == ("17", "a@x.example", None)
    assert "location_name" in employee.model_fields_set


def test_a_check_of_namely_reads_only_the_id_of_the_owner() -> None:
    body = b'{"profiles": [{"id": "g1", "links": [], "email": 5, "job_title": [[]]}]}'
    assert parse(CALL, Owner, body).profiles[0].id == "g1"
    assert parse_page(CALL, Profiles, body).ids == ("g1",)


def test_a_list_that_is_no_listing_is_read_as_tolerantly() -> None:
    body = b'[{"alias": "department", "options": [{"id": 1, "name": 7}]}, {"alias": null, "options": []}]'
    found = parse(CALL, list[MetaList], body)
    assert [(one.number, one.name) for one in found[0].options or ()] == [(1, "7")]

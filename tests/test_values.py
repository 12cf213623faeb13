"""The vocabulary of mappings, and the entities that are made with it."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from connector_core import (
    UNSET,
    Department,
    Employee,
    Maybe,
    Page,
    Row,
    Titled,
    as_tuple,
    day,
    first,
    full_name,
    link,
    lookup,
    moment,
    text,
    words,
)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("2024-01-31", date(2024, 1, 31)),
        (" 2024-01-31 ", date(2024, 1, 31)),
        ("2024-01-31T23:30:00-08:00", date(2024, 1, 31)),
        ("2024-01-31 23:30", date(2024, 1, 31)),
        (None, None),
        ("", None),
        (" ", None),
        ("0000-00-00", None),
        ("0000-00-00T00:00:00+00:00", None),
        ("0000-00-00 00:00:00", None),
        ("00/00/0000", None),
        ("-0001-11-30", None),
        ("-0001-11-30T00:00:00+00:00", None),
        ("0001-01-01T00:00:00", None),
        ("9999-12-31", None),
        ("9999-12-31T23:59:59Z", None),
        ("9999-12-30", date(9999, 12, 30)),
        ("1900-01-01", date(1900, 1, 1)),
        ("\u200b2024-01-31\ufeff", date(2024, 1, 31)),
        (UNSET, UNSET),
        ("2024-02-30", UNSET),
        ("20240131", UNSET),
        ("2024-W05-3", UNSET),
        ("2024-01-31x", UNSET),
        ("01/31/2024", UNSET),
        ("soon", UNSET),
    ],
)
def test_a_day_is_an_iso_date_or_not_a_fact(value: Maybe[str], wanted: Maybe[date]) -> None:
    assert day(value) == wanted


def test_a_date_of_the_providers_own_may_mean_none() -> None:
    assert [day(one, none=("1900-01-01",)) for one in ("1900-01-01", "1900-01-02")] == [None, date(1900, 1, 2)]
    assert day("01/01/1900", "%m/%d/%Y", none=("1900-01-01",)) is None
    assert day("12/31/9999", "%m/%d/%Y") is None


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("01/31/2024", date(2024, 1, 31)),
        ("2024-01-31", date(2024, 1, 31)),
        ("31/01/2024", UNSET),
        ("2024-13-01", UNSET),
    ],
)
def test_a_day_may_have_further_formats(value: str, wanted: Maybe[date]) -> None:
    assert day(value, "%m/%d/%Y") == wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (1415905802, datetime(2014, 11, 13, 19, 10, 2, tzinfo=UTC)),
        ("2014-11-13T19:10:02Z", datetime(2014, 11, 13, 19, 10, 2, tzinfo=UTC)),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (10**18, UNSET),
        (float("nan"), UNSET),
        ("", UNSET),
        ("yesterday", UNSET),
        (None, UNSET),
        (UNSET, UNSET),
    ],
)
def test_a_moment_is_an_iso_text_or_epoch_seconds(value: Maybe[str | float], wanted: Maybe[datetime]) -> None:
    assert moment(value) == wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("a7", "a7"),
        (7, "7"),
        (Titled(title="Clerk"), "Clerk"),
        (Titled(title=None), None),
        (Titled(), UNSET),
        (None, None),
        (UNSET, UNSET),
    ],
)
def test_numbers_and_titled_objects_are_read_as_text(value: Maybe[str | float | Titled], wanted: Maybe[str]) -> None:
    assert text(value) == wanted


def test_a_link_is_an_id_as_text_and_a_placeholder_leads_nowhere() -> None:
    assert [link(one, "0") for one in (12, "12", 0, "0", None, UNSET)] == ["12", "12", None, None, None, UNSET]


def test_an_absent_list_stays_absent_and_an_empty_one_has_no_first() -> None:
    assert [first(one) for one in ([1, 2], [], None, UNSET)] == [1, None, None, UNSET]
    assert [as_tuple(one) for one in ("a", "", None, UNSET)] == [("a",), (), (), UNSET]


def test_a_name_is_made_of_the_parts_that_are_not_blank() -> None:
    assert full_name(" Ada ", None, "", " ", UNSET, "King") == "Ada King"
    assert full_name(None, " ") is None


@pytest.mark.parametrize("word", ["full time", "Full-Time", "FULL_TIME", "  full   time "])
def test_a_word_has_one_meaning_however_it_is_spelled(word: str) -> None:
    assert words(word) == "full time"
    assert lookup({"full time": 1}, word, 0) == 1


def test_an_unknown_word_and_null_mean_otherwise_and_an_absent_one_nothing() -> None:
    assert [lookup({"full time": 1}, one, 0) for one in ("fulltime", "", None, UNSET)] == [0, 0, 0, UNSET]


# ---- entities


class Person(Row):
    email: Maybe[str] = UNSET
    title: Maybe[str] = UNSET
    updated_at: Maybe[int] = UNSET


def test_an_entity_takes_the_fields_of_the_same_name_and_those_that_are_given() -> None:
    person = Person(id=" p1", email=" ada@acme.example ", title="Clerk", updated_at=0)
    found = Employee.of(person, job_title=person.title, updated_at=moment(person.updated_at), location_name=UNSET)
    # An id stays as the provider writes it.
    assert found.source_id == " p1"
    assert (found.email, found.job_title, found.updated_at) == ("ada@acme.example", "Clerk", moment(0))
    assert found.model_fields_set == {"source_id", "email", "job_title", "updated_at"}


@pytest.mark.parametrize("blank", ["", " ", "\u00a0", None])
def test_a_blank_text_is_null(blank: str | None) -> None:
    found = Employee.of(Person(id="p1", email=blank), manager_source_id=blank or None)
    assert found.email is None
    assert found.body().startswith(b'{"source_id":"p1","email":null,')


@pytest.mark.parametrize("written", ["p1", "p1 ", " p1", " ", "\u00a0p1"])
def test_ids_and_links_stay_as_the_provider_writes_them(written: str) -> None:
    row = Person(id=written)
    assert Page.single([row]).map(Employee.of).ids == (written,) == (Employee.of(row).source_id,)
    department = Department.of(row, source_id=written, name=" Sales ", parent_source_id=written)
    assert (department.source_id, department.name, department.parent_source_id) == (written, "Sales", written)
    person = Employee.of(
        row,
        manager_source_id=link(written),
        department_source_ids=(written,),
        primary_department_source_id=written,
    )
    links = (person.manager_source_id, *person.department_source_ids, person.primary_department_source_id)
    assert links == (written,) * 3


def test_an_empty_link_leads_nowhere() -> None:
    assert Employee.of(Person(id="p1"), manager_source_id="").manager_source_id is None


def test_a_list_of_texts_has_no_blank_ones() -> None:
    found = Employee.of(Person(id="p1"), other_work_emails=(" a@acme.example", " ", ""))
    assert found.other_work_emails == ("a@acme.example",)


def test_an_entity_may_have_another_id_than_its_row() -> None:
    assert Department.of(Person(id="p1"), source_id="d1", name="Sales").source_id == "d1"


@pytest.mark.parametrize(
    "fields",
    [
        {"source_id": "a\x07"},
        {"source_id": ""},
        {"source_id": "x" * 256},
        {"manager_source_id": "a\x1b[31m"},
        {"department_source_ids": ("a", "b\x9f")},
        {"job_title": 5},
        {"status": "present"},
        {"salary": "1"},
    ],
)
def test_an_entity_refuses_ids_with_control_characters_other_types_and_unknown_fields(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Employee.of(Person(id="p1"), **fields)
    with pytest.raises(ValidationError):
        Employee(**{"source_id": "p1", **fields})


def test_a_body_has_the_fields_in_one_order_however_they_were_given() -> None:
    one = Employee.of(Person(id="p1", email="a@acme.example"), job_title="Clerk", department_source_ids=("b", "a", "b"))
    other = Employee(department_source_ids=("a", "b"), job_title="Clerk", email="a@acme.example", source_id="p1")
    assert one == other
    assert one.body() == other.body()
    assert one.body().startswith(b'{"source_id":"p1","email":"a@acme.example","job_title":"Clerk","department_')


def test_a_page_hands_its_data_to_the_function_for_each_row() -> None:
    def to_employee(person: Person, titles: dict[str, str]) -> Employee:
        return Employee.of(person, job_title=titles[person.id])

    def to_departments(person: Person, titles: dict[str, str]) -> list[Department]:
        return [Department.of(person, source_id=titles[person.id], name=titles[person.id])]

    page = Page.single((Person(id="p1"), Person(id="p2")))
    mapped = page.map(to_employee, {"p1": "Clerk"})
    assert [(one.source_id, one.job_title) for one in mapped.rows] == [("p1", "Clerk")]
    assert [one.source_id for one in mapped.rejected] == ["p2"]
    derived = page.derive(to_departments, {"p1": "Sales"})
    assert (derived.ids, derived.derived_from) == (("Sales",), ("p1",))
    assert [one.source_id for one in derived.rejected] == ["p2"]

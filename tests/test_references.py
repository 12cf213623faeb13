"""Rows that are found by other names, units that have a name only, and nulls that a provider leaves out."""

import tracemalloc
from typing import Any

import msgspec
import pytest

from connector_core import (
    UNSET,
    Department,
    DepartmentKind,
    Maybe,
    Page,
    References,
    Row,
    RowRejectedError,
    Wire,
    field,
    named_unit_fields,
    named_units,
)


def test_a_row_is_found_by_its_id_then_by_each_name_in_turn() -> None:
    known = References([("1", "ada", "10"), ("2", "1", "20"), ("3", "bob", "ada")])
    found = {name: known.find(name) for name in ("1", "2", "3", "ada", "bob", "10", "20", "nobody")}
    assert found == {"1": "1", "2": "2", "3": "3", "ada": "1", "bob": "3", "10": "1", "20": "2", "nobody": None}


@pytest.mark.parametrize("name", ["ada@example.com", " ADA@Example.com ", "\u200bada@example.com"])
def test_names_are_compared_in_their_normal_form_and_ids_are_not(name: str) -> None:
    known = References([("00uA", "ada@example.com")])
    assert known.find(name) == "00uA"
    assert known.find("00ua") is None


def test_a_name_of_two_rows_finds_neither_and_one_row_that_comes_twice_is_one() -> None:
    known = References([("1", "office"), ("2", "office"), ("3", "ada"), ("3", "ada")])
    assert [known.find("office"), known.find("ada")] == [None, "3"]


@pytest.mark.parametrize("name", [None, UNSET, "", " "])
def test_no_name_finds_no_row(name: Maybe[str]) -> None:
    known = References([("1", name)])
    assert [known.find(""), known.find(" ")] == [None, None]


def test_the_rows_are_those_that_another_listing_must_contain() -> None:
    expected = References([("ü1", "ada"), ("2", "bob")]).expected_ids()
    assert "ü1" in expected
    assert expected.total_with(["ü1", "3"]) == 3


def test_a_row_with_three_names_takes_little_more_than_a_hundred_bytes() -> None:
    rows = [(f"00u{number:017}", f"{number}@x.example", f"{number}@y.example", str(number)) for number in range(20_000)]
    tracemalloc.start()
    try:
        known = References(rows)
        size = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert known.find("19999") == rows[-1][0]
    assert size < 150 * len(rows)


# ---- units


def test_units_have_ids_of_their_names() -> None:
    assert named_units({"department": " Sales", "division": "SALES", "cost_center": None}) == (
        Department(source_id="department:sales", name="Sales", id_is_synthetic=True),
        Department(source_id="division:sales", name="SALES", kind=DepartmentKind.DIVISION, id_is_synthetic=True),
    )


def test_a_row_of_which_a_name_did_not_come_is_rejected() -> None:
    with pytest.raises(RowRejectedError, match="division: did not come"):
        named_units({"department": "Sales", "division": UNSET})


@pytest.mark.parametrize(
    ("names", "ids", "primary"),
    [
        ({"department": "Sales", "division": "EMEA"}, ("department:sales", "division:emea"), "department:sales"),
        ({"department": None, "division": "EMEA"}, ("division:emea",), None),
        ({"department": " "}, (), None),
        ({}, (), None),
    ],
)
def test_an_employee_is_linked_to_them(names: dict[str, Any], ids: tuple[str, ...], primary: str | None) -> None:
    assert named_unit_fields(names) == {"department_source_ids": ids, "primary_department_source_id": primary}


def test_without_one_of_the_names_nothing_is_said_of_links() -> None:
    assert named_unit_fields({"department": "Sales", "division": UNSET}) == {}


# ---- nulls


class Office(Wire):
    city: Maybe[str] = UNSET
    zip_code: Maybe[str] = field(name="zip", default=UNSET)


class Person(Row, rename="camel"):
    job_title: Maybe[str] = UNSET
    office: Maybe[Office] = UNSET
    level: int | msgspec.UnsetType = UNSET
    """Never null."""


def page(*rows: dict[str, Any], unreadable: tuple[str, ...] = ()) -> Page[Person]:
    found = tuple(msgspec.convert({"id": str(number), **row}, Person) for number, row in enumerate(rows))
    return Page(found, tuple(one.id for one in found), unreadable=unreadable)


def test_a_field_that_another_row_has_is_null_at_any_depth() -> None:
    given = page({"jobTitle": "Lead", "office": {"city": "Oslo"}}, {"office": {"zip": "1"}, "level": 1}, {})
    first, second, third = given.with_nulls().rows
    assert (first.job_title, first.office, first.level) == ("Lead", Office(city="Oslo", zip_code=None), UNSET)
    assert (second.job_title, second.office) == (None, Office(city=None, zip_code="1"))
    assert (third.job_title, third.office) == (None, None)


def test_a_field_that_no_row_has_or_that_could_not_be_read_in_one_did_not_come() -> None:
    given = page({"jobTitle": "Lead", "office": {"city": "Oslo"}}, {"office": {}}, unreadable=("office.city",))
    second = given.with_nulls().rows[1]
    assert second == Person(id="1", job_title=None, office=Office())


def test_a_row_that_was_requested_alone_has_null_for_all_that_it_lacks() -> None:
    (found,) = page({"office": {}}).with_nulls(always=True).rows
    assert found == Person(id="0", job_title=None, office=Office(city=None, zip_code=None))


def test_a_page_of_a_preparatory_listing_has_no_rows_and_is_no_checkpoint() -> None:
    found = page({}, {}).without_rows()
    assert (found.rows, found.listed, found.place.listing) == ((), (), "")

"""Views of stored entities: names beside ids, conditions, words, and order, as plain functions of entities."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any, ClassVar

import pytest

from connector_core import Department, Employee, Entity, SettingsError, Status
from connector_core.views import View, folded, linked_ids

NAMES = {
    "Employee": {"1": "Zoë Müller", "2": "Łukasz Żak", "3": "anna smith", "4": ""},
    "Department": {"s": "Sales", "r": "Research & Development"},
}
ZOE = Employee(
    source_id="1",
    display_name="Zoë Müller",
    email="zoe.mueller@acme.example",
    other_work_emails=("zm@acme.example",),
    employee_number="0042",
    job_title="Head of Sales",
    status=Status.ACTIVE,
    start_date=date(2020, 5, 1),
    department_source_ids=("s",),
    primary_department_source_id="s",
    location_name="Berlin",
)
LUKASZ = Employee(
    source_id="2",
    display_name="Łukasz Żak",
    employee_number="9",
    status=Status.INACTIVE,
    start_date=date(2019, 1, 31),
    manager_source_id="1",
    department_source_ids=("r", "s"),
    updated_at=datetime(2026, 1, 1, tzinfo=UTC),
)
ANNA = Employee(source_id="3", display_name="anna smith", employee_number="100", manager_source_id="gone")
NOBODY = Employee(source_id="N4", manager_source_id="4", department_source_ids=("gone", "s"))
PEOPLE = (ZOE, LUKASZ, ANNA, NOBODY)
people: View[Employee] = View(Employee, NAMES)


def found(accepts: Callable[[Employee], bool], of: Iterable[Employee] = PEOPLE) -> list[str]:
    return [one.source_id for one in of if accepts(one)]


def test_names_stand_beside_ids_and_are_null_where_they_are_not_known() -> None:
    assert people.columns[13:19] == (
        *("manager_source_id", "manager_name", "department_source_ids", "department_names"),
        *("primary_department_source_id", "primary_department_name"),
    )
    row = people.row(LUKASZ)
    assert tuple(row) == people.columns
    assert (row["manager_source_id"], row["manager_name"]) == ("1", "Zoë Müller")
    assert (row["department_source_ids"], row["department_names"]) == (["r", "s"], ["Research & Development", "Sales"])
    assert (row["primary_department_source_id"], row["primary_department_name"]) == (None, None)
    assert (row["status"], row["start_date"], row["updated_at"]) == ("inactive", "2019-01-31", "2026-01-01T00:00:00Z")
    assert people.row(ANNA)["manager_name"] is None
    # In step with the ids.
    assert people.row(NOBODY)["department_names"] == [None, "Sales"]
    assert View(Department, NAMES).columns[-5:-3] == ("parent_source_id", "parent_name")


@pytest.mark.parametrize(
    ("heading", "column", "value"),
    [
        ("manager", "manager_name", "zoe muller"),
        ("department", "department_names", "sales"),
        ("primary_department", "primary_department_name", ""),
    ],
)
def test_a_column_of_names_is_known_by_its_heading_in_tables(heading: str, column: str, value: str) -> None:
    expected = found(people.filter([(column, value)]))
    assert expected
    assert found(people.filter([(heading, value)])) == expected
    for sign in ("", "-"):
        assert people.sort(PEOPLE, f"{sign}{heading}") == people.sort(PEOPLE, f"{sign}{column}")


def test_people_read_names_instead_of_ids_and_ids_without_a_name() -> None:
    assert people.shown(LUKASZ, "manager_source_id") == "Zoë Müller"
    assert people.shown(LUKASZ, "department_source_ids") == "Research & Development, Sales"
    assert [people.shown(one, "manager_source_id") for one in (ZOE, ANNA, NOBODY)] == ["", "gone", "4"]
    assert people.shown(ZOE, "status") == "active"


@pytest.mark.parametrize(
    ("column", "value", "ids"),
    [
        ("status", "active", "1"),
        ("status", "INACTIVE", "2"),
        ("status", "unknown", "3 N4"),
        ("display_name", "zoe muller", "1"),
        ("display_name", "zoe", ""),
        ("department_names", "sales", "1 2 N4"),
        ("department_source_ids", "s", "1 2 N4"),
        ("department_source_ids", "S", ""),
        ("manager_name", "Zoe Müller", "2"),
        ("manager_source_id", "1", "2"),
        ("manager_source_id", "", "1"),
        ("department_source_ids", "", "3"),
        ("email", "", "2 3 N4"),
        ("source_id", "n4", ""),
        ("source_id", "N4", "N4"),
        ("start_date", "2020-05-01", "1"),
        ("other_work_emails", "ZM@acme.example", "1"),
        ("employee_number", "42", ""),
    ],
)
def test_a_condition_holds_for_equal_values_whatever_their_case_except_in_ids(
    column: str, value: str, ids: str
) -> None:
    assert found(people.filter([(column, value)])) == ids.split()


def test_all_conditions_have_to_hold() -> None:
    both = [("department_names", "Sales"), ("department_names", "Research & Development")]
    assert found(people.filter(both)) == ["2"]
    assert found(people.filter([("department_names", "Sales"), ("status", "active")], "head")) == ["1"]
    assert found(people.filter([("department_names", "Sales"), ("status", "active")], "zak")) == []
    assert found(people.filter()) == ["1", "2", "3", "N4"]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("muller", "1"),
        ("MÜLLER zoe", "1"),
        ("lukasz zak", "2"),
        ("acme.example", "1"),
        ("0042", "1"),
        ("100", "3"),
        ("sales", "1"),
        ("smith anna", "3"),
        ("zm@", "1"),
        # Neither ids, nor words of the status or the place.
        ("N4", ""),
        ("active", ""),
        ("berlin", ""),
        ("zoe zak", ""),
        ("   ", "1 2 3 N4"),
    ],
)
def test_a_search_finds_words_in_names_e_mails_numbers_and_titles(text: str, ids: str) -> None:
    assert found(people.filter(search=text)) == ids.split()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Straße", "STRASSE"),
        ("Øre Æble Đorđe", "ore aeble dorde"),
        ("e\u0301", "é"),
        ("علی\u200cرضا", "علیرضا"),  # noqa: RUF001 - the letters are Persian
        ("a\xa0b", "a b"),
        ("İstanbul", "istanbul"),
    ],
)
def test_case_accents_and_invisible_characters_make_no_difference(one: str, other: str) -> None:
    assert folded(one) == folded(other)


@pytest.mark.parametrize(
    ("by", "ids"),
    [
        ("display_name", "3 2 1 N4"),
        ("-display_name", "1 2 3 N4"),
        # By size, not letter by letter; a field without a value comes last either way.
        ("employee_number", "2 1 3 N4"),
        ("-employee_number", "3 1 2 N4"),
        ("start_date", "2 1 3 N4"),
        ("manager_name", "2 1 3 N4"),
        # Equal ones stay in their order.
        ("-status", "3 N4 2 1"),
    ],
)
def test_entities_are_sorted_as_people_expect(by: str, ids: str) -> None:
    assert [one.source_id for one in people.sort(PEOPLE, by)] == ids.split()


class Site(Entity):
    plural = "sites"
    city: str
    status: Status = Status.ACTIVE
    owner: str | None = None
    is_open: bool | None = None
    links: ClassVar[Mapping[str, str]] = {"owner": "Employee"}


def test_a_kind_of_a_connectors_own_is_viewed_too() -> None:
    sites = View(Site, NAMES)
    site = Site(source_id="1", city="Köln", owner="1", is_open=True)
    assert sites.row(site) == {
        "source_id": "1",
        "city": "Köln",
        "status": "active",
        "owner": "1",
        "owner_name": "Zoë Müller",
        "is_open": True,
    }
    assert sites.filter([("is_open", "TRUE")], "koln")(site)
    assert not sites.filter(search="active")(site)
    assert not sites.filter([("is_open", "")])(site)


def refused(function: Callable[..., Any], *arguments: Any) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        function(*arguments)
    return caught.value


def test_a_field_or_value_that_there_is_not_is_met_with_the_nearest() -> None:
    error = refused(people.filter, [("departmentnames", "Sales")])
    assert error.message.startswith("employees have no field 'departmentnames'; known: source_id, display_name, ")
    assert error.hint == "Did you mean department_names?"
    assert refused(people.sort, PEOPLE, "-emial").hint == "Did you mean email?"
    error = refused(people.filter, [("status", "activ")])
    assert error.message == "status is one of active, inactive, pending, unknown, not 'activ'."
    assert error.hint == "Did you mean active?"
    assert "is_open is one of true, false, not 'yes'." in refused(View(Site, {}).filter, [("is_open", "yes")]).message


def test_the_ids_behind_the_links_of_some_entities_are_known() -> None:
    assert linked_ids(Employee, [LUKASZ, NOBODY, ZOE]) == {"Employee": {"1", "4"}, "Department": {"r", "s", "gone"}}
    assert linked_ids(Employee, []) == {"Employee": set(), "Department": set()}
    assert linked_ids(Employee, None) == {"Employee": None, "Department": None}

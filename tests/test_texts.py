"""Texts of people: what is stored of them, and which of them look the same."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_core import Department, Employee, IdsByName, Row, department_fields, normal_form, words
from connector_core.sdk.texts import clean

CAFE = "Café Süd"
LOOKALIKES = [
    unicodedata.normalize("NFD", CAFE),
    "Café\u00a0Süd",
    "Café  Süd",
    " café süd\t",
    "CAFÉ SÜD",
    "\u200bCafé\u200b Süd\ufeff",
    "Ca\u00adfé Süd",
    "Café \u200fSüd",
]


@pytest.mark.parametrize("name", LOOKALIKES)
def test_a_department_is_found_by_a_name_that_looks_the_same(name: str) -> None:
    ids = IdsByName([(CAFE, "7", True), ("Sales", "8", True)])
    assert department_fields(name, ids)["department_source_ids"] == ("7",)
    assert IdsByName([(name, "7", True)]).find(CAFE) == "7"


def test_a_name_that_looks_like_two_departments_is_that_of_neither() -> None:
    ids = IdsByName([("Sales", "1", True), ("SALES", "2", True)])
    assert [ids.find(name) for name in ("Sales", "SALES", "sales")] == ["1", "2", None]
    assert department_fields("sales", ids) == {}


def test_a_department_in_use_wins_over_archived_ones() -> None:
    ids = IdsByName([("Sales", "1", False), ("Sales", "2", True), ("Legal", "3", False), ("LEGAL", "4", False)])
    assert [ids.find(name) for name in ("Sales", "sales", "Legal", "legal")] == ["2", "2", "3", None]


def test_no_name_is_that_of_no_department() -> None:
    ids = IdsByName([("", "1", True), ("\u200b", "2", True)])
    assert [ids.find(name) for name in ("", " ", "\u200b")] == [None, None, None]


class Person(Row):
    display_name: str
    job_title: str | None = None


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("\u200bAda\ufeff", "Ada"),
        ("\u00a0Ada Lovelace\u2003", "Ada Lovelace"),
        ("A\u00adda", "Ada"),
        ("\u202eAda\u202c", "Ada"),
        ("\u200d\u200c", None),
        ("\u200b \u00a0", None),
        # What came stays: a composed and a decomposed letter, an inner blank, and joiners that change the spelling.
        ("Zoe\u0308", "Zoe\u0308"),
        ("Ada\u00a0L.", "Ada\u00a0L."),
        ("\u0645\u06cc\u200c\u062e", "\u0645\u06cc\u200c\u062e"),
        ("👩\u200d🔧", "👩\u200d🔧"),
    ],
)
def test_a_stored_text_has_no_character_that_shows_and_means_nothing(written: str, stored: str | None) -> None:
    assert Employee.of(Person(id="1", display_name=written)).display_name == stored
    assert Employee(source_id="1", other_work_emails=(written,)).other_work_emails == ((stored,) if stored else ())


def test_ids_stay_as_they_came() -> None:
    found = Employee.of(Person(id="a\u200b", display_name="Ada"), manager_source_id="b\u200b ")
    assert (found.source_id, found.manager_source_id) == ("a\u200b", "b\u200b ")
    assert Department(source_id="a\u200b", name="x").source_id == "a\u200b"


@given(st.text())
def test_cleaning_and_the_normal_form_change_nothing_twice(text: str) -> None:
    assert clean(clean(text)) == clean(text)
    assert normal_form(normal_form(text)) == normal_form(text) == normal_form(clean(text))


@given(st.text())
def test_a_normal_form_is_that_of_all_compositions(text: str) -> None:
    assert {normal_form(unicodedata.normalize(form, text)) for form in ("NFC", "NFD", "NFKC", "NFKD")} == {
        normal_form(text)
    }


def test_words_of_the_provider_are_known_however_they_look() -> None:
    assert words("FULL\u00a0 Time\u200b") == words("full_time") == "full time"

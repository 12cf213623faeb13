"""When a field that came empty is not believed: counts of cleared values against those that are stored."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import TITLE, certificate, difference, differing
from connector_core import Employee, Status, WorkerType
from connector_core.data_profile import DataProfile
from connector_core.discovery.changes import plan, plan_updates
from connector_core.discovery.drift import (
    ClearedValues,
    DifferenceCounts,
    by_field,
    emptied_fields,
    lost_together,
    may_have_emptied,
    rows_emptied,
)
from connector_core.settings import DriftSettings
from connector_core.store.comparison import Loss

SETTINGS = DriftSettings()


@pytest.mark.parametrize(
    ("now", "stored", "held"),
    [
        # A whole field, in a large tenant and in small ones, however few rows have it.
        (170, 170, True),
        (13, 13, True),
        (3, 3, True),
        (2, 2, True),
        # One value of one, or two of a few, are everyday: a leaver who is hired again has no last day any more.
        (1, 1, False),
        (2, 3, False),
        # More than a share, and at least three.
        (3, 14, True),
        (3, 15, False),
        (4, 20, False),
        (20, 100, False),
        (21, 100, True),
    ],
)
def test_values_are_kept_above_a_share_and_a_number(now: int, stored: int, *, held: bool) -> None:
    found = emptied_fields({"end_date": ClearedValues(now, read=stored, stored=stored)}, SETTINGS, Employee)
    assert found == ({"end_date": (now, stored)} if held else {})


@pytest.mark.parametrize(
    ("one", "counts"),
    [
        # Small steps add up, against what there was at the start.
        (ClearedValues(1, read=80, recent=20, stored=80), (21, 100)),
        (ClearedValues(1, read=81, recent=19, stored=81), None),
        # Even if the rows that were read are few, as in a delta: against all that are stored.
        (ClearedValues(1, read=1, recent=20, stored=80), (21, 100)),
        (ClearedValues(1, read=1, recent=40, stored=20_000), None),
        # What a delta reads has changed: that many of its rows lose a value is everyday, that all do is not.
        (ClearedValues(8, read=10, recent=0, stored=20_000), None),
        (ClearedValues(8, read=8, recent=0, stored=20_000), (8, 8)),
    ],
)
def test_what_was_cleared_within_the_window_counts(one: ClearedValues, counts: tuple[int, int] | None) -> None:
    assert one.excess(SETTINGS) == counts


@pytest.mark.parametrize(
    ("one", "counts"),
    [
        (ClearedValues(50, read=200_000, stored=200_000), None),
        (ClearedValues(51, read=200_000, stored=200_000), (51, 200_000)),
        (ClearedValues(40_000, read=200_000, stored=200_000), (40_000, 200_000)),
        (ClearedValues(1, read=199_950, recent=50, stored=199_950), (51, 200_000)),
    ],
)
def test_more_than_a_number_of_values_are_kept_however_small_their_share(
    one: ClearedValues, counts: tuple[int, int] | None
) -> None:
    assert one.excess(SETTINGS) == counts
    assert one.excess(DriftSettings(at_most=40_000)) is None


def test_the_thresholds_are_settings() -> None:
    one = ClearedValues(5, read=100, stored=100)
    assert one.excess(SETTINGS) is None
    assert one.excess(DriftSettings(share=0.04))
    assert one.excess(DriftSettings(share=0.04, at_least=6)) is None
    two = ClearedValues(2, read=2, stored=2)
    assert two.excess(SETTINGS)
    assert two.excess(DriftSettings(all_of=3)) is None


def test_a_single_status_is_not_cleared() -> None:
    one = ClearedValues(1, read=60, stored=10_000)
    assert emptied_fields({"status": one, "email": one}, SETTINGS, Employee) == {"status": (1, 60)}


def test_the_providers_word_for_a_status_is_believed_no_more_than_the_status() -> None:
    one = ClearedValues(1, read=60, stored=60)
    both = {"source_status": one, "status": one}
    assert emptied_fields(both, SETTINGS, Employee) == {"source_status": (1, 60), "status": (1, 60)}
    assert emptied_fields({"source_status": one}, SETTINGS, Employee) == {}
    assert emptied_fields(both, SETTINGS, Employee, {"status"}) == {}
    assert emptied_fields(both, SETTINGS, Employee, {"source_status"}) == {"status": (1, 60)}


@pytest.mark.parametrize(
    ("stored", "read", "lost"),
    [
        # All that identifies the row, as far as it had it.
        ({"email": "a", "display_name": "A"}, {"email": None, "display_name": None}, {"email", "display_name"}),
        ({"display_name": "A"}, {"display_name": None}, {"display_name"}),
        ({"email": "a", "display_name": "A"}, {"display_name": None}, set()),
        ({"email": "a", "display_name": "A"}, {"email": None, "display_name": "B"}, set()),
        # Or several values.
        (
            {"email": "a", "job_title": "Lead", "start_date": "2020-01-01", "last_name": "A"},
            {"email": "a", "job_title": None, "start_date": None, "last_name": None},
            {"job_title", "start_date", "last_name"},
        ),
        ({"job_title": "Lead", "last_name": "A"}, {"job_title": None, "last_name": None}, set()),
        ({}, {"email": "a"}, set()),
    ],
)
def test_a_row_came_nearly_empty_where_it_lost_its_identity_or_several_values(
    stored: dict[str, Any], read: dict[str, Any], lost: set[str]
) -> None:
    row = by_field(difference(stored, read), Employee)
    assert lost_together(row, Employee) == lost
    assert lost_together(row, Employee, accepted=lost) == set()


@pytest.mark.parametrize(
    ("now", "recent", "size", "held"),
    [
        (2, 0, 400, False),
        (3, 0, 400, True),
        (1, 2, 400, True),
        (0, 9, 400, False),
        # One of a hundred or fewer is a hundredth.
        (1, 0, 100, True),
        (1, 0, 101, False),
    ],
)
def test_rows_that_came_nearly_empty_are_kept_from_a_number_or_a_share_on(
    now: int, recent: int, size: int, *, held: bool
) -> None:
    assert rows_emptied(now, recent, size, SETTINGS) is held
    assert not rows_emptied(now, recent, size, DriftSettings(rows=100, rows_share=1))


def test_stored_values_are_counted_only_where_enough_are_cleared() -> None:
    cleared = {"email": 1, "end_date": 1, "job_title": 2, "status": 1}
    assert may_have_emptied(cleared, {"end_date": 1}, SETTINGS, Employee) == ["end_date", "job_title", "status"]


# ---- what a difference clears


@pytest.mark.parametrize(
    ("name", "stored", "read", "cleared"),
    [
        ("job_title", "Lead", None, True),
        ("job_title", "Lead", "", True),
        ("department_source_ids", ["x"], [], True),
        ("active", True, False, True),
        # UNKNOWN is a word for nothing, where it is the field's own.
        ("status", "active", "unknown", True),
        ("status", "inactive", None, True),
        ("worker_type", "employee", "unknown", True),
        ("job_title", "Lead", "unknown", False),
        # Another value, or none before.
        ("status", "active", "inactive", False),
        ("department_source_ids", ["x", "y"], ["x"], False),
        ("status", "unknown", None, False),
        ("worker_type", None, "unknown", False),
        ("job_title", None, "", False),
    ],
)
def test_a_value_is_cleared_where_its_field_came_empty(name: str, stored: Any, read: Any, *, cleared: bool) -> None:
    one = difference({name: stored}, {name: read})
    assert by_field(one, Employee).cleared == ([name] if cleared else [])
    assert differing(one).cleared == ({name: 1} if cleared else {})


def test_a_field_that_did_not_come_is_not_cleared() -> None:
    assert not differing(difference({"job_title": "Lead"}, {})).cleared


def test_kept_fields_are_counted_where_a_value_is_stored_and_none_came() -> None:
    counts = differing(
        difference({"email": "a", "job_title": "Lead", "country_code": None}, {"email": "a"}),
        difference({"email": "b", "job_title": "Lead"}, {"job_title": "Lead"}),
        # Null is a fact, and so is an empty list that is stored.
        difference({"email": "c"}, {"email": None}),
        difference({"department_source_ids": []}, {}),
    )
    assert counts.kept(()) == {"job_title": 1, "email": 1, "department_source_ids": 1}
    assert counts.kept({"email"}) == {"job_title": 1, "email": 2, "department_source_ids": 1}


VALUES = {
    "email": st.sampled_from(["a", "b", "", None]),
    "display_name": st.sampled_from(["A", None]),
    "job_title": st.sampled_from(["Lead", None]),
    "status": st.sampled_from([*map(str, Status), None]),
    "worker_type": st.sampled_from(list(map(str, WorkerType))),
}
BODIES = st.fixed_dictionaries({}, optional=VALUES)


FIELDS = st.sets(st.sampled_from(sorted(VALUES)))


@given(
    rows=st.lists(st.tuples(BODIES, BODIES), max_size=6),
    emptied=FIELDS,
    accepted=FIELDS,
    rows_stay=st.booleans(),
)
def test_the_counts_are_those_of_the_updates_that_are_made(
    rows: list[tuple[dict[str, Any], dict[str, Any]]], emptied: set[str], accepted: set[str], *, rows_stay: bool
) -> None:
    # Nobody's status is doubted only because the row came nearly empty: it always is, or its loss was accepted.
    emptied = (emptied | {"status"}) - accepted
    differences = [difference(stored, read, f"p{number}") for number, (stored, read) in enumerate(rows)]
    given = certificate(profile=DataProfile(emptied=dict.fromkeys(emptied, (1, 1)), emptied_rows=int(rows_stay)))
    counts = DifferenceCounts(Employee, accepted)
    counts.add(differences)
    changes = plan(given, counts, (), {}, TITLE)
    updates = plan_updates(differences, Employee, emptied, TITLE, accepted=accepted, rows_stay=rows_stay)
    assert changes.updates == len(updates)
    assert changes.leavers == {one.source_id for one in updates if one.loss is Loss.ACTIVE}

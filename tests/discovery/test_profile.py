"""The profile of a reading: filled fields, links, e-mails and times of change."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from builders import NOON, declaration, department, person, profile
from connector_core import DiscoveryError, Employee, Status
from connector_core.discovery.profile import Profile


@pytest.mark.parametrize(
    ("fields", "share"),
    [
        ({"job_title": "Engineer"}, 1.0),
        ({"job_title": ""}, None),
        ({"job_title": None}, None),
        ({}, None),
    ],
)
def test_a_field_is_filled_where_it_holds_a_value(fields: dict[str, Any], share: float | None) -> None:
    assert profile(person("a", **fields)).shares().get("job_title") == share


def test_unknown_fills_nothing_and_neither_does_the_default_of_an_unset_field() -> None:
    held = profile(person("a"), person("b", status=Status.ACTIVE), person("c", status=Status.UNKNOWN))
    assert held.shares()["status"] == pytest.approx(1 / 3)
    assert "worker_type" not in held.shares()
    assert "kind" not in profile(department("d")).shares()


def test_shares_are_of_all_rows_over_all_pages() -> None:
    held = Profile(declaration())
    held.add([person("a", email="a@acme.example"), person("b")])
    held.add([person("c"), person("d", email="d@acme.example")])
    assert held.shares() == {"source_id": 1.0, "email": 0.5}


def test_a_reading_without_rows_has_no_shares() -> None:
    assert profile().shares() == {}


def test_provided_fields_that_did_not_come_are_counted_row_by_row() -> None:
    held = profile(person("a", email=None), person("b", job_title="Lead"), provides=("email", "job_title"))
    # None is a fact that came.
    assert held.unread == {"email": 1, "job_title": 1}


def test_a_field_that_is_not_promised_is_not_missed() -> None:
    assert not profile(person("a")).unread


def test_links_are_gathered_one_or_many() -> None:
    held = profile(
        person("a", manager_source_id="m", department_source_ids=("x", "y")),
        person("b", manager_source_id=None, department_source_ids=()),
        person("c", manager_source_id="m", department_source_ids=("y", "z")),
    )
    assert held.links["manager_source_id"] == {"m"}
    assert held.links["department_source_ids"] == {"x", "y", "z"}
    assert held.links["primary_department_source_id"] == set()


@pytest.mark.parametrize(
    ("emails", "sharing"),
    [
        (["a@acme.example", "b@acme.example"], 0),
        (["a@acme.example", "A@ACME.example"], 1),
        (["a@acme.example", "a@acme.example", "b@acme.example", "A@acme.example"], 2),
        ([None, None], 0),
    ],
)
def test_emails_are_shared_whatever_their_case(emails: list[str | None], sharing: int) -> None:
    held = Profile(declaration())
    # Over several pages: the twins need not come together.
    for number, email in enumerate(emails):
        held.add([person(f"p{number}", email=email)])
    assert held.sharing_email == sharing


def test_a_row_is_without_an_email_only_if_it_says_so() -> None:
    held = profile(person("a", email=None), person("b", email=""), person("c"), person("d", email="d@acme.example"))
    assert held.without_email == 2


def test_a_kind_without_emails_counts_none() -> None:
    held = profile(department("d"))
    assert (held.without_email, held.sharing_email) == (0, 0)


@pytest.mark.parametrize(
    ("moments", "newest"),
    [
        ([None], None),
        ([NOON, None, NOON - timedelta(days=1)], NOON),
        # Naive moments are in UTC, and can be compared with those that name a zone.
        ([NOON.replace(tzinfo=None)], NOON),
        ([NOON - timedelta(hours=1), NOON.replace(tzinfo=None)], NOON),
        ([datetime(2026, 3, 1, 13, 30, tzinfo=timezone(timedelta(hours=2))), NOON], NOON),
    ],
)
def test_the_newest_change_is_found_whatever_its_zone(moments: list[datetime | None], newest: datetime | None) -> None:
    held = Profile(declaration())
    for number, moment in enumerate(moments):
        held.add([person(f"p{number}", updated_at=moment)])
    assert held.newest == newest
    together = profile(*(person(f"p{number}", updated_at=moment) for number, moment in enumerate(moments)))
    assert together.newest == newest
    assert newest is None or (held.newest and held.newest.tzinfo is UTC)


def test_a_row_of_another_kind_is_the_connectors_fault() -> None:
    with pytest.raises(DiscoveryError, match="sent a Department where it declares Employee"):
        Profile(declaration(Employee)).add([person("a"), department("d")])

"""Planned updates and removals, and the stored values that stay."""

import json
from typing import Any

import pytest

from builders import GONE, PRESENT, SILENT, TITLE, certificate, difference, differing, missing
from connector_core import Employee
from connector_core.beginnings import Proof
from connector_core.discovery.changes import Testimony as Said
from connector_core.discovery.changes import plan, plan_removals, plan_updates
from connector_core.outcomes import Standing
from connector_core.reasons import Code, Reason
from connector_core.store.comparison import Difference, Loss, Missing
from connector_core.store.planned import Update

CHANGED = Reason(Code.CHANGED, provider=TITLE)
LOST = Reason(Code.STATUS_LOST, provider=TITLE, status="inactive")
NOTHING: frozenset[str] = frozenset()


def updated(one: Difference, emptied: frozenset[str] = NOTHING) -> Update | None:
    found = plan_updates([one], Employee, emptied, TITLE)
    assert len(found) <= 1
    return found[0] if found else None


@pytest.mark.parametrize(
    ("stored", "read", "fields"),
    [
        ({"email": "a"}, {"email": "b"}, ("email",)),
        ({"email": "a"}, {"email": None}, ("email",)),
        ({"email": None}, {"email": "a"}, ("email",)),
        ({}, {"email": "a"}, ("email",)),
        # A field that did not come leaves the stored value as it was.
        ({"email": "a", "job_title": "Lead"}, {"email": "b"}, ("email",)),
        ({"email": "a", "job_title": "Lead"}, {}, ()),
        # Absent and null are the same to a reader of the stored row.
        ({}, {"email": None}, ()),
        ({"email": None}, {}, ()),
        # The digests differ, and no value does.
        ({"email": "a"}, {"email": "a"}, ()),
        ({"department_source_ids": ["x", "y"]}, {"department_source_ids": ["x"]}, ("department_source_ids",)),
    ],
)
def test_an_update_names_the_fields_that_changed(
    stored: dict[str, Any], read: dict[str, Any], fields: tuple[str, ...]
) -> None:
    found = updated(difference(stored, read))
    assert (found.fields if found else ()) == fields


def test_the_body_of_an_update_is_the_merged_row() -> None:
    found = updated(difference({"email": "a", "job_title": "Lead"}, {"email": None, "country_code": "DE"}))
    assert found
    assert json.loads(found.body) == {"source_id": "a", "email": None, "job_title": "Lead", "country_code": "DE"}
    assert (found.source_id, found.base_digest) == ("a", b"stored")


@pytest.mark.parametrize(
    ("stored", "read", "loss", "reason", "active"),
    [
        ({"status": "active"}, {"status": "inactive"}, Loss.ACTIVE, LOST, False),
        (
            {"status": "active"},
            {"status": "unknown"},
            Loss.ACTIVE,
            Reason(Code.STATUS_LOST, provider=TITLE, status="unknown"),
            False,
        ),
        (
            {"status": "active"},
            {"status": None},
            Loss.ACTIVE,
            Reason(Code.STATUS_LOST, provider=TITLE, status=None),
            None,
        ),
        ({"status": "inactive"}, {"status": "active"}, Loss.NONE, CHANGED, True),
        ({"status": "pending"}, {"status": "inactive"}, Loss.NONE, CHANGED, False),
        # A status that did not come is still the stored one.
        ({"status": "active", "email": "a"}, {"email": "b"}, Loss.NONE, CHANGED, True),
        ({"status": "inactive", "email": "a"}, {"email": "b"}, Loss.NONE, CHANGED, False),
        # A kind without a status has no active rows.
        ({"name": "Sales"}, {"name": "Sales & Partners"}, Loss.NONE, CHANGED, None),
    ],
)
def test_leaving_the_active_set_is_a_loss(
    stored: dict[str, Any], read: dict[str, Any], loss: Loss, reason: Reason, *, active: bool | None
) -> None:
    found = updated(difference(stored, read))
    assert found
    assert (found.loss, found.reason, found.active) == (loss, reason, active)


ACTIVE, INACTIVE = {"status": "active", "email": "a"}, {"status": "inactive", "email": "a"}


@pytest.mark.parametrize(
    "spelled",
    [
        json.dumps(ACTIVE),
        json.dumps(ACTIVE, separators=(",", ":")),
        json.dumps(ACTIVE, indent=4),
        json.dumps(dict(reversed(ACTIVE.items()))),
        r'{"\u0073tatus": "\u0061ctive", "email": "a"}',
    ],
)
def test_a_loss_does_not_depend_on_how_the_stored_row_is_spelled(spelled: str) -> None:
    found = updated(difference(spelled, json.dumps(INACTIVE)))
    assert found
    assert (found.loss, found.active, found.fields) == (Loss.ACTIVE, False, ("status",))
    # Nor is the other spelling of the same row a change.
    assert updated(difference(spelled, json.dumps(ACTIVE))) is None


def test_a_field_that_emptied_keeps_its_stored_value() -> None:
    one = difference({"job_title": "Lead"}, {"job_title": None})
    assert updated(one, frozenset({"job_title"})) is None
    found = updated(one)
    assert found
    assert (found.fields, found.cleared) == (("job_title",), ("job_title",))


def test_a_field_that_emptied_is_believed_where_it_still_holds_a_value() -> None:
    found = updated(difference({"job_title": "Lead"}, {"job_title": "Director"}), frozenset({"job_title"}))
    assert found
    assert json.loads(found.body)["job_title"] == "Director"
    assert found.digest == b"read"


def test_a_row_with_a_field_that_emptied_is_compared_again_next_time() -> None:
    one = difference({"job_title": "Lead", "email": "a"}, {"job_title": None, "email": "b"})
    found = updated(one, frozenset({"job_title"}))
    assert found
    assert (found.fields, found.cleared) == (("email",), ())
    assert json.loads(found.body)["job_title"] == "Lead"
    assert found.digest == b""
    # Believed whole, it is stored under the digest of what was read.
    plain = updated(one)
    assert plain
    assert plain.digest == b"read"


@pytest.mark.parametrize("read", [{"email": "b"}, {"email": "b", "job_title": None}])
def test_a_row_that_had_no_value_in_a_field_that_emptied_is_believed_whole(read: dict[str, Any]) -> None:
    found = updated(difference({"job_title": None, "email": "a"}, read), frozenset({"job_title"}))
    assert found
    assert found.digest == b"read"


def test_a_status_that_is_not_believed_turns_nobody() -> None:
    one = difference({"status": "active", "email": "a"}, {"status": "unknown", "email": "b"})
    found = updated(one, frozenset({"status"}))
    assert found
    assert (found.loss, found.reason, found.active, found.fields) == (Loss.NONE, CHANGED, True, ("email",))


def test_values_whose_loss_was_accepted_do_not_count_as_cleared() -> None:
    one = difference({"job_title": "Lead", "email": "a"}, {"job_title": None, "email": None})
    (found,) = plan_updates([one], Employee, (), TITLE, accepted={"job_title"})
    assert (found.fields, found.cleared) == (("job_title", "email"), ("email",))


@pytest.mark.parametrize(
    ("row", "said", "code", "waits"),
    [
        (missing("a"), GONE, Code.NOT_FOUND, False),
        (missing("a"), SILENT, None, True),
        (missing("a"), None, None, True),
        (missing("a"), PRESENT, None, False),
        (missing("a", missed_before=True), SILENT, Code.ABSENT_TWICE, False),
        (missing("a", missed_before=True), None, Code.ABSENT_TWICE, False),
        (missing("a", missed_before=True), GONE, Code.NOT_FOUND, False),
        # The provider has it: two scans that lacked it prove nothing.
        (missing("a", missed_before=True), PRESENT, None, False),
        # It was read, as a row of another kind: no witness is needed.
        (missing("a", other_kind=True), None, Code.OTHER_KIND, False),
        (missing("a", other_kind=True, missed_before=True), SILENT, Code.OTHER_KIND, False),
    ],
)
def test_a_removal_needs_a_second_witness(row: Missing, said: Any, code: Code | None, *, waits: bool) -> None:
    removals, unconfirmed = plan_removals([row], {"a": said} if said else {}, "Department", TITLE)
    assert [one.reason.code for one in removals] == ([code] if code else [])
    assert unconfirmed == (("a",) if waits else ())


@pytest.mark.parametrize(("active", "loss"), [(True, Loss.ACTIVE), (False, Loss.OTHER)])
def test_the_removal_of_an_active_row_is_the_greater_loss(*, active: bool, loss: Loss) -> None:
    ((removal,), _) = plan_removals([missing("a", active=active)], {"a": GONE}, "Employee", TITLE)
    assert (removal.loss, removal.base_digest) == (loss, b"stored")
    assert removal.reason == Reason(Code.NOT_FOUND, provider=TITLE)


def test_a_row_of_another_kind_is_removed_with_the_name_of_the_kind_it_was() -> None:
    ((removal,), _) = plan_removals([missing("a", other_kind=True)], {}, "Department", TITLE)
    assert removal.reason == Reason(Code.OTHER_KIND, provider=TITLE, kind="department")


@pytest.mark.parametrize("standing", Standing)
def test_only_a_complete_reading_plans_removals(standing: Standing) -> None:
    rows, differences = (missing("gone"), missing("asked")), differing(difference({"email": "a"}, {"email": "b"}))
    found = plan(certificate(standing), differences, rows, {"gone": GONE}, TITLE)
    assert found.updates == 1
    removed, waiting = [one.source_id for one in found.removals], found.unconfirmed
    assert (removed, waiting) == ((["gone"], ("asked",)) if standing.good else ([], ()))


@pytest.mark.parametrize(
    ("said", "has_witness", "removed", "unconfirmed"),
    [
        ({"a": GONE}, True, True, False),
        ({"a": PRESENT}, True, False, False),
        ({"a": SILENT}, True, False, True),
        ({}, True, False, True),
        ({}, False, True, False),
    ],
)
def test_a_tombstone_removes_a_row_unless_a_witness_does_not_confirm_it(
    said: dict[str, Said], *, has_witness: bool, removed: bool, unconfirmed: bool
) -> None:
    # Absent from an earlier scan, too: that is no second witness of what a delta reports.
    reported = [missing("a", missed_before=True)]
    found = plan(certificate(Standing.CAUGHT_UP), differing(), reported, said, TITLE, has_witness=has_witness)
    assert [one.reason for one in found.removals] == [Reason(Code.TOMBSTONE, provider=TITLE)] * removed
    assert found.unconfirmed == ("a",) * unconfirmed


def test_two_scans_that_were_not_proven_remove_nothing_since_both_may_have_skipped_the_same_row() -> None:
    rows = [missing("twice", missed_before=True), missing("denied", missed_before=True)]
    found = plan(certificate(proof=Proof.DECLINED), differing(), rows, {"denied": GONE}, TITLE)
    assert [one.source_id for one in found.removals] == ["denied"]
    assert found.unconfirmed == ("twice",)

"""Completeness: counters and evidence become coded reasons, and these a certificate."""

from typing import Any

import pytest

from builders import (
    GONE,
    NOON,
    PRESENT,
    SILENT,
    TITLE,
    codes,
    compared,
    complete_tally,
    delta_start,
    difference,
    evidence,
    last_scan,
    page,
    person,
    profile,
    read_result,
    tally,
)
from connector_core import Certificate, Page, Rejection, Standing, TotalSource
from connector_core.beginnings import Began, Proof
from connector_core.discovery.completeness import incompleteness, verify
from connector_core.discovery.delta import ChangeCursor
from connector_core.discovery.drift import ClearedValues
from connector_core.discovery.results import DeltaStart, Evidence, ReadResult
from connector_core.discovery.tally import Tally
from connector_core.discovery.token_delta import TokenCursor
from connector_core.reasons import Code, Reason
from connector_core.settings import DriftSettings
from connector_core.store.comparison import Comparison

LISTING, EXPECTED, NONE = TotalSource.LISTING, TotalSource.EXPECTED_IDS, TotalSource.NONE
COUNT, ESTIMATE = TotalSource.COUNT, TotalSource.ESTIMATE
REJECTED = Rejection("p7", "email", "wrong")
FAILED = Reason(Code.READ_FAILED, error="unavailable", message="GET /people: 503", remedy="Wait.")


def read_twice(*pages: Page[Any]) -> Tally:
    """Return the counters of the second of two readings that brought the same pages."""
    counted = Tally(earlier=tally(*pages))
    for one in pages:
        counted.add(one)
    return counted


def verified(found: Evidence, accepted: frozenset[str] = frozenset()) -> Certificate:
    return verify(found, DriftSettings(), accepted=accepted, provider=TITLE)


@pytest.mark.parametrize(
    ("counted", "comparison", "reasons"),
    [
        # Every row that was announced.
        (complete_tally("a", "b"), compared(2), []),
        (complete_tally(), compared(0), []),
        (tally(page("a", last=True, skipped=("x",), total=2)), compared(1), []),
        (tally(page("a", last=True)), compared(1), []),
        # Totals.
        (
            tally(page("a", last=True, total=2)),
            compared(1),
            [Reason(Code.TOTAL_DIFFERS, read=1, announced=2, provider=TITLE)],
        ),
        (
            tally(page("a", last=True, total=0)),
            compared(1),
            [Reason(Code.TOTAL_DIFFERS, read=1, announced=0, provider=TITLE)],
        ),
        (tally(page("a", last=True, source=LISTING)), compared(1), [Reason(Code.TOTAL_MISSING, provider=TITLE)]),
        (
            tally(page("a", last=True, total=2, source=EXPECTED)),
            compared(1),
            [Reason(Code.EXPECTED_IDS_DIFFER, read=1, expected=2, provider=TITLE)],
        ),
        (tally(page("a", last=True, source=EXPECTED)), compared(1), [Reason(Code.EXPECTED_IDS_MISSING)]),
        # Counts by another request.
        (tally(page("a", last=True, total=1, source=COUNT)), compared(1), []),
        (
            tally(page("a", last=True, total=2, source=COUNT)),
            compared(1),
            [Reason(Code.COUNT_DIFFERS, read=1, counted=2, provider=TITLE)],
        ),
        (
            tally(page("a", last=True, total=2, source=ESTIMATE)),
            compared(1),
            [Reason(Code.COUNT_DIFFERS, read=1, counted=2, provider=TITLE)],
        ),
        (tally(page("a", last=True, source=COUNT)), compared(1), [Reason(Code.COUNT_MISSING)]),
        (read_twice(page("a", last=True, source=COUNT)), compared(1), []),
        (read_twice(page("a", last=True, total=2, source=ESTIMATE)), compared(1), []),
        (
            read_twice(page("a", last=True, total=2, source=COUNT)),
            compared(1),
            [Reason(Code.COUNT_DIFFERS, read=1, counted=2, provider=TITLE)],
        ),
        # Nothing vouches for the end of a listing that was read once.
        (tally(page("a", last=True, chained=True)), compared(1), [Reason(Code.COMPLETENESS_UNPROVEN)]),
        (tally(page("a", last=True, one_response=False)), compared(1), [Reason(Code.COMPLETENESS_UNPROVEN)]),
        (tally(page("a", last=True, one_response=False, total=1)), compared(1), []),
        (read_twice(page("a", last=True, chained=True)), compared(1), []),
        # A listing that is cut off never had the chance to tell its total.
        (tally(page("a", source=LISTING)), compared(1), [Reason(Code.ENDED_EARLY)]),
        (
            tally(page("a", total=3)),
            compared(1),
            [Reason(Code.ENDED_EARLY), Reason(Code.TOTAL_DIFFERS, read=1, announced=3, provider=TITLE)],
        ),
        # The counters agree, and rows may still have moved up unread.
        (tally(page("a", last=True, total=1, total_fell=True)), compared(1), [Reason(Code.TOTAL_FELL)]),
        (tally(page("a"), page("a", number=2, last=True, total=1)), compared(1), [Reason(Code.ROWS_REPEATED, rows=1)]),
        # Two rows became one in the store.
        (complete_tally("a", "b"), compared(1), [Reason(Code.ROWS_MERGED, rows=1)]),
        (tally(page("a", "a", last=True)), compared(1), [Reason(Code.ROWS_REPEATED, rows=1)]),
        # Nothing there, where something was.
        (complete_tally(), compared(0, 60), [Reason(Code.LISTING_EMPTY, stored=60)]),
        (tally(page(last=True, skipped=("x",))), compared(0, 1), [Reason(Code.LISTING_EMPTY, stored=1)]),
        (Tally(), compared(0), [Reason(Code.ENDED_EARLY)]),
        # Rejected rows make it incomplete, and are counted.
        (
            tally(page("a", last=True, total=2, rejected=(REJECTED,))),
            compared(1),
            [Reason(Code.ROWS_REJECTED, rows=1, example="p7: email wrong")],
        ),
        (
            tally(page("a", last=True, rejected=(Rejection(None, "", "mapping raised KeyError"),))),
            compared(1),
            [Reason(Code.ROWS_REJECTED, rows=1, example="a row without an id: mapping raised KeyError")],
        ),
    ],
)
def test_the_counters_tell_why_a_reading_is_not_complete(
    counted: Tally, comparison: Comparison, reasons: list[Reason]
) -> None:
    assert incompleteness(read_result(counted), comparison, TITLE) == reasons


def test_a_repeated_page_is_the_only_reason_for_the_early_end() -> None:
    counted = tally(page("a", "b"), page("a", "b", number=2))
    assert incompleteness(read_result(counted), compared(2), TITLE) == [Reason(Code.PAGE_REPEATED, page=2)]


def test_the_failure_is_listed_before_its_consequences() -> None:
    result = read_result(tally(page("a", total=9)), problems=(FAILED,))
    assert codes(incompleteness(result, compared(1), TITLE)) == [Code.READ_FAILED, Code.TOTAL_DIFFERS]


def test_a_failure_before_the_first_row_is_not_an_empty_listing() -> None:
    assert incompleteness(read_result(Tally(), problems=(FAILED,)), compared(0, 60), TITLE) == [FAILED]


@pytest.mark.parametrize(
    ("found", "standing"),
    [
        (evidence(), Standing.COMPLETE),
        (evidence(read_result(problems=(FAILED,))), Standing.INCOMPLETE),
        (evidence(read_result(problems=(Reason(Code.DEFERRED, message="", until=""),))), Standing.DEFERRED),
        (evidence(read_result(problems=(Reason(Code.THROTTLED, message=""),))), Standing.DEFERRED),
        (evidence(read_result(delta=delta_start()), compared(1, 1)), Standing.CAUGHT_UP),
        (evidence(read_result(delta=delta_start(ChangeCursor(NOON)))), Standing.INCOMPLETE),
    ],
)
def test_the_standing_follows_from_the_reasons(found: Evidence, standing: Standing) -> None:
    given = verified(found)
    assert given.standing is standing
    assert bool(given.reasons) is not standing.good
    assert given.complete is (standing is Standing.COMPLETE)


@pytest.mark.parametrize(
    ("result", "reasons"),
    [
        (read_result(problems=(FAILED,), delta=delta_start(ChangeCursor(NOON))), [Code.READ_FAILED]),
        (
            read_result(tally(page("a"), page("a", number=2)), delta=delta_start(ChangeCursor(NOON))),
            [Code.PAGE_REPEATED],
        ),
        (
            read_result(tally(page("a", last=True, rejected=(REJECTED,))), delta=delta_start()),
            [Code.ROWS_REJECTED],
        ),
        # Only the changes were read: neither a repeated row nor fewer rows than the total are amiss.
        (read_result(tally(page("a"), page("a", "b", number=2, total=9)), delta=delta_start(others=8)), []),
    ],
)
def test_a_delta_is_judged_by_what_stopped_it(result: ReadResult, reasons: list[Code]) -> None:
    assert codes(verified(evidence(result, compared(1, 1))).reasons) == reasons


def test_rows_that_the_provider_still_has_make_a_scan_incomplete_though_its_counters_agree() -> None:
    said = {"b": PRESENT, "c": PRESENT, "d": GONE, "e": SILENT}
    given = verified(evidence(testimony=said))
    assert given.reasons == (Reason(Code.ROWS_NOT_LISTED, rows=2, provider=TITLE),)
    assert not given.complete


def test_a_certificate_tells_how_the_reading_began_and_what_it_counted() -> None:
    result = read_result(
        tally(page("a", skipped=("x",), last=True, total=3, rejected=(REJECTED,))), began=Began.RESUMED, first_page=3
    )
    given = verified(evidence(result))
    assert (given.kind, given.seen, given.found, given.announced, given.pages) == ("Employee", 2, 1, 3, 1)
    assert (given.began, given.first_page, given.rejected) == (Began.RESUMED, 3, (REJECTED,))


UNPROVEN = tally(
    page("a", one_response=False, total=2, recent=None), page("b", one_response=False, number=2, last=True, recent=None)
)
SKIPPED = tally(
    page("a", one_response=False, first_total=2),
    page("c", one_response=False, number=2, last=True, total=2, recent=("c",)),
)


@pytest.mark.parametrize(
    ("found", "proof"),
    [
        (evidence(), Proof.ONE_RESPONSE),
        (evidence(read_result(UNPROVEN), compared(2)), Proof.DECLINED),
        (evidence(read_result(problems=(FAILED,))), Proof.NONE),
        (evidence(read_result(delta=delta_start()), compared(1, 1)), Proof.NONE),
    ],
)
def test_a_complete_certificate_says_how_it_was_proven_that_no_row_was_skipped(found: Evidence, proof: Proof) -> None:
    assert verified(found).proof is proof


def test_counters_that_agree_do_not_hide_a_row_that_was_skipped() -> None:
    given = verified(evidence(read_result(SKIPPED), compared(2)))
    assert given.reasons == (Reason(Code.ROWS_UNACCOUNTED),)
    assert given.proof is Proof.NONE


def test_the_remedy_is_that_of_the_first_reason_which_has_one() -> None:
    refused = Reason(Code.RESOURCE_REFUSED, provider=TITLE, remedy="Grant it")
    assert verified(evidence(read_result(problems=(refused, FAILED)))).remedy == "Grant it"
    assert verified(evidence(read_result(Tally()))).remedy == ""


# ---- the profile


LOST = difference({"job_title": "Lead"}, {"job_title": None})
EMPTIED = {"job_title": ClearedValues(9, read=9, recent=1, stored=9)}


def test_a_field_that_emptied_is_reported_with_its_counts_and_asks_for_the_permission() -> None:
    given = verified(evidence(cleared=EMPTIED))
    assert given.profile.emptied == {"job_title": (9, 9)}
    assert given.remedy == "Grant it"
    # It is complete all the same: every row was read.
    assert given.complete


def test_a_field_whose_loss_was_accepted_has_not_emptied() -> None:
    given = verified(evidence(None, None, LOST, cleared=EMPTIED), accepted=frozenset({"job_title"}))
    assert (given.profile.emptied, given.profile.unread) == ({}, {})
    assert given.remedy == ""


def test_a_few_values_that_were_cleared_are_believed() -> None:
    given = verified(evidence(None, None, LOST, cleared={"job_title": ClearedValues(2, read=9, stored=9)}))
    assert (given.profile.emptied, given.profile.unread, given.remedy) == ({}, {}, "")


def test_a_stored_value_that_is_kept_is_reported_as_unread() -> None:
    absent = difference({"email": "a@acme.example", "job_title": "Lead"}, {"email": "new@acme.example"})
    assert verified(evidence(None, None, absent)).profile.unread == {"job_title": 1}


def test_an_emptied_field_is_kept_where_it_is_empty_and_that_is_reported() -> None:
    assert verified(evidence(None, None, LOST, cleared=EMPTIED)).profile.unread == {"job_title": 1}


def test_unread_fields_are_counted_once_where_two_counts_overlap() -> None:
    held = profile(person("a"), person("b"), provides=("job_title",))
    kept = difference({"job_title": "Lead"}, {})
    given = verified(evidence(read_result(held=held), compared(2, 2), kept))
    assert given.profile.unread == {"job_title": 2}


def test_the_profile_passes_on_what_was_counted() -> None:
    people = (person("a", email=None), person("b", email="x@acme.example"), person("c", email="X@acme.example"))
    result = read_result(complete_tally("a", "b", "c"), profile(*people))
    given = verified(evidence(result, compared(3), dangling={"manager_source_id": 4})).profile
    assert (given.without_email, given.sharing_email, given.dangling) == (1, 1, {"manager_source_id": 4})
    assert given.filled["email"] == pytest.approx(2 / 3)


def test_a_count_that_lags_is_noted_where_two_readings_agree() -> None:
    given = verified(evidence(read_result(read_twice(page("a", last=True, total=2, source=ESTIMATE)))))
    assert given.notes == (Reason(Code.COUNT_OUTWEIGHED, provider=TITLE, counted=2, read=1),)
    assert (given.complete, given.proof) == (True, Proof.READ_TWICE)


# ---- deltas by token


@pytest.mark.parametrize(
    ("cursor", "problems", "reasons"),
    [
        (TokenCursor(done=True, next_token="t2"), (), []),
        (TokenCursor(done=True), (), [Code.TOKEN_MISSING]),
        (TokenCursor(next_token="t2"), (), [Code.CHANGES_ENDED_EARLY]),
        (TokenCursor(), (FAILED,), [Code.READ_FAILED]),
    ],
)
def test_a_delta_by_token_has_caught_up_at_its_end_with_a_new_token(
    cursor: TokenCursor, problems: tuple[Reason, ...], reasons: list[Code]
) -> None:
    given = verified(evidence(read_result(problems=problems, delta=DeltaStart(last_scan(token="t1"), cursor))))
    assert codes(given.reasons) == reasons
    assert given.standing is (Standing.INCOMPLETE if reasons else Standing.CAUGHT_UP)


def test_in_a_delta_by_token_a_field_that_did_not_come_is_not_unread() -> None:
    held = profile(person("a", job_title="Lead"), provides=("email",))
    cursor = TokenCursor(done=True, next_token="t2")
    result = read_result(held=held, delta=DeltaStart(last_scan(token="t1"), cursor))
    assert verified(evidence(result)).profile.unread == {}
    assert verified(evidence(read_result(held=held))).profile.unread == {"email": 1}


def test_a_row_that_a_delta_reports_as_removed_and_that_exists_is_noted() -> None:
    result = read_result(delta=DeltaStart(last_scan(token="t1"), TokenCursor(done=True, next_token="t2")))
    given = verified(evidence(result, testimony={"a": PRESENT, "b": GONE}))
    assert given.notes == (Reason(Code.STILL_THERE, rows=1, provider=TITLE),)
    assert given.standing is Standing.CAUGHT_UP

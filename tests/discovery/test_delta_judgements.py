"""Deltas: when one is possible, what it proves, and what the next one starts from."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from builders import (
    NOON,
    TITLE,
    certificate,
    changed,
    codes,
    complete_tally,
    declaration,
    department,
    kind_plan,
    last_scan,
    page,
    person,
    profile,
    tally,
)
from connector_core import Certificate, Department, Standing, TotalSource
from connector_core.beginnings import Began
from connector_core.discovery.delta import (
    NEEDS_FULL_SCAN,
    ChangeCursor,
    choose_extent,
    delta_problems,
    next_scan,
)
from connector_core.discovery.profile import Profile
from connector_core.discovery.token_delta import TokenCursor
from connector_core.outcomes import KindPlan
from connector_core.reasons import Code, Reason
from connector_core.settings import DeltaSettings
from connector_core.store import LastScan

LISTED = declaration(changes="employees_changed")
UNLISTED = declaration(Department)
DAY = timedelta(days=1)


# ---- a delta, or a full scan


def extent(scans: dict[str, LastScan] | None = None, *, held: bool = False, key: str = "key") -> tuple[bool, Any]:
    found = choose_extent(
        [LISTED, UNLISTED],
        {"Employee": fresh()} if scans is None else scans,
        DeltaSettings(),
        resume_key=key,
        changes_held=held,
    )
    return found.delta, found.why and found.why.code


def fresh(**more: Any) -> LastScan:
    return last_scan(**{"full_at": datetime.now(UTC) - DAY, **more})


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"held": True}, Code.CHANGES_HELD),
        ({"scans": {}}, Code.NO_FULL_SCAN),
        ({"scans": {"Employee": fresh(due=Reason(Code.TOTAL_FELL))}}, Code.TOTAL_FELL),
        ({"scans": {"Employee": fresh(watermark=None)}}, Code.CHANGE_TIMES_MISSING),
        ({"scans": {"Employee": fresh(full_at=datetime.now(UTC) - 8 * DAY)}}, Code.FULL_SCAN_OLD),
        ({"scans": {"Employee": fresh(full_at=datetime.now(UTC) + DAY)}}, Code.SCAN_IN_FUTURE),
        ({"scans": {"Employee": fresh(watermark=datetime.now(UTC) + DAY)}}, Code.SCAN_IN_FUTURE),
        ({"key": "another"}, Code.ACCESS_CHANGED),
    ],
)
def test_a_full_scan_is_chosen_with_its_reason(given: dict[str, Any], code: Code) -> None:
    assert extent(**given) == (False, code)


def test_a_delta_is_chosen_with_the_moment_it_starts_from() -> None:
    assert extent() == (True, Code.CHANGED_SINCE)
    given = choose_extent([LISTED], {"Employee": fresh()}, DeltaSettings(), resume_key="key", changes_held=False)
    assert given.why == Reason(Code.CHANGED_SINCE, since="2026-03-01 12:00:00 UTC")


def test_the_age_of_the_last_full_scan_is_given_in_days() -> None:
    old = fresh(full_at=datetime.now(UTC) - 9.5 * DAY)
    given = choose_extent([LISTED], {"Employee": old}, DeltaSettings(), resume_key="key", changes_held=False)
    assert given.why == Reason(Code.FULL_SCAN_OLD, days=9)


def test_kinds_that_are_not_listed_by_change_are_scanned() -> None:
    given = choose_extent([UNLISTED], {}, DeltaSettings(), resume_key="key", changes_held=False)
    assert (given.delta, given.why) == (False, Reason(Code.NOT_LISTED_BY_CHANGE))


def test_every_kind_that_is_listed_by_change_needs_a_full_scan() -> None:
    both = [LISTED, declaration(Department, changes="departments_changed")]
    given = choose_extent(both, {"Employee": fresh()}, DeltaSettings(), resume_key="key", changes_held=False)
    assert given.why == Reason(Code.NO_FULL_SCAN)


# ---- what a delta proves


def problems(**more: Any) -> list[Reason]:
    values: dict[str, Any] = {
        "tally": complete_tally("a"),
        "profile": profile(),
        "cursor": ChangeCursor(NOON, done=True),
        "scan": last_scan(),
        "known": 1,
        "kept": (),
        "failed": False,
        **more,
    }
    counted, held, cursor, scan = (values.pop(name) for name in ("tally", "profile", "cursor", "scan"))
    return delta_problems(counted, held, cursor, scan, provider=TITLE, **values)


def broken() -> ChangeCursor:
    return ChangeCursor(NOON, problem=Reason(Code.ORDER_BROKEN))


@pytest.mark.parametrize(
    ("given", "reasons"),
    [
        ({}, []),
        ({"tally": tally(page("a", last=True))}, []),
        ({"cursor": ChangeCursor(NOON)}, [Reason(Code.CHANGES_ENDED_EARLY)]),
        ({"cursor": broken()}, [Reason(Code.ORDER_BROKEN)]),
        # Fields.
        ({"kept": ("email",)}, [Reason(Code.FIELDS_MISSING, fields=("email",))]),
        ({"kept": ("email",), "scan": last_scan(unread=frozenset({"email"}))}, []),
        (
            {"kept": ("email",), "cursor": broken()},
            [Reason(Code.FIELDS_MISSING, fields=("email",)), Reason(Code.ORDER_BROKEN)],
        ),
        (
            {"scan": last_scan(unread=frozenset({"email"})), "profile": profile(person("a", email="a@acme.example"))},
            [Reason(Code.FIELDS_APPEARED, fields=("email",))],
        ),
        # A field that came, and came empty, tells nothing new.
        ({"scan": last_scan(unread=frozenset({"email"})), "profile": profile(person("a", email=None))}, []),
        # Totals: the rows that are known, and those of other kinds.
        ({"known": 2}, [Reason(Code.ROWS_UNKNOWN, provider=TITLE, announced=1, known=2)]),
        ({"known": 0, "scan": last_scan(others=1)}, []),
        (
            {"tally": tally(page("a", last=True, total=0)), "known": 1},
            [Reason(Code.ROWS_UNKNOWN, provider=TITLE, announced=0, known=1)],
        ),
        (
            {"tally": tally(page("a", last=True, source=TotalSource.LISTING))},
            [Reason(Code.TOTAL_MISSING, provider=TITLE)],
        ),
        ({"tally": tally(page("a", last=True, total=1, total_fell=True))}, [Reason(Code.TOTAL_FELL)]),
        # A reading that failed says so elsewhere; what it could not see is then no news.
        ({"failed": True, "cursor": ChangeCursor(NOON)}, []),
        ({"failed": True, "known": 7}, []),
    ],
)
def test_a_delta_has_caught_up_unless_something_is_amiss(given: dict[str, Any], reasons: list[Reason]) -> None:
    assert problems(**given) == reasons


def test_problems_that_another_delta_cannot_repair_need_a_full_scan() -> None:
    assert Code.FIELDS_MISSING not in NEEDS_FULL_SCAN
    assert Code.CHANGES_ENDED_EARLY not in NEEDS_FULL_SCAN
    assert set(codes(problems(known=2))) <= NEEDS_FULL_SCAN


# ---- what the next delta starts from

BEFORE = last_scan(resume_key="old", watermark=NOON - DAY)
CAUGHT_UP = certificate(Standing.CAUGHT_UP)
DUE = certificate(Standing.INCOMPLETE, reasons=(Reason(Code.READ_FAILED), Reason(Code.TOTAL_FELL)))


def following(
    given: Certificate,
    plan: KindPlan | None = None,
    held: Profile | None = None,
    before: LastScan | None = BEFORE,
    kept: tuple[str, ...] = (),
    *,
    is_delta: bool = False,
) -> LastScan | None:
    people, planned = held or profile(changed("a", 0)), plan or kind_plan()
    return next_scan(before, begun(), people, given, planned, is_delta=is_delta, kept=kept)


def begun(token: str | None = None) -> LastScan:
    return LastScan.begin("key", NOON + DAY, token)


def test_a_complete_scan_sets_a_new_start() -> None:
    found = following(certificate(seen=5, found=3), held=profile(changed("a", 0), provides=("email",)))
    assert found == LastScan("key", NOON + DAY, NOON, others=2, unread=frozenset({"email"}))


def test_a_moment_in_the_future_hides_no_change_until_then() -> None:
    found = following(certificate(), held=profile(changed("a", 1000)))
    assert found
    assert found.watermark == NOON + DAY


def test_a_scan_without_change_times_has_no_watermark() -> None:
    found = following(certificate(), held=profile(department("d")))
    assert found
    assert found.watermark is None


def test_a_field_that_came_for_one_row_was_read() -> None:
    held = profile(person("a", email=None), person("b"), provides=("email",))
    found = following(certificate(), held=held)
    assert found
    assert found.unread == frozenset()


@pytest.mark.parametrize(
    ("given", "more"),
    [
        (certificate(), {"plan": kind_plan(held=1)}),
        (certificate(), {"plan": kind_plan(unconfirmed=1)}),
        (certificate(profile=certificate().profile.__class__(emptied={"email": (9, 9)})), {}),
        (certificate(profile=certificate().profile.__class__(emptied_rows=3)), {}),
        (certificate(), {"kept": ("email",)}),
        (CAUGHT_UP, {"plan": kind_plan(held=1)}),
        (certificate(Standing.INCOMPLETE, reasons=(Reason(Code.READ_FAILED),)), {}),
    ],
)
def test_a_run_that_was_not_applied_completely_does_not_move_the_start(
    given: Certificate, more: dict[str, Any]
) -> None:
    assert following(given, **more) is None
    assert following(given, before=None, **more) is None


def test_a_field_that_came_for_no_row_may_be_kept() -> None:
    held = profile(changed("a", 0), provides=("email",))
    assert following(certificate(), held=held, kept=("email",))


@pytest.mark.parametrize(("newest", "watermark"), [(0.5, 0.5), (-2, -1), (1000, 1)])
def test_a_delta_moves_the_watermark_forward_only(newest: float, watermark: float) -> None:
    found = following(CAUGHT_UP, held=profile(changed("a", newest)))
    assert found == last_scan(resume_key="old", watermark=NOON + watermark * DAY)


def test_a_delta_without_rows_keeps_the_watermark() -> None:
    assert following(CAUGHT_UP, held=profile()) == BEFORE


def test_a_delta_that_cannot_see_enough_makes_a_full_scan_due() -> None:
    found = following(DUE, is_delta=True)
    assert found
    assert found.due == Reason(Code.TOTAL_FELL)
    assert found.watermark == BEFORE.watermark
    assert following(DUE, before=None, is_delta=True) is None


def test_a_full_scan_that_is_incomplete_makes_no_other_one_due() -> None:
    assert following(DUE) is None


# ---- deltas by token

BY_TOKEN = declaration(changes_since="employees_since", token_lifetime=10 * DAY)


def given_token(**more: Any) -> LastScan:
    return fresh(**{"token": "t1", "token_at": datetime.now(UTC) - DAY, "watermark": None, **more})


@pytest.mark.parametrize(
    ("scan", "why"),
    [
        ({"token": None}, Code.NO_TOKEN),
        ({"token_at": datetime.now(UTC) - 9.5 * DAY}, Code.TOKEN_OLD),
        ({"token_at": datetime.now(UTC) + DAY}, Code.SCAN_IN_FUTURE),
        ({"full_at": datetime.now(UTC) - 8 * DAY}, Code.FULL_SCAN_OLD),
        ({"due": Reason(Code.TOKEN_MISSING)}, Code.TOKEN_MISSING),
        ({"resume_key": "old"}, Code.ACCESS_CHANGED),
        # Change times are not needed.
        ({}, Code.CHANGED_SINCE),
    ],
)
def test_a_delta_starts_from_a_token_that_is_not_too_old(scan: dict[str, Any], why: Code) -> None:
    scans = {"Employee": given_token(**scan)}
    given = choose_extent([BY_TOKEN], scans, DeltaSettings(), resume_key="key", changes_held=False)
    assert given.why
    assert (given.delta, given.why.code) == (why is Code.CHANGED_SINCE, why)


def test_a_token_whose_lifetime_is_not_known_is_tried() -> None:
    scans = {"Employee": given_token(token_at=datetime.now(UTC) - 500 * DAY)}
    kinds = [declaration(changes_since="employees_since")]
    assert choose_extent(kinds, scans, DeltaSettings(), resume_key="key", changes_held=False).delta


RESYNCED = certificate(began=Began.RESYNCED)


@pytest.mark.parametrize(
    ("given", "token", "expected"),
    [
        (certificate(), "t2", ("t2", NOON + DAY)),
        (CAUGHT_UP, "t2", ("t2", NOON + DAY)),
        (RESYNCED, "t2", ("t2", NOON + DAY)),
        # A full scan is the next one then.
        (RESYNCED, None, (None, None)),
        (certificate(), None, (None, None)),
    ],
)
def test_the_token_moves_with_what_was_applied(given: Certificate, token: str | None, expected: Any) -> None:
    before = last_scan(token="t1", token_at=NOON)
    found = next_scan(before, begun(token), profile(person("a")), given, kind_plan(), is_delta=False, kept=())
    assert found
    assert (found.token, found.token_at) == expected
    held = kind_plan(held=1)
    assert next_scan(before, begun(token), profile(person("a")), given, held, is_delta=True, kept=()) is None


def test_a_resync_does_not_count_as_the_last_full_scan() -> None:
    before = last_scan(token="t1", token_at=NOON)
    found = next_scan(before, begun("t2"), profile(person("a")), RESYNCED, kind_plan(), is_delta=False, kept=())
    assert found
    assert found.full_at == before.full_at


def test_the_last_word_on_an_id_counts() -> None:
    cursor = TokenCursor()
    cursor.reached(page("a", removed=("b", "c", "d")))
    cursor.reached(page("b", number=2, skipped=("c",)))
    cursor.reached(page(number=3, removed=("a",)))
    # Of one page nothing tells which came later.
    cursor.reached(page("e", number=4, removed=("e",), last=True, delta_token="t2"))
    assert cursor.removed == ("d", "a")
    assert (cursor.done, cursor.next_token) == (True, "t2")

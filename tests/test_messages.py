"""The sentences for reasons: every code has one, and each can be made of what the places that give it pass."""

import re
from string import Formatter
from typing import Any

import pytest

from connector_core.beginnings import Began
from connector_core.messages import BEGAN, GROUPS, MESSAGES, action, began, counted, message, parameters
from connector_core.outcomes import Certificate, Standing
from connector_core.reasons import Code, Reason

GIVEN: dict[Code, dict[str, Any]] = {
    Code.READ_FAILED: {"error": "provider", "message": "GET /groups: Namely answered 500.", "remedy": ""},
    Code.DEFERRED: {"message": "GET /a: Namely answered 429, too many requests", "until": "2026-03-01 12:00:00 UTC"},
    Code.THROTTLED: {"message": "GET /a: Namely answered 429, too many requests"},
    Code.RESOURCE_REFUSED: {"provider": "Namely", "remedy": "Settings > API: allow it"},
    Code.TIME_OVER: {},
    Code.BOUND_REACHED: {"setting": "rows", "bound": 2_000_000},
    Code.ENDED_EARLY: {},
    Code.CHANGES_ENDED_EARLY: {},
    Code.PAGE_REPEATED: {"page": 7},
    Code.ROWS_REPEATED: {"rows": 1},
    Code.ROWS_REJECTED: {"rows": 2, "example": "p7: email is not an address"},
    Code.ROWS_MERGED: {"rows": 1},
    Code.LISTING_EMPTY: {"stored": 1},
    Code.TOTAL_FELL: {},
    Code.ROWS_UNACCOUNTED: {},
    Code.TOTAL_MISSING: {"provider": "Namely"},
    Code.TOTAL_DIFFERS: {"read": 59, "announced": 1260, "provider": "Namely"},
    Code.COUNT_MISSING: {},
    Code.COUNT_DIFFERS: {"read": 59, "counted": 60, "provider": "Okta"},
    Code.EXPECTED_IDS_MISSING: {},
    Code.EXPECTED_IDS_DIFFER: {"read": 59, "expected": 60, "provider": "HiBob"},
    Code.ROWS_NOT_LISTED: {"rows": 1, "provider": "Namely"},
    Code.COMPLETENESS_UNPROVEN: {},
    Code.TEXTS_INVALID: {"provider": "Namely", "places": 1},
    Code.VALUES_UNREADABLE: {"provider": "Namely", "field": "office.country_id", "rows": 3},
    Code.COUNT_OUTWEIGHED: {"provider": "Okta", "counted": 1200, "read": 1201},
    Code.STILL_THERE: {"provider": "Entra ID", "rows": 1},
    Code.FIELDS_MISSING: {"fields": ("email", "job_title")},
    Code.ORDER_BROKEN: {},
    Code.CHANGE_TIMES_MISSING: {},
    Code.ROWS_UNKNOWN: {"provider": "Namely", "announced": 61, "known": 60},
    Code.FIELDS_APPEARED: {"fields": ("email",)},
    Code.TOKEN_MISSING: {},
    Code.CHANGED_SINCE: {"since": "2026-03-01 12:00:00 UTC"},
    Code.NOT_LISTED_BY_CHANGE: {},
    Code.CHANGES_HELD: {},
    Code.NO_FULL_SCAN: {},
    Code.FULL_SCAN_OLD: {"days": 8},
    Code.SCAN_IN_FUTURE: {"moment": "2036-03-01 12:00:00 UTC"},
    Code.ACCESS_CHANGED: {},
    Code.NO_TOKEN: {},
    Code.TOKEN_OLD: {"hours": 160},
    Code.NEW: {"provider": "Namely"},
    Code.CHANGED: {"provider": "Namely"},
    Code.STATUS_LOST: {"provider": "Namely", "status": "inactive"},
    Code.NOT_FOUND: {"provider": "Namely"},
    Code.OTHER_KIND: {"provider": "Namely", "kind": "department"},
    Code.ABSENT_TWICE: {},
    Code.TOMBSTONE: {"provider": "Entra ID"},
    Code.PUT_BACK: {"run": "4f1c2d3e"},
    Code.FIELD_NOT_PROVIDED: {"provider": "Namely"},
    Code.FIELD_NOT_RECEIVED: {"provider": "Namely"},
    Code.OTHER_TENANT: {"tenant": "globex", "stored": "acme"},
    Code.UNRECOGNISED: {"recognised": 3, "rows": 1200},
    Code.TOO_MANY_NEW: {"creates": 1201, "stored": 600, "days": 7, "times": 2.0},
    Code.MORE_THAN_ANNOUNCED: {"creates": 5000, "announced": 60, "times": 2.0},
    Code.ACCEPTANCE_CHANGED: {},
    Code.TOO_MANY_LOST: {"lost": 1200, "size": 3000, "days": 7, "share": 0.2},
    Code.TOO_MANY_ACTIVE_LOST: {"lost": 4, "size": 9, "days": 1, "share": 0.2},
    Code.TOO_MANY_VANISHED: {"rows": 4, "size": 368, "days": 7, "provider": "Namely"},
    Code.STILL_NAMED: {"rows": 1, "example": "p7"},
}
"""The parameters that discovery/ passes with each code."""
SAID = {
    Code.BOUND_REACHED: (
        "The listing exceeds [host.bounds] rows = 2,000,000, so reading stopped, and nothing is created"
    ),
    Code.TOO_MANY_NEW: "1,201 rows would be created within 7 days where 600 were stored, more than 2 times as many",
    Code.READ_FAILED: "GET /groups: Namely answered 500",
    Code.ROWS_REPEATED: "1 row came twice, so others may have been missed",
    Code.LISTING_EMPTY: "The listing is empty, and the store has 1 row",
    Code.TOTAL_DIFFERS: "Read 59 rows; Namely announced 1,260",
    Code.TEXTS_INVALID: "Namely sent text that is not valid JSON or Unicode in 1 place, but in no field that is read",
    Code.VALUES_UNREADABLE: (
        "The value of office.country_id could not be read in 3 rows of Namely, and stays as it is stored"
    ),
    Code.FIELDS_MISSING: "Some rows lack fields that are stored: email, job_title",
    Code.FULL_SCAN_OLD: "the last full scan is 8 days old",
    Code.STATUS_LOST: "turned inactive in Namely",
    Code.TOO_MANY_LOST: "1,200 of 3,000 rows would be lost within 7 days, more than 20%",
    Code.TOO_MANY_ACTIVE_LOST: "4 of 9 active rows would be lost within 1 day, more than 20%",
}
RIDDLES = re.compile(r"\b(somebody|nobody|anybody|everybody|whoever|mend|told|befell|came to)\b", re.IGNORECASE)
SENTENCES = {code for heading in list(GROUPS)[:3] for code in GROUPS[heading]}
"""Reasons of certificates; all others are phrases that follow a colon."""


def test_every_code_has_a_message_in_the_order_of_the_codes() -> None:
    assert list(MESSAGES) == list(Code)
    assert set(BEGAN) == set(Began)


@pytest.mark.parametrize("code", Code)
def test_a_message_is_made_of_what_is_given_with_its_code(code: Code) -> None:
    given = GIVEN[code]
    said = message(Reason(code, **given))
    assert set(parameters(code)) <= set(given)
    assert "{" not in said
    assert not said.endswith(".")
    assert "None" not in said
    assert not RIDDLES.search(f"{said} {action(Reason(code, **given))}")
    if code in SENTENCES:
        assert not said[0].islower()
    elif not MESSAGES[code].text.startswith("{"):
        assert said[0].islower()


@pytest.mark.parametrize(("code", "said"), SAID.items())
def test_a_message_reads_well(code: Code, said: str) -> None:
    assert message(Reason(code, **GIVEN[code])) == said


@pytest.mark.parametrize("code", Code)
def test_an_action_is_a_sentence_without_parameters(code: Code) -> None:
    text = MESSAGES[code].action
    assert not [name for _, name, _, _ in Formatter().parse(text) if name]
    assert text == "" or (text[0].isupper() and text.endswith("."))


def test_a_remedy_of_the_reason_replaces_the_general_action() -> None:
    assert action(Reason(Code.RESOURCE_REFUSED, provider="Namely", remedy="Grant it.")) == "Grant it."
    assert action(Reason(Code.RESOURCE_REFUSED, provider="Namely")) == "Grant the permission for this kind."
    assert action(Reason(Code.READ_FAILED, message="It failed", remedy="")) == "Fix the cause, then run again."
    assert action(Reason(Code.NEW, provider="Namely")) == ""


@pytest.mark.parametrize(("number", "said"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (1200, "1,200 rows")])
def test_nouns_are_counted(number: int, said: str) -> None:
    assert counted(number, "row") == said
    assert message(Reason(Code.ROWS_MERGED, rows=number)) == f"{said} had the id of another row"


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (Began.FRESH, ""),
        (Began.RESUMED, "Resumed at page 71"),
        (Began.STARTED_OVER_CHANGED, "Started over: the listing has changed since the interrupted run"),
        (Began.STARTED_OVER_EXPIRED, "Started over: the provider no longer accepted the cursor of the next page"),
        (Began.READ_TWICE, "Read twice: the listing may have moved while it was read"),
    ],
)
def test_a_certificate_says_how_the_reading_began(how: Began, said: str) -> None:
    certificate = Certificate("Employee", Standing.COMPLETE, 60, 60, 60, pages=3, began=how, first_page=71)
    assert began(certificate) == said

"""The content of notices: counts and codes, and nothing that names a person."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from connector_core import Code, Reason, Standing, Verdict
from connector_core.messages import DELTA_BEHIND, HELD, INCOMPLETE, parameters
from connector_core.scheduling.engine import Problem
from connector_core.scheduling.payloads import as_text, impersonal, payload
from connector_core.scheduling.results import KindResult, Result
from connector_core.store import Event, Schedule

NOW = datetime(2026, 5, 4, 6, tzinfo=UTC)
CANARY = "Ada Lovelace"
TOLD = (*INCOMPLETE, *DELTA_BEHIND, *HELD)
"""The reasons of certificates and of held changes."""
OURS = {"provider": "Namely", "fields": ("email",), "setting": "rows", "until": "2026-05-04 09:30:00 UTC"}
"""Texts that the connector's manifest and our code give."""
NUMBERS = set(
    "page rows stored read announced expected bound lost size days share times creates known recognised counted".split()
)


def filled(code: Code) -> Reason:
    """A reason whose texts that are not ours name a person."""
    given: dict[str, Any] = {name: 3 if name in NUMBERS else OURS.get(name, CANARY) for name in parameters(code)}
    return Reason(code, **given, error="provider_unavailable", request=f"GET /people/{CANARY}", remedy=CANARY)


@pytest.mark.parametrize("code", TOLD)
def test_no_reason_names_a_person_and_each_still_says_something(code: Code) -> None:
    said = impersonal(filled(code))
    assert CANARY not in said
    assert "{" not in said
    assert len(said) > 15


def test_the_texts_that_could_name_a_person_are_those_that_are_known() -> None:
    named = {name for code in TOLD for name in parameters(code)}
    assert named - NUMBERS - OURS.keys() == {"message", "example", "tenant"}


def test_an_example_is_left_out_of_its_sentence() -> None:
    assert impersonal(filled(Code.ROWS_REJECTED)) == "3 rows could not be used"
    assert impersonal(filled(Code.STILL_NAMED)) == "other rows still name 3 rows to be removed"


def test_a_payload_says_what_happened_and_where() -> None:
    kinds = tuple(
        KindResult("Employee", Standing.INCOMPLETE, 59, 60, 1, 2, 3, 3, (filled(code),))
        for code in (Code.READ_FAILED, Code.ROWS_REJECTED)
    )
    problem = Problem("provider_unavailable", f"GET /people/{CANARY}: no answer", CANARY)
    made = payload(
        Event.INCOMPLETE,
        Schedule("acme", failures=1),
        "namely",
        Result("4f1c", Verdict.INCOMPLETE, kinds, problem),
        at=NOW,
        address="https://discovery.example.com/",
    )
    assert CANARY not in made
    content = json.loads(made)
    assert (content["type"], content["timestamp"]) == ("run.incomplete", "2026-05-04T06:00:00+00:00")
    data = content["data"]
    assert data["link"] == "https://discovery.example.com/integrations/acme"
    assert (data["integration"], data["connector"], data["run"], data["verdict"]) == (
        "acme",
        "namely",
        "4f1c",
        "incomplete",
    )
    assert data["error"] == {
        "code": "provider_unavailable",
        "message": "The provider did not answer, or not with a result.",
    }
    assert data["kinds"][0]["reasons"] == [
        {"code": "read_failed", "message": "The provider did not answer, or not with a result"}
    ]
    subject, text = as_text(made)
    assert subject == "acme: the run was incomplete"
    assert "Employee: incomplete, 59 read; 1 create, 2 updates, 3 removals; 3 held\n" in text
    assert text.endswith("https://discovery.example.com/integrations/acme\n")

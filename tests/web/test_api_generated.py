"""The JSON API before generated requests, with both authentications: schemathesis reads the document that is served."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, from_schema
from schemathesis.engine.events import NonFatalError, ScenarioFinished

from connector_core.web.api import OPERATIONS
from web_host import TOKEN, WebHost, web_in_thread

_JUDGED = (
    "connect",
    "replace_credentials",
    "start_run",
    "explain_cron",
    "set_schedule",
    "search_people",
    "list_reports",
    "preview",
)
"""Operations whose values are judged by more than their form: requests of the right form may be refused."""


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebHost]:
    with web_in_thread(tmp_path) as found:
        yield found


def by_token(_: WebHost) -> Mapping[str, Any]:
    return {"token": {"bearer": TOKEN}}


def by_session(web: WebHost) -> Mapping[str, Any]:
    with requests.Session() as browser:
        browser.post(f"{web.address}/sign-in", data={"token": TOKEN}, allow_redirects=False, timeout=10)
        key = browser.get(f"{web.address}/api/v1/me", timeout=10).json()["form_key"]
        (cookie,) = browser.cookies.values()
    return {"session": {"api_key": cookie}, "formKey": {"api_key": key}}


@dataclass
class Findings:
    wrong: list[str] = field(default_factory=list)
    statuses: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    """Of each operation, how many responses there were with each status."""


def found_by(web: WebHost, schemes: Mapping[str, Any], examples: int, *, coverage: bool) -> Findings:
    """Send generated requests; return what was wrong with the responses."""
    accepted = ["2xx", "401", "403", "404", "409", "422"]
    named = {"path.name": {"dictionary": "names", "probability": 0.8}}
    kinds = {"path.kind": {"dictionary": "kinds", "probability": 0.8}}
    on_acme = [one.name for one in OPERATIONS if "{name}" in one.path and one.name != "remove"]
    of_kind = [one.name for one in OPERATIONS if "{kind}" in one.path]
    config = SchemathesisConfig.from_dict(
        {
            "seed": 7,
            "auth": {"openapi": schemes},
            "dictionaries": {"names": {"values": ["acme"]}, "kinds": {"values": ["employees", "departments"]}},
            "generation": {"max-examples": examples, "deterministic": True, "database": "none"},
            # It sends wrong tokens, which are throttled, and so would be all that comes after them: see below.
            "checks": {"ignored_auth": {"enabled": False}},
            "phases": {"stateful": {"enabled": False}, "coverage": {"enabled": coverage}},
            "operations": [
                {
                    "include-operation-id": [*_JUDGED],
                    "checks": {"positive_data_acceptance": {"expected-statuses": accepted}},
                },
                {"include-operation-id": on_acme, "parameters": named},
                {"include-operation-id": of_kind, "parameters": {**named, **kinds}},
            ],
        }
    )
    address = f"{web.address}/api/v1/openapi.json"
    schema = schemathesis.openapi.from_url(address, headers=web.bearer, config=config)
    found = Findings()
    for event in from_schema(schema).execute():
        if isinstance(event, NonFatalError):
            found.wrong.append(str(event.value))
        if isinstance(event, ScenarioFinished):
            label, sent = event.recorder.label, event.recorder.interactions.values()
            found.statuses[label].update(one.response.status_code for one in sent if one.response)
            found.wrong += [
                f"{label}: {check.name}: {check.failure_info.failure}"
                for checks in event.recorder.checks.values()
                for check in checks
                if check.status is Status.FAILURE and check.failure_info
            ]
    return found


def test_generated_requests_with_the_token_find_no_response_that_is_not_documented(web: WebHost) -> None:
    found = found_by(web, by_token(web), 1, coverage=True)
    assert found.wrong == []
    assert len(found.statuses) == len(OPERATIONS)
    seen = set().union(*found.statuses.values())
    assert {200, 202, 204, 404, 405, 409, 415, 422} <= seen
    assert not seen & {429, 500, 503}


def test_generated_requests_with_a_session_find_no_response_that_is_not_documented(web: WebHost) -> None:
    found = found_by(web, by_session(web), 2, coverage=False)
    assert found.wrong == []
    assert len(found.statuses) == len(OPERATIONS)
    assert not set().union(*found.statuses.values()) & {403, 429, 500, 503}


@pytest.mark.slow
@pytest.mark.timeout(600)
# Of the generator: a value of its own was large.
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@pytest.mark.parametrize("schemes", [by_token, by_session])
def test_many_generated_requests_find_no_response_that_is_not_documented(
    web: WebHost, schemes: Callable[[WebHost], Mapping[str, Any]]
) -> None:
    found = found_by(web, schemes(web), 60, coverage=True)
    assert found.wrong == []
    assert not set().union(*found.statuses.values()) & {429, 500, 503}


def test_no_operation_answers_without_a_user(web: WebHost) -> None:
    for cookies in ({}, {"discover-8080": "a-cookie-of-nobody"}):
        for one in OPERATIONS:
            path = re.sub(r"\{\w+\}", "acme", f"/api/v1{one.path}")
            response = requests.request(one.method, web.address + path, cookies=cookies, timeout=10)
            assert (response.status_code, response.json()["code"]) == (401, "sign_in_required"), one
            assert response.headers["WWW-Authenticate"] == "Bearer"


def test_a_wrong_token_is_refused_and_then_not_looked_at(web: WebHost) -> None:
    wrong = {"Authorization": "Bearer a-token-that-is-not-the-one"}
    statuses = [requests.get(f"{web.address}/api/v1/me", headers=wrong, timeout=10).status_code for _ in range(7)]
    assert statuses == [401] * 5 + [429] * 2

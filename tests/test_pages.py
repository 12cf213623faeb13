"""A connector's page says what the program says; its tier is written by a whole run of the kit, and held to it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from connector_core.plugins import load
from connector_core.sdk.connector import AnyConnector
from connector_core.settings import Settings
from connector_core.testing.kit import RULES
from connector_core.testing.pages import PARTS, current, page_of, parts_in, tier_in, with_tier
from connector_core.testing.plugin import PROPERTY
from connectors.namely.connector import Namely
from planted.example import Example

EMPTY = "".join(f"<!-- generated: {name} -->\n<!-- end -->\n" for name in PARTS)


def part(name: str, connector: type[Example | Namely]) -> str:
    return current(f"<!-- generated: {name} -->\n<!-- end -->\n", connector)


def test_a_page_that_is_made_twice_stays_as_it_is() -> None:
    once = current(EMPTY, Example)
    assert parts_in(once) == PARTS.keys()
    assert once != EMPTY
    assert current(once, Example) == once


def test_a_tier_is_kept_when_the_other_parts_are_made_anew() -> None:
    unproven = current(EMPTY, Example)
    assert "Not proven yet: `discover test example --write`." in unproven
    assert tier_in(unproven) == ""
    proven = current(with_tier(unproven, "gold"), Example)
    assert tier_in(proven) == tier_in(current(proven, Example)) == "gold"
    assert tier_in(current(with_tier(proven, "silver"), Example)) == "silver"


def test_bold_words_behind_an_empty_tier_are_none() -> None:
    assert tier_in("<!-- generated: tier -->\n<!-- end -->\n\nThis is **important**.\n\n<!-- end -->\n") == ""


def test_the_setup_here_gives_every_field_and_no_secret_by_a_flag() -> None:
    said = part("setup_here", Namely)
    assert "--domain company.namely.com --personal-access-token-file FILE`" in said
    assert "`discover run acme --delta`" in said
    assert "730 days" in said
    plain = part("setup_here", Example)
    assert "--domain DOMAIN --api-key-file FILE`" in plain
    assert "delta" not in plain
    assert "days" not in plain


def test_the_errors_are_those_of_the_manifest() -> None:
    said = part("errors", Namely)
    assert Namely.manifest.rejected.message in said
    assert Namely.manifest.rejected.remedy in said
    assert "answered 406 or 429, too many requests" in said
    for one in Namely.declarations.values():
        assert one.permission in said


@pytest.mark.parametrize(
    ("recorded", "broken", "complaint"),
    [
        ("platinum", "", ""),
        ("silver", "", "its README says silver: discover test example --write"),
        ("", "", "its README names no tier: discover test example --write"),
        ("platinum", "scale.memory", "its README says platinum: discover test example --write"),
    ],
)
def test_a_page_that_records_another_tier_than_was_reached_fails_the_session(
    tmp_path: Path, recorded: str, broken: str, complaint: str
) -> None:
    rows = [(name, int(rule.tier), name != broken, "kept", "") for name, rule in RULES.items()]
    # As suites are shared out to processes by pytest-xdist: none of them knows the tier.
    halves = [json.dumps(["example", recorded, rows[:9]]), json.dumps(["example", recorded, rows[9:]])]
    (tmp_path / "test_example.py").write_text(
        f"import pytest\n\n@pytest.mark.parametrize('half', {halves!r})\n"
        f"def test_example(half, record_property):\n    record_property({PROPERTY!r}, half)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n2" if recorded == "silver" else "-n0"],
        cwd=tmp_path,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 passed" in done.stdout
    assert done.returncode == (1 if complaint else 0)
    assert complaint in done.stdout
    assert ("its README" in done.stdout) is bool(complaint)


def test_every_connector_records_its_tier() -> None:
    connectors: list[type[AnyConnector]] = [Example, *load(Settings()).connectors.values()]
    assert Namely in connectors
    for connector in connectors:
        assert tier_in(page_of(connector).read_text(encoding="utf-8")) in {"bronze", "silver", "gold", "platinum"}


def test_a_5xx_that_means_too_many_requests_is_told_apart() -> None:
    class Overloaded(Example):
        manifest = Example.manifest.model_copy(update={"throttled_by": frozenset({429, 503})})

    assert "answered 429 or 503 with a Retry-After, too many requests" in part("errors", Overloaded)

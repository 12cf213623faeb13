"""The generated parts of a connector's README, and the tier that it records."""

import json

import pytest

from connector_core.plugins import load
from connector_core.sdk.connector import AnyConnector
from connector_core.settings import Settings
from connector_core.testing.kit import RULES
from connector_core.testing.plugin import PROPERTY, SessionResult
from connector_core.testing.readme import PARTS, parts_in, readme_of, regenerated, tier_in, with_tier
from connectors.namely.connector import Namely
from planted.example import Example

pytest_plugins = ["pytester"]

EMPTY = "".join(f"<!-- generated: {name} -->\n<!-- end -->\n" for name in PARTS)


def part(name: str, connector: type[Example | Namely]) -> str:
    return regenerated(f"<!-- generated: {name} -->\n<!-- end -->\n", connector)


def test_regenerating_twice_changes_nothing() -> None:
    once = regenerated(EMPTY, Example)
    assert parts_in(once) == PARTS.keys()
    assert once != EMPTY
    assert regenerated(once, Example) == once


def test_regenerating_keeps_the_recorded_tier() -> None:
    unproven = regenerated(EMPTY, Example)
    assert "Not proven yet. Run `discover test example --write`." in unproven
    assert tier_in(unproven) == ""
    proven = regenerated(with_tier(unproven, "gold"), Example)
    assert tier_in(proven) == tier_in(regenerated(proven, Example)) == "gold"
    assert tier_in(regenerated(with_tier(proven, "silver"), Example)) == "silver"


def test_bold_words_after_an_empty_tier_are_not_a_tier() -> None:
    assert tier_in("<!-- generated: tier -->\n<!-- end -->\n\nThis is **important**.\n\n<!-- end -->\n") == ""


def test_the_setup_names_every_field_and_passes_no_secret_by_a_flag() -> None:
    text = part("setup_here", Namely)
    assert "--domain company.namely.com --personal-access-token-file FILE`" in text
    assert "`discover run acme --delta`" in text
    assert "730 days" in text
    plain = part("setup_here", Example)
    assert "--domain DOMAIN --api-key-file FILE`" in plain
    assert "delta" not in plain
    assert "days" not in plain


def test_the_errors_are_those_of_the_manifest() -> None:
    text = part("errors", Namely)
    assert Namely.manifest.rejected.message in text
    assert Namely.manifest.rejected.remedy in text
    assert "answered 406 or 429, too many requests" in text
    for one in Namely.declarations.values():
        assert one.permission in text


def test_a_5xx_that_means_too_many_requests_is_described_with_its_header() -> None:
    class Overloaded(Example):
        manifest = Example.manifest.model_copy(update={"throttled_by": frozenset({429, 503})})

    assert "answered 429 or 503 with a Retry-After, too many requests" in part("errors", Overloaded)


# ---- the tier


def judged(broken: str = "") -> list[tuple[str, int, bool, str, str]]:
    return [(name, int(rule.tier), name != broken, "kept", "") for name, rule in RULES.items()]


@pytest.mark.parametrize(
    ("recorded", "broken", "mismatch"),
    [
        ("platinum", "", ""),
        ("silver", "", "its README records silver: run discover test example --write"),
        ("", "", "its README records no tier: run discover test example --write"),
        ("platinum", "scale.memory", "its README records platinum: run discover test example --write"),
        ("gold", "scale.memory", ""),
    ],
)
def test_the_recorded_tier_must_be_the_one_that_was_reached(recorded: str, broken: str, mismatch: str) -> None:
    assert SessionResult("example", recorded, judged(broken)).tier_mismatch == mismatch


def test_the_recorded_tier_is_not_judged_before_all_rules_are() -> None:
    assert SessionResult("example", "silver", judged()[:9]).tier_mismatch == ""


@pytest.mark.slow
@pytest.mark.parametrize(("recorded", "workers"), [("platinum", "-n0"), ("silver", "-n2")])
def test_a_readme_that_records_a_wrong_tier_fails_the_session(
    pytester: pytest.Pytester, recorded: str, workers: str
) -> None:
    # With workers, each process knows one half of the rules only.
    halves = [json.dumps(["example", recorded, half]) for half in (judged()[:9], judged()[9:])]
    pytester.makepyfile(
        f"import pytest\n\n@pytest.mark.parametrize('half', {halves!r})\n"
        f"def test_example(half, record_property):\n    record_property({PROPERTY!r}, half)\n"
    )
    # Without plugins that are slow to load and not needed.
    done = pytester.runpytest_inprocess("-q", workers, "-p", "no:hypothesispytest", "-p", "no:asyncio")
    done.assert_outcomes(passed=2)
    wrong = recorded != "platinum"
    assert done.ret == (pytest.ExitCode.TESTS_FAILED if wrong else pytest.ExitCode.OK)
    assert ("its README records silver" in done.stdout.str()) is wrong


def test_every_connector_records_its_tier() -> None:
    connectors: list[type[AnyConnector]] = [Example, *load(Settings()).connectors.values()]
    assert Namely in connectors
    for connector in connectors:
        assert tier_in(readme_of(connector).read_text(encoding="utf-8")) in {"bronze", "silver", "gold", "platinum"}

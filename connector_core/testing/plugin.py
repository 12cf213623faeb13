"""Pytest plugin that proves a connector with one line in its tests.

::

    from connector_core.testing.plugin import kit

    test_kit = kit("example")

Each suite of the kit becomes a test. The end of the session prints the tier and the broken rules. When all suites have
run, the session fails if the connector's README records another tier.
"""

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:  # pytest loads this module at every start, so the host is imported only where it is used.
    from connector_core.sdk.connector import AnyConnector
    from connector_core.testing.kit import Result

PROPERTY = "connector-core-kit"


def kit(connector: "str | type[AnyConnector]") -> Callable[..., None]:
    """Return the tests of a connector, given the name of its entry point or its class."""
    from connector_core.testing.kit import SUITES  # Late, as above.

    @pytest.mark.parametrize("suite", SUITES)
    def test(suite: str, record_property: Callable[[str, object], None]) -> None:
        from connector_core.testing.kit import prove_suite  # Late, as above.
        from connector_core.testing.readme import readme_of, tier_in

        loaded = _load(connector)
        result = prove_suite(loaded, suite)
        readme = readme_of(loaded)
        recorded = tier_in(readme.read_text(encoding="utf-8")) if readme.is_file() else ""
        record_property(PROPERTY, _dump(result, recorded))
        problems = [f"{one.rule.name} ({one.rule.tier}): {one.detail}" for one in result.judgements if not one.good]
        problems += [f"the manifest exempts {one}, which is not a rule" for one in result.unknown_exemptions]
        if problems:
            pytest.fail("\n".join(problems), pytrace=False)

    return test


def _load(connector: "str | type[AnyConnector]") -> "type[AnyConnector]":
    from connector_core.plugins import load  # Late, as above.
    from connector_core.settings import PluginSettings, Settings

    if not isinstance(connector, str):
        return connector
    return load(Settings(plugins={connector: PluginSettings()})).connector(connector)


def _dump(result: "Result", recorded: str) -> str:
    judged = [(one.rule.name, int(one.rule.tier), one.good, one.standing, one.detail) for one in result.judgements]
    return json.dumps([result.connector, recorded, judged])


class SessionResult(NamedTuple):
    """Results of one connector's suites in this session, which may have run in several processes."""

    connector: str
    recorded: str
    """Tier that the README records."""
    rules: list[tuple[str, int, bool, str, str]]
    """Name, tier, whether it is good, standing, detail."""

    @property
    def tier(self) -> str:
        from connector_core.testing.kit import Tier  # Late, as above.

        broken = [tier for _, tier, good, _, _ in self.rules if not good]
        return str(Tier(min(broken) - 1)) if broken else "platinum"

    @property
    def all_rules_judged(self) -> bool:
        from connector_core.testing.kit import RULES  # Late, as above.

        return len(self.rules) == len(RULES)

    @property
    def tier_mismatch(self) -> str:
        """Error about the tier in the README; empty if it is right, or if some rules were not judged."""
        if not self.all_rules_judged or self.recorded == self.tier:
            return ""
        claim = f"records {self.recorded}" if self.recorded else "records no tier"
        return f"its README {claim}: run discover test {self.connector} --write"


def _session_results(stats: dict[str, Iterable[Any]]) -> list[SessionResult]:
    results: dict[str, SessionResult] = {}
    for reports in stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == PROPERTY and getattr(report, "when", "") == "call":
                    connector, recorded, rules = json.loads(value)
                    results.setdefault(connector, SessionResult(connector, recorded, [])).rules.extend(rules)
    return [results[name] for name in sorted(results)]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a session whose README records a wrong tier. No single suite knows the tier."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and any(result.tier_mismatch for result in _session_results(reporter.stats)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the tier of each connector whose suites have run."""
    results = _session_results(terminalreporter.stats)
    if not results:
        return
    from connector_core.testing.kit import RULES  # Late, as above.

    terminalreporter.section("connector kit")
    for result in results:
        so_far = "" if result.all_rules_judged else f" so far, by {len(result.rules)} of {len(RULES)} rules"
        kept = sum(good for _, _, good, _, _ in result.rules)
        terminalreporter.write_line(
            f"{result.connector}: {result.tier}{so_far}; {kept} of {len(result.rules)} rules kept"
        )
        if result.tier_mismatch:
            terminalreporter.write_line(f"  {result.tier_mismatch}", red=True)
        for name, _, good, standing, detail in result.rules:
            if not good or standing != "kept":
                terminalreporter.write_line(f"  {standing}: {name}: {detail}")

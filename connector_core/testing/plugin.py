"""A pytest plugin: a connector's tests prove it in one line.

::

    from connector_core.testing.plugin import kit

    test_kit = kit("example")

Every suite of the kit is a test of its own; at the end, the tier and the rules that are not kept are printed.
"""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # pytest loads this module at every start, so the host is imported only where it is used.
    from connector_core.connector import AnyConnector
    from connector_core.testing.kit import Result

PROPERTY = "connector-core-kit"


def kit(connector: "str | type[AnyConnector]") -> Callable[..., None]:
    """The tests of a connector, by the name of its entry point or by its class."""
    from connector_core.testing.kit import SUITES  # See above.

    @pytest.mark.parametrize("suite", SUITES)
    def test(suite: str, record_property: Callable[[str, object], None]) -> None:
        from connector_core.testing.kit import prove_suite  # See above.

        result = prove_suite(_named(connector), suite)
        record_property(PROPERTY, _dump(result))
        broken = [f"{one.rule.name} ({one.rule.tier}): {one.said}" for one in result.judgements if not one.good]
        broken += [f"the manifest exempts {one}, which is no rule" for one in result.unknown_exemptions]
        if broken:
            pytest.fail("\n".join(broken), pytrace=False)

    return test


def _named(connector: "str | type[AnyConnector]") -> "type[AnyConnector]":
    from connector_core.plugins import load  # See above.
    from connector_core.settings import PluginSettings, Settings

    if not isinstance(connector, str):
        return connector
    return load(Settings(plugins={connector: PluginSettings()})).connector(connector)


def _dump(result: "Result") -> str:
    judged = [(one.rule.name, int(one.rule.tier), one.good, one.standing, one.said) for one in result.judgements]
    return json.dumps([result.connector, judged])


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The tier of each connector whose kit has run whole."""
    judged: dict[str, list[tuple[str, int, bool, str, str]]] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == PROPERTY and getattr(report, "when", "") == "call":
                    connector, rules = json.loads(value)
                    judged.setdefault(connector, []).extend(rules)
    if not judged:
        return
    from connector_core.testing.kit import RULES, Tier  # See above.

    terminalreporter.section("connector kit")
    for connector, rules in sorted(judged.items()):
        broken = [tier for _, tier, good, _, _ in rules if not good]
        tier = str(Tier(min(broken) - 1)) if broken else "platinum"
        whole = "" if len(rules) == len(RULES) else f" so far, by {len(rules)} of {len(RULES)} rules"
        kept = sum(good for _, _, good, _, _ in rules)
        terminalreporter.write_line(f"{connector}: {tier}{whole}; {kept} of {len(rules)} rules kept")
        for name, _, good, standing, said in rules:
            if not good or standing != "kept":
                terminalreporter.write_line(f"  {standing}: {name}: {said}")

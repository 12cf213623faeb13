"""A pytest plugin: a connector's tests prove it in one line.

::

    from connector_core.testing.plugin import kit

    test_kit = kit("example")

Every suite of the kit is a test of its own; at the end, the tier and the rules that are not kept are printed. When
all suites have run, the tier must be the one that the connector's README records.
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
    """The tests of a connector, by the name of its entry point or by its class."""
    from connector_core.testing.kit import SUITES  # See above.

    @pytest.mark.parametrize("suite", SUITES)
    def test(suite: str, record_property: Callable[[str, object], None]) -> None:
        from connector_core.testing.kit import prove_suite  # See above.
        from connector_core.testing.pages import page_of, tier_in

        named = _named(connector)
        result = prove_suite(named, suite)
        page = page_of(named)
        recorded = tier_in(page.read_text(encoding="utf-8")) if page.is_file() else ""
        record_property(PROPERTY, _dump(result, recorded))
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


def _dump(result: "Result", recorded: str) -> str:
    judged = [(one.rule.name, int(one.rule.tier), one.good, one.standing, one.said) for one in result.judgements]
    return json.dumps([result.connector, recorded, judged])


class _Proof(NamedTuple):
    """What the suites that have run say of one connector. They may have run in several processes."""

    connector: str
    recorded: str
    rules: list[tuple[str, int, bool, str, str]]

    @property
    def tier(self) -> str:
        from connector_core.testing.kit import Tier  # See above.

        broken = [tier for _, tier, good, _, _ in self.rules if not good]
        return str(Tier(min(broken) - 1)) if broken else "platinum"

    @property
    def whole(self) -> bool:
        from connector_core.testing.kit import RULES  # See above.

        return len(self.rules) == len(RULES)

    @property
    def complaint(self) -> str:
        """What is wrong with the tier in the README, if all rules have been tried."""
        if not self.whole or self.recorded == self.tier:
            return ""
        said = f"says {self.recorded}" if self.recorded else "names no tier"
        return f"its README {said}: discover test {self.connector} --write"


def _proofs(stats: dict[str, Iterable[Any]]) -> list[_Proof]:
    proofs: dict[str, _Proof] = {}
    for reports in stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == PROPERTY and getattr(report, "when", "") == "call":
                    connector, recorded, rules = json.loads(value)
                    proofs.setdefault(connector, _Proof(connector, recorded, [])).rules.extend(rules)
    return [proofs[name] for name in sorted(proofs)]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A README that records another tier than was reached fails the session: no single suite could tell."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and any(proof.complaint for proof in _proofs(reporter.stats)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The tier of each connector, by the suites that have run."""
    proofs = _proofs(terminalreporter.stats)
    if not proofs:
        return
    from connector_core.testing.kit import RULES  # See above.

    terminalreporter.section("connector kit")
    for proof in proofs:
        whole = "" if proof.whole else f" so far, by {len(proof.rules)} of {len(RULES)} rules"
        kept = sum(good for _, _, good, _, _ in proof.rules)
        terminalreporter.write_line(f"{proof.connector}: {proof.tier}{whole}; {kept} of {len(proof.rules)} rules kept")
        if proof.complaint:
            terminalreporter.write_line(f"  {proof.complaint}", red=True)
        for name, _, good, standing, said in proof.rules:
            if not good or standing != "kept":
                terminalreporter.write_line(f"  {standing}: {name}: {said}")

"""Rules of the kit: a good connector keeps them all, and each planted one breaks the rule of its mistake."""

import asyncio
import gc
import re
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from connector_core import Account, Connector, Employee, Page, PageNumber, Product, discovers
from connector_core.errors import PluginContractError, SettingsError
from connector_core.sdk.connector import AnyConnector
from connector_core.sdk.manifest import Manifest
from connector_core.testing.kit import (
    RULES,
    SUITES,
    Findings,
    Result,
    Standing,
    Tier,
    fault_injection,
    jobs,
    run_examiner,
    run_job,
    scale,
)
from connectors.bamboohr.connector import BambooHR
from connectors.personio.connector import Personio
from planted.bad import PLANTED
from planted.example import Example, ExampleCredentials, People, to_employee
from planted.misreading import (
    AcceptsAMissingList,
    GivesUpOnARejectedRow,
    StopsOnAShortPage,
    SwallowsErrors,
)
from planted.misvaluing import AssumesRows, EmptiesAbsentFields, TakesAbsentForUnknown
from planted.tokened import Tokened

ROOT = Path(__file__).parents[1]
REVEALED_BY: Mapping[type[AnyConnector], tuple[str, ...]] = {
    AcceptsAMissingList: ("renamed",),
    SwallowsErrors: ("500",),
    GivesUpOnARejectedRow: (),
    StopsOnAShortPage: (),
    EmptiesAbsentFields: ("half_keys",),
    TakesAbsentForUnknown: ("half_keys", "other_keys"),
    AssumesRows: ("other_keys",),
}
"""Faults that reveal the mistake. All are tried by the slow test, and by ``make teeth``."""

pytestmark = pytest.mark.timeout(300)


def findings_of(connector: type[AnyConnector], suite: str) -> Findings:
    """Run a suite with what is needed to see this connector's mistake."""
    if suite == "faults":
        return run_examiner(connector, partial(fault_injection.examine, kinds=REVEALED_BY[connector]))
    if suite == "scale":
        # What grows without bound shows over few people.
        traced = (300, 1_200) if PLANTED[connector][0] == "scale.memory" else ()
        return run_examiner(connector, partial(scale.examine, sizes=(1, 120), traced=traced))
    return run_job(connector, suite)


def planted() -> Iterator[Any]:
    """Yield the planted connectors: every day, one for each suite."""
    seen: set[str] = set()
    for connector, (named, *_) in PLANTED.items():
        suite = RULES[named].suite
        yield pytest.param(connector, id=connector.__name__, marks=[pytest.mark.slow] if suite in seen else [])
        seen.add(suite)


@pytest.mark.parametrize("connector", list(planted()))
def test_a_planted_connector_breaks_its_rule(connector: type[AnyConnector]) -> None:
    named, *related = PLANTED[connector]
    problems = findings_of(connector, RULES[named].suite).problems
    assert named in problems
    assert problems.keys() <= {named, *related}, problems


@pytest.mark.slow
@pytest.mark.parametrize("connector", REVEALED_BY, ids=lambda one: one.__name__)
def test_a_planted_connector_breaks_no_unrelated_rule_under_any_fault(connector: type[AnyConnector]) -> None:
    named, *related = PLANTED[connector]
    broken = set().union(*(run_job(connector, job).problems for job in jobs(["faults"])))
    assert named in broken
    assert broken <= {named, *related}


LONG = {"faults-1", "interruption"}


@pytest.mark.parametrize(
    "job",
    [
        pytest.param(job, marks=[pytest.mark.slow] if job in LONG else [])
        for job in jobs()
        if job not in {"faults-2", "faults-3", "faults-4", "scale"}
    ],
)
def test_a_good_connector_keeps_every_rule(job: str) -> None:
    findings = run_job(Example, job)
    assert findings.problems == {}
    if job == "faults-1":
        assert findings.counts["faults fired"] == findings.counts["faults tried"] > 50


def test_a_good_connector_that_reads_deltas_by_token_keeps_their_rules() -> None:
    findings = run_job(Tokened, "deltas")
    assert findings.problems == {}
    # More than one can be interrupted.
    assert int(findings.measures["pages of a delta"]) > 1


@pytest.mark.slow
def test_a_good_connector_keeps_the_rules_of_scale() -> None:
    # Far apart: both ends of a connection are in this process, and one more, which a busy machine may open, takes
    # half a megabyte.
    findings = run_examiner(Example, partial(scale.examine, sizes=(1, 120, 1_200), traced=(1_100, 5_100)))
    assert findings.problems == {}
    assert {"1 people", "1,200 people", "memory"} <= findings.measures.keys()


def test_the_documented_teeth_are_those_of_the_planted_connectors() -> None:
    document = (ROOT / "docs" / "teeth.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (\w+) \| ([\w.`, ]+) \|", document, re.MULTILINE))
    assert rows.keys() - {"connector"} == {"Example", *(one.__name__ for one in PLANTED)}
    for connector, (named, *related) in PLANTED.items():
        broken = set(re.findall(r"`([\w.]+)`", rows[connector.__name__]))
        assert named in broken
        assert broken <= {named, *related}


def test_every_rule_belongs_to_a_suite_and_is_documented() -> None:
    document = (ROOT / "docs" / "kit.md").read_text(encoding="utf-8")
    for name, rule in RULES.items():
        assert rule.suite in SUITES
        assert f"| `{name}` | {rule.tier} |" in document


# ---- secrets and witnesses


class LogsTheIssuedToken(Personio):
    """Logs the token that the host has fetched."""

    async def check(self) -> Account:
        account = await super().check()
        client: Any = self.api
        (signed,) = (await client._api._client._signature.headers()).values()
        self.log.info("checked", signed=signed.get_secret_value())
        return account


class LogsTheEncodedPair(BambooHR):
    """Logs the key as it is encoded in the header, which is no field of the credentials."""

    async def check(self) -> Account:
        pair = f"{self.credentials.api_key.get_secret_value()}:x"
        self.log.info("checking", signed=b64encode(pair.encode()).decode())
        return await super().check()


@pytest.mark.parametrize(
    ("connector", "problem"),
    [
        (LogsTheIssuedToken, "fault-free run: an issued token appears in logs or output"),
        (LogsTheEncodedPair, "fault-free run: the header that signs requests appears in logs or output"),
    ],
)
def test_what_is_derived_from_a_secret_is_as_secret(connector: type[AnyConnector], problem: str) -> None:
    problems = run_job(connector, "secrecy").problems
    assert problems.keys() == {"secrecy.token"}
    assert problems["secrecy.token"][0] == problem


class ClaimsToBeDerived(Connector[ExampleCredentials]):
    """Declares its rows as derived, so that it needs no witness."""

    manifest = Example.manifest
    check = Example.check

    @discovers(
        Employee,
        products={Product.SMP},
        resource="People",
        description="All people.",
        permission="Settings > API: allow people",
        derived=True,
    )
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages("/people", People, paging=PageNumber(size=25)):
            yield page.map(to_employee)


def test_a_kind_that_only_claims_to_be_derived_needs_a_witness() -> None:
    problems = run_job(ClaimsToBeDerived, "declaration").problems["declaration.witness"]
    assert problems == ["Employee is declared as derived, but its pages come from a listing"]


def test_a_derived_kind_needs_no_witness() -> None:
    assert Personio.declarations["Department"].witness is None
    assert "declaration.witness" not in run_job(Personio, "declaration").problems


# ---- tiers and exemptions


def result(problems: dict[str, list[str]], exemptions: dict[str, str] | None = None) -> Result:
    return Result("example", SUITES, Findings(problems), exemptions or {}, 1.0)


def test_a_tier_is_reached_when_its_rules_and_all_below_are_kept() -> None:
    assert result({}).tier is Tier.PLATINUM
    assert result({"scale.memory": ["too much"]}).tier is Tier.GOLD
    assert result({"manners.quota": ["too many"]}).tier is Tier.SILVER
    assert result({"scale.memory": ["too much"], "faults.removal": ["one"]}).tier is Tier.BRONZE
    assert result({"secrecy.token": ["seen"]}).tier is Tier.NONE
    assert str(Tier.GOLD) == "gold"


def test_an_exemption_excuses_a_broken_rule_and_is_stale_for_a_kept_one() -> None:
    exempt = result({"scale.memory": ["too much"]}, {"scale.memory": "one answer has all rows"})
    assert exempt.passed
    assert exempt.tier is Tier.PLATINUM
    stale = result({}, {"scale.memory": "one answer has all rows"})
    assert not stale.passed
    (judged,) = [one for one in stale.judgements if not one.good]
    assert judged.standing is Standing.STALE


def test_an_exemption_from_an_unknown_rule_fails() -> None:
    unknown = result({}, {"scale.no_such_rule": "for some reason"})
    assert unknown.unknown_exemptions == ("scale.no_such_rule",)
    assert not unknown.passed


def test_an_exemption_needs_a_reason() -> None:
    manifest = Example.manifest.model_dump()
    with pytest.raises(ValueError, match="at least 10 characters"):
        Manifest.model_validate({**manifest, "exemptions": {"scale.memory": ""}})


def test_a_connector_without_a_simulator_cannot_be_proven() -> None:
    class Unsimulated(Example):
        manifest = Example.manifest.model_copy(update={"simulator": None})

    with pytest.raises(PluginContractError, match="names no simulator") as caught:
        run_job(Unsimulated, "reading")
    assert "connector_core.testing.Simulator" in caught.value.hint


def test_an_unknown_suite_is_an_error() -> None:
    with pytest.raises(SettingsError, match="'speed' is not a suite"):
        jobs(["speed"])


async def test_an_optional_request_that_is_cancelled_before_it_started_leaves_no_coroutine_behind() -> None:
    async def work() -> int:
        return 5

    connector = Example.__new__(Example)
    assert await connector.optional(work(), "missing") == 5
    task = asyncio.ensure_future(connector.optional(work(), "missing"))
    task.cancel()
    # A coroutine that was never awaited is a warning, and warnings are errors here.
    with pytest.raises(asyncio.CancelledError):
        await task
    del task
    gc.collect()

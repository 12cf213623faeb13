"""Suite ``faults``: each fault at each request of a run. The rows stay the same, or the run is not complete."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from connector_core.errors import DiscoveryError, ProtocolError
from connector_core.sdk.entities import Entity
from connector_core.testing.answers import Request
from connector_core.testing.kit.findings import Findings
from connector_core.testing.kit.harness import Harness, RunResult, Stored
from connector_core.testing.listing_faults import LISTING_FAULTS, Listed
from connector_core.testing.network_faults import THROTTLES

NETWORK = (
    *("500", "502", "401", "403", "404", *THROTTLES),
    *("reset", "stall", "truncate", "cutzip", "html", "garbage", "empty"),
)
KINDS = (*NETWORK, *LISTING_FAULTS)
HARM = ("false certificates", "false removals", "fields emptied", "people lost")
"""Counts that must be zero."""
MAX_REQUESTS = 16
"""Faults are tried at the first requests of a run only, if it has more."""
WRONG_SHAPES = ("null", "renamed")


@dataclass(frozen=True, slots=True)
class Case:
    """One fault at one request of a run, once or from there on."""

    kind: str
    number: int
    path: str
    lasting: bool

    @property
    def script(self) -> str:
        return f"{self.kind}@{self.number}{'x99999' if self.lasting else ''}"

    def __str__(self) -> str:
        return f"{self.kind} at request {self.number} ({self.path}){' and after' if self.lasting else ''}"


def cases(requests: tuple[Request, ...], listings: tuple[Listed, ...]) -> Iterator[Case]:
    """Yield the faults to try at these requests, lasting ones at the first two requests of each path.

    A lasting ``drop_row`` is left out where no total is announced: no client could notice it.
    """
    listed = {one.path: one for one in listings}
    seen: dict[str, int] = {}
    for number, request in enumerate(requests[:MAX_REQUESTS], 1):
        path = request.path
        seen[path] = seen.get(path, 0) + 1
        kinds = (*NETWORK, *(listed[path].faults if path in listed else ()))
        for kind in kinds:
            yield Case(kind, number, path, lasting=False)
            if seen[path] <= 2 and not (kind == "drop_row" and not listed[path].announces):
                yield Case(kind, number, path, lasting=True)


@dataclass(frozen=True, slots=True)
class Baseline:
    """A store from before the organisation changed, and what runs after the change do without a fault."""

    store: Path
    before: Stored
    fault_free: RunResult
    second: RunResult
    """The run after that one: its scan is the second that lacks a removed row, for kinds without a witness."""


def restart(harness: Harness) -> None:
    """Serve the changed organisation of the baseline again."""
    harness.reset().evolve()


async def make_baseline(harness: Harness) -> Baseline:
    harness.reset()
    store = await harness.connected_store()
    before = (await harness.run(store)).stored
    restart(harness)
    with harness.copy_of(store) as copy:
        fault_free = await harness.run(copy)
        second = await harness.run(copy)
    return Baseline(store, before, fault_free, second)


async def examine(
    harness: Harness, findings: Findings, part: int = 0, parts: int = 1, kinds: Collection[str] = KINDS
) -> None:
    """Try the faults of these kinds.

    Jobs that share the suite try every ``parts``-th case, starting with number ``part``.
    """
    baseline = await make_baseline(harness)
    findings.counts.update(dict.fromkeys(HARM, 0))
    for index, case in enumerate(cases(baseline.fault_free.requests, harness.simulator.listings)):
        if index % parts == part and case.kind in kinds:
            await _try(harness, baseline, case, findings)
            findings.counts["faults tried"] += 1
    if part == 0:
        await _check_small_pages(harness, findings)
        await _check_bad_texts(harness, findings)


async def _try(harness: Harness, baseline: Baseline, case: Case, findings: Findings) -> None:
    restart(harness)
    ids_before = harness.expected_ids()
    with harness.copy_of(baseline.store) as store:
        result = await harness.run(store, case.script)
        findings.counts["faults fired"] += bool(result.fired_at)
        # A row that came or went during the run may be left to the next one.
        stable = {kind: ids & harness.expected_ids()[kind] for kind, ids in ids_before.items()}
        _judge_safety(baseline, case, result, stable, findings)
        _judge_honesty(case, result, findings)
        if not result.complete:
            after = await harness.run(store)
            lost = sum(len(ids - after.stored[kind].keys()) for kind, ids in harness.expected_ids().items())
            findings.counts["people lost"] += lost
            if lost:
                findings.fail("faults.lost", f"{case}: entities missing after a fault-free run: {lost}")


def _judge_safety(
    baseline: Baseline, case: Case, result: RunResult, stable: dict[str, set[str]], findings: Findings
) -> None:
    for kind, ids in stable.items():
        stored = result.stored[kind]
        removed = (ids & baseline.before[kind].keys()) - stored.keys()
        findings.counts["false removals"] += len(removed)
        if removed:
            findings.fail("faults.removal", f"{case}: {kind} entities removed: {len(removed)}")
        reference = baseline.fault_free.stored[kind]
        emptied = [
            name
            for one in ids & stored.keys() & baseline.before[kind].keys() & reference.keys()
            for name in _emptied_fields(baseline.before[kind][one], reference[one], stored[one])
        ]
        findings.counts["fields emptied"] += len(emptied)
        if emptied:
            findings.fail("faults.emptied", f"{case}: {kind} fields emptied: {len(emptied)}, such as {emptied[0]}")
        if held := _held_fields(result, kind) - _held_fields(baseline.fault_free, kind):
            fields = ", ".join(sorted(held))
            findings.fail("faults.emptied", f"{case}: {kind} fields came empty, and the host kept them: {fields}")
    for certificate in result.certificates:
        ids = stable[certificate.kind]
        unread = len(ids) - certificate.found or len(ids - result.stored[certificate.kind].keys())
        if certificate.complete and unread > 0:
            findings.counts["false certificates"] += 1
            problem = f"{certificate.kind} is certified as complete, but rows not read: {unread}"
            findings.fail("faults.certificate", f"{case}: {problem}")


def _held_fields(result: RunResult, kind: str) -> set[str]:
    """Return the fields that came empty so often that the host did not believe it."""
    return {name for one in result.certificates if one.kind == kind for name in one.profile.emptied}


def _emptied_fields(before: Entity, fault_free: Entity, after: Entity) -> list[str]:
    return [
        name
        for name in type(before).model_fields
        if after.is_empty(name, getattr(after, name))
        and not any(one.is_empty(name, getattr(one, name)) for one in (before, fault_free))
    ]


def _judge_honesty(case: Case, result: RunResult, findings: Findings) -> None:
    if isinstance(result.error, DiscoveryError) or _connector_failed(result):
        findings.fail("faults.bug", f"{case}: {result.outcome.strip()}")
    rejected = any(isinstance(error, ProtocolError) for error in result.monitor.errors)
    # Concurrent requests arrive in any order, so the fault may not have fired at the path of this case.
    if case.lasting and case.kind in WRONG_SHAPES and case.path in result.fired_at and not rejected:
        findings.fail("faults.shape", f"{case}: the answer was accepted")
    for error in result.monitor.errors if result.error is None else ():
        # A 401 is explained in other words. A tolerated error may be logged, with its code.
        logged = any(error.code in (event.get("error"), event.get("code")) for event in result.monitor.log_events)
        if not (logged or error.message in result.outcome or error.code == "credentials_rejected"):
            findings.fail("faults.reported", f"{case}: neither the report nor a log has the error «{error.message}»")


def _connector_failed(result: RunResult) -> bool:
    """Return True if a kind's reading ended with an exception of the connector's own."""
    reasons = [reason for one in result.certificates for reason in one.reasons]
    return any(reason.parameters.get("error") == DiscoveryError.code for reason in reasons)


async def _check_small_pages(harness: Harness, findings: Findings) -> None:
    harness.reset().largest_page = 7
    result = await harness.run(await harness.connected_store())
    if not result.complete or any(result.stored[kind].keys() != ids for kind, ids in harness.expected_ids().items()):
        problem = result.outcome.strip() or "some rows were not read"
        findings.fail("faults.clamped", f"with seven rows a page: {problem}")


async def _check_bad_texts(harness: Harness, findings: Findings) -> None:
    """Spoil texts of a few rows of each listing of people, in a first run."""
    for path in {one.path for one in harness.simulator.listings if one.people}:
        for kind in ("bad_texts", "bad_extras"):
            harness.reset()
            result = await harness.run(await harness.connected_store(), f"{kind}:{path}")
            if kind == "bad_extras" and not result.complete:
                findings.fail("faults.bad_text", f"in keys that are not read, at {path}: {result.outcome.strip()}")
            for name in _lost_to_others(harness, result):
                findings.fail("faults.bad_text", f"{kind} at {path}: {name} entities neither stored nor rejected by id")


def _lost_to_others(harness: Harness, result: RunResult) -> Iterator[str]:
    """Yield the kinds of which rows are missing that were not rejected by their ids."""
    rejected = {
        certificate.kind: {one.source_id for one in certificate.rejected} for certificate in result.certificates
    }
    for name, ids in harness.expected_ids().items():
        # What only a rejected row would have mentioned cannot be known.
        derived = harness.connector.declarations[name].derived
        if not derived and ids - result.stored[name].keys() - rejected.get(name, set()):
            yield name

"""Suite ``reading``: runs that find every row under its own id, follow its changes, and miss none while it moves."""

import operator
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from connector_core.errors import ConnectorCoreError, InvalidCredentialsError, RejectedCredentialsError
from connector_core.messages import message
from connector_core.reasons import Code
from connector_core.sdk.connector import AnyConnector
from connector_core.sdk.credentials import FormField
from connector_core.sdk.entities import Entity, Status
from connector_core.testing.keys import another_key
from connector_core.testing.kit import moving
from connector_core.testing.kit.findings import Findings
from connector_core.testing.kit.harness import NAME, PEOPLE, SEED, Harness, RunResult
from connector_core.testing.kit.monitor import Monitor
from connector_core.testing.server import all_credentials

FEW = 12
"""People of a small company, whose ids may all be those of a larger one."""


async def examine(harness: Harness, findings: Findings) -> None:
    harness.reset()
    store = await harness.connected_store()
    first = await harness.run(store)
    _check_complete(harness, first, findings)
    second = await harness.run(store)
    _check_ids(first, second, findings)
    _check_links(harness, first, findings)
    _check_texts(first, findings)
    _check_fill(harness.connector, first, findings)
    await _check_refusals(harness, findings)
    await _check_witnesses(harness, store, findings)
    await _check_changes(harness, store, findings)
    await _check_tenant(harness, findings)
    await moving.examine(harness, findings)


async def _check_changes(harness: Harness, store: Path, findings: Findings) -> None:
    events = "; ".join(harness.simulator.evolve())
    changed = await harness.run(store)
    if changed.report and not sum(plan.updates for plan in changed.plans):
        findings.fail("reading.follows", f"nothing was updated after these changes: {events}")
    # A row without a witness is removed by the second scan that lacks it.
    followed = await harness.run(store)
    _check_leavers(harness.connector, followed, findings)
    new = await harness.run(await harness.connected_store())
    for difference in differences(followed, new):
        findings.fail("reading.follows", difference)


async def _check_witnesses(harness: Harness, store: Path, findings: Findings) -> None:
    result = await harness.run(store, asks_witnesses=True)
    for rule, problem in result.monitor.violations:
        if rule in {"reading.witness", "reading.single"}:
            findings.fail(rule, problem)


async def _check_tenant(harness: Harness, findings: Findings) -> None:
    """Let the same credentials lead to another company's people."""
    for people in (PEOPLE, FEW):
        harness.reset()
        store = await harness.connected_store()
        before = await harness.run(store)
        harness.reset(people, seed=SEED + 1)
        for difference in differences(await harness.run(store), before):
            findings.fail("reading.tenant", f"{people} others: {difference}")


def _check_leavers(connector: type[AnyConnector], result: RunResult, findings: Findings) -> None:
    for kind, entities in result.stored.items():
        inactive = [one for one in entities.values() if _is_inactive(one)]
        if inactive and not connector.declarations[kind].lists_inactive:
            findings.fail("reading.leavers", f"inactive {kind} entities are listed, but lists_inactive is not declared")


def _is_inactive(entity: Entity) -> bool:
    return getattr(entity, "status", None) == Status.INACTIVE or getattr(entity, "active", None) is False


def _check_complete(harness: Harness, result: RunResult, findings: Findings) -> None:
    if not result.complete:
        findings.fail("reading.complete", f"a fault-free run is not complete: {result.outcome.strip()}")
    for kind, ids in harness.expected_ids().items():
        stored = result.stored[kind].keys()
        if not ids:
            findings.fail("reading.complete", f"the simulator has no {kind} entities, so nothing is proven")
        if ids - stored:
            findings.fail("reading.complete", f"{kind} entities not found: {len(ids - stored)} of {len(ids)}")
        if stored - ids:
            findings.fail("reading.complete", f"{kind} entities that do not exist at the provider: {len(stored - ids)}")


def _check_ids(first: RunResult, second: RunResult, findings: Findings) -> None:
    for kind, stored in first.stored.items():
        if stored.keys() != second.stored[kind].keys():
            findings.fail("reading.ids", f"the second run finds other ids of {kind}")
    for one in first.certificates:
        if one.rejected:
            findings.fail("reading.ids", f"{one.kind} rows rejected: {len(one.rejected)}, such as {one.rejected[0]}")
    for one in (*first.certificates, *second.certificates):
        for reason in one.reasons:
            if reason.code in {Code.ROWS_MERGED, Code.ROWS_REPEATED}:
                findings.fail("reading.ids", message(reason))
    for plan in second.plans:
        changed = plan.creates + plan.updates + plan.removes
        if changed:
            findings.fail(
                "reading.ids", f"{plan.kind} entities that the second run changes, though nothing happened: {changed}"
            )


def _check_links(harness: Harness, result: RunResult, findings: Findings) -> None:
    reported = {one.kind: one.profile.dangling for one in result.certificates}
    for kind, entities in result.stored.items():
        for name, target in harness.connector.declarations[kind].kind.links.items():
            if target not in result.stored:
                continue
            targets = {one for entity in entities.values() for one in _linked_ids(entity, name)}
            dangling = targets - result.stored[target].keys()
            counted = reported.get(kind, {}).get(name, 0)
            if len(dangling) != counted:
                findings.fail(
                    "reading.links", f"{kind}.{name}: {len(dangling)} links dangle, but {counted} are reported"
                )


def _linked_ids(entity: Entity, name: str) -> tuple[str, ...]:
    value = getattr(entity, name)
    return (value,) if isinstance(value, str) else value or ()


def _check_texts(result: RunResult, findings: Findings) -> None:
    for kind, entities in result.stored.items():
        if fields := {name for entity in entities.values() for name in _untidy_texts(entity)}:
            findings.fail("reading.texts", f"{kind} has texts that are blank or padded: {', '.join(sorted(fields))}")


def _untidy_texts(entity: Entity) -> Iterator[str]:
    """Yield the fields with a blank or padded text. Ids are the provider's own and stay as they are."""
    for name, value in entity:
        if name == "source_id" or name in entity.links:
            continue
        texts = value if isinstance(value, tuple) else (value,)
        # Members of an enum are texts too, but not the provider's.
        if any(type(text) is str and (not text or text != text.strip()) for text in texts):
            yield name


def _check_fill(connector: type[AnyConnector], result: RunResult, findings: Findings) -> None:
    for one in result.certificates:
        for name in connector.declarations[one.kind].provides:
            if not one.profile.filled.get(name):
                findings.fail("reading.fill", f"{one.kind}.{name} is declared in provides but never filled")
        rates = {name: share for name, share in one.profile.filled.items() if name != "source_id"}
        findings.measures[f"fill rates of {one.kind}"] = ", ".join(
            f"{name} {share:.0%}" for name, share in sorted(rates.items())
        )


async def _check_refusals(harness: Harness, findings: Findings) -> None:
    """Connect by each way to authenticate, with each of its secrets mistyped in turn."""
    connector, form = harness.connector, harness.connector.credentials_type.form()
    if len(connector.manifest.ways) > len(all_credentials(harness.simulator)):
        findings.fail("reading.refusal", "the simulator has no other_credentials for each other way to authenticate")
    for valid in all_credentials(harness.simulator):
        if valid is not harness.simulator.credentials and (problem := await _refusal(harness, valid)):
            findings.fail("reading.refusal", f"the other credentials raise {type(problem).__name__}")
        for field in form:
            if field.secret and field.name in valid:
                _judge(field, await _refusal(harness, {**valid, field.name: _mistyped(field, valid)}), findings)


async def _refusal(harness: Harness, fields: Mapping[str, str]) -> ConnectorCoreError | None:
    """Return the error with which credentials are refused; None if they are accepted."""
    async with harness.host(harness.new_store(), Monitor(harness.connector)) as host:
        try:
            await host.connect(harness.connector.manifest.name, NAME, fields)
        except ConnectorCoreError as error:
            return error
    return None


def _judge(field: FormField, error: ConnectorCoreError | None, findings: Findings) -> None:
    name = field.name
    if error is None:
        findings.fail("reading.refusal", f"a mistyped {name} is accepted")
    elif field.lines and isinstance(error, InvalidCredentialsError):
        # The key does not belong to the certificate, so no request was made.
        return
    elif not isinstance(error, RejectedCredentialsError):
        findings.fail("reading.refusal", f"a mistyped {name} raises {type(error).__name__}")
    elif not error.hint:
        findings.fail("reading.refusal", f"a mistyped {name} is rejected without a hint")


def _mistyped(field: FormField, valid: Mapping[str, str]) -> str:
    """Return a secret that is not the valid one: of a key, another one of the same kind, which the provider refuses."""
    return another_key(valid[field.name]) if field.lines else "mistyped-0123456789"


def differences(
    result: RunResult,
    expected: RunResult,
    *,
    same: Callable[[Any, Any], bool] = operator.eq,
    ignored: Collection[str] = (),
) -> list[str]:
    """Compare what two runs have stored, value by value, and return a sentence for each difference."""
    found = []
    for kind, entities in expected.stored.items():
        other = result.stored[kind]
        if missing := entities.keys() - other.keys():
            found.append(f"{kind} entities missing: {len(missing)}")
        if extra := other.keys() - entities.keys():
            found.append(f"{kind} entities not removed: {len(extra)}")
        fields = {
            name
            for one in entities.keys() & other.keys()
            for name in type(entities[one]).model_fields
            if name not in ignored and not same(getattr(entities[one], name), getattr(other[one], name))
        }
        if fields:
            found.append(f"{kind} entities differ in {', '.join(sorted(fields))}")
    return found

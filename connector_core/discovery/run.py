"""One run, from the check to the report."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from connector_core.discovery.changes import KindChanges, plan, plan_updates
from connector_core.discovery.check import check_account
from connector_core.discovery.completeness import verify
from connector_core.discovery.context import RunContext
from connector_core.discovery.delta import choose_extent, next_scan
from connector_core.discovery.evidence import gather, link
from connector_core.discovery.guards import growth_reason, guard
from connector_core.discovery.read import KindReader
from connector_core.discovery.results import Evidence
from connector_core.discovery.tenant import judge_tenant
from connector_core.discovery.verdict import verdict
from connector_core.errors import ConnectorCoreError, StoreError
from connector_core.outcomes import Certificate, Extent, KindPlan, KindReport, Report, Standing
from connector_core.reasons import Code, Reason
from connector_core.sdk.connector import Account, AnyConnector
from connector_core.store import LastScan, Reading, StoredKind
from connector_core.store.planned import GuardedPlan, Hold

_TO_NOTE_A_FAILURE = 5.0
"""Seconds to wait for a busy store at the end of a run that failed or was cancelled."""


@dataclass(frozen=True, slots=True)
class KindResult:
    """One kind, verified, planned and guarded."""

    evidence: Evidence
    certificate: Certificate
    changes: KindChanges
    plan: KindPlan
    hold: Hold


async def discover(context: RunContext) -> Report:
    """Run check ‖ read → verify → plan → guard → apply → report.

    Raises CredentialsError or ProviderError when the check fails; a kind that fails later makes the report
    incomplete.
    """
    log = structlog.get_logger()
    readings = await context.store.runs.start(context.run, delta=context.delta, apply=context.apply)
    log.info("run_started", product=context.run.product, kinds=context.run.kinds)
    try:
        report = await _steps(context, readings)
    except BaseException as error:
        await _note_failure(context, error)
        raise
    log.info("run_finished", verdict=report.verdict, requests=report.traffic.requests)
    await context.registry.run_finished(report, context.changes_of(report))
    return report


async def _note_failure(context: RunContext, error: BaseException) -> None:
    """Note the end of a run that failed. Where the store cannot, the next run does: this one was interrupted."""
    with suppress(StoreError, TimeoutError):
        async with asyncio.timeout(_TO_NOTE_A_FAILURE):
            await context.store.runs.fail(context.run, _code(error), context.api.traffic())


async def _steps(context: RunContext, readings: Mapping[str, Reading]) -> Report:
    account, extent, evidence = await _check_and_read(context, readings)
    other_tenant = judge_tenant(account, context.integration.account, evidence)
    kinds = [_judge(context, one, other_tenant) for one in evidence]
    removed = await _save(context, kinds)
    await _tell_observers(context, kinds)
    if context.apply:
        await _apply(context, kinds)
    await _discard_staged(context, kinds, extent)
    return await _report(context, account, extent, kinds, removed)


# ---- check ‖ read


async def _check_and_read(
    context: RunContext, readings: Mapping[str, Reading]
) -> tuple[Account, Extent, list[Evidence]]:
    """Request the first pages while the check is made; nothing is kept before it has passed."""
    connector = context.new_connector(context.api)
    checking = asyncio.create_task(_check(context, connector))
    reading = asyncio.create_task(_read(context, connector, readings, checking))
    try:
        await asyncio.wait({checking, reading}, return_when=asyncio.FIRST_EXCEPTION)
        # The error of the check says more than what follows from it.
        for task in (checking, reading):
            if task.done():
                task.result()
        return checking.result(), *reading.result()
    finally:
        for task in (reading, checking):
            task.cancel()
        await asyncio.gather(reading, checking, return_exceptions=True)


async def _check(context: RunContext, connector: AnyConnector) -> Account:
    account = await check_account(connector, context.check_seconds())
    structlog.get_logger().info("checked")
    await context.registry.run_started(context.run)
    return account


async def _read(
    context: RunContext,
    connector: AnyConnector,
    readings: Mapping[str, Reading],
    checking: "asyncio.Task[Account]",
) -> tuple[Extent, list[Evidence]]:
    """Read every kind, one after the other, and gather the evidence about each."""
    extent, scans = await _choose_extent(context, checking) if context.delta else (Extent(), {})
    read = []
    for declaration in context.declarations:
        kind = declaration.kind.__name__
        reader = KindReader(
            context, declaration, readings[kind], connector, checking=checking, deadline=context.deadline
        )
        scan = scans.get(kind)
        read.append((reader, await (reader.read_changes(scan) if scan else reader.read())))
    account = await checking
    evidence = [await gather(context, reader, result, account, full=not extent.delta) for reader, result in read]
    return extent, [await link(context, one, evidence) for one in evidence]


async def _choose_extent(context: RunContext, checking: "asyncio.Task[Account]") -> tuple[Extent, dict[str, LastScan]]:
    """Decide if a delta is possible; if so, return what each kind starts from."""
    store, kinds = context.store, [StoredKind(context.run.integration, kind) for kind in context.run.kinds]
    held = any([await store.plans.is_held(one) for one in kinds])
    listed = {one.kind.__name__ for one in context.declarations if one.delta}
    found = {one.kind: await store.last_scans.find(one) for one in kinds if one.kind in listed}
    scans = {kind: scan for kind, scan in found.items() if scan}
    resume_key = context.resume_key(await asyncio.shield(checking))
    extent = choose_extent(
        context.declarations, scans, context.settings.delta, resume_key=resume_key, changes_held=held
    )
    return extent, scans if extent.delta else {}


# ---- verify → plan → guard: plain functions of the evidence


def _judge(context: RunContext, evidence: Evidence, other_tenant: Reason | None) -> KindResult:
    provider, settings = context.title, context.settings
    certificate = verify(evidence, settings.drift, accepted=context.accepted_fields, provider=provider)
    changes = plan(
        certificate,
        evidence.differences,
        evidence.missing,
        evidence.testimony,
        provider,
        has_witness=evidence.result.declaration.witness is not None,
    )
    hold, kind_plan = guard(
        changes,
        evidence,
        settings.losses,
        provider=provider,
        apply=context.apply,
        other_tenant=other_tenant,
        growth=growth_reason(evidence.comparison, certificate, settings.growth),
    )
    structlog.get_logger().info(
        "kind_certified",
        kind=certificate.kind,
        standing=certificate.standing.value,
        seen=certificate.seen,
        reasons=[reason.code.value for reason in certificate.reasons],
    )
    return KindResult(evidence, certificate, changes, kind_plan, hold)


# ---- apply → report


async def _save(context: RunContext, kinds: list[KindResult]) -> dict[str, str]:
    """Save certificates and plans; return the names of the rows that are removed."""
    for one in kinds:
        await _save_updates(context, one)
    return await context.store.plans.save(
        context.run,
        [
            GuardedPlan(
                reading=one.evidence.result.reading,
                certificate=one.certificate,
                acceptance_key=one.evidence.acceptance_key,
                removals=one.changes.removals,
                new=_new(context),
                hold=one.hold,
                held_because=one.plan.held_because,
            )
            for one in kinds
        ],
    )


async def _save_updates(context: RunContext, one: KindResult) -> None:
    """Make the updates and save them, batch by batch, so that memory stays flat."""
    if not one.changes.updates:
        return
    result, profile, accepted = one.evidence.result, one.certificate.profile, context.accepted_fields
    kind, emptied, rows_stay = result.declaration.kind, profile.emptied, profile.rows_stay
    async for batch in context.store.comparisons.differences(result.reading):
        updates = plan_updates(batch, kind, emptied, context.title, accepted=accepted, rows_stay=rows_stay)
        await context.store.plans.add_updates(context.run, result.reading.of, updates, one.hold)


async def _tell_observers(context: RunContext, kinds: list[KindResult]) -> None:
    """Tell observers what is saved, and not applied yet."""
    for one in kinds:
        await context.registry.kind_certified(context.run, one.certificate)
    await context.registry.plan_made(context.run, tuple([one.plan for one in kinds]))


def _new(context: RunContext) -> Reason:
    return Reason(Code.NEW, provider=context.title)


async def _apply(context: RunContext, kinds: list[KindResult]) -> None:
    # Rows of a kind whose creation is held wait with its plan.
    readings = [one.evidence.result.reading for one in kinds if Hold.CREATES not in one.hold]
    unproven = [one.plan.kind for one in kinds if one.changes.unconfirmed]
    undoable = context.settings.retention.undo > 0
    applied = await context.store.plans.apply(context.run, readings, _new(context), unproven, undoable=undoable)
    structlog.get_logger().info("applied", changes=applied)


async def _discard_staged(context: RunContext, kinds: list[KindResult], extent: Extent) -> None:
    """Drop staged rows, except for kinds that the next run may resume."""
    resumable = [
        one.plan.kind
        for one in kinds
        if one.evidence.result.resumable and one.certificate.standing is not Standing.CAUGHT_UP
    ]
    await context.store.staging.discard(context.run, () if extent.delta else resumable)


async def _report(
    context: RunContext, account: Account, extent: Extent, kinds: list[KindResult], removed: Mapping[str, str]
) -> Report:
    reports = tuple([KindReport(one.certificate, one.plan) for one in kinds])
    report = Report(
        run=context.run,
        verdict=verdict(reports, apply=context.apply),
        kinds=reports,
        applied=context.apply,
        removed=removed,
        traffic=context.api.traffic(),
        finished_at=datetime.now(UTC),
        extent=extent,
    )
    # What a delta reports as removed was missing from no scan.
    missed = {one.plan.kind: one.changes.unconfirmed for one in kinds if one.certificate.complete}
    await context.store.runs.finish(report, missed, await _next_scans(context, account, kinds))
    return report


async def _next_scans(context: RunContext, account: Account, kinds: list[KindResult]) -> dict[str, LastScan]:
    """Return what the next delta of each kind starts from, where that has changed."""
    scans = {}
    for one in kinds if context.apply else ():
        result, profile = one.evidence.result, one.certificate.profile
        if not result.declaration.delta:
            continue
        before = await context.store.last_scans.find(result.reading.of)
        scan = next_scan(
            before,
            LastScan.begin(context.resume_key(account), context.run.started_at, result.tally.token),
            result.profile,
            one.certificate,
            one.plan,
            is_delta=result.delta is not None,
            kept=one.evidence.differences.kept(profile.emptied, rows_stay=profile.rows_stay),
        )
        if scan:
            scans[one.plan.kind] = scan
    return scans


def _code(error: BaseException) -> str:
    if isinstance(error, ConnectorCoreError):
        return error.code
    return "bug" if isinstance(error, Exception) else "interrupted"

"""One run, from the check to the report."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import structlog

from connector_core.connector import Account, AnyConnector, Declaration
from connector_core.discovery.faults import mapped
from connector_core.discovery.guards import Toll, drifted_fields, hold_reason
from connector_core.discovery.plan import Losses, add_facts, witness
from connector_core.discovery.reader import READ_TWICE, ProgressCallback, Reader, ResumeCallback
from connector_core.discovery.reading import Reading
from connector_core.errors import ConnectorCoreError
from connector_core.outcomes import Certificate, KindPlan, Operation, Report, Run, State, Traffic, Verdict
from connector_core.plugins import Registry
from connector_core.settings import HostSettings
from connector_core.store import Integration, Store
from connector_core.store.plans import Loss


@dataclass(frozen=True, slots=True)
class Work:
    """All that one run needs."""

    run: Run
    integration: Integration
    connector: AnyConnector
    declarations: tuple[Declaration, ...]
    store: Store
    registry: Registry
    settings: HostSettings
    traffic: Callable[[], Traffic]
    progress: ProgressCallback
    resume: ResumeCallback
    renew: Callable[[], AnyConnector]
    apply: bool = True
    read_with: str = ""
    """The connector's version and options: what staged rows depend on besides the account and the token."""
    accepted: frozenset[str] = frozenset()
    """Fields whose emptying the operator has accepted."""


async def discover(work: Work) -> Report:
    """Check → read → certify → plan → guard → apply → report.

    Raises CredentialsError or ProviderError when the check fails; a kind that fails later makes the
    report incomplete.
    """
    log = structlog.get_logger()
    await asyncio.to_thread(work.store.runs.start, work.run)
    log.info("run_started", product=work.run.product, kinds=work.run.kinds)
    try:
        with mapped(work.connector):
            account = await work.connector.check()
        log.info("checked")
        await work.registry.run_started(work.run)
        reader = _reader(work, account)
        readings = [await reader.read(declaration) for declaration in work.declarations]
        kinds = [await _plan_kind(work, reader, reading, account) for reading in readings]
        certificates, plans = tuple(one.certificate for one in kinds), tuple(one.plan for one in kinds)
        missed = {one.plan.kind: one.unconfirmed for one in kinds if one.unconfirmed}
        await work.registry.plan_made(work.run, plans)
        removed = await asyncio.to_thread(work.store.plans.removed, work.run.id)
        if work.apply:
            applied = await asyncio.to_thread(work.store.plans.apply, work.run.id, State.PLANNED, tuple(missed))
            log.info("applied", changes=applied.applied)
        unfinished = [reading.kind for reading in readings if not reading.ended]
        await asyncio.to_thread(work.store.staging.drop, work.run, unfinished)
        report = Report(
            run=work.run,
            verdict=_verdict(certificates, plans, applied=work.apply),
            certificates=certificates,
            plans=plans,
            applied=work.apply,
            removed=removed,
            traffic=work.traffic(),
            finished_at=datetime.now(UTC),
        )
        await asyncio.to_thread(work.store.runs.finish, report, missed)
    except BaseException as error:
        # Not in a thread: a cancelled task could not wait for it.
        work.store.runs.fail(work.run, _code(error))
        raise
    log.info("run_finished", verdict=report.verdict, requests=report.traffic.requests)
    await work.registry.run_finished(report)
    return report


def _code(error: BaseException) -> str:
    if isinstance(error, ConnectorCoreError):
        return error.code
    return "bug" if isinstance(error, Exception) else "interrupted"


def _reader(work: Work, account: Account) -> Reader:
    return Reader(
        connector=work.connector,
        run=work.run,
        store=work.store,
        progress=work.progress,
        resume=work.resume,
        renew=work.renew,
        scope=_digest(account.id, work.integration.credentials_at.isoformat(), work.read_with),
        since=datetime.now(UTC) - timedelta(seconds=work.settings.resume_within),
        deadline=asyncio.get_running_loop().time() + work.settings.run_timeout,
    )


async def _missing(work: Work, reading: Reading, account: Account) -> tuple[tuple[str, ...], Losses]:
    """Why the reading is not complete; if it is, the stored rows that it lacked, with what the witness says."""
    store, run, kind = work.store, work.run, reading.kind
    staged = await asyncio.to_thread(store.staging.count, run, kind)
    stored = await asyncio.to_thread(store.entities.count, run.integration, kind)
    reasons = reading.reasons(work.connector.manifest.title, staged=staged, stored=stored)
    await asyncio.to_thread(store.entities.mark_seen, run, kind)
    # Removals are never planned from an incomplete or an empty read.
    if reasons or not reading.entities:
        return reasons, Losses()
    # A scan with another token, account or rule is no first witness to this one.
    scope = _scope(work, reading.declaration, account)
    missing = await asyncio.to_thread(store.plans.missing, run, kind, scope)
    return reasons, await witness(work.connector, reading.declaration, missing)


@dataclass(frozen=True, slots=True)
class _Planned:
    """One kind, certified and planned."""

    certificate: Certificate
    plan: KindPlan
    unconfirmed: tuple[str, ...]


async def _plan_kind(work: Work, reader: Reader, reading: Reading, account: Account) -> _Planned:
    store, run, kind = work.store, work.run, reading.kind
    title = work.connector.manifest.title
    reasons, losses = await _missing(work, reading, account)
    if losses.still_there and reading.began != READ_TWICE:
        # Its counters agreed, and it lacked somebody: reading again may find them.
        reading = await reader.read_again(reading.declaration)
        reasons, losses = await _missing(work, reading, account)
    if losses.still_there:
        await asyncio.to_thread(store.entities.mark_present, run, kind, losses.still_there)
        reasons = (f"{len(losses.still_there)} rows were not in the listing, and {title} still has them",)
        losses = Losses()
    if reading.pages:
        await asyncio.to_thread(store.plans.replace_older, run, kind)
    drifted = await asyncio.to_thread(_drifted, work, reading)
    kept = await asyncio.to_thread(add_facts, store, run, reading.declaration, title, drifted)
    await asyncio.to_thread(store.plans.add_removes, run, kind, list(losses.removes))
    certificate = await asyncio.to_thread(_certify, work, reading, reasons, kept, drifted)
    scope = _scope(work, reading.declaration, account)
    await asyncio.to_thread(store.runs.certify, run, certificate, scope)
    structlog.get_logger().info(
        "kind_certified", kind=kind, complete=certificate.complete, seen=certificate.seen, reasons=reasons
    )
    await work.registry.kind_certified(run, certificate)
    plan = await asyncio.to_thread(_guard, work, kind, scope)
    return _Planned(certificate, replace(plan, unconfirmed=len(losses.unconfirmed)), losses.unconfirmed)


def _drifted(work: Work, reading: Reading) -> dict[str, tuple[float, float]]:
    if not reading.entities:
        return {}
    before, stored = work.store.entities.fill(work.run.integration, reading.kind)
    found = drifted_fields(before, reading.fill, stored, settings=work.settings.drift)
    return {name: shares for name, shares in found.items() if name not in work.accepted}


def _certify(
    work: Work,
    reading: Reading,
    reasons: tuple[str, ...],
    kept: Counter[str],
    drifted: dict[str, tuple[float, float]],
) -> Certificate:
    targets = {target.__name__: target for target in (one.kind for one in work.connector.declarations.values())}
    dangling: dict[str, int] = {}
    for name, ids in reading.links.items():
        target = targets.get(reading.declaration.kind.links[name])
        known = work.store.entities.known(work.run, target) if target else set()
        # A kind that was never read says nothing about links to it.
        if known and (lost := len(ids - known)):
            dangling[name] = lost
    return Certificate(
        kind=reading.kind,
        complete=not reasons,
        seen=len(reading.seen),
        announced=reading.announced,
        found=reading.entities,
        pages=reading.pages,
        reasons=reasons,
        rejected=tuple(reading.rejected),
        unread=dict(sorted((kept | reading.unread).items())),
        dangling=dangling,
        notes=dict(reading.notes),
        fill=reading.fill,
        drifted=drifted,
        remedy=reading.remedy or (reading.declaration.permission if drifted else ""),
        began=reading.began,
        deferred=reading.deferred,
    )


def _scope(work: Work, declaration: Declaration, account: Account) -> str:
    """What the kind was read with. When it differs from the last applied reading's, losses are held."""
    return _digest(account.id, work.integration.credentials_at.isoformat(), work.connector.rule(declaration.kind))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _guard(work: Work, kind: str, scope: str) -> KindPlan:
    store, run = work.store, work.run
    accepted = store.plans.scope(run.integration, kind)
    stored = store.entities.count(run.integration, kind)
    because = hold_reason(
        _toll(work, kind, Loss.OTHER, stored),
        _toll(work, kind, Loss.ACTIVE, store.entities.count_active(run.integration, kind)),
        # Rows that only incomplete runs brought have no accepted scope: nobody vouches for their loss either.
        scope_changed=accepted != scope and stored > 0,
        settings=work.settings.losses,
    )
    if because:
        store.plans.hold(run, kind, losses_only=True)
    if not work.apply:
        store.plans.hold(run, kind, losses_only=False)
    counts = store.plans.counts(run.id)

    def total(operation: Operation) -> int:
        return sum(n for (of, what, _), n in counts.items() if of == kind and what == operation)

    return KindPlan(
        kind=kind,
        creates=total(Operation.CREATE),
        updates=total(Operation.UPDATE),
        removes=total(Operation.REMOVE),
        held=sum(n for (of, _, state), n in counts.items() if of == kind and state == State.HELD),
        held_because=because,
    )


def _toll(work: Work, kind: str, least: Loss, now: int) -> Toll:
    planned = work.store.plans.losses(work.run, kind, least)
    recent = work.store.plans.recent_losses(work.run, kind, work.settings.losses.days, least)
    # Who was lost is still stored unless removed, but no longer active.
    gone = [one for one, removed in recent.items() if removed or least is Loss.ACTIVE]
    return Toll(planned, frozenset(recent), now + len(gone))


def _verdict(certificates: tuple[Certificate, ...], plans: tuple[KindPlan, ...], *, applied: bool) -> Verdict:
    if any(one.deferred for one in certificates):
        return Verdict.DEFERRED
    if not all(one.complete for one in certificates):
        return Verdict.INCOMPLETE
    if any(one.drifted for one in certificates) or (applied and any(plan.held for plan in plans)):
        return Verdict.HELD
    return Verdict.COMPLETE

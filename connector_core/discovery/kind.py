"""One kind after it was read: certified, planned and guarded."""

import asyncio
from dataclasses import dataclass, replace

import structlog

from connector_core.discovery.certificate import certify, drift
from connector_core.discovery.delta import Catchup, Doubts, doubts, record
from connector_core.discovery.guards import Toll, hold_reason
from connector_core.discovery.plan import Losses, add_updates, witness
from connector_core.discovery.reader import READ_TWICE, Reader
from connector_core.discovery.reading import Reading
from connector_core.discovery.work import Work
from connector_core.outcomes import Certificate, KindPlan, Operation, State
from connector_core.sdk.connector import Account
from connector_core.store import Scan
from connector_core.store.plans import Loss


@dataclass(frozen=True, slots=True)
class Found:
    """What was read of one kind. ``follower`` and ``scan`` are there where only the changes were."""

    reading: Reading
    follower: Catchup | None = None
    scan: Scan | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """One kind, certified and planned."""

    reading: Reading
    certificate: Certificate
    plan: KindPlan
    unconfirmed: tuple[str, ...]
    kept: frozenset[str] = frozenset()
    """Fields that did not come for a row that has them stored."""
    due: str = ""

    def record(self, work: Work, account: Account) -> None:
        """Remembers how far it has been read, for the next delta. Blocks."""
        if self.reading.declaration.changes:
            record(
                work.store,
                work.run,
                self.reading,
                self.certificate,
                self.plan,
                read_with=work.scope(account),
                kept=self.kept,
                due=self.due,
            )


async def plan_kind(work: Work, reader: Reader, found: Found, account: Account, *, removes: bool) -> Planned:
    """Certifies and plans one kind. Without ``removes`` nobody is missed: a delta sees only who is there."""
    reading = found.reading
    store, run, kind = work.store, work.run, reading.kind
    known = Doubts()
    reasons: tuple[str, ...] = ()
    losses = Losses()
    if found.follower:
        await asyncio.to_thread(store.entities.mark_seen, run, kind)
    else:
        reading, reasons, losses = await _whole(work, reader, reading, account, removes=removes)
    if reading.pages:
        await asyncio.to_thread(store.plans.replace_older, run, kind)
    delta = found.follower is not None
    drifted = await asyncio.to_thread(drift, work, reading, delta=delta)
    kept = await asyncio.to_thread(add_updates, store, run, reading.declaration, work.title, drifted)
    await asyncio.to_thread(store.plans.add_removes, run, kind, list(losses.removes))
    if found.follower and found.scan:
        creates = await asyncio.to_thread(store.plans.creates, run, kind)
        stored = await asyncio.to_thread(store.entities.count, run.integration, kind)
        known = doubts(reading, found.follower, found.scan, stored + creates, work.title, kept)
        reasons = known.reasons
    certificate = await asyncio.to_thread(certify, work, reading, reasons, kept, drifted, delta=delta)
    scope = work.scope_of(reading.declaration, account)
    await asyncio.to_thread(store.runs.certify, run, certificate, scope)
    structlog.get_logger().info(
        "kind_certified", kind=kind, standing=certificate.standing, seen=certificate.seen, reasons=reasons
    )
    await work.registry.kind_certified(run, certificate)
    plan = await asyncio.to_thread(_guard, work, kind, scope)
    plan = replace(plan, unconfirmed=len(losses.unconfirmed))
    return Planned(reading, certificate, plan, losses.unconfirmed, frozenset(kept), known.due)


async def _whole(
    work: Work, reader: Reader, reading: Reading, account: Account, *, removes: bool
) -> tuple[Reading, tuple[str, ...], Losses]:
    """A full reading, read again where it lacked somebody who is there; why it is not complete; who is missing."""
    reasons, losses = await _missing(work, reading, account, removes=removes)
    if losses.still_there and reading.began != READ_TWICE:
        # Its counters agreed, and it lacked somebody: reading again may find them.
        reading = await reader.read_again(reading.declaration)
        await asyncio.to_thread(work.store.staging.settle, work.run, reading.kind)
        reasons, losses = await _missing(work, reading, account, removes=removes)
    if losses.still_there:
        await asyncio.to_thread(work.store.entities.mark_present, work.run, reading.kind, losses.still_there)
        reasons = (f"{len(losses.still_there)} rows were not in the listing, and {work.title} still has them",)
        losses = Losses()
    return reading, reasons, losses


async def _missing(work: Work, reading: Reading, account: Account, *, removes: bool) -> tuple[tuple[str, ...], Losses]:
    """Why the reading is not complete; if it is, the stored rows that it lacked, with what the witness says."""
    store, run, kind = work.store, work.run, reading.kind
    staged = await asyncio.to_thread(store.staging.count, run, kind)
    stored = await asyncio.to_thread(store.entities.count, run.integration, kind)
    reasons = reading.reasons(work.title, staged=staged, stored=stored)
    await asyncio.to_thread(store.entities.mark_seen, run, kind)
    # Removals are never planned from an incomplete or an empty read.
    if reasons or not reading.entities or not removes:
        return reasons, Losses()
    # A scan with another token, account or rule is no first witness to this one.
    scope = work.scope_of(reading.declaration, account)
    missing = await asyncio.to_thread(store.plans.missing, run, kind, scope)
    return reasons, await witness(work.connector, reading.declaration, missing)


def _guard(work: Work, kind: str, scope: str) -> KindPlan:
    store, run = work.store, work.run
    because = ""
    if store.plans.losses(run, kind, Loss.OTHER):
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
    creates = store.plans.creates(run, kind)
    if not work.apply:
        store.plans.hold(run, kind, losses_only=False)
        store.plans.hold_creates(run, kind, work.new)
    counts = store.plans.counts(run.id, kind)

    def total(operation: Operation) -> int:
        return sum(n for (_, what, _), n in counts.items() if what == operation)

    return KindPlan(
        kind=kind,
        creates=creates,
        updates=total(Operation.UPDATE),
        removes=total(Operation.REMOVE),
        held=sum(n for (_, _, state), n in counts.items() if state == State.HELD),
        held_because=because,
    )


def _toll(work: Work, kind: str, least: Loss, now: int) -> Toll:
    planned = work.store.plans.losses(work.run, kind, least)
    recent = work.store.plans.recent_losses(work.run, kind, work.settings.losses.days, least)
    # Who was lost is still stored unless removed, but no longer active.
    gone = [one for one, removed in recent.items() if removed or least is Loss.ACTIVE]
    return Toll(planned, frozenset(recent), now + len(gone))

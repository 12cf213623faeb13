"""The last part of reading: ask the provider about missing rows, and read once more where it still has them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from connector_core.beginnings import Began
from connector_core.discovery.changes import Testimony
from connector_core.discovery.completeness import incompleteness
from connector_core.discovery.connector_errors import has_row
from connector_core.discovery.context import RunContext
from connector_core.discovery.drift import ClearedValues, DifferenceCounts, came_nearly_empty, may_have_emptied
from connector_core.discovery.guards import is_held
from connector_core.discovery.read import KindReader
from connector_core.discovery.results import Evidence, ReadResult
from connector_core.discovery.witness import ask
from connector_core.outcomes import Forecast, Progress, Step
from connector_core.sdk.connector import Account
from connector_core.store import Reading, StoredKind

ASKED_FOR_HELD = 50
"""Ids asked for where the removals are going to be held anyway: enough for an operator to decide."""
CLOCKS_DIFFER = timedelta(minutes=1)
"""The difference between our clock and the provider's that means nothing."""
CONTROLS = 3
"""Rows just read that a witness has to know before its denials are believed."""


async def gather(
    context: RunContext, reader: KindReader, result: ReadResult, account: Account, *, full: bool
) -> Evidence:
    """Return a reading with everything that is known about it.

    Without ``full`` no row is missing for the listing's sake; a delta may report that rows were removed.
    """
    evidence = await _compare(context, reader, result, account, full=full)
    if evidence.present and not result.delta and result.began is not Began.READ_TWICE:
        # Its counters agreed, and it lacked rows that exist: reading again may find them.
        result = await reader.read_again(result)
        evidence = await _compare(context, reader, result, account, full=full)
    if evidence.present:
        await context.store.entities.note_present(result.reading.of, evidence.present)
    return await _count_differences(context, evidence)


async def _compare(
    context: RunContext, reader: KindReader, result: ReadResult, account: Account, *, full: bool
) -> Evidence:
    store, losses = context.store, context.settings.losses
    acceptance_key = context.acceptance_key(account, result.rule)
    await store.staging.index_latest_rows(result.reading)
    if result.delta and result.delta.removed:
        await store.staging.forget(result.reading, result.delta.removed)
    if result.bounded:
        await store.staging.forget_new_rows(result.reading)
    comparison = await store.comparisons.compare(result.reading, losses.days, context.settings.growth.days)
    counts = DifferenceCounts(result.declaration.kind, context.accepted_fields)
    evidence = Evidence(result, acceptance_key, comparison, counts)
    if result.delta and result.delta.removed:
        return await _with_tombstones(context, reader, evidence, result.delta.removed)
    if not full:
        return evidence
    # Removals are never planned from an incomplete or an empty read.
    if not result.tally.entities or incompleteness(result, comparison, context.title):
        return evidence
    missing = await store.comparisons.missing(result.reading, acceptance_key, _missed_by(context, result))
    unread = [one.source_id for one in missing if not one.other_kind]
    testimony = await _ask(context, reader, evidence, unread)
    return replace(evidence, missing=missing, testimony=testimony)


async def _with_tombstones(
    context: RunContext, reader: KindReader, evidence: Evidence, removed: Sequence[str]
) -> Evidence:
    """Return the evidence with the stored rows that a delta reports as removed, and the witness's answers."""
    missing = await context.store.comparisons.stored_among(evidence.result.reading.of, removed)
    testimony = await _ask(context, reader, evidence, [one.source_id for one in missing])
    return replace(evidence, missing=missing, testimony=testimony)


def _missed_by(context: RunContext, result: ReadResult) -> datetime:
    """Return when an earlier scan must have ended to be a witness: by our clock or the provider's, if ours is ahead."""
    moments = [datetime.now(UTC)]
    if result.tally.beginning and result.tally.beginning.moment:
        moments.append(datetime.fromtimestamp(result.tally.beginning.moment, UTC) + CLOCKS_DIFFER)
    return min(moments) - timedelta(hours=context.settings.losses.second_scan_after)


async def _ask(
    context: RunContext, reader: KindReader, evidence: Evidence, source_ids: Sequence[str]
) -> dict[str, Testimony]:
    """Ask the provider about missing rows, if it is a witness that knows the rows that were just read."""
    declaration = evidence.result.declaration
    if declaration.witness is None or not source_ids:
        return {}

    throttled_before = context.api.traffic().throttled

    async def exists(source_id: str) -> bool:
        return await has_row(reader.connector, declaration, source_id)

    def enough(found: Mapping[str, Testimony]) -> bool:
        if context.api.traffic().throttled > throttled_before:
            return True
        gone = sum([said is Testimony.GONE for said in found.values()])
        return len(found) >= ASKED_FOR_HELD and (not context.apply or is_held(gone, evidence, context.settings.losses))

    def tell(asked: int) -> None:
        forecast = Forecast(len(source_ids) - asked, 0.0)
        kind = evidence.result.kind
        context.progress(Progress(context.run.integration, kind, asked, len(source_ids), forecast, step=Step.ASKING))

    tell(0)
    controls = await _controls(context, evidence.result, source_ids)
    return await ask(exists, source_ids, controls=controls, deadline=context.deadline, enough=enough, tell=tell)


async def _controls(context: RunContext, result: ReadResult, asked: Sequence[str]) -> tuple[str, ...]:
    """Return ids that the witness has to know: of rows just read, or stored ones where a delta has read none."""
    comparisons = context.store.comparisons
    read = await comparisons.some_read(result.reading, CONTROLS)
    return (
        read if read or not result.delta else await comparisons.some_stored(result.reading.of, CONTROLS, without=asked)
    )


async def _count_differences(context: RunContext, evidence: Evidence) -> Evidence:
    """Count what differs from the stored rows, batch by batch, and the stored values that would be cleared."""
    if not evidence.comparison.differing:
        return evidence
    comparisons, settings, reading = context.store.comparisons, context.settings.drift, evidence.result.reading
    kind = evidence.result.declaration.kind
    counts = DifferenceCounts(kind, context.accepted_fields, partial=evidence.result.partial)
    async for batch in comparisons.differences(reading):
        counts.add(batch)
    together = await comparisons.cleared_before(reading.of, settings.days)
    before: Counter[str] = Counter()
    for names, rows in together.items():
        before.update(dict.fromkeys(names, rows))
    fields = may_have_emptied(counts.cleared, before, settings, kind)
    stored = await comparisons.count_values(reading, {name: kind.unknown.get(name, "") for name in fields})
    cleared = {
        name: ClearedValues(counts.cleared[name], read, before.get(name, 0), of_all)
        for name, (read, of_all) in stored.items()
    }
    emptied_before = sum([rows for names, rows in together.items() if came_nearly_empty(names, kind)])
    return replace(evidence, differences=counts, cleared=cleared, emptied_before=emptied_before)


async def link(context: RunContext, evidence: Evidence, all_read: Sequence[Evidence]) -> Evidence:
    """Return the evidence of a kind, with what the links between all kinds of this run say of it."""
    return replace(
        evidence,
        dangling=await _count_dangling(context, evidence, {one.result.kind: one.result.reading for one in all_read}),
        named=await _find_named(context, evidence, {one.result.kind: one.result for one in all_read}),
    )


async def _count_dangling(context: RunContext, evidence: Evidence, readings: Mapping[str, Reading]) -> dict[str, int]:
    """Count the links of a kind whose target is neither stored nor read, per field.

    ``readings`` are those of this run, by kind.
    """
    result = evidence.result
    found: dict[str, int] = {}
    for name, ids in result.profile.links.items():
        kind = result.declaration.kind.links[name]
        if not ids or kind not in context.kinds:
            continue
        target = StoredKind(context.run.integration, kind)
        # None: a kind that was never read says nothing about links to it.
        if unknown := await context.store.comparisons.count_unknown(target, readings.get(kind), ids):
            found[name] = unknown
    return found


async def _find_named(context: RunContext, evidence: Evidence, read: Mapping[str, ReadResult]) -> frozenset[str]:
    """Return which missing rows of a kind are named by rows that stay, of whatever kind.

    ``read`` is what this run has read, by kind. What a row names was read with it; where that did not come, the stored
    value stays and counts.
    """
    kind, integration = evidence.result.kind, context.run.integration
    missing = frozenset([one.source_id for one in evidence.missing if not one.other_kind])
    if not missing:
        return missing
    named: set[str] = set()
    for name, namer in context.kinds.items():
        result = read.get(name)
        for field, target in namer.links.items():
            if target == kind:
                named |= missing & (result.profile.links[field] if result else frozenset())
                reading = result.reading if result else None
                of = StoredKind(integration, name)
                named |= await context.store.comparisons.named_by_stored(of, reading, field, missing)
    return frozenset(named)

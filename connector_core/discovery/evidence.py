"""The last part of reading: ask the provider about missing rows, and read once more where it still has them."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import replace

import structlog

from connector_core.discovery.changes import Testimony
from connector_core.discovery.completeness import incompleteness
from connector_core.discovery.connector_errors import connector_errors
from connector_core.discovery.context import RunContext
from connector_core.discovery.read import KindReader
from connector_core.discovery.results import Evidence, ReadResult
from connector_core.errors import ConnectorCoreError
from connector_core.outcomes import Began
from connector_core.sdk.connector import Account, AnyConnector, Declaration
from connector_core.store import Reading, StoredKind

WITNESS_AT_ONCE = 4
WITNESS_LIMIT = 500
"""Ids asked for one by one in a run. The others wait for a second complete scan."""


async def gather(
    context: RunContext, reader: KindReader, result: ReadResult, account: Account, *, full: bool
) -> Evidence:
    """Return a reading with everything that is known about it. A delta (not ``full``) misses nothing."""
    evidence = await _compare(context, reader, result, account, full=full)
    if evidence.present and result.began is not Began.READ_TWICE:
        # Its counters agreed, and it lacked rows that exist: reading again may find them.
        result = await reader.read_again()
        evidence = await _compare(context, reader, result, account, full=full)
    if evidence.present:
        await context.store.entities.note_present(result.reading.of, evidence.present)
    return replace(evidence, filled_before=await _filled_before(context, evidence))


async def _compare(
    context: RunContext, reader: KindReader, result: ReadResult, account: Account, *, full: bool
) -> Evidence:
    store, acceptance_key = context.store, context.acceptance_key(account, result.rule)
    await store.staging.index_latest_rows(result.reading)
    comparison = await store.comparisons.compare(result.reading, context.settings.losses.days)
    evidence = Evidence(result, acceptance_key, comparison)
    # Removals are never planned from an incomplete or an empty read.
    if not full or not result.tally.entities or incompleteness(result, comparison, context.title):
        return evidence
    missing = await store.comparisons.missing(result.reading, acceptance_key)
    unread = [one.source_id for one in missing if not one.other_kind]
    testimony = await ask(reader.connector, result.declaration, unread[:WITNESS_LIMIT])
    return replace(evidence, missing=missing, testimony=testimony)


async def ask(connector: AnyConnector, declaration: Declaration, source_ids: Collection[str]) -> dict[str, Testimony]:
    """Ask the provider for rows by their ids. Where the kind has no witness, nothing is said."""
    if declaration.witness is None:
        return {}
    exists = getattr(connector, declaration.witness)
    gate = asyncio.Semaphore(WITNESS_AT_ONCE)

    async def ask_one(source_id: str) -> Testimony:
        async with gate:
            try:
                with connector_errors(connector):
                    return Testimony.PRESENT if await exists(source_id) else Testimony.GONE
            except ConnectorCoreError as error:
                structlog.get_logger().warning("witness_silent", kind=declaration.kind.__name__, error=error.code)
                return Testimony.SILENT

    async with asyncio.TaskGroup() as group:
        tasks = {source_id: group.create_task(ask_one(source_id)) for source_id in source_ids}
    return {source_id: task.result() for source_id, task in tasks.items()}


async def _filled_before(context: RunContext, evidence: Evidence) -> dict[str, float]:
    """Return the shares of stored rows that hold the fields which came for almost no row."""
    result, settings = evidence.result, context.settings.drift
    stored, entities = evidence.comparison.stored, result.tally.entities
    # The few rows of a delta say nothing of all, so they are compared with themselves.
    rows = min(stored, entities) if result.delta else stored
    if not entities or rows < settings.at_least:
        return {}
    shares = result.profile.shares()
    empty = [name for name in result.declaration.kind.model_fields if shares.get(name, 0.0) <= settings.emptied]
    return await context.store.comparisons.filled_shares(result.reading, empty, read_only=result.delta is not None)


async def count_dangling(context: RunContext, evidence: Evidence, readings: Mapping[str, Reading]) -> dict[str, int]:
    """Count the links of a kind whose target is neither stored nor read, per field.

    ``readings`` are those of this run, by kind.
    """
    result = evidence.result
    found: dict[str, int] = {}
    for name, ids in result.profile.links.items():
        kind = result.declaration.kind.links[name]
        if not ids or kind not in context.targets:
            continue
        target = StoredKind(context.run.integration, kind)
        # None: a kind that was never read says nothing about links to it.
        if unknown := await context.store.comparisons.count_unknown(target, readings.get(kind), ids):
            found[name] = unknown
    return found

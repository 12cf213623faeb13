"""The plan of one kind: creates, updates and removals, each with its reason, and the removals' second witness."""

import asyncio
import json
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import Enum

import structlog

from connector_core.discovery.faults import mapped
from connector_core.errors import ConnectorCoreError
from connector_core.outcomes import Change, Operation, Run
from connector_core.sdk.connector import AnyConnector, Declaration
from connector_core.store import Store
from connector_core.store.plans import Candidate, Missing

WITNESS_AT_ONCE = 4
WITNESS_LIMIT = 500
"""Ids asked for one by one in a run. The others wait for a second complete scan."""


class Testimony(Enum):
    GONE = "gone"
    PRESENT = "present"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Losses:
    """Stored rows that a complete scan lacked: those proven gone, and those that must wait."""

    removes: tuple[tuple[Missing, Change], ...] = ()
    unconfirmed: tuple[str, ...] = ()
    still_there: tuple[str, ...] = ()
    """Rows that the provider has, though its listing lacked them: the listing was not complete."""


async def witness(connector: AnyConnector, declaration: Declaration, missing: list[Missing]) -> Losses:
    """Asks the provider for every missing row by its id. One scan alone never proves that a row is gone."""
    kind, title = declaration.kind.__name__, connector.manifest.title
    unseen = [one for one in missing if not one.skipped]
    heard = await _ask(connector, declaration, [one.source_id for one in unseen[:WITNESS_LIMIT]])
    removes: list[tuple[Missing, Change]] = []
    unconfirmed: list[str] = []
    for one in missing:
        testimony = heard.get(one.source_id, Testimony.SILENT)
        if one.skipped:
            reason = f"{title} lists it, but no longer as a {kind.lower()}"
        elif testimony is Testimony.GONE:
            reason = f"not in a complete scan, and {title} answers that it does not exist"
        elif testimony is Testimony.SILENT and one.missed_before:
            reason = "absent from two complete scans"
        else:
            if testimony is Testimony.SILENT:
                unconfirmed.append(one.source_id)
            continue
        removes.append((one, Change(kind, one.source_id, Operation.REMOVE, reason, loss=True)))
    present = [source_id for source_id, testimony in heard.items() if testimony is Testimony.PRESENT]
    return Losses(tuple(removes), tuple(unconfirmed), tuple(present))


async def _ask(connector: AnyConnector, declaration: Declaration, source_ids: list[str]) -> dict[str, Testimony]:
    if declaration.witness is None:
        return {}
    exists = getattr(connector, declaration.witness)
    gate = asyncio.Semaphore(WITNESS_AT_ONCE)

    async def ask(source_id: str) -> Testimony:
        async with gate:
            try:
                with mapped(connector):
                    return Testimony.PRESENT if await exists(source_id) else Testimony.GONE
            except ConnectorCoreError as error:
                structlog.get_logger().warning("nobody_answered", kind=declaration.kind.__name__, error=error.code)
                return Testimony.SILENT

    async with asyncio.TaskGroup() as group:
        tasks = {source_id: group.create_task(ask(source_id)) for source_id in source_ids}
    return {source_id: task.result() for source_id, task in tasks.items()}


def add_updates(
    store: Store, run: Run, declaration: Declaration, provider: str, drifted: Collection[str]
) -> Counter[str]:
    """Plans the updates of rows that were read; counts the fields whose stored value is kept.

    A field that has drifted is believed where it says something, and not where it is empty.
    """
    kind = declaration.kind.__name__
    updates: list[tuple[Candidate, Change, str]] = []
    kept: Counter[str] = Counter()
    for candidate in store.plans.candidates(run, kind):
        stored, read = json.loads(candidate.stored), json.loads(candidate.read)
        doubted = [name for name in drifted if name in read and not read[name]]
        for name in doubted:
            del read[name]
        # What was not believed is not what was read: no digest, so that the row is looked at again next time.
        digest = b"" if doubted else candidate.digest
        kept.update(name for name, value in stored.items() if name not in read and value is not None)
        # A key that is absent leaves the stored value as it was.
        merged = {**stored, **read}
        fields = tuple(name for name in merged if merged[name] != stored.get(name))
        if not fields:
            continue
        loss = declaration.kind.is_loss(stored, merged)
        reason = f"turned {merged.get('status')} in {provider}" if loss else f"changed in {provider}"
        change = Change(kind, candidate.source_id, Operation.UPDATE, reason, fields, loss=loss)
        body = json.dumps(merged, ensure_ascii=False, separators=(",", ":"))
        updates.append((replace(candidate, digest=digest), change, body))
    store.plans.add_updates(run, kind, updates)
    return kept

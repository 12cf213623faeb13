"""The certificate of one kind: whether all of it was read, and what is odd in it."""

from collections import Counter
from collections.abc import Mapping

from connector_core.discovery.guards import drifted_fields
from connector_core.discovery.reading import Reading
from connector_core.discovery.work import Work
from connector_core.outcomes import Certificate


def drift(work: Work, reading: Reading, *, delta: bool) -> dict[str, tuple[float, float]]:
    """Fields that were filled for most of what is stored and came for almost none. Blocks."""
    settings, fill = work.settings.drift, reading.fill
    stored = work.store.entities.count(work.run.integration, reading.kind)
    # Of a delta, a few rows say nothing of all.
    rows = min(stored, reading.entities) if delta else stored
    if not reading.entities or rows < settings.at_least:
        return {}
    empty = [name for name in reading.declaration.kind.model_fields if fill.get(name, 0.0) <= settings.emptied]
    # Of a delta, those whom it has read are compared with themselves.
    before = work.store.entities.fill(work.run, reading.kind, empty, read_only=delta)
    found = drifted_fields(before, fill, settings=settings)
    return {name: shares for name, shares in found.items() if name not in work.accepted}


def certify(
    work: Work,
    reading: Reading,
    reasons: tuple[str, ...],
    kept: Counter[str],
    drifted: Mapping[str, tuple[float, float]],
    *,
    delta: bool,
) -> Certificate:
    """What a reading came to. Blocks."""
    return Certificate(
        kind=reading.kind,
        complete=not (reasons or delta),
        caught_up=delta and not reasons,
        seen=len(reading.seen),
        announced=reading.announced,
        found=reading.entities,
        pages=reading.pages,
        reasons=reasons,
        rejected=tuple(reading.rejected),
        unread=dict(sorted((kept | reading.unread).items())),
        dangling=_dangling(work, reading),
        notes=reading.oddities,
        fill=reading.fill,
        drifted=drifted,
        remedy=reading.remedy or (reading.declaration.permission if drifted else ""),
        began=reading.began,
        deferred=reading.deferred,
    )


def _dangling(work: Work, reading: Reading) -> dict[str, int]:
    targets = {one.kind.__name__: one.kind for one in work.connector.declarations.values()}
    found: dict[str, int] = {}
    for name, ids in reading.links.items():
        target = targets.get(reading.declaration.kind.links[name])
        # A kind that was never read says nothing about links to it.
        if target and (lost := work.store.entities.unknown(work.run, target, ids)):
            found[name] = lost
    return found

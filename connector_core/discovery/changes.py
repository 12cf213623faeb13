"""The updates and removals that a reading implies, each with its reason: plain functions of data."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum

import msgspec

from connector_core.beginnings import Proof
from connector_core.discovery.drift import STATUS, DifferenceCounts, RowDifference, by_field, lost_together
from connector_core.outcomes import Certificate, Standing
from connector_core.reasons import Code, Reason
from connector_core.sdk.entities import Entity, Status
from connector_core.store.comparison import Difference, Loss, Missing
from connector_core.store.planned import Removal, Update

_encode = msgspec.json.Encoder().encode


class Testimony(Enum):
    """The provider's answer about one row that a scan lacked."""

    GONE = "gone"
    PRESENT = "present"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class KindChanges:
    """The changes of one kind. Updates are counted, and made batch by batch; creates are made by the store."""

    updates: int = 0
    leavers: frozenset[str] = frozenset()
    """Rows that an update turns from active to something else."""
    removals: tuple[Removal, ...] = ()
    unconfirmed: tuple[str, ...] = ()
    """Rows missing from a complete scan that no second witness confirms to be gone: they stay."""


def plan(
    certificate: Certificate,
    differences: DifferenceCounts,
    missing: Iterable[Missing],
    testimony: Mapping[str, Testimony],
    provider: str,
    *,
    has_witness: bool = True,
) -> KindChanges:
    """Plan the updates of rows that were read, and the removals of missing ones, only if everything was read.

    A delta that has caught up misses only the rows that it reports as removed: their removal is the provider's word,
    unless the kind ``has_witness`` to ask.
    """
    emptied, rows_stay = certificate.profile.emptied, certificate.profile.rows_stay
    updates, leavers = differences.updates(emptied, rows_stay=rows_stay), differences.leavers(emptied)
    if certificate.standing is Standing.CAUGHT_UP:
        removals, unconfirmed = plan_tombstones(missing, testimony, provider, has_witness=has_witness)
        return KindChanges(updates, leavers, removals, unconfirmed)
    if not certificate.complete:
        return KindChanges(updates, leavers)
    if certificate.proof is Proof.DECLINED:
        # Two such scans may have skipped the same row.
        missing = [replace(one, missed_before=False) for one in missing]
    removals, unconfirmed = plan_removals(missing, testimony, certificate.kind, provider)
    return KindChanges(updates, leavers, removals, unconfirmed)


def plan_updates(
    differences: Iterable[Difference],
    kind: type[Entity],
    emptied: Collection[str],
    provider: str,
    *,
    accepted: Collection[str] = (),
    rows_stay: bool = False,
) -> list[Update]:
    """Plan the updates of rows that were read with other content.

    An absent field leaves the stored value as it was. A field that has ``emptied`` is believed where it holds a
    value, and not where it is empty; one whose emptying was ``accepted`` is believed. With ``rows_stay`` no row is
    believed that came nearly empty, where it is empty.
    """
    updates = []
    for one in differences:
        row = by_field(one, kind)
        lost = lost_together(row, kind, accepted) if rows_stay else ()
        kept = [name for name in row.cleared if name in emptied or name in lost]
        if len(row.changed) > len(kept):
            updates.append(_update(one, row, kept, accepted, provider))
    return updates


def _update(
    one: Difference, row: RowDifference, kept: Collection[str], accepted: Collection[str], provider: str
) -> Update:
    merged = {**row.stored, **row.read}
    for name in kept:
        merged[name] = row.stored[name]
    status = merged.get(STATUS)
    lost = row.stored.get(STATUS) == Status.ACTIVE and status != Status.ACTIVE
    return Update(
        source_id=one.source_id,
        reason=Reason(Code.STATUS_LOST, provider=provider, status=status)
        if lost
        else Reason(Code.CHANGED, provider=provider),
        fields=tuple([name for name in row.changed if name not in kept]),
        cleared=tuple([name for name in row.cleared if name not in kept and name not in accepted]),
        loss=Loss.ACTIVE if lost else Loss.NONE,
        body=_encode(merged).decode(),
        active=None if status is None else status == Status.ACTIVE,
        # A row that was not believed whole has no digest, so that it is compared again next time.
        digest=b"" if kept else one.digest,
        base_digest=one.base_digest,
        page=one.page,
        place=one.place,
    )


def plan_removals(
    missing: Iterable[Missing], testimony: Mapping[str, Testimony], kind: str, provider: str
) -> tuple[tuple[Removal, ...], tuple[str, ...]]:
    """Return the removals, and the rows that must wait for a second witness. One scan alone proves nothing gone.

    Args:
        missing: The stored rows that a complete scan lacked.
        testimony: What the provider said of those that it was asked about.
        kind: The kind's name.
        provider: Its title.
    """
    removals: list[Removal] = []
    unconfirmed: list[str] = []
    for one in missing:
        said = testimony.get(one.source_id, Testimony.SILENT)
        if one.other_kind:
            reason = Reason(Code.OTHER_KIND, provider=provider, kind=kind.lower())
        elif said is Testimony.GONE:
            reason = Reason(Code.NOT_FOUND, provider=provider)
        elif said is Testimony.SILENT and one.missed_before:
            reason = Reason(Code.ABSENT_TWICE)
        else:
            if said is Testimony.SILENT:
                unconfirmed.append(one.source_id)
            continue
        removals.append(_removal(one, reason))
    return tuple(removals), tuple(unconfirmed)


def plan_tombstones(
    reported: Iterable[Missing], testimony: Mapping[str, Testimony], provider: str, *, has_witness: bool
) -> tuple[tuple[Removal, ...], tuple[str, ...]]:
    """Return the removals of stored rows that a delta reports as removed, and those that the witness did not confirm.

    A row that the witness knows is in neither.
    """
    removals: list[Removal] = []
    unconfirmed: list[str] = []
    reason = Reason(Code.TOMBSTONE, provider=provider)
    for one in reported:
        said = testimony.get(one.source_id, Testimony.SILENT)
        if said is Testimony.GONE or not has_witness:
            removals.append(_removal(one, reason))
        elif said is Testimony.SILENT:
            unconfirmed.append(one.source_id)
    return tuple(removals), tuple(unconfirmed)


def _removal(one: Missing, reason: Reason) -> Removal:
    loss = Loss.ACTIVE if one.active else Loss.OTHER
    return Removal(one.source_id, reason, loss, one.base_digest, one.missed_run)

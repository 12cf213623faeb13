"""The updates and removals that a reading implies, each with its reason: plain functions of data."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import msgspec

from connector_core.discovery.drift import believed
from connector_core.outcomes import Certificate
from connector_core.reasons import Code, Reason
from connector_core.sdk.entities import Status
from connector_core.store.comparison import Difference, Loss, Missing
from connector_core.store.plans import Removal, Update

_decode = msgspec.json.decode


class Testimony(Enum):
    """The provider's answer about one row that a scan lacked."""

    GONE = "gone"
    PRESENT = "present"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class KindChanges:
    """The updates and removals of one kind. Creates are counted and made by the store."""

    updates: tuple[Update, ...] = ()
    removals: tuple[Removal, ...] = ()
    unconfirmed: tuple[str, ...] = ()
    """Rows missing from a complete scan that no second witness confirms to be gone: they stay."""


def plan(
    certificate: Certificate,
    differences: Iterable[Difference],
    missing: Iterable[Missing],
    testimony: Mapping[str, Testimony],
    provider: str,
) -> KindChanges:
    """Plan the updates of rows that were read, and, only if everything was read, the removals of missing ones."""
    updates = plan_updates(differences, certificate.profile.emptied, provider)
    if not certificate.complete:
        return KindChanges(updates)
    removals, unconfirmed = plan_removals(missing, testimony, certificate.kind, provider)
    return KindChanges(updates, removals, unconfirmed)


def plan_updates(differences: Iterable[Difference], emptied: Collection[str], provider: str) -> tuple[Update, ...]:
    """Plan the updates of rows that were read with other content.

    An absent field leaves the stored value as it was. A field that has ``emptied`` is believed where it holds a
    value, and not where it is empty.
    """
    updates = []
    for one in differences:
        stored, came = _decode(one.stored), _decode(one.read)
        read = believed(came, emptied)
        merged: dict[str, Any] = {**stored, **read}
        fields = tuple([name for name, value in merged.items() if value != stored.get(name)])
        if fields:
            # A row that was not believed whole has no digest, so that it is compared again next time.
            digest = one.digest if len(read) == len(came) else b""
            updates.append(_update(one, stored, merged, fields, digest, provider))
    return tuple(updates)


def _update(
    one: Difference,
    stored: Mapping[str, Any],
    merged: Mapping[str, Any],
    fields: tuple[str, ...],
    digest: bytes,
    provider: str,
) -> Update:
    status = merged.get("status")
    lost = stored.get("status") == Status.ACTIVE and status != Status.ACTIVE
    reason = (
        Reason(Code.STATUS_LOST, provider=provider, status=status) if lost else Reason(Code.CHANGED, provider=provider)
    )
    return Update(
        source_id=one.source_id,
        reason=reason,
        fields=fields,
        loss=Loss.ACTIVE if lost else Loss.NONE,
        body=msgspec.json.encode(merged).decode(),
        active=None if status is None else status == Status.ACTIVE,
        digest=digest,
        base_digest=one.base_digest,
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
        loss = Loss.ACTIVE if one.active else Loss.OTHER
        removals.append(Removal(one.source_id, reason, loss, one.base_digest))
    return tuple(removals), tuple(unconfirmed)

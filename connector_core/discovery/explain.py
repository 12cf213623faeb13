"""The origin of each stored value of one row; of a row that is not stored, its removal, and when it was last seen."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from connector_core.discovery.preview import Asked, named, names_of, unread_fields
from connector_core.explanations import Explanation, FieldOrigin, PastRemoval, Seen, Source, WaitingChange
from connector_core.field_changes import FieldChange
from connector_core.outcomes import Operation, State
from connector_core.reasons import Code
from connector_core.store import Store, StoredKind
from connector_core.store.changes import name_in
from connector_core.store.provenance import RowChange, StoredRow

_READ = frozenset({Operation.CREATE, Operation.UPDATE})
_WAITING = frozenset({State.PLANNED, State.HELD})


async def explain(asked: Asked, title: str, store: Store) -> Explanation:
    """Explain one row from what is stored. ``title`` is the provider's. The store is only read."""
    integration, declaration, source_id = asked.integration, asked.declaration, asked.source_id
    of = StoredKind(integration, declaration.kind.__name__)
    row = await store.provenance.row(of, source_id)
    changes = await store.provenance.changes(of, source_id)
    waiting = tuple([WaitingChange(one.run_id, one.operation, one.reason) for one in changes if one.state in _WAITING])
    if row is None:
        return await _explain_absent(store, of, source_id, changes, waiting)
    values: dict[str, Any] = msgspec.json.decode(row.body)
    applied = [one for one in changes if one.state is State.APPLIED]
    names = await names_of(store, integration, declaration.kind, [FieldChange(*item, None) for item in values.items()])
    certificate = await store.provenance.latest_certificate(of)
    unread = unread_fields(declaration, values, title)
    return Explanation(
        integration,
        of.kind,
        source_id,
        stored=True,
        name=name_in(row.body),
        fields=tuple(
            [
                _field(name, value, applied, named(declaration.kind, name, value, names))
                for name, value in values.items()
            ]
        ),
        unread=unread,
        notes=tuple([one for one in certificate.notes if one.code is Code.VALUES_UNREADABLE])
        if certificate and unread
        else (),
        last_seen=await _last_seen(store, of, source_id, row, changes),
        missing_since=Seen(row.missed_run or "", row.missed_at, complete=True) if row.missed_at else None,
        waiting=waiting,
    )


def _field(name: str, value: Any, applied: Iterable[RowChange], names: Mapping[str, str]) -> FieldOrigin:
    change = _change(name, applied)
    origin = change.certificate.origin if change and change.certificate else None
    keys = origin.keys.get(name, ()) if origin else ()
    return FieldOrigin(name, value, _source_of(change) if change else None, names, keys)


def _change(name: str, applied: Iterable[RowChange]) -> RowChange | None:
    """Return the newest change that brought a field, of those that are kept."""
    for one in applied:
        if one.operation is Operation.CREATE or name in one.fields:
            return one
        if one.operation is Operation.REMOVE:
            # It was put back since, and the removal was not undone: what came before is another row's history.
            return None
    return None


def _source_of(change: RowChange) -> Source:
    origin = change.certificate.origin if change.certificate else None
    pointer = f"{origin.pointer}/{change.place - 1}" if origin and change.place else ""
    return Source(
        run_id=change.run_id,
        at=change.decided_at or change.started_at,
        operation=change.operation,
        request=origin.request if origin else "",
        page=change.page,
        pointer=pointer,
        rule=origin.rule if origin else "",
    )


async def _last_seen(
    store: Store, of: StoredKind, source_id: str, row: StoredRow, changes: Iterable[RowChange]
) -> Seen | None:
    found = await store.provenance.last_complete(of, source_id, row.run_id, row.missed_run)
    if found:
        return Seen(found.run_id, found.finished_at, complete=True)
    return _last_changed(changes)


def _last_changed(changes: Iterable[RowChange]) -> Seen | None:
    """Return the last run that read other content of the row, of those that are kept."""
    for one in changes:
        if one.operation in _READ:
            complete = bool(one.certificate and one.certificate.complete)
            return Seen(one.run_id, one.decided_at or one.started_at, complete=complete)
    return None


async def _explain_absent(
    store: Store, of: StoredKind, source_id: str, changes: list[RowChange], waiting: tuple[WaitingChange, ...]
) -> Explanation:
    decided = [one for one in changes if one.state in {State.APPLIED, State.UNDONE}]
    newest = decided[0] if decided else None
    removal, seen = None, _last_changed(changes)
    if newest and newest.operation is Operation.REMOVE and newest.state is State.APPLIED:
        removal = PastRemoval(newest.run_id, newest.decided_at or newest.started_at, newest.reason)
        earlier = [one for one in changes if one.run < newest.run and one.operation in _READ]
        found = await store.provenance.last_complete(
            of, source_id, earlier[0].run_id if earlier else "", newest.missed_run or newest.run_id
        )
        if found:
            seen = Seen(found.run_id, found.finished_at, complete=True)
    return Explanation(
        of.integration,
        of.kind,
        source_id,
        stored=False,
        last_seen=seen,
        removal=removal,
        undone=bool(newest and newest.operation is Operation.CREATE and newest.state is State.UNDONE),
        waiting=waiting,
    )

"""The state of integrations at a glance: their last runs, the last reading of each kind, and what waits."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from connector_core.outcomes import Certificate
from connector_core.reasons import Reason
from connector_core.store.held import Held, find_held
from connector_core.store.plans import decode_reasons
from connector_core.store.runs import SUMMARY, RunSummary, decode_certificate, summary
from connector_core.store.sqlite import IDS, Cursor, Table, reads


@dataclass(frozen=True, slots=True)
class LastReading:
    """The last reading of one kind by a run that came to its end."""

    run_id: str
    read_at: datetime
    """Its beginning."""
    complete_at: datetime | None
    """The beginning of the last complete one, whatever came after it; None if there was none."""
    certificate: Certificate


@dataclass(frozen=True, slots=True)
class Waiting:
    """The held changes of one kind."""

    changes: int
    because: tuple[Reason, ...]
    """The reasons why they are held; none if that was requested."""


@dataclass(frozen=True, slots=True)
class StoredStatus:
    """One integration."""

    last_run: RunSummary | None
    readings: Mapping[str, LastReading]
    """By kind."""
    stored: Mapping[str, int]
    """The number of stored rows by kind."""
    held: Held | None
    """The plan that waits."""
    waiting: Mapping[str, Waiting]
    """The changes that wait, by kind: those of one kind may be of an older run."""


class Statuses(Table):
    """Reads the state of several integrations by a few look-ups each, however many runs and rows they have."""

    @reads
    def find(self, cursor: Cursor, names: Sequence[str]) -> dict[str, StoredStatus]:
        """Return the state of each of these integrations."""
        wanted = json.dumps([*names])
        runs, readings, waiting = _last_runs(cursor, wanted), _readings(cursor, wanted), _waiting(cursor, wanted)
        stored = _stored(cursor, wanted)
        return {
            name: StoredStatus(
                last_run=runs.get(name),
                readings=readings[name],
                # A store of an earlier version has no head-counts yet.
                stored=stored[name] or _counted(cursor, name),
                held=find_held(cursor, name) if waiting[name] else None,
                waiting=waiting[name],
            )
            for name in names
        }


def _last_runs(cursor: Cursor, wanted: str) -> dict[str, RunSummary]:
    rows = cursor.execute(
        f"SELECT {SUMMARY} FROM {IDS} j JOIN runs r "  # noqa: S608 - constants
        "ON r.n = (SELECT max(o.n) FROM runs o WHERE o.integration = j.value)",
        (wanted,),
    ).fetchall()
    return {one.run.integration: one for one in (summary(cursor, row) for row in rows)}


def _readings(cursor: Cursor, wanted: str) -> Mapping[str, dict[str, LastReading]]:
    found = defaultdict[str, dict[str, LastReading]](dict)
    for name, kind, run_id, read_at, complete_at, certificate in cursor.execute(
        "SELECT l.integration, l.kind, l.run_id, l.read_at, l.complete_at, l.certificate "  # noqa: S608 - a constant
        f"FROM {IDS} j JOIN last_readings l ON l.integration = j.value",
        (wanted,),
    ):
        complete = datetime.fromisoformat(complete_at) if complete_at else None
        found[name][kind] = LastReading(
            run_id, datetime.fromisoformat(read_at), complete, decode_certificate(certificate)
        )
    return found


def _stored(cursor: Cursor, wanted: str) -> Mapping[str, dict[str, int]]:
    """Return the last head-counts. Where one kind was never counted, it is as if none was."""
    found = defaultdict[str, dict[str, int]](dict)
    unknown = set[str]()
    for name, kind, rows in cursor.execute(
        "SELECT l.integration, l.kind, (SELECT m.stored FROM headcounts m WHERE m.integration = l.integration "  # noqa: S608 - a constant
        f"AND m.kind = l.kind ORDER BY m.n DESC LIMIT 1) FROM {IDS} j JOIN last_readings l ON l.integration = j.value",
        (wanted,),
    ):
        found[name][kind] = rows
        if rows is None:
            unknown.add(name)
    for name in unknown:
        found[name].clear()
    return found


def _counted(cursor: Cursor, integration: str) -> dict[str, int]:
    return dict(
        cursor.execute(
            "SELECT kind, count(*) FROM entities WHERE integration = ? GROUP BY kind", (integration,)
        ).fetchall()
    )


def _waiting(cursor: Cursor, wanted: str) -> Mapping[str, dict[str, Waiting]]:
    found = defaultdict[str, dict[str, Waiting]](dict)
    # Counted first, by the index alone: a run is looked up once for all of its changes.
    for name, kind, changes, because in cursor.execute(
        "SELECT h.integration, h.kind, h.changes, t.held_because FROM (SELECT w.integration, w.kind, w.run_id, "  # noqa: S608 - a constant
        f"count(*) AS changes FROM {IDS} j JOIN changes w ON w.integration = j.value AND w.state = 'held' "
        "GROUP BY w.integration, w.kind, w.run_id) h JOIN runs r ON r.id = h.run_id AND r.verdict IS NOT NULL "
        "JOIN certificates t ON t.run_id = h.run_id AND t.kind = h.kind ORDER BY r.n",
        (wanted,),
    ):
        before = found[name].get(kind)
        found[name][kind] = Waiting(changes + (before.changes if before else 0), decode_reasons(because))
    return found

"""The state of integrations at a glance: their last runs, the last reading of each kind, and what waits."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from connector_core.outcomes import Certificate
from connector_core.store.plans import Held
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
class StoredStatus:
    """One integration."""

    revision: int
    """The state of its stored rows: two have the same number only if they are the same."""
    last_run: RunSummary | None
    readings: Mapping[str, LastReading]
    """By kind."""
    held: Held | None
    """The plan that waits."""
    held_of: Mapping[str, int]
    """The changes that wait, by kind: those of one kind may be of an older run."""


class Statuses(Table):
    """Reads the state of several integrations by a few look-ups each, however many runs and rows they have."""

    @reads
    def find(self, cursor: Cursor, names: Sequence[str]) -> dict[str, StoredStatus]:
        """Return the state of each of these integrations."""
        wanted = json.dumps([*names])
        revisions = dict(
            cursor.execute(
                f"SELECT v.integration, v.n FROM {IDS} j JOIN revisions v ON v.integration = j.value",  # noqa: S608 - a constant
                (wanted,),
            ).fetchall()
        )
        runs, readings, waiting = _last_runs(cursor, wanted), _readings(cursor, wanted), _waiting(cursor, wanted)
        return {
            name: StoredStatus(revisions.get(name, 0), runs.get(name), readings[name], *_held(waiting[name]))
            for name in names
        }

    @reads
    def counts(self, cursor: Cursor, names: Sequence[str]) -> dict[str, dict[str, int]]:
        """Return the number of stored entities of each integration by kind. It takes as long as they are many."""
        found: dict[str, dict[str, int]] = {name: {} for name in names}
        for name, kind, number in cursor.execute(
            f"SELECT e.integration, e.kind, count(*) FROM {IDS} j JOIN entities e ON e.integration = j.value "  # noqa: S608
            "GROUP BY e.integration, e.kind",
            (json.dumps([*names]),),
        ):
            found[name][kind] = number
        return found


@dataclass(frozen=True, slots=True)
class _Waiting:
    """The held changes of one kind and run."""

    kind: str
    run_id: str
    number: int
    """The later the run, the greater."""
    changes: int


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


def _waiting(cursor: Cursor, wanted: str) -> Mapping[str, list[_Waiting]]:
    found = defaultdict[str, list[_Waiting]](list)
    # Counted first, by the index alone: a run is looked up once for all of its changes.
    for name, *waiting in cursor.execute(
        "SELECT h.integration, h.kind, h.run_id, r.n, h.changes FROM (SELECT c.integration, c.kind, c.run_id, "  # noqa: S608
        f"count(*) AS changes FROM {IDS} j JOIN changes c ON c.integration = j.value AND c.state = 'held' "
        "GROUP BY c.integration, c.kind, c.run_id) h JOIN runs r ON r.id = h.run_id WHERE r.verdict IS NOT NULL",
        (wanted,),
    ):
        found[name].append(_Waiting(*waiting))
    return found


def _held(waiting: Iterable[_Waiting]) -> tuple[Held | None, dict[str, int]]:
    """Return the newest plan that waits, and the number of changes by kind."""
    of_kind = defaultdict[str, int](int)
    of_run = defaultdict[tuple[int, str], int](int)
    for one in waiting:
        of_kind[one.kind] += one.changes
        of_run[one.number, one.run_id] += one.changes
    if not of_run:
        return None, {}
    newest = max(of_run)
    return Held(newest[1], of_run[newest]), dict(of_kind)

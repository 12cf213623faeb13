"""Runs and their certificates."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from connector_core.outcomes import Certificate, Report, Run
from connector_core.sdk.page import Rejection
from connector_core.store.database import Database, now


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A past run. ``verdict`` is None while it runs, or when it ended in ``error`` or was cut off."""

    run: Run
    finished_at: datetime | None
    verdict: str | None
    error: str | None
    requests: int
    extent: str
    """Whether it was a full scan or a delta, and why; empty for one that has not ended."""
    certificates: tuple[Certificate, ...]

    def standing(self, *, running: bool) -> str:
        """In one word or two. ``running``: whether somebody holds the integration's lock."""
        if self.verdict:
            return self.verdict
        if self.error and self.error != "interrupted":
            return f"failed: {self.error}"
        return "running" if running and not self.finished_at else "interrupted"


class Runs:
    def __init__(self, database: Database) -> None:
        self._database = database

    def start(self, run: Run) -> None:
        """Also ends the runs that were cut off: their plans go, and what they staged may be resumed."""
        with self._database.transaction() as cursor:
            cut_off = cursor.execute(
                "SELECT id FROM runs WHERE integration = ? AND finished_at IS NULL", (run.integration,)
            ).fetchall()
            for (run_id,) in cut_off:
                _end(cursor, run_id, "interrupted")
            cursor.execute(
                "INSERT INTO runs (id, integration, connector, product, kinds, started_at) VALUES (?, ?, ?, ?, ?, ?)",
                (
                    run.id,
                    run.integration,
                    run.connector,
                    run.product,
                    ",".join(run.kinds),
                    run.started_at.isoformat(timespec="milliseconds"),
                ),
            )

    def certify(self, run: Run, certificate: Certificate, scope: str) -> None:
        """``scope``: what the kind was read with, as one digest of token, account and rule."""
        details = {
            "found": certificate.found,
            "fill": dict(certificate.fill),
            "drifted": {name: list(shares) for name, shares in certificate.drifted.items()},
            "remedy": certificate.remedy,
            "began": certificate.began,
            "pages": certificate.pages,
            "reasons": certificate.reasons,
            "rejected": [asdict(one) for one in certificate.rejected],
            "unread": dict(certificate.unread),
            "dangling": dict(certificate.dangling),
            "notes": dict(certificate.notes),
            "deferred": certificate.deferred,
            "caught_up": certificate.caught_up,
        }
        self._database.execute(
            "INSERT INTO certificates (run_id, kind, complete, seen, announced, scope, details) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                run.id,
                certificate.kind,
                int(certificate.complete),
                certificate.seen,
                certificate.announced,
                scope,
                json.dumps(details),
            ),
        )

    def finish(self, report: Report, missed: Mapping[str, Sequence[str]]) -> None:
        """Ends a run. ``missed``: by kind, the rows that its complete scan lacked and nobody could confirm to be gone.

        They are marked only now, in one transaction: a run that was cut off before is no witness.
        """
        run = report.run
        with self._database.transaction() as cursor:
            cursor.execute(
                "UPDATE runs SET finished_at = ?, verdict = ?, requests = ?, extent = ? WHERE id = ?",
                (
                    report.finished_at.isoformat(timespec="milliseconds"),
                    report.verdict,
                    report.traffic.requests,
                    str(report.extent),
                    run.id,
                ),
            )
            cursor.executemany(
                "UPDATE entities SET missed_run = ? WHERE integration = ? AND kind = ? AND source_id = ?",
                [(run.id, run.integration, kind, one) for kind, ids in missed.items() for one in ids],
            )

    def fail(self, run: Run, code: str) -> None:
        """Ends a run that an error stopped. Its plan goes; what it staged may be resumed."""
        with self._database.transaction() as cursor:
            _end(cursor, run.id, code)

    def history(self, integration: str, limit: int) -> list[RunSummary]:
        """The newest first."""
        rows = self._database.query(
            "SELECT id, integration, connector, product, kinds, started_at, finished_at, verdict, error, requests, "
            "extent "
            "FROM runs WHERE integration = ? ORDER BY started_at DESC, id DESC LIMIT ?",
            (integration, limit),
        )
        return [self._summary(row) for row in rows]

    def _summary(self, row: tuple[Any, ...]) -> RunSummary:
        run_id, integration, connector, product, kinds, started_at, finished_at, verdict, error, requests, extent = row
        certificates = self._database.query(
            "SELECT kind, complete, seen, announced, details FROM certificates WHERE run_id = ? ORDER BY kind",
            (run_id,),
        )
        return RunSummary(
            run=Run(
                run_id,
                integration,
                connector,
                product,
                tuple(kinds.split(",")),
                datetime.fromisoformat(started_at),
            ),
            finished_at=datetime.fromisoformat(finished_at) if finished_at else None,
            verdict=verdict,
            error=error,
            requests=requests,
            extent=extent,
            certificates=tuple(_certificates(certificates)),
        )


def _end(cursor: sqlite3.Cursor, run_id: str, code: str) -> None:
    moment = now()
    # The bodies of what was held; those of an open reading stay for the run that goes on with it.
    cursor.execute(
        "DELETE FROM bodies WHERE reading IN (SELECT id FROM readings WHERE run_id = ? AND done = 1) "
        "AND n IN (SELECT n FROM changes WHERE run_id = ? AND state = 'held' AND n IS NOT NULL)",
        (run_id, run_id),
    )
    cursor.execute(
        "UPDATE changes SET state = 'discarded', body = NULL, n = NULL, decided_at = ? "
        "WHERE run_id = ? AND state IN ('planned', 'held')",
        (moment, run_id),
    )
    cursor.execute("UPDATE runs SET finished_at = ?, error = ? WHERE id = ?", (moment, code, run_id))


def _certificates(rows: list[tuple[Any, ...]]) -> Iterable[Certificate]:
    for kind, complete, seen, announced, details in rows:
        more = json.loads(details)
        yield Certificate(
            kind=kind,
            complete=bool(complete),
            seen=seen,
            announced=announced,
            found=more["found"],
            fill=more["fill"],
            drifted={name: tuple(shares) for name, shares in more["drifted"].items()},
            remedy=more["remedy"],
            began=more["began"],
            pages=more["pages"],
            reasons=tuple(more["reasons"]),
            rejected=tuple(Rejection(**one) for one in more["rejected"]),
            unread=more["unread"],
            dangling=more["dangling"],
            notes=more["notes"],
            deferred=more["deferred"],
            caught_up=more.get("caught_up", False),
        )

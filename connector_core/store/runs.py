"""Runs and their certificates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from connector_core.audit import Action
from connector_core.outcomes import Certificate, Extent, Report, Run, Traffic, Verdict
from connector_core.reasons import Reason, decode_hook, encode_hook
from connector_core.store.audit import add_entry
from connector_core.store.last_scans import LastScan, record
from connector_core.store.rows import Reading, StoredKind, drop_bodies
from connector_core.store.sqlite import Cursor, Table, now, reads, timestamp, writes
from connector_core.store.staging import open_reading

SUMMARY = (
    "r.id, r.integration, r.connector, r.product, r.kinds, r.started_at, r.finished_at, r.verdict, r.error, "
    "r.requests, r.extent, r.replaced"
)
"""The columns that a `RunSummary` is made of."""
_LAST = chr(0x10FFFF)
"""It sorts behind every other character."""
_encode = msgspec.json.Encoder(enc_hook=encode_hook).encode
decode_certificate = msgspec.json.Decoder(Certificate, dec_hook=decode_hook).decode
_extent = msgspec.json.Decoder(Extent, dec_hook=decode_hook).decode


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A past run. ``verdict`` is None while it runs, or when it ended in ``error`` or was interrupted."""

    run: Run
    finished_at: datetime | None
    verdict: str | None
    error: str | None
    requests: int | None
    """The number of its requests; None where it is not known, as of a run that was killed."""
    extent: Extent | None
    """The extent of its reading; None for a run that has not ended."""
    certificates: tuple[Certificate, ...]
    replaced: bool = False
    """Changes of its plan waited, until those of a later run, or new credentials, took their place."""

    def describe(self, *, running: bool, waiting: bool) -> str:
        """Describe it in a word or two.

        Args:
            running: The integration is locked by a run.
            waiting: Changes of this run wait for a decision.
        """
        # A run that did not believe a field is held for that, whatever has become of its plan.
        doubted = any(one.profile.doubted for one in self.certificates)
        if self.verdict in {Verdict.PLAN_WAITING, Verdict.HELD} and not waiting and not doubted:
            return "plan replaced" if self.replaced else "plan decided"
        if self.verdict:
            return self.verdict
        if self.error and self.error != "interrupted":
            return f"failed: {self.error}"
        return "running" if running and not self.finished_at else "interrupted"


class Runs(Table):
    """Starts, ends and lists runs."""

    @writes
    def start(self, cursor: Cursor, run: Run, *, delta: bool = False, apply: bool = True) -> dict[str, Reading]:
        """Start a run; return an open reading for each of its kinds.

        Also ends the interrupted runs before it: their plans are dropped, and what they staged may be resumed. What
        was requested, a ``delta`` and to ``apply`` what is safe, is noted in the audit log.
        """
        interrupted = cursor.execute(
            "SELECT id FROM runs WHERE integration = ? AND finished_at IS NULL", (run.integration,)
        ).fetchall()
        for (run_id,) in interrupted:
            _end(cursor, run_id, run.integration, "interrupted")
        cursor.execute(
            "INSERT INTO runs (id, integration, connector, product, kinds, started_at) VALUES (?, ?, ?, ?, ?, ?)",
            (run.id, run.integration, run.connector, run.product, ",".join(run.kinds), timestamp(run.started_at)),
        )
        add_entry(cursor, Action.RUN_STARTED, run.integration, run.id, delta=delta, apply=apply)
        return {kind: open_reading(cursor, run.id, StoredKind(run.integration, kind)) for kind in run.kinds}

    @writes
    def finish(
        self,
        cursor: Cursor,
        report: Report,
        missed: Mapping[str, Sequence[str]],
        scans: Mapping[str, LastScan],
    ) -> None:
        """End a run.

        Args:
            report: Its result.
            missed: By kind, the rows that its complete scan lacked and that no witness confirmed to be gone. They are
                noted only now: a run that was interrupted before is no witness.
            scans: By kind, what the next delta starts from, where that has changed.
        """
        run = report.run
        cursor.execute(
            "UPDATE runs SET finished_at = ?, verdict = ?, requests = ?, throttled = ?, extent = ? WHERE id = ?",
            (
                timestamp(report.finished_at),
                report.verdict,
                report.traffic.requests,
                report.traffic.throttled,
                _encode(report.extent).decode(),
                run.id,
            ),
        )
        # The first of the scans in a row that lacked it counts: the next one may come minutes later. One that is dated
        # in the future would never be old enough.
        cursor.executemany(
            "UPDATE entities SET missed_run = ? WHERE integration = ? AND kind = ? AND source_id = ? "
            "AND NOT EXISTS (SELECT 1 FROM certificates o JOIN certificates t ON t.run_id = ? AND t.kind = o.kind "
            "JOIN runs r ON r.id = o.run_id AND r.finished_at <= ? WHERE o.run_id = entities.missed_run "
            "AND o.kind = entities.kind AND o.acceptance_key = t.acceptance_key)",
            [
                (run.id, run.integration, kind, one, run.id, timestamp(report.finished_at))
                for kind, ids in missed.items()
                for one in ids
            ],
        )
        for kind, scan in scans.items():
            record(cursor, StoredKind(run.integration, kind), scan)
        for one in report.kinds:
            _note_reading(cursor, run, one.certificate)

    @writes
    def fail(self, cursor: Cursor, run: Run, code: str, traffic: Traffic | None = None) -> None:
        """End a run that an error stopped. Its plan is dropped; what it staged may be resumed."""
        if traffic:
            # Before its end, which adds them to the totals.
            cursor.execute(
                "UPDATE runs SET requests = ?, throttled = ? WHERE id = ?",
                (traffic.requests, traffic.throttled, run.id),
            )
        _end(cursor, run.id, run.integration, code)

    @reads
    def history(self, cursor: Cursor, integration: str, limit: int, before: str | None = None) -> list[RunSummary]:
        """Return the runs of an integration, the newest first; with ``before`` those before that run."""
        rows = cursor.execute(
            f"SELECT {SUMMARY} FROM runs r WHERE integration = ? "  # noqa: S608 - a constant
            "AND (? IS NULL OR n < (SELECT n FROM runs WHERE id = ?)) ORDER BY n DESC LIMIT ?",
            (integration, before, before, limit),
        ).fetchall()
        return [summary(cursor, row) for row in rows]

    @reads
    def beginning_with(self, cursor: Cursor, integration: str, beginning: str) -> list[RunSummary]:
        """Return the runs of an integration whose ids begin so: two at most, which is one too many."""
        rows = cursor.execute(
            f"SELECT {SUMMARY} FROM runs r WHERE id >= ? AND id < ? AND integration = ? LIMIT 2",  # noqa: S608 - a constant
            (beginning, f"{beginning}{_LAST}", integration),
        ).fetchall()
        return [summary(cursor, row) for row in rows]

    @reads
    def find(self, cursor: Cursor, integration: str, run_id: str) -> RunSummary | None:
        """Return one run of an integration, or None."""
        row = cursor.execute(
            f"SELECT {SUMMARY} FROM runs r WHERE integration = ? AND id = ?",  # noqa: S608 - a constant
            (integration, run_id),
        ).fetchone()
        return summary(cursor, row) if row else None


def save_certificate(
    cursor: Cursor, run: Run, certificate: Certificate, acceptance_key: str, held_because: tuple[Reason, ...] = ()
) -> None:
    """Save a certificate, and why changes of its kind are held.

    ``acceptance_key``: the token, account and rule that the kind was read with.
    """
    cursor.execute(
        "INSERT INTO certificates (run_id, kind, complete, acceptance_key, certificate, held_because) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (
            *(run.id, certificate.kind, int(certificate.complete), acceptance_key),
            *(_encode(certificate).decode(), _encode(held_because).decode()),
        ),
    )


def _note_reading(cursor: Cursor, run: Run, certificate: Certificate) -> None:
    """Note the last reading of a kind, with the time when it began: what was read is not newer than that."""
    moment = timestamp(run.started_at)
    cursor.execute(
        "INSERT INTO last_readings (integration, kind, run_id, read_at, certificate, complete_at) "
        "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (integration, kind) DO UPDATE SET run_id = excluded.run_id, "
        "read_at = excluded.read_at, certificate = excluded.certificate, "
        "complete_at = coalesce(excluded.complete_at, last_readings.complete_at)",
        (
            run.integration,
            certificate.kind,
            run.id,
            moment,
            _encode(certificate).decode(),
            moment if certificate.complete else None,
        ),
    )


def summary(cursor: Cursor, row: tuple[Any, ...]) -> RunSummary:
    """Return a run with its certificates, from a row of the columns in ``SUMMARY``."""
    run_id, integration, connector, product, kinds, started_at, finished_at, verdict, error, *others = row
    requests, extent, replaced = others
    certificates = cursor.execute(
        "SELECT certificate FROM certificates WHERE run_id = ? ORDER BY kind", (run_id,)
    ).fetchall()
    return RunSummary(
        run=Run(run_id, integration, connector, product, tuple(kinds.split(",")), datetime.fromisoformat(started_at)),
        finished_at=datetime.fromisoformat(finished_at) if finished_at else None,
        verdict=verdict,
        error=error,
        # The store has 0 where no number was noted.
        requests=requests if verdict else requests or None,
        extent=_extent(extent) if extent else None,
        certificates=tuple([decode_certificate(text) for (text,) in certificates]),
        replaced=bool(replaced),
    )


def _end(cursor: Cursor, run_id: str, integration: str, code: str) -> None:
    # The bodies of held changes go; those of an open reading stay for the run that resumes it.
    closed = "SELECT id FROM readings WHERE run_id = ? AND is_open = 0"
    held = "SELECT n FROM changes WHERE run_id = ? AND state = 'held' AND n IS NOT NULL"
    drop_bodies(cursor, integration, f"reading IN ({closed}) AND n IN ({held})", run_id, run_id)
    moment = now()
    cursor.execute(
        "UPDATE changes SET state = 'discarded', body = NULL, n = NULL, decided_at = ? "
        "WHERE run_id = ? AND state IN ('planned', 'held')",
        (moment, run_id),
    )
    cursor.execute("UPDATE runs SET finished_at = ?, error = ? WHERE id = ?", (moment, code, run_id))

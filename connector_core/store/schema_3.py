"""Additions of version 3: places of rows, audit log, schedules, notices, head-counts, totals, and last readings."""

ADDED = """
-- Where a row was read: the page of its listing, and its place in it, both from 1. Of a row that was created, its body
-- tells.
ALTER TABLE bodies ADD COLUMN page INTEGER;
ALTER TABLE bodies ADD COLUMN place INTEGER;
ALTER TABLE changes ADD COLUMN page INTEGER;
ALTER TABLE changes ADD COLUMN place INTEGER;
-- Of a removal: the first of the scans in a row that lacked it, if that was one before this run's.
ALTER TABLE changes ADD COLUMN missed_run TEXT;
-- Why changes of the kind are held: reasons, as JSON.
ALTER TABLE certificates ADD COLUMN held_because TEXT NOT NULL DEFAULT '[]';
CREATE INDEX changes_of_row ON changes (integration, kind, source_id);
-- With the state in it, the index alone tells how many changes wait.
DROP INDEX changes_held;
CREATE INDEX changes_held ON changes (integration, state, kind) WHERE state = 'held';

-- Who did what. Only ever added to, and it outlives the integration that it names; no value of a person is in it.
CREATE TABLE audit (
    n {identity},
    at TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    integration TEXT,
    run_id TEXT,
    details TEXT NOT NULL
);
CREATE INDEX audit_by_integration ON audit (integration, n);
CREATE INDEX audit_by_run ON audit (run_id, n) WHERE run_id IS NOT NULL;
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is only ever added to');
END;
CREATE TRIGGER audit_is_never_replaced BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE n = NEW.n)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is only ever added to');
END;
CREATE TRIGGER audit_is_never_deleted BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is only ever added to');
END;

-- When an integration runs by itself, and how its last runs went. ``due_at`` is the next time by its cron expression;
-- ``retry_at`` takes its place while runs fail. ``pending`` holds the options of a run that has begun and not ended,
-- for the service that starts it again; ``noted_run`` is the last run whose end was noted here, and ``held`` a digest
-- of what it has held.
CREATE TABLE schedules (
    integration TEXT PRIMARY KEY REFERENCES integrations (name) ON DELETE CASCADE,
    cron TEXT NOT NULL DEFAULT '',
    delta INTEGER NOT NULL DEFAULT 0,
    due_at TEXT,
    paused_at TEXT,
    paused_by TEXT,
    failures INTEGER NOT NULL DEFAULT 0,
    problem TEXT NOT NULL DEFAULT '',
    retry_at TEXT,
    quarantined_at TEXT,
    pending TEXT NOT NULL DEFAULT '',
    noted_run TEXT,
    held TEXT NOT NULL DEFAULT ''
);

-- Notices to be delivered, at least once: made with the state that they tell of, in one transaction. One without a
-- channel is only shown; one without ``next_at`` is delivered, given up, or only shown.
CREATE TABLE notices (
    n {identity},
    id TEXT NOT NULL UNIQUE,
    at TEXT NOT NULL,
    integration TEXT NOT NULL,
    event TEXT NOT NULL,
    channel TEXT NOT NULL,
    payload TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    next_at TEXT,
    delivered_at TEXT,
    problem TEXT NOT NULL DEFAULT ''
);
CREATE INDEX notices_due ON notices (next_at) WHERE next_at IS NOT NULL;

-- What each application of a plan, and each undo, made of a kind: the rows afterwards, and how many came, left and
-- changed.
CREATE TABLE headcounts (
    n {identity},
    integration TEXT NOT NULL REFERENCES integrations (name) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    run_id TEXT NOT NULL,
    at TEXT NOT NULL,
    stored INTEGER NOT NULL,
    active INTEGER NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    removed INTEGER NOT NULL,
    losses INTEGER NOT NULL
);
CREATE INDEX headcounts_by_integration ON headcounts (integration, n);
CREATE INDEX headcounts_moved ON headcounts (integration, n) WHERE created + updated + removed > 0;

-- Totals of the runs that have ended, which only grow: runs are deleted when they are old. ``verdict`` is empty for
-- those that failed or were interrupted.
ALTER TABLE runs ADD COLUMN throttled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN replaced INTEGER NOT NULL DEFAULT 0;
CREATE TABLE run_totals (
    connector TEXT NOT NULL,
    verdict TEXT NOT NULL,
    runs INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    throttled INTEGER NOT NULL,
    PRIMARY KEY (connector, verdict)
);
INSERT INTO run_totals
    SELECT connector, coalesce(verdict, ''), count(*), sum(requests), 0 FROM runs WHERE finished_at IS NOT NULL
    GROUP BY 1, 2;
CREATE TRIGGER runs_are_counted AFTER UPDATE OF finished_at ON runs
WHEN OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL
BEGIN
    INSERT INTO run_totals VALUES (NEW.connector, coalesce(NEW.verdict, ''), 1, NEW.requests, NEW.throttled)
    ON CONFLICT (connector, verdict) DO UPDATE SET runs = runs + 1, requests = requests + excluded.requests,
    throttled = throttled + excluded.throttled;
END;

-- The last reading of each kind by a run that came to its end, and when the last complete one began. They outlive runs.
CREATE TABLE last_readings (
    integration TEXT NOT NULL REFERENCES integrations (name) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    run_id TEXT NOT NULL,
    read_at TEXT NOT NULL,
    certificate TEXT NOT NULL,
    complete_at TEXT,
    PRIMARY KEY (integration, kind)
) {clustered};
INSERT INTO last_readings (integration, kind, run_id, read_at, certificate, complete_at)
SELECT r.integration, t.kind, r.id, r.started_at, t.certificate, l.complete_at FROM (
    SELECT t.kind, max(r.n) AS n, max(CASE t.complete WHEN 1 THEN r.started_at END) AS complete_at
    FROM runs r JOIN certificates t ON t.run_id = r.id WHERE r.verdict IS NOT NULL GROUP BY r.integration, t.kind
) l JOIN runs r ON r.n = l.n JOIN certificates t ON t.run_id = r.id AND t.kind = l.kind;
"""

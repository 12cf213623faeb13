"""The tables. Times are ISO 8601 in UTC; bodies are the canonical JSON of an entity's fields that were read."""

from collections.abc import Mapping

from connector_core.store import schema_3, schema_4

VERSION = 4
APPLICATION_ID = 0x656E7469
"""Marks the file as ours, so that another program's database is never touched."""

_UNDO = """
-- Applied plans that can be put back, while the undo window is on; ``n`` tells which was later.
CREATE TABLE applications (
    n {identity},
    integration TEXT NOT NULL REFERENCES integrations (name) ON DELETE CASCADE,
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    applied_at TEXT NOT NULL
);
CREATE INDEX applications_by_integration ON applications (integration, n);
CREATE INDEX applications_by_run ON applications (run_id);

-- The rows that such a plan has changed, as they were before: without a body where there was none.
CREATE TABLE undoable (
    application INTEGER NOT NULL REFERENCES applications (n) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    source_id TEXT NOT NULL,
    operation TEXT NOT NULL,
    body TEXT,
    active INTEGER,
    digest {bytes},
    run_id TEXT,
    PRIMARY KEY (application, kind, source_id)
) {clustered};
"""

# What differs between databases comes from their module: ``identity`` numbers rows in order of arrival, and
# ``clustered`` keeps a table sorted by its primary key.
_TABLES_1 = """
CREATE TABLE integrations (
    name TEXT PRIMARY KEY,
    connector TEXT NOT NULL,
    fields TEXT NOT NULL,
    secrets {bytes} NOT NULL,
    account_name TEXT NOT NULL,
    tenant TEXT,
    token_owner TEXT NOT NULL,
    created_at TEXT NOT NULL,
    credentials_at TEXT NOT NULL
);

-- ``n`` tells which run came later: no judgement rests on a clock that may have been wrong.
CREATE TABLE runs (
    n {identity},
    id TEXT NOT NULL UNIQUE,
    integration TEXT NOT NULL REFERENCES integrations (name) ON DELETE CASCADE,
    connector TEXT NOT NULL,
    product TEXT NOT NULL,
    kinds TEXT NOT NULL,
    started_at TEXT NOT NULL,
    finished_at TEXT,
    verdict TEXT,
    error TEXT,
    requests INTEGER NOT NULL DEFAULT 0,
    extent TEXT
);
CREATE INDEX runs_by_integration ON runs (integration, n);
CREATE INDEX runs_by_age ON runs (integration, started_at);
CREATE INDEX runs_unfinished ON runs (integration) WHERE finished_at IS NULL;

CREATE TABLE certificates (
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    complete INTEGER NOT NULL,
    acceptance_key TEXT NOT NULL,
    certificate TEXT NOT NULL,
    PRIMARY KEY (run_id, kind)
);

-- One reading of one kind by a run. An open one may be taken over by the next run. One with stored rows outlives it.
CREATE TABLE readings (
    id {identity},
    run_id TEXT REFERENCES runs (id) ON DELETE SET NULL,
    integration TEXT NOT NULL REFERENCES integrations (name) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    is_open INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX readings_by_run ON readings (run_id);
CREATE INDEX readings_by_kind ON readings (integration, kind, is_open);

-- The last page of an open reading, for the run that resumes it.
CREATE TABLE checkpoints (
    reading INTEGER PRIMARY KEY REFERENCES readings (id) ON DELETE CASCADE,
    listing TEXT NOT NULL,
    page INTEGER NOT NULL,
    rows_before INTEGER NOT NULL,
    announced INTEGER,
    ids_digest {bytes} NOT NULL,
    resumable INTEGER NOT NULL,
    staged INTEGER NOT NULL,
    resume_key TEXT NOT NULL,
    began_at TEXT NOT NULL,
    first_total INTEGER,
    began REAL,
    taken_at TEXT NOT NULL
);

-- Every row as it was read, in order of arrival. It has no body where it equals the stored row, and neither body nor
-- digest where it is of another kind.
CREATE TABLE bodies (
    n {identity},
    reading INTEGER NOT NULL REFERENCES readings (id) ON DELETE CASCADE,
    source_id TEXT NOT NULL,
    body TEXT,
    digest {bytes},
    active INTEGER
);
CREATE INDEX bodies_by_reading ON bodies (reading);

-- The last row of each id in an open reading, sorted: what is compared with the stored entities.
CREATE TABLE latest (
    reading INTEGER NOT NULL REFERENCES readings (id) ON DELETE CASCADE,
    source_id TEXT NOT NULL,
    n INTEGER NOT NULL,
    digest {bytes},
    active INTEGER,
    PRIMARY KEY (reading, source_id)
) {clustered};

-- What is stored now: ``n`` points to the body, which is the merged one; ``digest`` is that of the row as it was last
-- read. A foreign key over ``n`` would double the cost of a first run: drop_bodies() keeps what is pointed to.
CREATE TABLE entities (
    integration TEXT NOT NULL REFERENCES integrations (name) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    source_id TEXT NOT NULL,
    n INTEGER NOT NULL,
    digest {bytes} NOT NULL,
    active INTEGER,
    run_id TEXT NOT NULL,
    missed_run TEXT,
    PRIMARY KEY (integration, kind, source_id)
) {clustered};
CREATE INDEX entities_missed ON entities (integration) WHERE missed_run IS NOT NULL;

-- Plans and history. Bodies only while a change waits, and never an old value. ``cleared`` names the fields whose value
-- is gone, unless the operator has accepted that.
CREATE TABLE changes (
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    integration TEXT NOT NULL,
    kind TEXT NOT NULL,
    source_id TEXT NOT NULL,
    operation TEXT NOT NULL,
    state TEXT NOT NULL,
    loss INTEGER NOT NULL,
    fields TEXT NOT NULL,
    cleared TEXT,
    reason TEXT NOT NULL,
    n INTEGER,
    body TEXT,
    active INTEGER,
    digest {bytes},
    base_digest {bytes},
    decided_at TEXT,
    PRIMARY KEY (run_id, kind, source_id)
) {clustered};
CREATE INDEX changes_held ON changes (integration, kind) WHERE state = 'held';
CREATE INDEX changes_lost ON changes (integration, kind, decided_at) WHERE loss > 0;
CREATE INDEX changes_cleared ON changes (integration, kind, decided_at) WHERE cleared IS NOT NULL;

-- The token, account and rule of the last reading of a kind whose changes were all applied, and whether one of those
-- readings was complete.
CREATE TABLE acceptances (
    integration TEXT NOT NULL REFERENCES integrations (name) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    acceptance_key TEXT NOT NULL,
    was_complete INTEGER NOT NULL,
    PRIMARY KEY (integration, kind)
);

-- Removals whose traces are still to be erased from the files; ``integration`` where one was removed as a whole.
CREATE TABLE erasures (
    n {identity},
    integration TEXT
);

-- The last full scan of a kind that was applied completely, and the watermark of the deltas since.
CREATE TABLE last_scans (
    integration TEXT NOT NULL REFERENCES integrations (name) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    resume_key TEXT NOT NULL,
    full_at TEXT NOT NULL,
    watermark TEXT,
    others INTEGER NOT NULL,
    unread TEXT NOT NULL,
    due TEXT,
    PRIMARY KEY (integration, kind)
);
"""
TABLES = f"{_TABLES_1}{_UNDO}{schema_3.ADDED}{schema_4.ADDED}"

MIGRATIONS: Mapping[int, str] = {1: _UNDO, 2: schema_3.ADDED, 3: schema_4.ADDED}
"""The statements that lead from a version to the next one."""

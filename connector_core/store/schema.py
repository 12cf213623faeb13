"""The tables. Times are ISO 8601 in UTC; bodies are the canonical JSON of an entity's fields that were read."""

VERSION = 3

FIRST = """
CREATE TABLE integrations (
    name TEXT PRIMARY KEY,
    connector TEXT NOT NULL,
    fields TEXT NOT NULL,
    secrets BLOB NOT NULL,
    account TEXT NOT NULL,
    account_name TEXT NOT NULL,
    created_at TEXT NOT NULL,
    credentials_at TEXT NOT NULL
);
CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    integration TEXT NOT NULL REFERENCES integrations (name) ON DELETE CASCADE,
    connector TEXT NOT NULL,
    product TEXT NOT NULL,
    kinds TEXT NOT NULL,
    started_at TEXT NOT NULL,
    finished_at TEXT,
    verdict TEXT,
    error TEXT,
    requests INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX runs_by_integration ON runs (integration, started_at);
CREATE TABLE certificates (
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    complete INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    announced INTEGER,
    scope TEXT NOT NULL,
    details TEXT NOT NULL,
    PRIMARY KEY (run_id, kind)
);
CREATE TABLE staged (
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    source_id TEXT NOT NULL,
    body TEXT,
    digest BLOB,
    PRIMARY KEY (run_id, kind, source_id)
);
CREATE TABLE entities (
    integration TEXT NOT NULL REFERENCES integrations (name) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    source_id TEXT NOT NULL,
    body TEXT NOT NULL,
    digest BLOB NOT NULL,
    run_id TEXT NOT NULL,
    missed_run TEXT,
    PRIMARY KEY (integration, kind, source_id)
);
CREATE TABLE changes (
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    integration TEXT NOT NULL,
    kind TEXT NOT NULL,
    source_id TEXT NOT NULL,
    operation TEXT NOT NULL,
    state TEXT NOT NULL,
    loss INTEGER NOT NULL,
    fields TEXT NOT NULL,
    reason TEXT NOT NULL,
    body TEXT,
    digest BLOB,
    base_digest BLOB,
    decided_at TEXT,
    PRIMARY KEY (run_id, kind, source_id)
);
CREATE INDEX changes_by_state ON changes (integration, kind, state);
CREATE TABLE scopes (
    integration TEXT NOT NULL REFERENCES integrations (name) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    scope TEXT NOT NULL,
    PRIMARY KEY (integration, kind)
);
"""

MIGRATIONS = {
    1: """
CREATE TABLE checkpoints (
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    page INTEGER NOT NULL,
    rows_before INTEGER NOT NULL,
    announced INTEGER,
    ids BLOB NOT NULL,
    sound INTEGER NOT NULL,
    staged INTEGER NOT NULL,
    scope TEXT NOT NULL,
    began_at TEXT NOT NULL,
    taken_at TEXT NOT NULL,
    PRIMARY KEY (run_id, kind)
);
""",
    2: """
CREATE TABLE readings (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    done INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX readings_open ON readings (run_id, kind) WHERE done = 0;
CREATE TABLE bodies (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    reading INTEGER NOT NULL REFERENCES readings (id) ON DELETE CASCADE,
    source_id TEXT NOT NULL,
    body TEXT,
    digest BLOB
);
CREATE INDEX bodies_by_reading ON bodies (reading);
CREATE TABLE latest (
    reading INTEGER NOT NULL REFERENCES readings (id) ON DELETE CASCADE,
    source_id TEXT NOT NULL,
    n INTEGER NOT NULL,
    digest BLOB,
    PRIMARY KEY (reading, source_id)
) WITHOUT ROWID;
INSERT OR IGNORE INTO readings (run_id, kind) SELECT DISTINCT r.id, e.kind FROM entities e
    JOIN runs r ON r.integration = e.integration WHERE r.id = e.run_id;
INSERT OR IGNORE INTO readings (run_id, kind) SELECT DISTINCT c.run_id, c.kind FROM changes c
    JOIN runs x ON x.id = c.run_id WHERE c.state = 'held' AND x.finished_at IS NOT NULL;
INSERT INTO bodies (reading, source_id, body, digest) SELECT r.id, e.source_id, e.body, e.digest
    FROM entities e JOIN readings r ON r.run_id = e.run_id AND r.kind = e.kind;
ALTER TABLE entities RENAME TO entities_2;
CREATE TABLE entities (
    integration TEXT NOT NULL REFERENCES integrations (name) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    source_id TEXT NOT NULL,
    n INTEGER NOT NULL,
    digest BLOB NOT NULL,
    run_id TEXT NOT NULL,
    missed_run TEXT,
    PRIMARY KEY (integration, kind, source_id)
) WITHOUT ROWID;
INSERT INTO entities SELECT e.integration, e.kind, e.source_id, b.n, e.digest, e.run_id, e.missed_run
    FROM entities_2 e JOIN readings r ON r.run_id = e.run_id AND r.kind = e.kind
    JOIN bodies b ON b.reading = r.id AND b.source_id = e.source_id;
DROP TABLE entities_2;
CREATE UNIQUE INDEX entities_by_body ON entities (n);
CREATE TRIGGER bodies_kept BEFORE DELETE ON bodies WHEN EXISTS (SELECT 1 FROM entities WHERE n = OLD.n)
    BEGIN SELECT RAISE (ABORT, 'an entity points to this body'); END;
INSERT INTO bodies (reading, source_id, body, digest) SELECT r.id, s.source_id, s.body, s.digest
    FROM changes c JOIN staged s ON s.run_id = c.run_id AND s.kind = c.kind AND s.source_id = c.source_id
    JOIN readings r ON r.run_id = c.run_id AND r.kind = c.kind WHERE c.state = 'held' AND c.operation = 'create';
ALTER TABLE changes RENAME TO changes_2;
CREATE TABLE changes (
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    integration TEXT NOT NULL,
    kind TEXT NOT NULL,
    source_id TEXT NOT NULL,
    operation TEXT NOT NULL,
    state TEXT NOT NULL,
    loss INTEGER NOT NULL,
    fields TEXT NOT NULL,
    reason TEXT NOT NULL,
    n INTEGER,
    body TEXT,
    digest BLOB,
    base_digest BLOB,
    decided_at TEXT,
    PRIMARY KEY (run_id, kind, source_id)
) WITHOUT ROWID;
INSERT INTO changes SELECT c.run_id, c.integration, c.kind, c.source_id, c.operation, c.state, c.loss, c.fields,
    c.reason, (SELECT max(b.n) FROM bodies b JOIN readings r ON r.id = b.reading WHERE c.state = 'held'
    AND c.operation = 'create' AND r.run_id = c.run_id AND r.kind = c.kind AND b.source_id = c.source_id),
    c.body, c.digest, c.base_digest, c.decided_at FROM changes_2 c;
DROP TABLE changes_2;
CREATE INDEX changes_held ON changes (integration, kind) WHERE state = 'held';
CREATE INDEX changes_lost ON changes (integration, kind, decided_at) WHERE loss > 0;
UPDATE readings SET done = 1;
DROP TABLE staged;
DROP TABLE checkpoints;
CREATE TABLE checkpoints (
    reading INTEGER PRIMARY KEY REFERENCES readings (id) ON DELETE CASCADE,
    source TEXT NOT NULL,
    page INTEGER NOT NULL,
    rows_before INTEGER NOT NULL,
    announced INTEGER,
    ids BLOB NOT NULL,
    sound INTEGER NOT NULL,
    staged INTEGER NOT NULL,
    scope TEXT NOT NULL,
    began_at TEXT NOT NULL,
    taken_at TEXT NOT NULL
);
ALTER TABLE runs ADD COLUMN extent TEXT NOT NULL DEFAULT '';
CREATE TABLE scans (
    integration TEXT NOT NULL REFERENCES integrations (name) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    read_with TEXT NOT NULL,
    full_at TEXT NOT NULL,
    watermark TEXT,
    others INTEGER NOT NULL,
    unread TEXT NOT NULL,
    due TEXT NOT NULL,
    PRIMARY KEY (integration, kind)
);
""",
}
"""What leads from a version to the next. A new store goes all the way from the first."""

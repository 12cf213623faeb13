"""The tables. Times are ISO 8601 in UTC; bodies are the canonical JSON of an entity's fields that were read."""

VERSION = 2

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
}
"""What leads from a version to the next. A new store goes all the way from the first."""

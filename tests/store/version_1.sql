-- A store as version 1 wrote it: two people, and a plan that waits.
PRAGMA application_id = 1701737577;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE acceptances (
    integration TEXT NOT NULL REFERENCES integrations (name) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    acceptance_key TEXT NOT NULL,
    was_complete INTEGER NOT NULL,
    PRIMARY KEY (integration, kind)
);
INSERT INTO "acceptances" VALUES('acme','Employee','key',1);
CREATE TABLE bodies (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    reading INTEGER NOT NULL REFERENCES readings (id) ON DELETE CASCADE,
    source_id TEXT NOT NULL,
    body TEXT,
    digest BLOB,
    active INTEGER
);
INSERT INTO "bodies" VALUES(1,1,'a','{"source_id":"a","display_name":"Ada","job_title":"Lead"}',X'2227F1CC1CE024EF71E73E8E99A0126B',0);
INSERT INTO "bodies" VALUES(2,1,'b','{"source_id":"b","display_name":"Bea"}',X'5572EF454D5D131EC71C55C2CC051552',0);
CREATE TABLE certificates (
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    complete INTEGER NOT NULL,
    acceptance_key TEXT NOT NULL,
    certificate TEXT NOT NULL,
    PRIMARY KEY (run_id, kind)
);
INSERT INTO "certificates" VALUES('f270d64d4d174a3ca62787f31da5388a','Employee',1,'key','{"kind":"Employee","standing":"complete","seen":1,"announced":1,"found":1,"pages":1,"reasons":[],"notes":[],"rejected":[],"began":"fresh","first_page":1,"proof":"none","remedy":"","profile":{"filled":{},"unread":{},"emptied":{},"emptied_rows":0,"emptied_example":[],"dangling":{},"without_email":0,"sharing_email":0}}');
INSERT INTO "certificates" VALUES('7c902b8d426b4cd3aaa7a17d9cb54f91','Employee',1,'key','{"kind":"Employee","standing":"complete","seen":1,"announced":1,"found":1,"pages":1,"reasons":[],"notes":[],"rejected":[],"began":"fresh","first_page":1,"proof":"none","remedy":"","profile":{"filled":{},"unread":{},"emptied":{},"emptied_rows":0,"emptied_example":[],"dangling":{},"without_email":0,"sharing_email":0}}');
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
    digest BLOB,
    base_digest BLOB,
    decided_at TEXT,
    PRIMARY KEY (run_id, kind, source_id)
) WITHOUT ROWID;
INSERT INTO "changes" VALUES('7c902b8d426b4cd3aaa7a17d9cb54f91','acme','Employee','a','update','held',0,'["job_title"]',NULL,'{"code":"changed","parameters":{"provider":"Example HR"}}',NULL,'{"source_id":"a","display_name":"Ada","job_title":"Head"}',NULL,X'76B7A6726E6C30D1E810DB98A80B4248',X'2227F1CC1CE024EF71E73E8E99A0126B',NULL);
INSERT INTO "changes" VALUES('f270d64d4d174a3ca62787f31da5388a','acme','Employee','a','create','applied',0,'[]',NULL,'{"code":"new","parameters":{"provider":"Example HR"}}',1,NULL,0,X'2227F1CC1CE024EF71E73E8E99A0126B',NULL,'2026-11-27T11:46:24.867+00:00');
INSERT INTO "changes" VALUES('f270d64d4d174a3ca62787f31da5388a','acme','Employee','b','create','applied',0,'[]',NULL,'{"code":"new","parameters":{"provider":"Example HR"}}',2,NULL,0,X'5572EF454D5D131EC71C55C2CC051552',NULL,'2026-11-27T11:46:24.867+00:00');
CREATE TABLE checkpoints (
    reading INTEGER PRIMARY KEY REFERENCES readings (id) ON DELETE CASCADE,
    listing TEXT NOT NULL,
    page INTEGER NOT NULL,
    rows_before INTEGER NOT NULL,
    announced INTEGER,
    ids_digest BLOB NOT NULL,
    resumable INTEGER NOT NULL,
    staged INTEGER NOT NULL,
    resume_key TEXT NOT NULL,
    began_at TEXT NOT NULL,
    first_total INTEGER,
    began REAL,
    taken_at TEXT NOT NULL
);
CREATE TABLE entities (
    integration TEXT NOT NULL REFERENCES integrations (name) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    source_id TEXT NOT NULL,
    n INTEGER NOT NULL,
    digest BLOB NOT NULL,
    active INTEGER,
    run_id TEXT NOT NULL,
    missed_run TEXT,
    PRIMARY KEY (integration, kind, source_id)
) WITHOUT ROWID;
INSERT INTO "entities" VALUES('acme','Employee','a',1,X'2227F1CC1CE024EF71E73E8E99A0126B',0,'f270d64d4d174a3ca62787f31da5388a',NULL);
INSERT INTO "entities" VALUES('acme','Employee','b',2,X'5572EF454D5D131EC71C55C2CC051552',0,'f270d64d4d174a3ca62787f31da5388a',NULL);
CREATE TABLE erasures (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    integration TEXT
);
CREATE TABLE integrations (
    name TEXT PRIMARY KEY,
    connector TEXT NOT NULL,
    fields TEXT NOT NULL,
    secrets BLOB NOT NULL,
    account_name TEXT NOT NULL,
    tenant TEXT,
    token_owner TEXT NOT NULL,
    created_at TEXT NOT NULL,
    credentials_at TEXT NOT NULL
);
INSERT INTO "integrations" VALUES('acme','example','{}',X'7365616C6564','One','1','','2026-11-27T11:46:24.781+00:00','2026-11-27T11:46:24.781+00:00');
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
CREATE TABLE latest (
    reading INTEGER NOT NULL REFERENCES readings (id) ON DELETE CASCADE,
    source_id TEXT NOT NULL,
    n INTEGER NOT NULL,
    digest BLOB,
    active INTEGER,
    PRIMARY KEY (reading, source_id)
) WITHOUT ROWID;
CREATE TABLE readings (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT REFERENCES runs (id) ON DELETE SET NULL,
    integration TEXT NOT NULL REFERENCES integrations (name) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    is_open INTEGER NOT NULL DEFAULT 1
);
INSERT INTO "readings" VALUES(1,'f270d64d4d174a3ca62787f31da5388a','acme','Employee',0);
INSERT INTO "readings" VALUES(2,'7c902b8d426b4cd3aaa7a17d9cb54f91','acme','Employee',0);
CREATE TABLE runs (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
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
INSERT INTO "runs" VALUES(1,'f270d64d4d174a3ca62787f31da5388a','acme','example','','Employee','2026-11-27T11:46:24.806+00:00','2026-11-27T11:46:24.878+00:00','complete',NULL,3,'{"delta":false,"why":null}');
INSERT INTO "runs" VALUES(2,'7c902b8d426b4cd3aaa7a17d9cb54f91','acme','example','','Employee','2026-11-27T11:46:24.901+00:00','2026-11-27T11:46:24.957+00:00','complete',NULL,3,'{"delta":false,"why":null}');
CREATE INDEX runs_by_integration ON runs (integration, n);
CREATE INDEX runs_by_age ON runs (integration, started_at);
CREATE INDEX runs_unfinished ON runs (integration) WHERE finished_at IS NULL;
CREATE INDEX readings_by_run ON readings (run_id);
CREATE INDEX readings_by_kind ON readings (integration, kind, is_open);
CREATE INDEX bodies_by_reading ON bodies (reading);
CREATE INDEX entities_missed ON entities (integration) WHERE missed_run IS NOT NULL;
CREATE INDEX changes_held ON changes (integration, kind) WHERE state = 'held';
CREATE INDEX changes_lost ON changes (integration, kind, decided_at) WHERE loss > 0;
CREATE INDEX changes_cleared ON changes (integration, kind, decided_at) WHERE cleared IS NOT NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('runs',2);
INSERT INTO "sqlite_sequence" VALUES('readings',2);
INSERT INTO "sqlite_sequence" VALUES('bodies',4);
COMMIT;

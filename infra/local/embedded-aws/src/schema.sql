CREATE TABLE IF NOT EXISTS queues (
    name       TEXT PRIMARY KEY,
    attributes TEXT NOT NULL,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS messages (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    queue             TEXT NOT NULL,
    message_id        TEXT NOT NULL,
    body              TEXT NOT NULL,
    attributes        TEXT NOT NULL,
    trace_header      TEXT,
    group_id          TEXT,
    source_queue      TEXT,
    sent_at           INTEGER NOT NULL,
    expires_at        INTEGER NOT NULL,
    visible_at        INTEGER NOT NULL,
    first_received_at INTEGER,
    receive_count     INTEGER NOT NULL DEFAULT 0,
    receipt           TEXT
);
CREATE INDEX IF NOT EXISTS messages_by_visibility ON messages (queue, visible_at, id);
CREATE INDEX IF NOT EXISTS messages_by_receipt ON messages (receipt) WHERE receipt IS NOT NULL;

CREATE TABLE IF NOT EXISTS moves (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    handle      TEXT NOT NULL,
    source      TEXT NOT NULL,
    destination TEXT,
    to_move     INTEGER NOT NULL,
    moved       INTEGER NOT NULL,
    failure     TEXT,
    started_at  INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS secrets (
    name        TEXT PRIMARY KEY,
    arn         TEXT NOT NULL UNIQUE,
    description TEXT,
    kms_key_id  TEXT,
    tags        TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    deleted_at  INTEGER,
    gone_at     INTEGER
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS secret_versions (
    name       TEXT NOT NULL,
    version_id TEXT NOT NULL,
    sealed     BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (name, version_id)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS secret_stages (
    name       TEXT NOT NULL,
    stage      TEXT NOT NULL,
    version_id TEXT NOT NULL,
    PRIMARY KEY (name, stage)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS secret_rotations (
    name   TEXT PRIMARY KEY,
    lambda TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS kms_keys (
    id         TEXT PRIMARY KEY,
    sealed     BLOB NOT NULL,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS kms_aliases (
    name   TEXT PRIMARY KEY,
    key_id TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS kms_disabled (
    key_id TEXT PRIMARY KEY
) WITHOUT ROWID;

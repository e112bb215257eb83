-- The ledger: the truth about every export, file and publication.
-- Times are milliseconds since 1970-01-01T00:00:00Z; 0 means never. FHIR
-- instants that go back to a server are kept as the text they came in.

-- +goose Up
CREATE TABLE tenant (
  tenant_id     TEXT PRIMARY KEY,
  name          TEXT NOT NULL,
  registration  TEXT NOT NULL,
  client_id     TEXT NOT NULL,
  fhir_base_url TEXT NOT NULL,
  state         TEXT NOT NULL CHECK (state IN ('active', 'frozen')),
  updated_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE export (
  export_id        TEXT PRIMARY KEY,
  tenant_id        TEXT NOT NULL REFERENCES tenant,
  stream           TEXT NOT NULL,  -- endpoint, level or group, and type set: what a watermark belongs to
  registration     TEXT NOT NULL,
  endpoint         TEXT NOT NULL,  -- FHIR base URL
  level            TEXT NOT NULL CHECK (level IN ('system', 'patient', 'group')),
  group_id         TEXT NOT NULL,
  types            TEXT NOT NULL,  -- JSON array of resource types
  mode             TEXT NOT NULL CHECK (mode IN ('full', 'incremental')),
  since            TEXT NOT NULL,  -- _since as sent; empty without one
  sinks            TEXT NOT NULL,  -- JSON array of sink names
  requested_by     TEXT NOT NULL,
  requested_at     INTEGER NOT NULL,
  state            TEXT NOT NULL,
  state_at         INTEGER NOT NULL,
  failed_in        TEXT NOT NULL DEFAULT '',
  waiting_until    INTEGER NOT NULL DEFAULT 0,
  waiting_for      TEXT NOT NULL DEFAULT '',
  kickoff_sent_at  INTEGER NOT NULL DEFAULT 0,  -- the intent: set before the request leaves (I2)
  kickoffs         INTEGER NOT NULL DEFAULT 0,
  status_url       TEXT NOT NULL DEFAULT '',
  accepted_at      INTEGER NOT NULL DEFAULT 0,
  next_poll_at     INTEGER NOT NULL DEFAULT 0,
  polls            INTEGER NOT NULL DEFAULT 0,
  progress         TEXT NOT NULL DEFAULT '',
  transaction_time TEXT NOT NULL DEFAULT '',
  next_since       TEXT NOT NULL DEFAULT '',    -- what the watermark becomes when this export completes (I6)
  requires_token   TEXT NOT NULL DEFAULT '',    -- the manifest's word: 'true', 'false' or ''
  server_errors    INTEGER NOT NULL DEFAULT 0,  -- errors that the manifest's error files name
  retry_count      INTEGER NOT NULL DEFAULT 0,
  last_error       TEXT NOT NULL DEFAULT '',
  problem_code     TEXT NOT NULL DEFAULT '',
  problem_summary  TEXT NOT NULL DEFAULT '',
  problem_remedy   TEXT NOT NULL DEFAULT '',
  ended_at         INTEGER NOT NULL DEFAULT 0,
  released_at      INTEGER NOT NULL DEFAULT 0   -- DELETE was answered
) STRICT;
CREATE INDEX export_by_tenant ON export (tenant_id, requested_at DESC);
CREATE INDEX export_by_state ON export (state, requested_at);
-- One export at a time for each tenant's endpoint, whatever the code does.
CREATE UNIQUE INDEX export_one_at_a_time ON export (tenant_id, endpoint)
  WHERE state IN ('kicking_off', 'waiting', 'unknown', 'polling', 'downloading', 'ingesting', 'publishing');

CREATE TABLE output_file (
  tenant_id      TEXT NOT NULL,
  export_id      TEXT NOT NULL REFERENCES export,
  file           TEXT NOT NULL,     -- "<page>-<section>-<index>-<Type>": never the URL
  position       INTEGER NOT NULL,  -- order in the manifest, over all pages and sections
  section        TEXT NOT NULL CHECK (section IN ('output', 'deleted', 'error')),
  resource_type  TEXT NOT NULL,
  url            TEXT NOT NULL,
  expected_count INTEGER NOT NULL,  -- the manifest's count, -1 when it gives none
  state          TEXT NOT NULL CHECK (state IN ('listed', 'downloading', 'stored', 'ingesting', 'ingested', 'failed')),
  bytes          INTEGER NOT NULL DEFAULT 0,
  wire_bytes     INTEGER NOT NULL DEFAULT 0,
  sha256         TEXT NOT NULL DEFAULT '',
  lines          INTEGER NOT NULL DEFAULT 0,
  blank          INTEGER NOT NULL DEFAULT 0,
  delivered      INTEGER NOT NULL DEFAULT 0,
  quarantined    INTEGER NOT NULL DEFAULT 0,
  summary        TEXT NOT NULL DEFAULT '',  -- JSON, from ingest
  started_at     INTEGER NOT NULL DEFAULT 0,
  stored_at      INTEGER NOT NULL DEFAULT 0,
  ingested_at    INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, export_id, file)
) STRICT, WITHOUT ROWID;
CREATE INDEX output_file_by_state ON output_file (export_id, state, position);

CREATE TABLE staged_part (
  tenant_id  TEXT NOT NULL,
  export_id  TEXT NOT NULL REFERENCES export,
  file       TEXT NOT NULL,
  table_name TEXT NOT NULL,
  part_key   TEXT NOT NULL,
  row_count  INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, export_id, file, part_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE publication (
  tenant_id    TEXT NOT NULL,
  export_id    TEXT NOT NULL REFERENCES export,
  sink         TEXT NOT NULL,
  receipt      TEXT NOT NULL,  -- JSON
  published_at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, export_id, sink)
) STRICT, WITHOUT ROWID;

CREATE TABLE watermark (
  tenant_id TEXT NOT NULL,
  stream    TEXT NOT NULL,
  since     TEXT NOT NULL,  -- _since of the next export
  export_id TEXT NOT NULL,
  moved_at  INTEGER NOT NULL,
  full_at   INTEGER NOT NULL,  -- when the last full export completed
  PRIMARY KEY (tenant_id, stream)
) STRICT, WITHOUT ROWID;

-- A step is one short, repeatable piece of work on an export. Whoever runs it
-- holds its lease: the epoch grows with each taking, and every write that
-- follows from it checks the epoch (the fence).
CREATE TABLE step (
  step_id      INTEGER PRIMARY KEY,
  tenant_id    TEXT NOT NULL,
  export_id    TEXT NOT NULL REFERENCES export,
  kind         TEXT NOT NULL,
  subject      TEXT NOT NULL,  -- the file or the sink; empty for the others
  state        TEXT NOT NULL CHECK (state IN ('ready', 'running', 'done')),
  epoch        INTEGER NOT NULL DEFAULT 0,
  attempt      INTEGER NOT NULL DEFAULT 0,  -- failures that waiting may cure, in a row
  due_at       INTEGER NOT NULL,
  owner        TEXT NOT NULL DEFAULT '',
  heartbeat_at INTEGER NOT NULL DEFAULT 0,
  created_at   INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX step_once ON step (export_id, kind, subject) WHERE state <> 'done';
CREATE INDEX step_open ON step (state, owner) WHERE state <> 'done';

-- Requests in fixed clock-minute windows, shared by every process.
CREATE TABLE rate_window (
  tenant_id TEXT NOT NULL,
  endpoint  TEXT NOT NULL,
  minute    INTEGER NOT NULL,
  requests  INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, endpoint)
) STRICT, WITHOUT ROWID;

CREATE TABLE schedule (
  tenant_id TEXT PRIMARY KEY REFERENCES tenant,
  spec      TEXT NOT NULL,  -- cron fields and time zone, as configured
  next_at   INTEGER NOT NULL,
  last_at   INTEGER NOT NULL DEFAULT 0
) STRICT;

-- What happened, in order: the timeline of an export and the audit trail.
CREATE TABLE event (
  event_id  INTEGER PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  export_id TEXT NOT NULL,
  at        INTEGER NOT NULL,
  actor     TEXT NOT NULL,
  kind      TEXT NOT NULL,
  detail    TEXT NOT NULL  -- counts, states and codes only: no PHI, no secret
) STRICT;
CREATE INDEX event_by_export ON event (tenant_id, export_id, event_id);

-- The job table of a hand-built pipeline, by its usual column names.
CREATE VIEW tenant_export_status AS
SELECT
  t.tenant_id                                                     AS tenant_id,
  strftime('%Y-%m-%dT%H:%M:%fZ', (SELECT max(c.ended_at) FROM export c
    WHERE c.tenant_id = t.tenant_id AND c.state = 'completed') / 1000.0, 'unixepoch') AS last_export_time,
  e.state                                                         AS last_export_status,
  t.fhir_base_url                                                 AS fhir_base_url,
  t.client_id                                                     AS client_id,
  e.status_url                                                    AS polling_url,
  coalesce(e.retry_count, 0)                                      AS retry_count,
  nullif(e.problem_summary, '')                                   AS error_state
FROM tenant t
LEFT JOIN export e ON e.export_id = (
  SELECT l.export_id FROM export l WHERE l.tenant_id = t.tenant_id ORDER BY l.requested_at DESC, l.export_id DESC LIMIT 1);

-- +goose Down
DROP VIEW tenant_export_status;
DROP TABLE event;
DROP TABLE schedule;
DROP TABLE rate_window;
DROP TABLE step;
DROP TABLE watermark;
DROP TABLE publication;
DROP TABLE staged_part;
DROP TABLE output_file;
DROP TABLE export;
DROP TABLE tenant;

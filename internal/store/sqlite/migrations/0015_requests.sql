-- Exports that other programs ask for, and the call-backs that tell how exports
-- ended.

-- +goose Up

-- Any program may insert rows here: it gives the columns up to callback, and
-- reads the others. docs/triggers.md is its description.
CREATE TABLE export_requests (
  request_id   INTEGER PRIMARY KEY,
  tenant_id    TEXT NOT NULL CHECK (length(tenant_id) BETWEEN 1 AND 100),
  kind         TEXT NOT NULL DEFAULT 'incremental' CHECK (length(kind) <= 20),  -- full or incremental
  types        TEXT NOT NULL DEFAULT '' CHECK (length(types) <= 4000),          -- resource types with commas between; empty: the practice's
  since        TEXT NOT NULL DEFAULT '' CHECK (length(since) <= 40),            -- an instant or a date; empty: the watermark
  group_id     TEXT NOT NULL DEFAULT '' CHECK (length(group_id) <= 200),        -- empty: the practice's
  requested_by TEXT NOT NULL CHECK (length(requested_by) BETWEEN 1 AND 100),    -- which program, or who
  reference    TEXT NOT NULL DEFAULT '' CHECK (length(reference) <= 200),       -- the caller's own; given again it is the same request
  callback     TEXT NOT NULL DEFAULT '' CHECK (length(callback) <= 2000),       -- where the end is told: a name or a URL that the configuration allows
  source       TEXT NOT NULL DEFAULT 'table' CHECK (source IN ('table', 'api', 'hook')),
  state        TEXT NOT NULL DEFAULT 'new',   -- new, refused, or the state of its export
  export_id    TEXT NOT NULL DEFAULT '',
  code         TEXT NOT NULL DEFAULT '',      -- of the problem
  problem      TEXT NOT NULL DEFAULT '',      -- what happened
  remedy       TEXT NOT NULL DEFAULT '',      -- what to do next
  asked_at     INTEGER NOT NULL DEFAULT (unixepoch() * 1000),
  started_at   INTEGER NOT NULL DEFAULT 0,    -- when it was taken up or refused
  ended_at     INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX export_requests_new ON export_requests (tenant_id, request_id) WHERE state = 'new';
CREATE INDEX export_requests_export ON export_requests (tenant_id, export_id) WHERE export_id <> '';
CREATE INDEX export_requests_reference ON export_requests (tenant_id, source, requested_by, reference) WHERE reference <> '';

-- Exports that have come to rest, and whose end nobody was told yet.
CREATE TABLE settled (
  settled_id INTEGER PRIMARY KEY,
  tenant_id  TEXT NOT NULL,
  export_id  TEXT NOT NULL,
  state      TEXT NOT NULL,
  at         INTEGER NOT NULL
) STRICT;

-- Call-backs: written when an end is told, sent after that.
CREATE TABLE callback (
  callback_id INTEGER PRIMARY KEY,
  delivery_id TEXT NOT NULL UNIQUE,           -- the receiver's means against getting it twice
  tenant_id   TEXT NOT NULL,
  export_id   TEXT NOT NULL,                  -- empty: of a request that was refused
  request_id  INTEGER NOT NULL,               -- 0: nobody asked for it
  target      TEXT NOT NULL,                  -- its name in the configuration
  url         TEXT NOT NULL,
  state       TEXT NOT NULL,                  -- what it tells
  body        TEXT NOT NULL,                  -- no PHI, no secret, no query of a URL
  settled_at  INTEGER NOT NULL,               -- when that came to be: each is told once
  made_at     INTEGER NOT NULL,
  due_at      INTEGER NOT NULL,
  attempts    INTEGER NOT NULL DEFAULT 0,
  sent_at     INTEGER NOT NULL DEFAULT 0,
  given_up_at INTEGER NOT NULL DEFAULT 0,
  last_error  TEXT NOT NULL DEFAULT '',       -- in our words
  UNIQUE (tenant_id, export_id, request_id, url, settled_at)
) STRICT;
CREATE INDEX callback_due ON callback (due_at) WHERE sent_at = 0 AND given_up_at = 0;
CREATE INDEX callback_unsent ON callback (target, made_at) WHERE sent_at = 0;

-- +goose Down
DROP TABLE callback;
DROP TABLE settled;
DROP TABLE export_requests;

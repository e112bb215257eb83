-- What is in force: the configuration as bulkhead last took it up, part by
-- part, and what it was before.

-- +goose Up
CREATE TABLE registry (
  tenant_id     TEXT NOT NULL,     -- empty: what all tenants share
  revision      INTEGER NOT NULL,  -- of this part, from 1
  state         TEXT NOT NULL CHECK (state IN ('active', 'frozen')),
  digest        TEXT NOT NULL,     -- SHA-256 of the text
  text          TEXT NOT NULL,     -- canonical: a line for each field
  applied_at    INTEGER NOT NULL,
  applied_by    TEXT NOT NULL,
  superseded_at INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, revision)
) STRICT;
CREATE UNIQUE INDEX registry_in_force ON registry (tenant_id) WHERE superseded_at = 0;

-- Somebody asks the bulkhead at work to take up the configuration.
CREATE TABLE reload (
  reload_id   INTEGER PRIMARY KEY,
  digest      TEXT NOT NULL,  -- of all parts, as they were shown to whoever asked
  asked_at    INTEGER NOT NULL,
  asked_by    TEXT NOT NULL,
  answered_at INTEGER NOT NULL DEFAULT 0,
  refusal     TEXT NOT NULL DEFAULT ''  -- why it was not taken up
) STRICT;
CREATE INDEX reload_open ON reload (reload_id) WHERE answered_at = 0;

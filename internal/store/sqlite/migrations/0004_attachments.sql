-- Documents that resources carry or point to.

-- +goose Up
-- What became of each document that was fetched. Its identity is a digest of
-- what resources say of it, so that one to which several resources point, or
-- the same one again, is fetched once.
CREATE TABLE attachment (
  tenant_id    TEXT NOT NULL,
  identity     TEXT NOT NULL,
  export_id    TEXT NOT NULL REFERENCES export,  -- the one that asked last
  outcome      TEXT NOT NULL,
  reason       TEXT NOT NULL,     -- in our words; empty when it is stored
  content_type TEXT NOT NULL,
  size         INTEGER NOT NULL,
  sha1         TEXT NOT NULL,
  sha256       TEXT NOT NULL,
  location     TEXT NOT NULL,     -- a key of the store of files; empty when it is not stored
  as_of        INTEGER NOT NULL,  -- the server's time of that export: what changed later is not what was fetched
  PRIMARY KEY (tenant_id, identity)
) STRICT, WITHOUT ROWID;

-- Output files whose attachments are dealt with.
CREATE TABLE attachment_file (
  tenant_id   TEXT NOT NULL,
  export_id   TEXT NOT NULL REFERENCES export,
  file        TEXT NOT NULL,
  found       INTEGER NOT NULL,
  kept        INTEGER NOT NULL,  -- in storage, by this export or an earlier one
  bytes       INTEGER NOT NULL,  -- of those kept
  outcomes    TEXT NOT NULL,     -- JSON: how many of each outcome
  attached_at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, export_id, file)
) STRICT, WITHOUT ROWID;

-- Resources of which an export could not have a document, by a digest of their
-- keys: they count as changed in the next full export, so that their rows follow.
CREATE TABLE attachment_pending (
  tenant_id TEXT NOT NULL,
  resource  TEXT NOT NULL,
  export_id TEXT NOT NULL REFERENCES export,
  PRIMARY KEY (tenant_id, resource)
) STRICT, WITHOUT ROWID;

-- What an export has spent on attachments.
CREATE TABLE attachment_budget (
  tenant_id TEXT NOT NULL,
  export_id TEXT NOT NULL REFERENCES export,
  requests  INTEGER NOT NULL,
  bytes     INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, export_id)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE attachment_budget;
DROP TABLE attachment_pending;
DROP TABLE attachment_file;
DROP TABLE attachment;

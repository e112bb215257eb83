-- What was destroyed, because its time had come or because an agreement was
-- over, and the certificate of the latter.

-- +goose Up

-- What of an export, or of a whole tenant, is gone or on its way out. The row is
-- there before the first file goes: from then on nobody may rely on any of it.
CREATE TABLE disposal (
  tenant_id TEXT NOT NULL,
  export_id TEXT NOT NULL,               -- empty: of the tenant, not of one export
  area      TEXT NOT NULL,               -- raw, staged, quarantine, attachments, history, ledger, key, or "sink/" and its name
  ending_id INTEGER NOT NULL,            -- of which it is a part; 0 for what its own clock took
  rule      TEXT NOT NULL,
  begun_at  INTEGER NOT NULL,
  ended_at  INTEGER NOT NULL DEFAULT 0,  -- nothing of it is left
  files     INTEGER NOT NULL,            -- or rows
  bytes     INTEGER NOT NULL,
  listing   TEXT NOT NULL,               -- JSON: at an end, each file or table that was there; names, counts and hashes
  PRIMARY KEY (tenant_id, export_id, area, ending_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX disposal_open ON disposal (tenant_id) WHERE ended_at = 0;

-- The end of an agreement: from the moment it is seen to the certificate.
CREATE TABLE ending (
  ending_id          INTEGER PRIMARY KEY,
  tenant_id          TEXT NOT NULL REFERENCES tenant,
  reference          TEXT NOT NULL,               -- of the agreement
  document           TEXT NOT NULL,               -- SHA-256 of its signed text, or empty
  rule               TEXT NOT NULL CHECK (rule IN ('terminated', 'expired')),
  over_at            INTEGER NOT NULL,            -- since when it is over, as far as anybody wrote down
  seen_at            INTEGER NOT NULL,
  returned_at        INTEGER NOT NULL DEFAULT 0,  -- what there was is handed back
  returned_sha256    TEXT NOT NULL DEFAULT '',    -- of the manifest of what was handed back
  begun_at           INTEGER NOT NULL DEFAULT 0,  -- from here on things are destroyed
  ended_at           INTEGER NOT NULL DEFAULT 0,
  called_off_at      INTEGER NOT NULL DEFAULT 0,  -- the agreement stands again, and nothing was destroyed
  certificate        TEXT NOT NULL DEFAULT '',    -- JSON, as it was hashed
  certificate_sha256 TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX ending_open ON ending (tenant_id) WHERE ended_at = 0 AND called_off_at = 0;

-- +goose Down
DROP TABLE ending;
DROP TABLE disposal;

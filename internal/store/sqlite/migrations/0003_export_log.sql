-- The event log of each export, in the words that bulk data clients share.

-- +goose Up
CREATE TABLE export_log (
  item_id   INTEGER PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  export_id TEXT NOT NULL REFERENCES export,
  at        INTEGER NOT NULL,
  event     TEXT NOT NULL,
  detail    TEXT NOT NULL,              -- JSON: no PHI, no secret, no query of a URL
  written   INTEGER NOT NULL DEFAULT 0  -- 1 once it is in the export's log file
) STRICT;
CREATE INDEX export_log_by_export ON export_log (tenant_id, export_id, item_id);
CREATE INDEX export_log_unwritten ON export_log (tenant_id, export_id) WHERE written = 0;

-- +goose Down
DROP TABLE export_log;

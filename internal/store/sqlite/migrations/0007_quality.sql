-- What the resources of an export are worth, as one summary.

-- +goose Up
CREATE TABLE quality (
  tenant_id TEXT NOT NULL,
  export_id TEXT NOT NULL REFERENCES export,
  summary   TEXT NOT NULL DEFAULT '',  -- JSON; empty until it is made, after the export has completed
  PRIMARY KEY (tenant_id, export_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX quality_unmade ON quality (tenant_id, export_id) WHERE summary = '';

-- +goose Down
DROP TABLE quality;

-- What pages count over all practices, so that none of them reads a history.

-- +goose Up
-- Of each summary of quality the few numbers that a list of practices shows.
CREATE TABLE quality_count (
  tenant_id TEXT NOT NULL,
  export_id TEXT NOT NULL REFERENCES export,
  lines     INTEGER NOT NULL,  -- of output files, blank ones aside
  refused   INTEGER NOT NULL,  -- of them, those that went to the quarantine
  broken    INTEGER NOT NULL,  -- resources that break a rule of their profile
  questions INTEGER NOT NULL,
  question  TEXT NOT NULL,     -- the worst of them; empty without any
  PRIMARY KEY (tenant_id, export_id)
) STRICT, WITHOUT ROWID;
INSERT INTO quality_count (tenant_id, export_id, lines, refused, broken, questions, question)
SELECT tenant_id, export_id, coalesce(json_extract(summary, '$.lines'), 0) - coalesce(json_extract(summary, '$.blank'), 0), coalesce(json_extract(summary, '$.quarantined'), 0),
  (SELECT coalesce(sum(json_extract(t.value, '$.verdicts.errors')), 0) FROM json_each(summary, '$.types') t),
  coalesce(json_array_length(summary, '$.questions'), 0), coalesce(json_extract(summary, '$.questions[0].says'), '')
FROM quality WHERE summary <> '';

-- Refused lines are counted from the index alone.
CREATE INDEX output_file_refused_lines ON output_file (tenant_id, export_id, quarantined, ingested_at) WHERE quarantined > 0;
DROP INDEX output_file_refused;

-- Who looked a chain of the record over last.
CREATE INDEX audit_looked_over ON audit (tenant_id, action, seq) WHERE action IN ('record_reviewed', 'record_verified');

-- +goose Down
DROP INDEX audit_looked_over;
CREATE INDEX output_file_refused ON output_file (tenant_id, export_id) WHERE quarantined > 0;
DROP INDEX output_file_refused_lines;
DROP TABLE quality_count;

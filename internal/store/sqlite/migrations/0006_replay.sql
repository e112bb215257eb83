-- Refused lines that are taken again.

-- +goose Up
ALTER TABLE export ADD COLUMN origin TEXT NOT NULL DEFAULT '';             -- of a replay: the export whose refused lines it takes again
ALTER TABLE output_file ADD COLUMN remaining TEXT NOT NULL DEFAULT '';     -- of a replay's file: JSON, what the origin's file keeps in quarantine, by reason
ALTER TABLE output_file ADD COLUMN replayed INTEGER NOT NULL DEFAULT 0;    -- lines that replays delivered, of those delivered
ALTER TABLE output_file ADD COLUMN quarantine_of TEXT NOT NULL DEFAULT ''; -- the replay that keeps the file's quarantine now; empty: the file's own export
CREATE INDEX output_file_refused ON output_file (tenant_id, export_id) WHERE quarantined > 0;
CREATE INDEX export_by_origin ON export (tenant_id, origin) WHERE origin <> '';

-- A replay brings nothing new from the practice: it is no export of that table.
DROP VIEW tenant_export_status;
CREATE VIEW tenant_export_status AS
SELECT
  t.tenant_id                                                     AS tenant_id,
  strftime('%Y-%m-%dT%H:%M:%fZ', (SELECT max(c.ended_at) FROM export c
    WHERE c.tenant_id = t.tenant_id AND c.state = 'completed' AND c.origin = '') / 1000.0, 'unixepoch') AS last_export_time,
  e.state                                                         AS last_export_status,
  t.fhir_base_url                                                 AS fhir_base_url,
  t.client_id                                                     AS client_id,
  e.status_url                                                    AS polling_url,
  coalesce(e.retry_count, 0)                                      AS retry_count,
  nullif(e.problem_summary, '')                                   AS error_state
FROM tenant t
LEFT JOIN export e ON e.export_id = (
  SELECT l.export_id FROM export l WHERE l.tenant_id = t.tenant_id AND l.origin = '' ORDER BY l.requested_at DESC, l.export_id DESC LIMIT 1);

-- +goose Down
DROP VIEW tenant_export_status;
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
DROP INDEX export_by_origin;
DROP INDEX output_file_refused;
ALTER TABLE output_file DROP COLUMN quarantine_of;
ALTER TABLE output_file DROP COLUMN replayed;
ALTER TABLE output_file DROP COLUMN remaining;
ALTER TABLE export DROP COLUMN origin;

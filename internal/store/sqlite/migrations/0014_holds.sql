-- What holds exports back: pauses that a person set, and circuits that opened
-- because a server could not be reached.

-- +goose Up
CREATE TABLE pause (
  pause_id  INTEGER PRIMARY KEY,
  scope     TEXT NOT NULL CHECK (scope IN ('tenant', 'registration', 'all')),
  object    TEXT NOT NULL,             -- the tenant's id or the registration's name; empty for all
  reason    TEXT NOT NULL,             -- a person's words: nothing of a patient
  paused_by TEXT NOT NULL,
  paused_at INTEGER NOT NULL,
  until     INTEGER NOT NULL DEFAULT 0,  -- when it passes by itself; 0: when somebody ends it
  ended_by  TEXT NOT NULL DEFAULT '',
  ended_at  INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX pause_open ON pause (scope, object) WHERE ended_at = 0;

CREATE TABLE circuit (
  origin     TEXT PRIMARY KEY,           -- scheme, host and port of a server
  failures   INTEGER NOT NULL,           -- connections in a row that failed
  last_error TEXT NOT NULL,              -- in our words
  opened_at  INTEGER NOT NULL,
  probe_at   INTEGER NOT NULL,           -- when one request may try it next
  closed_at  INTEGER NOT NULL DEFAULT 0  -- 0 while it is open
) STRICT, WITHOUT ROWID;
CREATE INDEX circuit_open ON circuit (origin) WHERE closed_at = 0;

-- Why a step that is ready was put off, where it is not for its own failure:
-- pause, maintenance, quiet, circuit, or server (which said until when).
ALTER TABLE step ADD COLUMN held TEXT NOT NULL DEFAULT '';
CREATE INDEX step_held ON step (held, tenant_id) WHERE held <> '';

ALTER TABLE schedule ADD COLUMN why TEXT NOT NULL DEFAULT ''; -- what makes next_at another time than the schedule itself says

-- Errors that the server reported in a file, and what of it did not come: part
-- of what the export counts, so that a file that is read again counts once.
ALTER TABLE output_file ADD COLUMN server_errors INTEGER NOT NULL DEFAULT 0;
-- Files that a step must have in hand by themselves: one of those that were in
-- hand together was the end of a step.
ALTER TABLE output_file ADD COLUMN alone INTEGER NOT NULL DEFAULT 0;

-- Documents of ingested files: due, or the subject of the step that has the
-- file in hand for them; empty when there is nothing to do.
ALTER TABLE output_file ADD COLUMN attach TEXT NOT NULL DEFAULT '';
UPDATE output_file SET attach = 'due' WHERE state = 'ingested' AND section = 'output'
  AND export_id IN (SELECT export_id FROM export WHERE state IN ('downloading', 'ingesting') OR failed_in IN ('downloading', 'ingesting'))
  AND NOT EXISTS (SELECT 1 FROM attachment_file a WHERE a.tenant_id = output_file.tenant_id AND a.export_id = output_file.export_id AND a.file = output_file.file)
  AND NOT EXISTS (SELECT 1 FROM step s WHERE s.export_id = output_file.export_id AND s.kind = 'attach' AND s.subject = output_file.file AND s.state <> 'done');
CREATE INDEX output_file_to_attach ON output_file (tenant_id, export_id, attach, resource_type, position) WHERE attach <> '';

-- Whether a page links back to one that was read.
CREATE INDEX manifest_page_by_url ON manifest_page (tenant_id, export_id, url);
CREATE INDEX output_file_by_page ON output_file (tenant_id, export_id, page);

-- +goose Down
DROP INDEX output_file_by_page;
DROP INDEX manifest_page_by_url;
DROP INDEX output_file_to_attach;
ALTER TABLE output_file DROP COLUMN attach;
ALTER TABLE output_file DROP COLUMN alone;
ALTER TABLE output_file DROP COLUMN server_errors;
ALTER TABLE schedule DROP COLUMN why;
DROP INDEX step_held;
ALTER TABLE step DROP COLUMN held;
DROP INDEX circuit_open;
DROP TABLE circuit;
DROP INDEX pause_open;
DROP TABLE pause;

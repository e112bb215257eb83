-- Manifests in pages, further parameters, what an export is for, and who is in
-- a group.

-- +goose Up
ALTER TABLE export ADD COLUMN parameters TEXT NOT NULL DEFAULT '{}';      -- JSON: what the kick-off asks beyond _type and _since
ALTER TABLE export ADD COLUMN purpose TEXT NOT NULL DEFAULT 'delivery';   -- delivery, roster or newcomers
ALTER TABLE export ADD COLUMN separate_status INTEGER NOT NULL DEFAULT 0; -- the server reports the export's status in X-Export-Status
ALTER TABLE export ADD COLUMN organized_by TEXT NOT NULL DEFAULT '';      -- the manifest's outputOrganizedBy
ALTER TABLE export ADD COLUMN expires_at INTEGER NOT NULL DEFAULT 0;      -- when the files may go away; 0 when unknown
ALTER TABLE export ADD COLUMN page INTEGER NOT NULL DEFAULT 0;            -- the manifest's page that is asked for next, from 0
ALTER TABLE export ADD COLUMN page_url TEXT NOT NULL DEFAULT '';          -- its URL; empty for page 0, which is the status URL
ALTER TABLE output_file ADD COLUMN page INTEGER NOT NULL DEFAULT 0;
ALTER TABLE output_file ADD COLUMN access TEXT NOT NULL DEFAULT '';       -- the page's rule for the token

-- Pages of a manifest that are listed: where fresh URLs of their files come from.
CREATE TABLE manifest_page (
  tenant_id TEXT NOT NULL,
  export_id TEXT NOT NULL REFERENCES export,
  page      INTEGER NOT NULL,
  url       TEXT NOT NULL,
  PRIMARY KEY (tenant_id, export_id, page)
) STRICT, WITHOUT ROWID;

-- The patients of a group, as its exports have shown them.
CREATE TABLE member (
  tenant_id TEXT NOT NULL,
  stream    TEXT NOT NULL,
  patient   TEXT NOT NULL,     -- Patient.id
  seen_at   INTEGER NOT NULL,  -- when an export last showed the patient
  left_at   INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, stream, patient)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE member;
DROP TABLE manifest_page;
ALTER TABLE output_file DROP COLUMN access;
ALTER TABLE output_file DROP COLUMN page;
ALTER TABLE export DROP COLUMN page_url;
ALTER TABLE export DROP COLUMN page;
ALTER TABLE export DROP COLUMN expires_at;
ALTER TABLE export DROP COLUMN organized_by;
ALTER TABLE export DROP COLUMN separate_status;
ALTER TABLE export DROP COLUMN purpose;
ALTER TABLE export DROP COLUMN parameters;

-- Who joined a group and who left it, from export to export.

-- +goose Up
ALTER TABLE member ADD COLUMN joined_at INTEGER NOT NULL DEFAULT 0;  -- 0: was in the first list, or joined before this was kept
ALTER TABLE member ADD COLUMN held INTEGER NOT NULL DEFAULT 1;       -- 0: only what changed lately of the patient has surely come

-- What one export showed of who is in its group. A whole list shows everybody;
-- another one only patients of whom something changed, so nobody is missed in it.
CREATE TABLE group_list (
  tenant_id TEXT NOT NULL,
  stream    TEXT NOT NULL,
  seen_at   INTEGER NOT NULL,
  export_id TEXT NOT NULL REFERENCES export,
  whole     INTEGER NOT NULL CHECK (whole IN (0, 1)),
  members   INTEGER NOT NULL,  -- known to be in the group after it
  joined    INTEGER NOT NULL,
  departed  INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, stream, seen_at, export_id)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE group_list;
ALTER TABLE member DROP COLUMN held;
ALTER TABLE member DROP COLUMN joined_at;

-- The keys that encrypt what is kept of a practice: that they were made, took
-- over from one another and were destroyed. The keys themselves are not here:
-- no copy of a ledger brings one back.

-- +goose Up
CREATE TABLE tenant_key (
  tenant_id    TEXT NOT NULL,
  key_id       INTEGER NOT NULL,            -- as the header of a file names it
  created_at   INTEGER NOT NULL,
  retired_at   INTEGER NOT NULL DEFAULT 0,  -- since then another one encrypts; 0: it encrypts
  destroyed_at INTEGER NOT NULL DEFAULT 0,  -- since then nothing opens what it encrypted
  PRIMARY KEY (tenant_id, key_id)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE tenant_key;

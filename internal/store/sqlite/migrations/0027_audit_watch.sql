-- What bulkhead found out when it verified the chains of the record by itself.

-- +goose Up
CREATE TABLE audit_watch (
  tenant_id   TEXT PRIMARY KEY,   -- whose chain; empty: the house's
  end_seq     INTEGER NOT NULL,   -- up to here it was right the last time; 0: nobody has looked
  end_hash    TEXT NOT NULL,
  walked_seq  INTEGER NOT NULL,   -- how far the walk over all rows has come; 0: it begins anew
  walked_hash TEXT NOT NULL,
  verified_at INTEGER NOT NULL,   -- when it was last right up to its end
  whole_at    INTEGER NOT NULL,   -- when all of its rows were last right
  fault_seq   INTEGER NOT NULL,   -- the first row that is not right
  fault       TEXT NOT NULL,      -- what is wrong with it; empty: nothing is known
  found_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE audit_watch;

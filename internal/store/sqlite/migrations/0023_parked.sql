-- Exports that left their slot of this machine to others.

-- +goose Up
ALTER TABLE export ADD COLUMN parked_at INTEGER NOT NULL DEFAULT 0;  -- since when it is under way without a slot, because something held it back; 0: it has one, or needs none

-- When what all practices share was last changed in what is of this one: its
-- registration, its vendor profile, its sinks.
ALTER TABLE tenant ADD COLUMN touched_at INTEGER NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE tenant DROP COLUMN touched_at;
ALTER TABLE export DROP COLUMN parked_at;

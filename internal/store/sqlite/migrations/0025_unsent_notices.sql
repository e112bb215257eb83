-- Messages that have not left, and those that left since on the same route.

-- +goose Up
CREATE INDEX notice_unsent ON notice (made_at) WHERE sent_at = 0;
CREATE INDEX notice_sent ON notice (route, sent_at);

-- +goose Down
DROP INDEX notice_sent;
DROP INDEX notice_unsent;

-- Requests of other programs that were refused, by when: a person is told.

-- +goose Up
CREATE INDEX export_requests_refused ON export_requests (ended_at) WHERE state = 'refused';

-- +goose Down
DROP INDEX export_requests_refused;

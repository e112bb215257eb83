-- Requests of other programs are listed a page at a time, the newest first: of
-- one practice, and of all in one state.

-- +goose Up
CREATE INDEX export_requests_tenant ON export_requests (tenant_id, request_id);
CREATE INDEX export_requests_state ON export_requests (state, request_id);

-- +goose Down
DROP INDEX export_requests_state;
DROP INDEX export_requests_tenant;

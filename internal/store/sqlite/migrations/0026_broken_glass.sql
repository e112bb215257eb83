-- Who saw, in an emergency, rows that agreements do not permit to be seen.

-- +goose Up
CREATE INDEX audit_emergency ON audit (at) WHERE tenant_id = '' AND rule = 'break_glass';

-- +goose Down
DROP INDEX audit_emergency;

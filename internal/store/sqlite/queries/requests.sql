-- What pages show of requests of other programs. Each query names tenant_id, or
-- returns it with every row, and reads a page.

-- name: RequestsBelow :many
SELECT * FROM export_requests WHERE request_id < sqlc.arg(below) ORDER BY request_id DESC LIMIT sqlc.arg(most);

-- name: RequestsBelowIn :many
SELECT * FROM export_requests WHERE state = sqlc.arg(state) AND request_id < sqlc.arg(below) ORDER BY request_id DESC LIMIT sqlc.arg(most);

-- name: TenantRequestsBelow :many
SELECT * FROM export_requests
WHERE tenant_id = sqlc.arg(tenant_id) AND request_id < sqlc.arg(below) AND state = coalesce(sqlc.narg(state), state)
ORDER BY request_id DESC LIMIT sqlc.arg(most);

-- name: CallbackOfRequest :one
SELECT * FROM callback WHERE tenant_id = ? AND export_id = ? AND request_id = ? ORDER BY settled_at DESC, callback_id DESC LIMIT 1;

-- Queries over what is in force. A part belongs to one tenant, or with an
-- empty tenant_id to all of them; the whole configuration is read and recorded
-- at once.

-- name: RegistryInForce :many
SELECT * FROM registry WHERE superseded_at = 0 ORDER BY tenant_id;

-- name: RegistryHistory :many
SELECT * FROM registry WHERE tenant_id = ? ORDER BY revision DESC LIMIT ?;

-- name: SupersedeRegistered :exec
UPDATE registry SET superseded_at = ? WHERE tenant_id = ? AND superseded_at = 0;

-- name: InsertRegistered :exec
INSERT INTO registry (tenant_id, revision, state, digest, text, applied_at, applied_by)
VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: AskReload :one
INSERT INTO reload (digest, asked_at, asked_by) VALUES (?, ?, ?) RETURNING reload_id;

-- name: OpenReload :one
SELECT * FROM reload WHERE answered_at = 0 ORDER BY reload_id DESC LIMIT 1;

-- name: AnswerReloads :exec
UPDATE reload SET answered_at = sqlc.arg(now), refusal = sqlc.arg(refusal)
WHERE answered_at = 0 AND reload_id <= sqlc.arg(reload_id);

-- name: GetReload :one
SELECT * FROM reload WHERE reload_id = ?;

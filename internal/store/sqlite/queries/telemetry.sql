-- What is counted of all tenants when metrics are asked for. Each query returns
-- tenant_id with every row, or counts only.

-- name: ExportStates :many
SELECT tenant_id, state, count(*) AS exports FROM export GROUP BY tenant_id, state;

-- name: StepStates :many
SELECT kind, state, count(*) AS steps FROM step WHERE state <> 'done' GROUP BY kind, state;

-- name: AlertCounts :many
SELECT kind, severity, count(*) AS alerts FROM alert WHERE closed_at = 0 GROUP BY kind, severity;

-- name: UnsentNotices :one
SELECT count(*) FROM notice WHERE sent_at = 0 AND given_up_at = 0;

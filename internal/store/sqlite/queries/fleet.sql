-- Queries over every tenant: what admission, the tick, the sweep and the
-- overview need. Each returns tenant_id with every row, or counts only.

-- name: Candidates :many
SELECT export_id, tenant_id, registration, endpoint, group_id, state, requested_by, requested_at, waiting_until, failed_in, purpose FROM export
WHERE state = 'requested' OR (state = 'waiting' AND waiting_until <= sqlc.arg(now))
ORDER BY CASE state WHEN 'waiting' THEN waiting_until ELSE requested_at END, export_id;

-- name: SlotHolders :many
SELECT export_id, tenant_id, registration, endpoint, group_id, state, requested_by, purpose, parked_at FROM export
WHERE state IN ('kicking_off', 'waiting', 'unknown', 'polling', 'downloading', 'ingesting', 'publishing');

-- name: NextWaiting :one
SELECT CAST(coalesce(min(waiting_until), 0) AS INTEGER) AS at FROM export WHERE state = 'waiting' AND waiting_until > ?;

-- name: CountCandidates :one
SELECT count(*) FROM export WHERE state = 'requested' OR (state = 'waiting' AND waiting_until <= sqlc.arg(now))
  OR (state IN ('kicking_off', 'polling', 'downloading', 'ingesting', 'publishing') AND parked_at > 0);

-- name: DueSchedules :many
SELECT tenant_id, spec, next_at FROM schedule WHERE next_at <= ? ORDER BY next_at;

-- name: BeatSteps :exec
UPDATE step SET heartbeat_at = sqlc.arg(now) WHERE state = 'running' AND step_id IN (sqlc.slice(step_ids));

-- name: RunningSteps :many
SELECT step_id, tenant_id, epoch FROM step WHERE state = 'running' AND step_id IN (sqlc.slice(step_ids));

-- name: StaleSteps :many
SELECT step_id, tenant_id, export_id, kind FROM step WHERE state = 'running' AND state <> 'done' AND heartbeat_at < sqlc.arg(before) ORDER BY step_id;

-- name: FreezeTenants :exec
UPDATE tenant SET state = 'frozen', updated_at = ? WHERE state = 'active' AND tenant_id NOT IN (sqlc.slice(tenant_ids));

-- name: ListTenants :many
SELECT * FROM tenant ORDER BY tenant_id;

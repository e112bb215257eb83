-- What holds exports back. Pauses and circuits concern several tenants: each
-- query gives all of them, or names what it is about.

-- name: PausesInForce :many
SELECT * FROM pause WHERE ended_at = 0 AND (until = 0 OR until > sqlc.arg(now)) ORDER BY paused_at, pause_id;

-- name: LatestPauses :many
SELECT * FROM pause ORDER BY pause_id DESC LIMIT ?;

-- name: EndPause :execrows
UPDATE pause SET ended_by = CASE WHEN until > 0 AND until <= sqlc.arg(now) THEN '' ELSE sqlc.arg(ended_by) END,
  ended_at = CASE WHEN until > 0 AND until <= sqlc.arg(now) THEN until ELSE sqlc.arg(now) END
WHERE scope = sqlc.arg(scope) AND object = sqlc.arg(object) AND ended_at = 0;

-- name: InsertPause :one
INSERT INTO pause (scope, object, reason, paused_by, paused_at, until) VALUES (?, ?, ?, ?, ?, ?) RETURNING pause_id;

-- name: PutCircuit :exec
INSERT INTO circuit (origin, failures, last_error, opened_at, probe_at, closed_at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (origin) DO UPDATE SET failures = excluded.failures, last_error = excluded.last_error, opened_at = excluded.opened_at,
  probe_at = excluded.probe_at, closed_at = excluded.closed_at;

-- name: OpenCircuits :many
SELECT * FROM circuit WHERE closed_at = 0 ORDER BY origin;

-- name: LatestCircuits :many
SELECT * FROM circuit ORDER BY opened_at DESC LIMIT ?;

-- name: WaitOfServer :one
SELECT CAST(coalesce(max(due_at), 0) AS INTEGER) FROM step
WHERE tenant_id = ? AND export_id = ? AND held = 'server' AND state = 'ready';

-- name: FreeTenantSteps :exec
UPDATE step SET held = '', due_at = sqlc.arg(now) WHERE held = 'pause' AND held <> '' AND state = 'ready' AND tenant_id = sqlc.arg(tenant_id);

-- name: FreeRegistrationSteps :exec
UPDATE step SET held = '', due_at = sqlc.arg(now) WHERE held = 'pause' AND held <> '' AND state = 'ready'
  AND export_id IN (SELECT x.export_id FROM export x WHERE x.registration = sqlc.arg(registration) AND x.tenant_id = step.tenant_id);

-- name: FreeAllSteps :exec
UPDATE step SET held = '', due_at = sqlc.arg(now) WHERE held = 'pause' AND held <> '' AND state = 'ready';

-- name: PutOffStep :execrows
UPDATE step SET state = 'ready', subject = ?, due_at = ?, attempt = ?, held = ?
WHERE tenant_id = ? AND step_id = ? AND epoch = ? AND state = 'running';

-- name: AllSchedules :many
SELECT * FROM schedule ORDER BY tenant_id;

-- name: ConfiguredAt :one
SELECT CAST(max(coalesce((SELECT max(r.applied_at) FROM registry r WHERE r.tenant_id = sqlc.arg(tenant_id) AND r.superseded_at = 0), 0),
  coalesce((SELECT t.touched_at FROM tenant t WHERE t.tenant_id = sqlc.arg(tenant_id)), 0)) AS INTEGER);

-- name: LastFull :one
SELECT CAST(coalesce(max(requested_at), 0) AS INTEGER) FROM export
WHERE tenant_id = ? AND stream = ? AND mode = 'full' AND state = 'completed' AND purpose = 'delivery';

-- name: QueueExport :exec
UPDATE export SET failed_in = ?, waiting_until = ?, waiting_for = ?, problem_code = '', problem_summary = '', problem_remedy = '', last_error = ''
WHERE tenant_id = ? AND export_id = ?;

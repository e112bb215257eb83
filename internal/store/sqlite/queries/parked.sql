-- Queries of exports that left their slot of this machine to others.

-- name: ParkExport :exec
UPDATE export SET parked_at = ? WHERE tenant_id = ? AND export_id = ?;

-- name: ParkedAt :one
SELECT parked_at FROM export WHERE tenant_id = ? AND export_id = ?;

-- name: FreeHeldSteps :exec
UPDATE step SET held = '', due_at = sqlc.arg(now) WHERE tenant_id = sqlc.arg(tenant_id) AND export_id = sqlc.arg(export_id)
  AND state = 'ready' AND held IN ('pause', 'maintenance', 'quiet', 'circuit', 'slot');

-- name: OpenStepKinds :many
SELECT kind, CAST(max(state = 'running') AS INTEGER) AS running FROM step
WHERE tenant_id = ? AND export_id = ? AND state <> 'done' GROUP BY kind;

-- name: TouchTenants :exec
UPDATE tenant SET touched_at = sqlc.arg(now) WHERE tenant_id IN (sqlc.slice(tenant_ids));

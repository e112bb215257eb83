-- name: Standings :many
SELECT t.tenant_id, t.name, t.registration, t.state AS tenant_state,
  coalesce(s.next_at, 0) AS next_at,
  coalesce(e.export_id, '') AS export_id, coalesce(e.state, '') AS state, coalesce(e.state_at, 0) AS state_at,
  coalesce(e.mode, '') AS mode, coalesce(e.purpose, '') AS purpose, coalesce(e.requested_at, 0) AS requested_at,
  coalesce(e.waiting_until, 0) AS waiting_until, coalesce(e.waiting_for, '') AS waiting_for, coalesce(e.progress, '') AS progress,
  coalesce(e.problem_code, '') AS problem_code, coalesce(e.problem_summary, '') AS problem_summary, coalesce(e.problem_remedy, '') AS problem_remedy,
  coalesce(c.export_id, '') AS completed_export, coalesce(c.ended_at, 0) AS completed_at, coalesce(c.transaction_time, '') AS transaction_time
FROM tenant t
LEFT JOIN schedule s ON s.tenant_id = t.tenant_id
LEFT JOIN export e ON e.export_id = (
  SELECT l.export_id FROM export l WHERE l.tenant_id = t.tenant_id ORDER BY l.requested_at DESC, l.export_id DESC LIMIT 1)
LEFT JOIN export c ON c.export_id = (
  SELECT d.export_id FROM export d WHERE d.tenant_id = t.tenant_id AND d.state = 'completed' AND d.purpose = 'delivery' ORDER BY d.ended_at DESC LIMIT 1)
WHERE sqlc.arg(tenant_id) = '' OR t.tenant_id = sqlc.arg(tenant_id)
ORDER BY t.tenant_id;

-- Queries over the keys that encrypt what is kept of a practice.

-- name: ListTenantKeys :many
SELECT * FROM tenant_key WHERE tenant_id = ? ORDER BY created_at, key_id;

-- name: PutTenantKey :exec
INSERT INTO tenant_key (tenant_id, key_id, created_at, retired_at, destroyed_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (tenant_id, key_id) DO UPDATE SET retired_at = excluded.retired_at, destroyed_at = excluded.destroyed_at;

-- name: TenantsWithKeys :many
SELECT DISTINCT tenant_id FROM tenant_key ORDER BY tenant_id;

-- name: LeaveMembers :execrows
UPDATE member SET left_at = sqlc.arg(now) WHERE tenant_id = sqlc.arg(tenant_id) AND stream = sqlc.arg(stream)
  AND left_at = 0 AND seen_at < sqlc.arg(now);

-- name: CountMembers :one
SELECT count(*) FROM member WHERE tenant_id = ? AND stream = ? AND left_at = 0;

-- name: CountHeldMembers :one
SELECT count(*) FROM member WHERE tenant_id = ? AND stream = ? AND left_at = 0 AND held = 1;

-- name: MembersChanged :many
SELECT patient, left_at FROM member WHERE tenant_id = sqlc.arg(tenant_id) AND stream = sqlc.arg(stream)
  AND (left_at > sqlc.arg(since) AND joined_at <= sqlc.arg(since) OR left_at = 0 AND joined_at > sqlc.arg(since))
ORDER BY patient;

-- name: CountMembersChanged :one
SELECT CAST(coalesce(sum(left_at = 0), 0) AS INTEGER) AS joined, CAST(coalesce(sum(left_at > 0), 0) AS INTEGER) AS departed
FROM member WHERE tenant_id = sqlc.arg(tenant_id) AND stream = sqlc.arg(stream)
  AND (left_at > sqlc.arg(since) AND joined_at <= sqlc.arg(since) OR left_at = 0 AND joined_at > sqlc.arg(since));

-- name: PutGroupList :exec
INSERT INTO group_list (tenant_id, stream, seen_at, export_id, whole, members, joined, departed) VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- name: GroupLists :many
SELECT * FROM group_list WHERE tenant_id = sqlc.arg(tenant_id) AND stream = sqlc.arg(stream) AND whole >= sqlc.arg(whole)
ORDER BY seen_at DESC, export_id DESC LIMIT sqlc.arg(at_most);

-- name: CountGroupLists :one
SELECT count(*) FROM group_list WHERE tenant_id = ? AND stream = ? AND whole = 1 AND seen_at > ?;

-- name: GroupChanged :one
SELECT CAST(coalesce(max(CASE WHEN joined + departed > 0 THEN seen_at END), min(seen_at), 0) AS INTEGER) AS changed_at
FROM group_list WHERE tenant_id = ? AND stream = ?;

-- name: GroupListOf :many
SELECT seen_at FROM group_list WHERE tenant_id = ? AND stream = ? AND export_id = ? ORDER BY seen_at DESC LIMIT 1;

-- name: InsertCredentialChange :exec
INSERT INTO credential_change (person_id, changed_at, change, changed_by, source) VALUES (?, ?, ?, ?, ?);

-- name: CredentialChangesOf :many
SELECT * FROM credential_change WHERE person_id = sqlc.arg(person_id) AND changed_at > sqlc.arg(since) ORDER BY changed_at DESC, change_id DESC LIMIT 20;

-- name: CredentialChanges :many
SELECT * FROM credential_change WHERE changed_at > sqlc.arg(since) ORDER BY changed_at DESC, change_id DESC LIMIT 200;

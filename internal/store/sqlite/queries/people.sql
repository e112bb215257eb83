-- name: PutPerson :exec
INSERT INTO person (person_id, name, password_hash, subject, created_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (person_id) DO UPDATE SET name = excluded.name, password_hash = excluded.password_hash, subject = excluded.subject, disabled_at = 0;

-- name: GetPerson :one
SELECT * FROM person WHERE person_id = ?;

-- name: GetPersonBySubject :one
SELECT * FROM person WHERE subject = ? AND subject <> '';

-- name: ListPeople :many
SELECT * FROM person ORDER BY person_id;

-- name: CountPeople :one
SELECT count(*) FROM person;

-- name: DisablePerson :execrows
UPDATE person SET disabled_at = ? WHERE person_id = ? AND disabled_at = 0;

-- name: PersonSignedIn :exec
UPDATE person SET signed_in_at = ? WHERE person_id = ?;

-- name: DropGrants :exec
DELETE FROM person_grant WHERE person_id = ?;

-- name: PutGrant :exec
INSERT INTO person_grant (person_id, role, tenant_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING;

-- name: ListGrants :many
SELECT * FROM person_grant WHERE person_id = ? ORDER BY role, tenant_id;

-- name: InsertToken :exec
INSERT INTO api_token (token_id, name, secret_hash, grants, created_by, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: GetToken :one
SELECT * FROM api_token WHERE token_id = ?;

-- name: ListTokens :many
SELECT * FROM api_token ORDER BY created_at DESC, token_id;

-- name: RevokeToken :execrows
UPDATE api_token SET revoked_at = ? WHERE token_id = ? AND revoked_at = 0;

-- name: TokenUsed :exec
UPDATE api_token SET last_used_at = ? WHERE token_id = ?;

-- name: GetSession :one
SELECT content FROM web_session WHERE token_hash = sqlc.arg(token_hash) AND expires_at > sqlc.arg(now);

-- name: PutSession :exec
INSERT INTO web_session (token_hash, content, expires_at) VALUES (?, ?, ?)
ON CONFLICT (token_hash) DO UPDATE SET content = excluded.content, expires_at = excluded.expires_at;

-- name: DropSession :exec
DELETE FROM web_session WHERE token_hash = ?;

-- name: DropOldSessions :exec
DELETE FROM web_session WHERE expires_at <= ?;

-- name: DropSessions :exec
DELETE FROM web_session;

-- Pages of manifests, each looked at by itself: a manifest may have thousands.
-- Each query names tenant_id.

-- name: CountFilesBefore :one
SELECT count(*) FROM output_file WHERE tenant_id = ? AND export_id = ? AND page < ?;

-- name: ErrorURLs :many
SELECT url FROM output_file WHERE tenant_id = ? AND export_id = ? AND section = 'error' AND page < ?;

-- name: PageWithURL :one
SELECT page FROM manifest_page WHERE tenant_id = ? AND export_id = ? AND url = ? ORDER BY page LIMIT 1;

-- name: PageURL :one
SELECT url FROM manifest_page WHERE tenant_id = ? AND export_id = ? AND page = ?;

-- name: PageFiles :many
SELECT * FROM output_file WHERE tenant_id = ? AND export_id = ? AND page = ? ORDER BY position;

-- What runs at every tick or end of an export reads no table that grows with
-- the years.

-- +goose Up
CREATE INDEX step_by_export ON step (tenant_id, export_id);
CREATE INDEX alert_news_by_notice ON alert_news (notice_id);

-- +goose Down
DROP INDEX alert_news_by_notice;
DROP INDEX step_by_export;

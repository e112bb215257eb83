package alert

import (
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/export"
)

// fleet fills a ledger with so many practices and exports of each, a day apart,
// with five output files and ten events an export.
func (w *world) fleet(exports int) {
	w.t.Helper()
	db := w.store.DB()
	exec := func(statement string, args ...any) {
		w.t.Helper()
		if _, err := db.ExecContext(w.t.Context(), statement, args...); err != nil {
			w.t.Fatal(err)
		}
	}
	const days = `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)`
	now := time.Now().UnixMilli()
	exec(days+` INSERT INTO export (export_id, tenant_id, stream, registration, endpoint, level, group_id, types, mode, since, sinks, requested_by, requested_at,
			state, state_at, kickoff_sent_at, transaction_time, ended_at)
		SELECT printf('%s-%06d', t.tenant_id, i), t.tenant_id, 's', 'ecw', t.fhir_base_url, 'group', 'g', '["Patient"]',
			CASE i % 30 WHEN 0 THEN 'full' ELSE 'incremental' END, '', '["t"]', 'schedule', ? - i * 86400000 - 7200000,
			'completed', ? - i * 86400000, ? - i * 86400000 - 7000000, strftime('%Y-%m-%dT%H:%M:%SZ', ? / 1000 - i * 86400 - 7200, 'unixepoch'), ? - i * 86400000
		FROM tenant t, n`, exports, now, now, now, now, now)
	exec(`INSERT INTO quality SELECT tenant_id, export_id, '{"lines":1000,"blank":0,"quarantined":1,"questions":[{"kind":"links_to_nothing","about":"a","says":"b","remedy":"c"}],"types":[' ||
		(SELECT group_concat(printf('{"resource_type":"T%d","columns":[{"name":"a","filled":1,"share":1},{"name":"b","filled":1,"share":1},{"name":"c","filled":1,"share":1}]}', value))
			FROM json_each('[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]')) || ']}' FROM export`)
	exec(`INSERT INTO event (tenant_id, export_id, at, actor, kind, detail)
		SELECT tenant_id, export_id, ended_at, 'engine', CASE value WHEN 1 THEN 'roster' ELSE 'stored' END, '100 in the group, 1 joined, 0 left' FROM export, json_each('[1,2,3,4,5,6,7,8,9,10]')`)
	for i := range w.config.Tenants {
		t := &w.config.Tenants[i]
		exec(`INSERT INTO group_list SELECT tenant_id, ?, ended_at, export_id, mode = 'full', 100, 1, 0 FROM export WHERE tenant_id = ?`,
			export.Order{Config: w.config, Tenant: t}.Stream(), t.ID)
	}
	exec(`INSERT INTO rate_window SELECT tenant_id, fhir_base_url, ?, 10 FROM tenant`, now/60_000)
	w.past(exec, now)
	exec(`ANALYZE`)
}

// past fills a ledger with a year of alerts and messages, requests that were
// refused, ends of agreements, and servers that are away since a moment.
func (w *world) past(exec func(string, ...any), now int64) {
	const many = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)`
	exec(many+` INSERT INTO alert (tenant_id, kind, object, severity, party, source, code, summary, remedy, since, opened_at, absent_at, closed_at, told_at)
		SELECT printf('p%d', i % 500), 'failed', '', 'warning', 'us', '', '', 's', 'r', ?, ?, ?, ?, ? FROM n`, 10_000, now-2*86400_000, now-2*86400_000, now-86400_000, now-86400_000, now)
	exec(`INSERT INTO alert_news (alert_id, route, turn, at, notice_id) SELECT alert_id, 'desk', 'opened', opened_at, alert_id % 3000 + 1 FROM alert`)
	exec(many+` INSERT INTO notice (route, kind, turn, severity, subject, body, alerts, made_at, due_at, attempts, sent_at)
		SELECT 'desk', 'failed', 'opened', 'warning', 's', hex(zeroblob(1500)), 3, ? - i * 3600000, ? - i * 3600000, 1, ? - i * 3600000 FROM n`, 3000, now, now, now)
	exec(many+` INSERT INTO export_requests (tenant_id, requested_by, state, code, asked_at, ended_at) SELECT printf('p%d', i % 500), 'mirth', 'refused', 'request_invalid', ? - i * 1000, ? - i * 1000 FROM n`,
		50_000, now-2*86400_000, now-2*86400_000)
	exec(`INSERT INTO ending (tenant_id, reference, document, rule, over_at, seen_at, begun_at, ended_at, certificate) SELECT tenant_id, 'A', '', 'expired', 1, 1, 1, 1, hex(zeroblob(50000)) FROM tenant`)
	exec(many+` INSERT INTO circuit (origin, failures, last_error, opened_at, probe_at) SELECT printf('https://%d.example', i), 5, 'e', ?, ? FROM n`, 5, now, now)
}

// BenchmarkLook is what the rules cost in each minute, with 500 practices and
// 100,000 exports in the ledger.
func BenchmarkLook(b *testing.B) {
	dir := b.TempDir()
	w := newWorld(b, dir, configure(b, dir, 500, "", ""))
	defer w.store.Close()
	w.fleet(200)
	began := time.Now()
	w.look()
	b.Logf("the first look of a process: %s", time.Since(began))
	if open := w.openAlerts(); len(open) > 0 {
		b.Fatalf("%d alerts are open", len(open))
	}
	for b.Loop() {
		w.keeper.next = time.Time{}
		w.look()
	}
}

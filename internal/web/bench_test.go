package web

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/ndjson"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

const (
	manyPractices = 500
	manyExports   = 100_000
)

// BenchmarkPages is every page of 500 practices with a history of 100,000
// exports, from the request to the last byte: four output files each, a summary
// of quality of each of the last forty of a practice, a record of a million rows,
// 100,000 requests of other programs; of one export with 20,000 files; and of a
// file with 10,000 refused lines.
func BenchmarkPages(b *testing.B) {
	s, large := manyLedger(b)
	c := manyConfig(b)
	files, err := blob.OpenLocal(filepath.Join(b.TempDir(), "files"))
	if err != nil {
		b.Fatal(err)
	}
	defer files.Close()
	web, err := New(Options{Store: s, Files: files, Log: slog.New(slog.DiscardHandler), Config: func() *config.Config { return c }})
	if err != nil {
		b.Fatal(err)
	}
	refusedLines(b, files, "practice-007", "e0099507", "0-output-0-Patient")
	token := tokenFor(b, s, "operator", "privacy_officer")
	for _, p := range []struct{ name, path string }{
		{"overview", "/"},
		{"practice", "/practices/practice-007"},
		{"practice, its oldest exports", "/practices/practice-007?before=e0005007"},
		{"export", "/practices/practice-007/exports/e0099507"},
		{"export of 20,000 files", "/practices/practice-000/exports/" + large},
		{"files of it", "/practices/practice-000/exports/" + large + "/files?state=ingested&after=15000"},
		{"quarantine", "/quarantine"},
		{"quarantine of a practice", "/practices/practice-007/quarantine"},
		{"refused lines", "/practices/practice-007/exports/e0099507/quarantine?file=0-output-0-Patient"},
		{"refused lines, the last ones", "/practices/practice-007/exports/e0099507/quarantine?file=0-output-0-Patient&from=9980"},
		{"requests", "/requests"},
		{"requests, the oldest", "/requests?below=40"},
		{"requests that were refused", "/requests?only=refused"},
		{"requests of a practice", "/practices/practice-007/requests?only=refused"},
		{"quality", "/quality"},
		{"quality of a practice", "/practices/practice-007/quality"},
		{"roster", "/practices/practice-007/roster"},
		{"queue", "/queue"},
		{"alerts", "/alerts"},
		{"deadlines", "/deadlines?within=400"},
		{"agreements", "/deadlines?show=agreements"},
		{"audit", "/audit?below=150000"},
		{"audit, the latest", "/audit"},
		{"audit, somebody rare", "/audit?actor=nobody-of-us&below=150000"},
	} {
		b.Run(p.name, func(b *testing.B) {
			size := 0
			for b.Loop() {
				r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, p.path, nil)
				r.Header.Set("Authorization", "Bearer "+token)
				w := httptest.NewRecorder()
				web.ServeHTTP(w, r)
				if size = w.Body.Len(); w.Code != http.StatusOK {
					b.Fatalf("status %d: %s", w.Code, w.Body)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/page")
			b.ReportMetric(float64(size)/1000, "kB")
		})
	}
}

func manyConfig(b *testing.B) *config.Config {
	b.Helper()
	var text strings.Builder
	text.WriteString("tenants:\n")
	for i := range manyPractices {
		fmt.Fprintf(&text, `- {id: practice-%03d, name: Practice %d, open: true, fhir_base_url: "https://ehr.example/p%d", group: g, schedule: "30 2 * * *", types: [Patient],
  agreement: {reference: BAA-%d, status: active, effective_from: 2024-01-01, expires_at: 2027-%02d-11, types: [Patient], groups: [g], sinks: ["*"]}}
`, i, i, i, i, i%12+1)
	}
	return configured(b, text.String())
}

// manyLedger makes the ledger, and gives the export with many files.
func manyLedger(b *testing.B) (s *store.Store, large string) {
	b.Helper()
	s, err := store.Open(b.Context(), b.TempDir()+"/ledger.db")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	var tenants []store.Tenant
	for i := range manyPractices {
		tenants = append(tenants, store.Tenant{ID: fmt.Sprintf("practice-%03d", i), Name: fmt.Sprintf("Practice %d", i)})
	}
	if err := s.PutTenants(b.Context(), tenants); err != nil {
		b.Fatal(err)
	}
	do := func(query string, args ...any) {
		if _, err := s.DB().ExecContext(b.Context(), query, args...); err != nil {
			b.Fatalf("%v: %s", err, query)
		}
	}
	start := time.Now().AddDate(0, 0, -manyExports/manyPractices).UnixMilli()
	each := int64(24*60*60*1000) / manyPractices
	do(`CREATE TABLE n AS WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ? - 1) SELECT i FROM n`, manyExports)
	defer do(`DROP TABLE n`)
	// A history of nightly exports, one of a hundred failed.
	do(`INSERT INTO export (export_id, tenant_id, stream, registration, endpoint, level, group_id, types, mode, since, sinks, requested_by,
			requested_at, state, state_at, transaction_time, problem_code, problem_summary, problem_remedy, ended_at, kickoff_sent_at)
		SELECT printf('e%07d', i), printf('practice-%03d', i % ?1), 's', 'ecw', 'https://ehr.example', 'group', 'g', '["Patient"]', iif(i / ?1 % 7 = 0, 'full', 'incremental'), '', '["tables"]', 'schedule',
			?2 + i * ?3, iif(i % 101 = 0, 'failed', 'completed'), ?2 + i * ?3, '2026-01-01T00:00:00Z', iif(i % 101 = 0, 'token_refused', ''), iif(i % 101 = 0, 'the server refuses our key', ''),
			iif(i % 101 = 0, 'Ask the practice.', ''), ?2 + i * ?3 + 900000, ?2 + i * ?3
		FROM n`, manyPractices, start, each)
	for at, move := range []struct{ kind, to string }{{"admit", "kicking_off"}, {"accepted", "polling"}, {"listed", "downloading"}, {"stored", "ingesting"}, {"ingested", "publishing"}, {"complete", "completed"}} {
		do(`INSERT INTO event (tenant_id, export_id, at, actor, kind, detail) SELECT tenant_id, export_id, requested_at + ?, 'engine', ?, ? FROM export`, (at+1)*150_000, move.kind, move.to)
	}
	const file = `INSERT INTO output_file (tenant_id, export_id, file, position, section, resource_type, url, expected_count, state, bytes, wire_bytes, lines, delivered, quarantined, stored_at, ingested_at, summary)`
	summary := `{"lines":1000,"quarantined":1,"by_reason":{"id_missing":1},"types":[` + strings.Repeat(`{"type":"Patient","lines":1000},`, 20) + `{"type":"Patient","lines":1000}]}`
	do(file+` SELECT x.tenant_id, x.export_id, '0-output-' || k.column1 || '-Patient', k.column1, 'output', 'Patient', 'https://ehr.example/f', 1000, 'ingested', 800000, 90000, 1000, 999, iif(k.column1 = 0 AND n.i % 3 = 0, 1, 0),
			x.requested_at + 500000, x.requested_at + 520000, ?
		FROM n JOIN export x ON x.export_id = printf('e%07d', n.i) JOIN (VALUES (0), (1), (2), (3)) k`, summary)
	do(`INSERT INTO quality SELECT tenant_id, export_id, ? FROM export WHERE export_id >= ?`, qualityText(), fmt.Sprintf("e%07d", manyExports-40*manyPractices))
	do(`INSERT INTO quality_count SELECT tenant_id, export_id, 4000, 1, 3, 0, '' FROM export WHERE state = 'completed'`)
	do(`INSERT INTO alert (tenant_id, kind, object, severity, party, source, code, summary, remedy, since, opened_at)
		SELECT printf('practice-%03d', i), 'stale', '', 'warning', 'us', '', '', 'no export has completed since long', 'See what holds it up.', ?, ? FROM n WHERE i < 100`, start, start)
	do(`INSERT INTO audit (tenant_id, seq, at, actor, source, request_id, export_id, action, object, outcome, reason, rule, facts, prev_hash, hash)
		SELECT printf('practice-%03d', i % 500), i / 500 + 1 + part * 200, ? + i * 1000, 'bulkhead', '', '', printf('e%07d', i), 'file_stored', '0-output-0-Patient', 'done', '', 'permitted', '{"bytes":90,"sha256":"ab"}', 'ab', 'cd'
		FROM n, (SELECT column1 AS part FROM (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)))`, start)
	do(`INSERT INTO audit_head (tenant_id, seq, hash) SELECT printf('practice-%03d', i), 2000, 'cd' FROM n WHERE i < 500`)
	do(`INSERT INTO export_requests (tenant_id, requested_by, source, state, export_id, problem, remedy, asked_at, started_at, ended_at)
		SELECT printf('practice-%03d', i % 500), 'mirth', 'table', iif(i % 97 = 0, 'refused', 'completed'), iif(i % 97 = 0, '', printf('e%07d', i)), iif(i % 97 = 0, 'the kind is none', ''), '', ?1 + i * 1000, ?1 + i * 1000, ?1 + i * 1000 FROM n`, start)
	do(`UPDATE output_file SET quarantined = 10000, delivered = 0, lines = 10000 WHERE export_id = 'e0099507' AND position = 0`)
	large = "e9999999"
	do(`INSERT INTO export (export_id, tenant_id, stream, registration, endpoint, level, group_id, types, mode, since, sinks, requested_by, requested_at, state, state_at)
		VALUES (?, 'practice-000', 's', 'ecw', 'https://ehr.example', 'group', 'g', '["Patient"]', 'full', '', '["tables"]', 'anna', ?, 'downloading', ?)`, large, start+manyExports*each, start+manyExports*each)
	do(`INSERT INTO event (tenant_id, export_id, at, actor, kind, detail) VALUES ('practice-000', ?, ?, 'engine', 'listed', 'downloading')`, large, start+manyExports*each)
	do(file+` SELECT 'practice-000', ?, '0-output-' || i || '-Patient', i, 'output', 'Patient', 'https://ehr.example/f', 1000, 'ingested', 80000, 9000, 100, 99, 1, ? + i * 10, ? + i * 10, ? FROM n WHERE i < 20000`,
		large, start+manyExports*each, start+manyExports*each, summary)
	return s, large
}

// refusedLines keeps 10,000 refused lines of a file.
func refusedLines(b *testing.B, files *blob.Store, tenant, export, file string) {
	b.Helper()
	scope, err := files.Tenant(tenant)
	if err != nil {
		b.Fatal(err)
	}
	w, err := quarantine.NewWriter(b.Context(), scope, export, file)
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	line := []byte(`{"resourceType":"Patient","name":[{"family":"` + strings.Repeat("x", 700) + `"}]}`)
	for i := range 10_000 {
		if err := w.Add("id_missing", ndjson.Line{Number: int64(i + 1), Offset: int64(i * 800), Bytes: line}); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.End(); err != nil {
		b.Fatal(err)
	}
	if _, err := w.Commit(); err != nil {
		b.Fatal(err)
	}
}

func qualityText() string {
	column := strings.TrimSuffix(strings.Repeat(`{"name":"some_column","filled":900,"share":0.9,"must_support":true},`, 12), ",")
	one := `{"resource_type":"Type%02d","resources":1000,"new":10,"changed":20,"unchanged":970,"double":0,"deleted":0,"columns":[` + column + `]}`
	types := make([]string, 7)
	for i := range types {
		types[i] = fmt.Sprintf(one, i)
	}
	return `{"lines":4000,"quarantined":1,"delivered":3999,"types":[` + strings.Join(types, ",") + `]}`
}

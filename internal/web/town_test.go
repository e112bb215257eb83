package web

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/keyring"
	"github.com/bulkhead-fhir/bulkhead/internal/quality"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/smart"
)

// A town is a house with practices of all kinds, and a past.
type town struct {
	*house
	now    time.Time
	newest string // the last export of riverbend, which has refused lines
	live   string // that of hillcrest, which is at work
	long   string // what a practice with a long name is called
}

// townText is its configuration; %s stand for dates and for a folder of keys.
const townText = `
limits: {exports: 4}
registrations:
  ecw-production: {profile: ecw, client_id: c1, key_folder: %q, jwks_url: "https://keys.example.org/jwks.json", exports: 2}
tenants:
- {id: lakeside, name: Lakeside Clinic, registration: ecw-production, fhir_base_url: "https://fhir.example.com/LAKESD", group: g1, schedule: "30 2 * * *", time_zone: America/New_York, full_every: 30d,
   agreement: {reference: BAA-2024-017, status: active, effective_from: 2024-01-01, expires_at: %s, types: [Patient, Condition], groups: [g1], sinks: ["*"], retention: {raw: 90d, quarantine: 30d}}}
- {id: hillcrest, name: Hillcrest Family Practice, registration: ecw-production, fhir_base_url: "https://fhir.example.com/HILLCR", group: g2, schedule: "0 3 * * *",
   agreement: {reference: BAA-2025-003, status: active, effective_from: 2024-01-01, expires_at: %s, types: [Patient, Condition], groups: [g2], sinks: ["*"]}}
- {id: riverbend, name: Riverbend Internal Medicine, open: true, fhir_base_url: "https://ehr.example.com/riverbend", group: g3, schedule: "0 4 * * *", types: [Patient, Condition],
   agreement: {reference: BAA-2025-011, status: active, effective_from: 2024-01-01, expires_at: %s, auto_renew: true, types: [Patient, Condition], groups: [g3], sinks: ["*"]}}
- {id: maplewood, name: %q, registration: ecw-production, fhir_base_url: "https://fhir.example.com/MAPLEW", group: g4, schedule: "15 4 * * *",
   agreement: {reference: BAA-2026-001, status: suspended, status_reason: in dispute, effective_from: 2024-01-01, types: [Patient], groups: [g4], sinks: ["*"]}}
- {id: harbor, name: Harbor Pediatrics, registration: ecw-production, fhir_base_url: "https://fhir.example.com/HARBOR", group: g5,
   agreement: {reference: BAA-2025-040, status: active, effective_from: 2024-01-01, expires_at: %s, types: [Patient], groups: [g5], sinks: ["*"]}}
- {id: northgate, name: Northgate Family Health, open: true, fhir_base_url: "https://ehr.example.com/northgate", group: g7, schedule: "0 1 * * *",
   agreement: {reference: BAA-2025-052, status: active, effective_from: 2024-01-01, types: [Patient], groups: [g7], sinks: ["*"]}}
- {id: cedar, name: Cedar Street Clinic, open: true, fhir_base_url: "https://ehr.example.com/cedar", group: g8, schedule: "30 0 * * *",
   agreement: {reference: BAA-2025-061, status: active, effective_from: 2024-01-01, types: [Patient], groups: [g8], sinks: ["*"]}}
- {id: eastside, name: Eastside Community Health, open: true, fhir_base_url: "https://ehr.example.com/eastside", group: g9, schedule: "15 1 * * *",
   agreement: {reference: BAA-2025-070, status: active, effective_from: 2024-01-01, types: [Patient], groups: [g9], sinks: ["*"]}}
- {id: pinecrest, name: Pinecrest Women's Health, open: true, fhir_base_url: "https://ehr.example.com/pinecrest", group: g6}
`

// newTown makes a town.
func newTown(t *testing.T, change ...func(*Options)) *town {
	t.Helper()
	o := &town{now: time.Now().UTC().Truncate(time.Second), long: "The Family Medicine, Paediatrics and Women's Health Group of North Maplewood and Greater Maplewood County"}
	keys := filepath.Join(t.TempDir(), "keys")
	ring, err := keyring.Create(keys)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ring.Generate(keyring.Plan{Algorithm: smart.ES384, Registered: keyring.ByURL, MaxAge: time.Hour}); err != nil {
		t.Fatal(err)
	}
	day := func(n int) string { return o.now.AddDate(0, 0, n).Format(time.DateOnly) }
	c := configured(t, fmt.Sprintf(townText, keys, day(5), day(24), day(75), o.long, day(-3)))
	files, err := blob.OpenLocal(filepath.Join(t.TempDir(), "files"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { files.Close() })
	o.house = newHouse(t, append([]func(*Options){func(opts *Options) {
		opts.Config, opts.Files = func() *config.Config { return c }, files
	}}, change...)...)
	tenants := []store.Tenant{}
	for i := range c.Tenants {
		tenants = append(tenants, store.Tenant{ID: c.Tenants[i].ID, Name: c.Tenants[i].Name, Registration: c.Tenants[i].Registration, FHIRBaseURL: c.Tenants[i].FHIRBaseURL})
	}
	if err := o.store.PutTenants(t.Context(), append(tenants, store.Tenant{ID: "old-mill", Name: "Old Mill Practice"})); err != nil {
		t.Fatal(err)
	}
	if err := o.store.PutTenants(t.Context(), tenants); err != nil { // and now old-mill is no longer configured
		t.Fatal(err)
	}
	o.past(c)
	o.nights()
	o.atWork()
	o.refusedLines(files)
	o.watched()
	o.asks()
	return o
}

func (o *town) sql(query string, args ...any) {
	o.Helper()
	if _, err := o.store.DB().ExecContext(o.Context(), query, args...); err != nil {
		o.Fatalf("%v: %s", err, query)
	}
}

func (o *town) ms(ago time.Duration) int64 { return o.now.Add(-ago).UnixMilli() }

// put writes an export that began some time ago and spent so many seconds in
// each stage; it stands in state.
func (o *town) put(tenant, id, mode, state string, ago time.Duration, registration, endpoint string, seconds ...int) {
	o.Helper()
	at := o.ms(ago)
	end := at
	for _, s := range seconds {
		end += int64(s) * 1000
	}
	ended, transaction := end, o.now.Add(-ago).Format(time.RFC3339)
	switch state {
	case "completed", "failed", "cancelled":
	default:
		ended = 0
	}
	since := ""
	if mode == "incremental" {
		since = o.now.Add(-ago - 24*time.Hour).Format(time.RFC3339)
	}
	o.sql(`INSERT INTO export (export_id, tenant_id, stream, registration, endpoint, level, group_id, types, mode, since, sinks, requested_by,
		requested_at, state, state_at, transaction_time, ended_at, kickoff_sent_at) VALUES (?, ?, 's', ?, ?, 'group', 'g', '["Condition","Patient"]', ?, ?, '["tables"]', 'schedule', ?, ?, ?, ?, ?, ?)`,
		id, tenant, registration, endpoint, mode, since, at, state, end, transaction, ended, at)
	for i, move := range []struct{ kind, to string }{
		{"admit", "kicking_off"}, {"accepted", "polling"}, {"listed", "downloading"}, {"stored", "ingesting"}, {"ingested", "publishing"}, {"complete", "completed"},
	} {
		if i >= len(seconds) {
			break
		}
		at += int64(seconds[i]) * 1000
		if i == len(seconds)-1 && state == "failed" {
			move.kind, move.to = "refuse", "failed"
		}
		o.sql(`INSERT INTO event (tenant_id, export_id, at, actor, kind, detail) VALUES (?, ?, ?, 'engine', ?, ?)`, tenant, id, at, move.kind, move.to)
	}
}

func (o *town) file(tenant, id string, n int, kind, state string, lines, refused int64, ago time.Duration) {
	o.Helper()
	stored, ingested, summary := int64(0), int64(0), ""
	if state == store.FileStored || state == store.FileIngested {
		stored = o.ms(ago)
	}
	if state == store.FileIngested {
		ingested = o.ms(ago - 3*time.Second)
		summary = fmt.Sprintf(`{"lines":%d,"quarantined":%d,"by_reason":{"id_missing":%d,"invalid_json:truncated":%d}}`, lines, refused, (refused+1)/2, refused/2)
	} else {
		lines, refused = 0, 0
	}
	bytes := lines * 812
	if state == store.FileStored {
		bytes = 3_300_000
	}
	o.sql(`INSERT INTO output_file (tenant_id, export_id, file, position, section, resource_type, url, expected_count, state, bytes, wire_bytes, lines, delivered, quarantined, summary, stored_at, ingested_at)
		VALUES (?, ?, ?, ?, 'output', ?, 'https://ehr.example/f', -1, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		tenant, id, fmt.Sprintf("0-output-%d-%s", n, kind), n, kind, state, bytes, bytes/9, lines, lines-refused, refused, summary, stored, ingested)
}

// nights gives practices that are well, or late, what they had in the last days.
func (o *town) nights() {
	o.Helper()
	for _, p := range []struct {
		tenant, name, registration string
		ago, next                  time.Duration
	}{
		{"lakeside", "ls", "ecw-production", 50 * time.Hour, -9 * time.Hour},
		{"hillcrest", "hc", "ecw-production", 26 * time.Hour, -11 * time.Hour},
		{"maplewood", "mw", "ecw-production", 27 * time.Hour, 0},
		{"harbor", "hb", "ecw-production", 98 * time.Hour, 0},
		{"northgate", "ng", "", 6 * time.Hour, -18 * time.Hour},
		{"cedar", "ce", "", 7 * time.Hour, -17 * time.Hour},
		{"eastside", "es", "", 31 * time.Hour, 7 * time.Hour},
	} {
		for n := range 3 {
			id := o.now.Add(-p.ago-time.Duration(n)*24*time.Hour).Format("20060102-150405-") + fmt.Sprintf("%s%06d", p.name, n)
			o.put(p.tenant, id, "incremental", "completed", p.ago+time.Duration(n)*24*time.Hour, p.registration, "https://fhir.example.com/"+p.tenant, 12+n, 3, 240+70*n, 55, 18, 30)
			if n == 0 {
				o.judge(p.tenant, id, "incremental", int64(len(p.tenant))*4)
			}
		}
		if p.next != 0 {
			o.sql(`INSERT INTO schedule (tenant_id, spec, next_at) VALUES (?, '0 3 * * * UTC', ?)`, p.tenant, o.ms(p.next))
		}
	}
	o.sql(`UPDATE export SET requested_at = ?1, state_at = ?1, ended_at = ?1 WHERE export_id = ?2`, o.ms(72*time.Hour), o.exports["hillcrest"])
	o.sql(`UPDATE event SET at = ? WHERE export_id = ?`, o.ms(72*time.Hour), o.exports["hillcrest"])
}

// past gives riverbend sixty nights of deliveries, of which one in fifteen is a
// full one, and others what they need.
func (o *town) past(*config.Config) {
	o.Helper()
	for n := 60; n > 0; n-- {
		ago, mode := time.Duration(n)*24*time.Hour, "incremental"
		if n%15 == 0 {
			mode = "full"
		}
		o.newest = o.now.Add(-ago).Format("20060102-150405-") + fmt.Sprintf("rb%06d", n)
		o.put("riverbend", o.newest, mode, "completed", ago, "", "https://ehr.example.com/riverbend", 40+n%7*5, 3, 300+n%11*60, 90+n%5*30, 25, 40+n%3*20)
		o.file("riverbend", o.newest, 0, "Patient", store.FileIngested, 400+int64(n%9)*10, int64(n%4), ago-time.Duration(360+n%7*5+n%11*60)*time.Second)
		o.file("riverbend", o.newest, 1, "Condition", store.FileIngested, 9000-int64(n)*20, int64(n%6), ago-time.Duration(390+n%7*5+n%11*60)*time.Second)
		o.judge("riverbend", o.newest, mode, int64(n))
		o.sql(`INSERT INTO group_list (tenant_id, stream, seen_at, export_id, whole, members, joined, departed) VALUES ('riverbend', ?, ?, ?, ?, ?, ?, ?)`,
			o.stream("riverbend"), o.ms(ago), o.newest, n%2, 400+60-n, n%3, n%5/4)
	}
	o.sql(`INSERT INTO watermark VALUES ('riverbend', ?, ?, ?, ?, ?)`, o.stream("riverbend"), o.now.AddDate(0, 0, -1).Format(time.RFC3339), o.newest, o.ms(24*time.Hour), o.ms(15*24*time.Hour))
	o.sql(`INSERT INTO schedule (tenant_id, spec, next_at) VALUES ('riverbend', '0 4 * * * UTC', ?)`, o.ms(-7*time.Hour))
	for i, patient := range []string{"p-100", "p-101", "p-102", "p-103"} {
		o.sql(`INSERT INTO member (tenant_id, stream, patient, seen_at, joined_at, left_at) VALUES ('riverbend', ?, ?, ?, ?, ?)`,
			o.stream("riverbend"), patient, o.ms(24*time.Hour), o.ms(time.Duration(i+3)*24*time.Hour)*int64(i%2), o.ms(2*24*time.Hour)*int64((i+1)%2))
	}
}

func (o *town) stream(tenant string) string {
	c := o.options.Config()
	t, err := c.Tenant(tenant)
	if err != nil {
		o.Fatal(err)
	}
	return export.Order{Config: c, Tenant: t}.Stream()
}

func (o *town) judge(tenant, id, mode string, n int64) {
	o.Helper()
	s := quality.Summary{
		Tenant: tenant, Export: id, Mode: mode, Lines: 9400 - n*20, Quarantined: n%4 + n%6, Delivered: 9400 - n*20 - n%4 - n%6, ByReason: map[string]int64{"id_missing": n % 4, "invalid_json:truncated": n % 6},
		Types: []quality.Type{
			{ResourceType: "Condition", Resources: 9000 - n*20, New: 12, Changed: 30, Columns: []quality.Column{{Name: "code", Share: 0.97, MustSupport: true}, {Name: "onset", Share: 0.4 + float64(n%10)/50, MustSupport: true}}},
			{ResourceType: "Patient", Resources: 400 + n%9*10, New: 3, Changed: 8},
		},
	}
	if n == 1 {
		s.Questions = []quality.Question{{Kind: quality.KindShrunk, About: "Patient", Says: "410 were delivered, the full export before had 900", Remedy: "Ask the practice whether that is so."}}
	}
	text, err := json.Marshal(s)
	if err != nil {
		o.Fatal(err)
	}
	if err := o.store.In(tenant).Do(o.Context(), func(tx *store.Tx) error {
		x, err := tx.Export(id)
		if err != nil {
			return err
		}
		if err := tx.ExpectQuality(&x); err != nil {
			return err
		}
		return tx.SetQuality(id, text)
	}); err != nil {
		o.Fatal(err)
	}
}

package web

import (
	"fmt"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/ndjson"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// atWork gives hillcrest an export in the middle of its files, maplewood one
// that waits, harbor a pause, pinecrest an answer that never came.
func (o *town) atWork() {
	o.Helper()
	o.live = o.now.Format("20060102-") + "000001-hc000001"
	o.put("hillcrest", o.live, "full", "downloading", 22*time.Minute, "ecw-production", "https://fhir.example.com/HILLCR", 95, 4, 610)
	for n := range 40 {
		state, kind := store.FileIngested, "Condition"
		switch {
		case n >= 34:
			state = store.FileListed
		case n >= 31:
			state = store.FileDownloading
		case n >= 29:
			state = store.FileStored
		}
		if n%5 == 0 {
			kind = "Patient"
		}
		o.file("hillcrest", o.live, n, kind, state, 4000+int64(n*37%900), int64(n%3), 10*time.Minute-time.Duration(n*19)*time.Second)
	}
	o.sql(`INSERT INTO step (tenant_id, export_id, kind, subject, state, epoch, due_at, owner, heartbeat_at, created_at) VALUES
		('hillcrest', ?, 'download', '0-output-31-Condition', 'running', 1, ?, 'me', ?, ?), ('hillcrest', ?, 'download', '0-output-32-Condition', 'ready', 1, ?, '', 0, ?)`,
		o.live, o.ms(0), o.ms(0), o.ms(0), o.live, o.ms(-40*time.Second), o.ms(0))
	o.sql(`INSERT INTO rate_window VALUES ('hillcrest', 'https://fhir.example.com/HILLCR', ?, 260), ('lakeside', 'https://fhir.example.com/LAKESD', ?, 12)`, time.Now().Unix()/60, time.Now().Unix()/60)
	waiting := o.now.Format("20060102-") + "000002-mw000001"
	o.put("maplewood", waiting, "incremental", "waiting", 80*time.Minute, "ecw-production", "https://fhir.example.com/MAPLEW", 5, 2)
	o.sql(`UPDATE export SET waiting_until = ?, waiting_for = 'the server is busy with another export of this group' WHERE export_id = ?`, o.ms(-25*time.Minute), waiting)
	o.put("harbor", o.now.Format("20060102-")+"000003-hb000001", "full", "requested", 30*time.Minute, "ecw-production", "https://fhir.example.com/HARBOR")
	o.put("pinecrest", o.now.Format("20060102-")+"000004-pc000001", "full", "unknown", 3*time.Hour, "", "https://ehr.example.com/pinecrest", 5, 60)
	if _, err := o.store.Pause(audit.As(o.Context(), audit.Identity{Actor: "anna"}), store.Pause{
		Scope: store.PauseTenant, Object: "harbor", Reason: "the practice moves to another server", Until: o.now.Add(26 * time.Hour),
	}); err != nil {
		o.Fatal(err)
	}
}

// refusedLines puts into the quarantine what the ledger says of riverbend's
// newest export.
func (o *town) refusedLines(files *blob.Store) {
	o.Helper()
	scope, err := files.Tenant("riverbend")
	if err != nil {
		o.Fatal(err)
	}
	for file, lines := range map[string][]string{
		"0-output-0-Patient":   {`{"resourceType":"Patient","name":[{"family":"Canary"}]}`},
		"0-output-1-Condition": {`{"resourceType":"Condition","id":"c1","code":{"text":"Canary`, `{"resourceType":"Condition"}`},
	} {
		w, err := quarantine.NewWriter(o.Context(), scope, o.newest, file)
		if err != nil {
			o.Fatal(err)
		}
		for i, line := range lines {
			if err := w.Add([]string{"id_missing", "invalid_json:truncated"}[(i+len(lines)+1)%2], ndjson.Line{Number: int64(17 + i), Offset: int64(9000 + i*200), Bytes: []byte(line)}); err != nil {
				o.Fatal(err)
			}
		}
		if err := w.End(); err != nil {
			o.Fatal(err)
		}
		if _, err := w.Commit(); err != nil {
			o.Fatal(err)
		}
		w.Close()
	}
}

// watched gives alerts, and a record.
func (o *town) watched() {
	o.Helper()
	for i, a := range []store.Alert{
		{Tenant: "lakeside", Kind: "activation", Severity: "critical", Party: "practice", Summary: "the server took us until yesterday and now refuses: it does not know our key", Remedy: "Ask the practice whether it has ended the app's activation."},
		{Tenant: "riverbend", Kind: "roster", Severity: "info", Party: "practice", Summary: "nobody joined or left its group in 14 exports or more", Remedy: "Ask the practice to run the report again that fills the group."},
		{Tenant: "hillcrest", Kind: "rate", Severity: "info", Party: "us", Summary: "its budget of 300 requests a minute is nearly spent for most of an hour", Remedy: "Spread the schedules of practices that share it."},
		{Kind: "disk", Severity: "warning", Party: "us", Summary: "less than 5 GiB are free where the state folder is", Remedy: "Free space there."},
	} {
		a.Since, a.OpenedAt = o.now.Add(-time.Duration(i+1)*7*time.Hour), o.now
		if err := o.store.Alerting(o.Context(), func(tx *store.AlertTx) error {
			_, err := tx.Add(a)
			return err
		}); err != nil {
			o.Fatal(err)
		}
	}
	for i := range 40 {
		ctx := audit.As(o.Context(), audit.Identity{Actor: []string{"anna", "bert", audit.Service}[i%3], Source: "10.0.0.7"})
		ev := audit.Event{Action: audit.FileStored, Export: o.newest, Object: fmt.Sprintf("0-output-%d-Patient", i), Facts: map[string]any{"bytes": 1000 + i}, Rule: "permitted"}
		if i%4 == 0 {
			ev = audit.Event{Action: audit.LinesViewed, Export: o.newest, Object: "0-output-0-Patient"}
		}
		if err := o.store.Record(ctx, ev, []string{"riverbend", "riverbend", "lakeside"}[i%3]); err != nil {
			o.Fatal(err)
		}
	}
}

// asks gives requests of other programs: one that was answered and told, one
// that was refused, one for a practice that is not there, and one that waits.
func (o *town) asks() {
	o.Helper()
	for _, r := range []struct {
		store.ExportRequest
		state, code, problem, remedy string
		ago                          time.Duration
	}{
		{store.ExportRequest{Tenant: "riverbend", Kind: "incremental", By: "mirth", Reference: "night-" + o.newest[:8], Callback: "mirth", Source: store.FromTable, Export: o.newest}, "completed", "", "", "", 24 * time.Hour},
		{
			store.ExportRequest{Tenant: "riverbend", Kind: "incremental", Types: "Patient,Labs", By: "mirth", Callback: "https://caller:canary@mirth.example.org/done?token=canary", Source: store.FromTable},
			"refused", "request_invalid",
			`"Labs" is no resource type`, "Name resource types as FHIR does, with commas between: Patient,Condition.", 3 * time.Hour,
		},
		{store.ExportRequest{Tenant: "lakside", Kind: "full", By: "cron", Source: store.FromTable}, "refused", "tenant_unknown", `no practice has the id "lakside"`, "Ask for one that is configured; its id stands in the configuration under tenants.", 2 * time.Hour},
		{store.ExportRequest{Tenant: "hillcrest", Kind: "full", By: "scheduler", Reference: "msg_2f9c", Callback: "mirth", Source: store.FromHook}, "new", "", "", "", 4 * time.Minute},
	} {
		ended := int64(0)
		if r.state != "new" {
			ended = o.ms(r.ago)
		}
		o.sql(`INSERT INTO export_requests (tenant_id, kind, types, requested_by, reference, callback, source, state, export_id, code, problem, remedy, asked_at, started_at, ended_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			r.Tenant, r.Kind, r.Types, r.By, r.Reference, r.Callback, r.Source, r.state, r.Export, r.code, r.problem, r.remedy, o.ms(r.ago), ended, ended)
	}
	o.sql(`INSERT INTO callback (delivery_id, tenant_id, export_id, request_id, target, url, state, body, settled_at, made_at, due_at, attempts, sent_at, last_error) VALUES
		('d1', 'riverbend', ?, 1, 'mirth', 'https://mirth.example.org/done', 'completed', '{}', ?, ?, ?, 1, ?, ''), ('d2', 'riverbend', ?, 0, 'warehouse', 'https://warehouse.example.org/', 'completed', '{}', ?, ?, ?, 3, 0, 'it answered with status 503')`,
		o.newest, o.ms(23*time.Hour), o.ms(23*time.Hour), o.ms(23*time.Hour), o.ms(23*time.Hour), o.newest, o.ms(23*time.Hour), o.ms(20*time.Minute), o.ms(-9*time.Minute))
}

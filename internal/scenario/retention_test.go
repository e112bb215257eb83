package scenario_test

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

// kept counts the files of a practice in an area, by the listing of its folder.
func kept(w *scenario.World, area, tenant string) int {
	w.T().Helper()
	found, err := filepath.Glob(filepath.Join(w.State(), "files", area, tenant, "*", "*"))
	if err != nil {
		w.T().Fatal(err)
	}
	return len(found)
}

func TestABulkheadLeftAloneKeepsItsAgreements(t *testing.T) {
	t.Attr("fault", "machine: nobody looks for weeks after an agreement's end -> what its clocks say goes day by day; at the end everything of the practice is destroyed, certified, and nothing of another is touched")
	const clocks = "agreement: {retention: {raw: 3d, staged: 6d, quarantine: 9d, history: 12d}, disposal_deadline: 10d}"
	spec := encrypted(t)
	spec.Tenant.Config = clocks
	scenario.Run(t, spec, func(w *scenario.World) {
		w.Want(w.Export(), life.Completed)
		w.Want(w.ExportOf("lakeside-2", export.Wish{}), life.Completed)
		others := kept(w, "raw", "lakeside-2") + kept(w, "staged", "lakeside-2")
		if kept(w, "raw", "lakeside") == 0 || others == 0 {
			w.T().Fatal("nothing to lose")
		}
		w.Pass(2 * 24 * time.Hour)
		if kept(w, "raw", "lakeside") == 0 {
			w.T().Error("raw files went before their time")
		}
		w.Pass(3 * 24 * time.Hour)
		if kept(w, "raw", "lakeside") != 0 || kept(w, "staged", "lakeside") == 0 {
			w.T().Error("after five days raw files are there, or staged ones are not")
		}
		if said := command(w, "doctor", "--deep"); !strings.HasSuffix(said, "(0)\n") {
			w.T().Error(said)
		}
		w.Want(w.Export(), life.Completed) // what is gone is not needed
		wants(w, "(0)\n", "raw 3d, staged 6d", "plan", "lakeside")

		w.EditTenant("lakeside", "agreement: {status: terminated}")
		w.Pass(3 * 24 * time.Hour)
		if len(w.Rows("patient", "lakeside")) == 0 {
			w.T().Error("everything went at once")
		}
		wants(w, "(2)\n", "no certificate", "dispose", "certificate", "lakeside")
		w.Pass(4 * 24 * time.Hour) // half of the deadline is over
		for _, area := range []string{"raw", "staged", "quarantine", "attachments", "logs"} {
			if n := kept(w, area, "lakeside"); n > 0 {
				w.T().Errorf("%d files are left in %s", n, area)
			}
		}
		if n := w.Query("SELECT count(*) FROM patient WHERE tenant_id = 'lakeside'")[0][0]; fmt.Sprint(n) != "0" || len(w.Rows("patient", "lakeside")) > 0 {
			w.T().Errorf("%v rows are left", n)
		}
		if now := kept(w, "raw", "lakeside-2") + kept(w, "staged", "lakeside-2"); now != others || len(w.Rows("patient", "lakeside-2")) == 0 { // I7
			w.T().Errorf("the other practice had %d files and has %d", others, now)
		}
		said := wants(w, "(0)\n", "sha256 of the certificate", "dispose", "certificate", "lakeside")
		text, err := os.ReadFile(filepath.Join(w.State(), "certificates", "lakeside-1.json"))
		if err != nil || strings.Contains(said+string(text), scenario.Canary) || !strings.Contains(string(text), `"what": "key"`) {
			w.T().Errorf("certificate: %v\n%s", err, said)
		}
		wants(w, "(0)\n", "", "audit", "verify")
	})
}

func TestCareOfBeforeTheAgreementsDateStaysOutOfEveryTable(t *testing.T) {
	t.Attr("fault", "canary: a server sends care of before the date from which an agreement permits it -> each line is in quarantine with its reason, in no table, and a full export still removes what is absent")
	spec := scenario.Spec{}
	spec.Tenant.Config = "agreement: {earliest_service_date: 2026-02-20}"
	scenario.Run(t, spec, func(w *scenario.World) {
		x := w.Want(w.Export(), life.Completed)
		early := 0
		for _, r := range w.Quarantine(x) {
			if r.Reason != "before_service_date" {
				w.T().Errorf("refused for %s", r.Reason)
			}
			early++
		}
		if early == 0 {
			w.T().Fatal("nothing is too early")
		}
		for _, row := range w.Rows("encounter") {
			if end := row["period_end"]; end != "" && end < "2026-02-20" {
				w.T().Errorf("an encounter that ended %s is in a table", end)
			}
		}
		w.EditTenant("lakeside", "agreement: {earliest_service_date: 1900-01-01}")
		w.Pass(24 * time.Hour)
		before := len(w.Rows("observation"))
		if w.Want(w.ExportOf("lakeside", export.Wish{Full: true}), life.Completed); len(w.Rows("observation")) <= before {
			w.T().Errorf("%d observations as before, although all are permitted now", before)
		}
		w.EditTenant("lakeside", "agreement: {earliest_service_date: 2026-02-20}")
		w.Pass(24 * time.Hour)
		all := len(w.Rows("observation"))
		if w.Want(w.ExportOf("lakeside", export.Wish{Full: true}), life.Completed); len(w.Rows("observation")) >= all {
			w.T().Errorf("%d observations are there still, although they may not be held", all)
		}
	})
}

// records are a practice's patients, which another set of them may replace.
type records struct {
	sandbox.Source
	now *atomic.Pointer[sandbox.Source]
}

func (r records) Size(ctx context.Context, q sandbox.Query) (int, bool, error) {
	return (*r.now.Load()).Size(ctx, q)
}

func (r records) Open(ctx context.Context, q sandbox.Query) iter.Seq2[[]byte, error] {
	return (*r.now.Load()).Open(ctx, q)
}

// patientsOf gives a source of these lines.
func patientsOf(t *testing.T, lines ...string) sandbox.Source {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Patient.ndjson"), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	source, err := sandbox.DirSource(dir)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

func TestAResourceThatBecomesSensitiveLeavesTheTables(t *testing.T) {
	t.Attr("fault", "canary: a resource in the tables gets a security label that the agreement does not permit -> its line is refused with the category, and the same publication takes its rows out of every sink")
	const (
		plain    = `{"resourceType":"Patient","id":"1","meta":{"lastUpdated":"2026-03-01T00:00:00Z"},"gender":"female"}`
		other    = `{"resourceType":"Patient","id":"2","meta":{"lastUpdated":"2026-03-01T00:00:00Z"},"gender":"male"}`
		labelled = `{"resourceType":"Patient","id":"1","meta":{"lastUpdated":"2026-03-02T18:00:00Z","security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"ETH"}]},"gender":"female"}`
	)
	first, second := patientsOf(t, plain, other), patientsOf(t, labelled, other)
	source := records{first, &atomic.Pointer[sandbox.Source]{}}
	source.now.Store(&first)
	spec := scenario.Spec{Tenant: scenario.Tenant{Source: source, Types: []string{"Patient"}, Level: "system"}}
	scenario.Run(t, spec, func(w *scenario.World) {
		w.Want(w.Export(), life.Completed)
		if n := len(w.Rows("patient")); n != 2 {
			t.Fatalf("%d patients at first", n)
		}
		source.now.Store(&second)
		w.Pass(24 * time.Hour)
		x := w.Want(w.Export(), life.Completed)
		if x.Mode != export.Incremental {
			t.Errorf("the second export is %s", x.Mode)
		}
		if refused := w.Quarantine(x); len(refused) != 1 || refused[0].Reason != "sensitive:substance-use" {
			t.Errorf("refused: %d lines", len(refused))
		}
		if rows := w.Rows("patient"); len(rows) != 1 || rows[0]["id"] != "2" {
			t.Errorf("in the table: %v", rows)
		}
		w.EditTenant("lakeside", "agreement: {sensitive: [substance-use]}")
		w.Want(w.Settle(w.RequestReplay(x)), life.Completed)
		if rows := w.Rows("patient"); len(rows) != 2 {
			t.Errorf("once it is permitted: %v", rows)
		}
	})
}

func TestAnOlderFormOfAResourceThatIsWithheldIsNotDelivered(t *testing.T) {
	t.Attr("fault", "canary: one delivery has an older form of a resource without a label and a newer one with a label that the agreement does not permit, in either order -> neither is in a table, and what a table had goes; the other way round the newer one is delivered")
	t.Attr("shows", "N5")
	const form = `{"resourceType":"Patient","id":"%s","meta":{"lastUpdated":"2026-03-0%dT00:00:00Z"%s},"gender":"%s"}`
	const label = `,"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"HIV"}]`
	old, secret, newest := fmt.Sprintf(form, "1", 1, "", "female"), fmt.Sprintf(form, "1", 2, label, "other"), fmt.Sprintf(form, "1", 3, "", "male")
	other := fmt.Sprintf(form, "2", 1, "", "male")
	for name, c := range map[string]struct {
		lines  []string
		gender string // of the patient in the table; empty: there is none
	}{
		"the older one first":                   {[]string{old, secret}, ""},
		"the newer one first":                   {[]string{secret, old}, ""},
		"and a still newer one without a label": {[]string{secret, newest, old}, "male"},
	} {
		t.Run(name, func(t *testing.T) {
			first, second := patientsOf(t, old, other), patientsOf(t, append(c.lines, other)...)
			for _, before := range []bool{false, true} { // it was in the tables
				source := records{first, &atomic.Pointer[sandbox.Source]{}}
				source.now.Store(&first)
				spec := scenario.Spec{Tenant: scenario.Tenant{Source: source, Types: []string{"Patient"}, Level: "system"}, DuckDB: true}
				scenario.Run(t, spec, func(w *scenario.World) {
					if before {
						w.Want(w.Export(), life.Completed)
						w.Pass(24 * time.Hour)
					}
					source.now.Store(&second)
					x := w.Want(w.Full(), life.Completed)
					got := ""
					for _, row := range w.Rows("patient") {
						if row["id"] == "1" {
							got = row["gender"]
						}
					}
					if got != c.gender || len(w.Rows("patient")) != 1+len(c.gender)/4 {
						t.Errorf("before %v: in the table: %v", before, w.Rows("patient"))
					}
					if n := w.Query("SELECT count(*) FROM patient")[0][0]; fmt.Sprint(n) != fmt.Sprint(1+len(c.gender)/4) {
						t.Errorf("before %v: %v rows in DuckDB", before, n)
					}
					q := w.QualityOf(x)
					if len(q.Types) != 1 || (q.Types[0].Withheld == 1) != (before && c.gender == "") || q.ByReason["sensitive:hiv"] != 1 {
						t.Errorf("before %v: quality %+v", before, q)
					}
				})
			}
		})
	}
}

func TestAReplayBringsNoOlderFormOfWhatIsWithheld(t *testing.T) {
	t.Attr("fault", "canary: an older form of a resource was refused for its length, the newer one for its label; a replay takes the long ones again -> it is not delivered; once the label is permitted, the newer one is")
	long := `{"resourceType":"Patient","id":"1","meta":{"lastUpdated":"2026-03-01T00:00:00Z"},"gender":"female","name":[{"family":"` + strings.Repeat("x", 4000) + `"}]}`
	secret := `{"resourceType":"Patient","id":"1","meta":{"lastUpdated":"2026-03-02T00:00:00Z","security":[{"code":"HIV"}]},"gender":"male"}`
	spec := scenario.Spec{Tenant: scenario.Tenant{Source: patientsOf(t, long, secret), Types: []string{"Patient"}, Level: "system"}, Config: "limits: {line_bytes: 2000}"}
	scenario.Run(t, spec, func(w *scenario.World) {
		x := w.Want(w.Export(), life.Completed)
		w.Edit("limits: {line_bytes: 1MiB}")
		y := w.Want(w.Settle(w.RequestReplay(x, "over_long")), life.Completed)
		if rows := w.Rows("patient"); len(rows) != 0 {
			t.Errorf("after the replay %s: %v", y, rows)
		}
		w.EditTenant("lakeside", "agreement: {sensitive: [hiv]}")
		w.Want(w.Settle(w.RequestReplay(x)), life.Completed)
		if rows := w.Rows("patient"); len(rows) != 1 || rows[0]["gender"] != "male" {
			t.Errorf("once it is permitted: %v", rows)
		}
	})
}

func TestAReplayTakesOutNothingThatIsLaterThanAWithheldLine(t *testing.T) {
	t.Attr("fault", "canary: a label was taken off, and one delivery has both lines; a replay of all that it refused -> the newer one, without the label, stays in the tables")
	secret := `{"resourceType":"Patient","id":"1","meta":{"lastUpdated":"2026-03-01T00:00:00Z","security":[{"code":"HIV"}]},"gender":"other"}`
	newest := `{"resourceType":"Patient","id":"1","meta":{"lastUpdated":"2026-03-02T00:00:00Z"},"gender":"male"}`
	spec := scenario.Spec{Tenant: scenario.Tenant{Source: patientsOf(t, secret, newest), Types: []string{"Patient"}, Level: "system"}}
	scenario.Run(t, spec, func(w *scenario.World) {
		x := w.Want(w.Export(), life.Completed)
		for _, when := range []string{"delivered", "taken again"} {
			if rows := w.Rows("patient"); len(rows) != 1 || rows[0]["gender"] != "male" {
				t.Errorf("%s: %v", when, rows)
			}
			w.Want(w.Settle(w.RequestReplay(x)), life.Completed)
		}
	})
}

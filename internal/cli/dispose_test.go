package cli

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/disposal"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// run runs a command in the ward and gives what it said.
func (w *ward) run(want int, args ...string) string {
	w.t.Helper()
	var out, told bytes.Buffer
	status := Main(w.t.Context(), append([]string{"--config", filepath.Join(w.dir, "bulkhead.yaml")}, args...), Streams{In: strings.NewReader(""), Out: &out, Err: &told})
	if status != want {
		w.t.Fatalf("bulkhead %s ended with %d, want %d:\n%s%s", strings.Join(args, " "), status, want, &out, &told)
	}
	return out.String() + told.String()
}

// amend changes the ward's configuration.
func (w *ward) amend(old, text string) {
	w.t.Helper()
	path := filepath.Join(w.dir, "bulkhead.yaml")
	before, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(before), old) {
		w.t.Fatalf("the configuration has no %q, %v", old, err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(before), old, text, 1)), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// leaving is a ward of which both practices have rows in two sinks, and whose
// lakeside is about to leave.
func leaving(t *testing.T) *ward {
	t.Helper()
	w := newWard(t)
	w.working(func(a *app.App) {
		w.ends(a, "lakeside", life.Completed, export.Wish{Full: true})
		w.ends(a, "hillcrest", life.Completed, export.Wish{Full: true, Types: []string{"Patient", "Condition"}})
	})
	return w
}

// rows counts a practice's rows of a table, as its own query sees them.
func (w *ward) rows(tenant, table string) string {
	w.t.Helper()
	return strings.TrimSpace(strings.TrimPrefix(w.run(0, "query", "--csv", "--tenant", tenant, "SELECT count(*) AS n FROM "+table), "n\n"))
}

// files gives the hashes of all files of a practice below the state folder.
func (w *ward) files(tenant string) map[string]string {
	w.t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(w.path(), func(path string, e fs.DirEntry, err error) error {
		name, _ := filepath.Rel(w.path(), path)
		if err != nil || !e.Type().IsRegular() || !strings.Contains(name, "/"+tenant+"/") || filepath.Base(name) == "lock" {
			return err
		}
		text, err := os.ReadFile(path)
		found[name] = sumOf(text)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return found
}

func sumOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func TestAPracticeThatLeavesGetsItsRecordsAndACertificate(t *testing.T) {
	w := leaving(t)
	patients := w.rows("lakeside", "patient")
	names := strings.Fields(strings.TrimPrefix(w.run(0, "query", "--csv", "--tenant", "lakeside", "SELECT DISTINCT family FROM patient"), "family\n"))
	if len(names) == 0 || patients == "0" {
		t.Fatalf("%s patients, %v", patients, names)
	}
	others, otherRows, before := w.files("hillcrest"), w.rows("hillcrest", "patient"), w.files("lakeside")

	dir := filepath.Join(t.TempDir(), "for-lakeside")
	w.run(2, "dispose", "--return", dir)
	if said := w.run(0, "dispose", "lakeside", "--return", dir); !strings.Contains(said, "with manifest.json") {
		t.Errorf("return said %s", said)
	}
	w.handedBack(dir)
	if said := w.run(2, "dispose", "lakeside", "--return", dir); !strings.Contains(said, "is not empty") {
		t.Errorf("return again said %s", said)
	}

	if said := w.run(0, "dispose", "calendar", "--within", "401"); !regexp.MustCompile(`(?m)^20\d\d-\d\d-\d\d  hillcrest  history of 1 export +goes on 20`).MatchString(said) {
		t.Errorf("the calendar: %s", said)
	}
	if said := w.run(0, "dispose", "calendar", "lakeside"); said != "nothing goes within 90 days\n" {
		t.Errorf("the calendar of the next days: %s", said)
	}
	if said := w.run(0, "dispose", "lakeside"); !strings.Contains(said, "nothing is due") {
		t.Errorf("while the agreement stands: %s", said)
	}
	w.amend("id: lakeside, open: true, level: system", "id: lakeside, open: true, level: system, legal_name: Lakeside PLLC")
	w.amend("agreement: {reference: A, status: active", "agreement: {reference: A, disposal: return, status: terminated")
	w.run(2, "dispose", "certificate", "lakeside")
	if said := w.run(0, "dispose", "calendar", "--json"); strings.Contains(said, `"tenant":"lakeside"`) {
		t.Errorf("the calendar knows an end that is not in force: %s", said)
	}
	if said := w.run(0, "dispose", "lakeside"); !strings.Contains(said, "handed back") {
		t.Errorf("before it is handed back: %s", said)
	}
	if said := w.run(0, "dispose", "calendar"); !regexp.MustCompile(`(?m)^20\d\d-\d\d-\d\d  lakeside  everything, in the sinks too +kept until it is handed back`).MatchString(said) {
		t.Errorf("the calendar after the end: %s", said)
	}
	w.run(0, "dispose", "lakeside", "--return", filepath.Join(t.TempDir(), "again"))
	if said := w.run(0, "dispose", "lakeside", "--dry-run"); !strings.Contains(said, "frozen") || len(w.files("lakeside")) != len(before) {
		t.Errorf("frozen: %s", said)
	}
	if said := w.run(0, "dispose", "lakeside", "--at-once"); !strings.Contains(said, "everything of lakeside is destroyed") {
		t.Errorf("at once: %s", said)
	}
	if said := w.run(0, "dispose", "lakeside", "--dry-run"); !strings.HasPrefix(said, "lakeside: everything was destroyed on ") || strings.Contains(said, " raw ") {
		t.Errorf("after it: %s", said)
	}

	if left := w.files("lakeside"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if n := w.run(0, "query", "--csv", "--break-glass", "to see that it is gone", "SELECT count(*) FROM patient WHERE tenant_id = 'lakeside'"); !strings.HasSuffix(n, "\n0\n") {
		t.Errorf("rows in DuckDB: %s", n)
	}
	if diff := cmp.Diff(others, w.files("hillcrest")); diff != "" || w.rows("hillcrest", "patient") != otherRows { // I7
		t.Errorf("the other practice (-before +now):\n%s", diff)
	}
	w.certified(before, patients, names)
	if said := w.run(0, "doctor", "--deep", "--tenant", "lakeside"); !strings.Contains(said, "everything is as it should be") {
		t.Errorf("doctor: %s", said)
	}
	w.run(0, "audit", "verify")
}

// handedBack looks whether a folder has what its manifest says, and that it is
// what was received.
func (w *ward) handedBack(dir string) {
	w.t.Helper()
	var h disposal.Handback
	text, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err == nil {
		err = json.Unmarshal(text, &h)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	files := 0
	for _, x := range h.Exports {
		for _, f := range x.Files {
			files++
			content, err := os.ReadFile(filepath.Join(dir, f.Name))
			if err != nil || sumOf(content) != f.SHA256 || int64(len(content)) != f.Bytes || int64(bytes.Count(content, []byte("\n"))) != f.Lines {
				w.t.Errorf("%s is not what the manifest says: %v", f.Name, err)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "UNFINISHED")); err == nil || files < 8 || len(h.Exports) != 2 {
		w.t.Errorf("%d files of %d exports", files, len(h.Exports))
	}
}

// certified compares the certificate with what was there, and looks that it says
// nothing of a patient.
func (w *ward) certified(before map[string]string, patients string, names []string) {
	w.t.Helper()
	said := w.run(0, "dispose", "certificate", "lakeside")
	var c disposal.Certificate
	text := w.run(0, "--json", "dispose", "certificate", "lakeside")
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		w.t.Fatal(err)
	}
	if !strings.Contains(said, sumOf([]byte(text))) {
		w.t.Errorf("the certificate's hash is not told: %s", said)
	}
	listed, areas := map[string]bool{}, map[string]string{"raw": "raw", "staged": "staged", "quarantine": "quarantine", "attachments": "attachments", "history": "logs"}
	sinks := map[string]int64{}
	for _, d := range c.Destroyed {
		for _, i := range d.Items {
			if area := areas[d.What]; area != "" && i.Bytes > 0 {
				listed["files/"+area+"/lakeside/"+d.Export+"/"+i.Name] = true
			}
			if i.Name == "patient" && strings.HasPrefix(d.What, "sink/") {
				sinks[d.What] = i.Rows
			}
		}
	}
	for name := range before {
		if strings.HasPrefix(name, "files/") && !listed[name] {
			w.t.Errorf("the certificate does not list %s", name)
		}
	}
	if n := sinks["sink/tables"]; fmt.Sprint(n) != patients || sinks["sink/parquet"] != n {
		w.t.Errorf("rows of patients: %v, want %s", sinks, patients)
	}
	if c.Returned == nil || c.Practice != "Lakeside PLLC" || len(c.Remains) == 0 {
		w.t.Errorf("certificate: %+v", c)
	}
	page := w.run(0, "dispose", "certificate", "lakeside", "--html")
	for _, name := range names {
		word := regexp.MustCompile(`\b` + regexp.QuoteMeta(name) + `\b`)
		if word.MatchString(text) || word.MatchString(page) {
			w.t.Errorf("the certificate names a patient: %s", name)
		}
	}
}

func TestAQueryOverPracticesNeedsTheGrantOfEach(t *testing.T) {
	w := leaving(t)
	const together = "SELECT count(*) AS n FROM patient"
	if said := w.run(5, "query", together); !strings.Contains(said, "hillcrest (aggregate), lakeside (aggregate)") {
		t.Errorf("together: %s", said)
	}
	w.run(5, "query", "--tenant", "lakeside", "--tenant", "hillcrest", together)
	for _, statement := range []string{together, "SELECT count(*) AS n FROM bulkhead.main.patient", "SELECT count(*) AS n FROM bulkhead.patient"} {
		if said := w.run(0, "query", "--csv", "--tenant", "lakeside", statement); said != "n\n3\n" {
			t.Errorf("%s alone: %s", statement, said)
		}
	}
	w.run(2, "query", "--tenant", "lakeside", "ATTACH 'state/tables.duckdb' AS x")
	w.run(2, "query", "--tenant", "nobody", together)
	if said := w.run(0, "query", "--csv", "--break-glass", "case 12", together); said != "n\n6\n" {
		t.Errorf("with the glass broken: %s", said)
	}
	if said := w.run(0, "audit", "export", "lakeside"); !strings.Contains(said, `"reason":"case 12","rule":"break_glass"`) || !strings.Contains(said, `"outcome":"refused","reason":"agreement_denied","rule":"aggregate"`) {
		t.Errorf("on record: %s", said)
	}
	for range 2 {
		w.amend("sinks: ['*']}}", "sinks: ['*'], grants: {aggregate: true}}}")
	}
	if said := w.run(0, "query", "--csv", together); said != "n\n6\n" {
		t.Errorf("granted by both: %s", said)
	}
	w.amend("status: active", "status: suspended") // lakeside's
	if said := w.run(5, "query", together); !strings.Contains(said, "lakeside (suspended)") || strings.Contains(said, "hillcrest (") {
		t.Errorf("one is suspended: %s", said)
	}
	if said := w.run(0, "query", "--csv", "--permitted", together); said != "n\n3\n" {
		t.Errorf("those that permit it: %s", said)
	}
}

func TestWhatWasDestroyedIsToldWhereItIsAskedFor(t *testing.T) {
	w := newWard(t)
	w.amend("agreement: {reference: A", "agreement: {retention: {raw: 1ms, staged: 1ms, quarantine: 1ms, attachments: 1ms, history: 1ms}, reference: A")
	if said := w.run(0, "dispose", "lakeside", "--dry-run"); strings.Count(said, "goes: its time was over") != 5 {
		t.Errorf("dry run: %s", said)
	}
	if said := w.run(0, "quarantine", "list", "lakeside"); !strings.Contains(said, "lakeside") {
		t.Errorf("before: %s", said)
	}
	w.run(0, "dispose", "lakeside")
	for args, want := range map[string]string{
		"audit patients lakeside --reason x --export " + w.whole: "were destroyed on",
		"quarantine replay lakeside --export " + w.whole:         "were destroyed",
	} {
		if said := w.run(2, strings.Fields(args)...); !strings.Contains(said, want) {
			t.Errorf("%s: %s", args, said)
		}
	}
	if said := w.run(0, "quarantine", "list", "lakeside"); strings.Contains(said, "invalid_json") {
		t.Errorf("after: %s", said)
	}
	if said := w.run(0, "doctor", "--deep", "--tenant", "lakeside"); !strings.Contains(said, "everything is as it should be") {
		t.Errorf("doctor: %s", said)
	}
	w.run(0, "status", "lakeside", "--export", w.whole)
	w.working(func(a *app.App) { // and it goes on
		w.ends(a, "lakeside", life.Completed, export.Wish{})
		err := a.Store.In("lakeside").Do(t.Context(), func(tx *store.Tx) error { _, err := tx.Disposed(w.whole); return err })
		if err != nil {
			t.Error(err)
		}
	})
}

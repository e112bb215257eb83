package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox/population"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A house is a bulkhead with open practices of the standard profile.
type house struct {
	t      *testing.T
	dir    string
	server *sandbox.Server
	*app.App
}

type practice struct {
	tenant string
	source sandbox.Source
	knobs  func(*sandbox.Knobs)
}

// newHouse starts a server with the practices and a bulkhead that looks after
// them; the practice's tenant id in capitals is its code.
func newHouse(t *testing.T, epoch time.Time, practices ...practice) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir()}
	cfg := sandbox.Config{CAFile: filepath.Join(h.dir, "ca.pem"), Epoch: epoch}
	for _, p := range practices {
		knobs := sandbox.Preset(sandbox.ProfileStandard)
		knobs.Takes, knobs.RetryAfter = 50*time.Millisecond, 10*time.Millisecond
		if p.knobs != nil {
			p.knobs(&knobs)
		}
		cfg.Practices = append(cfg.Practices, sandbox.Practice{
			Code: strings.ToUpper(p.tenant), Name: p.tenant, Profile: sandbox.ProfileStandard, Open: true, Source: p.source, Knobs: &knobs,
		})
	}
	var err error
	if h.server, err = sandbox.Start(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	h.configure(practices)
	h.open()
	t.Cleanup(h.close)
	return h
}

func (h *house) configure(practices []practice) {
	profile := config.Profiles()["standard"]
	profile.Poll = config.PollRule{Default: config.Duration(20 * time.Millisecond), Floor: config.Duration(10 * time.Millisecond), Ceiling: config.Duration(time.Second)}
	text, err := profile.YAML()
	if err != nil {
		h.t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("folder: state\ntls: {ca_file: ca.pem}\nprofiles: profiles\nlimits: {retry: {first_wait: 5ms, longest_wait: 20ms, attempts: 3}}\ntenants:\n")
	for _, p := range practices {
		fmt.Fprintf(&b, "  - {id: %s, open: true, level: system, fhir_base_url: %q, types: [%s], agreement: {reference: A, status: active, effective_from: 2020-01-01, types: ['*'], groups: ['*'], sinks: ['*']}}\n",
			p.tenant, h.server.Practice(strings.ToUpper(p.tenant)).Base(), strings.Join(p.source.Types(), ", "))
	}
	for name, content := range map[string]string{"profiles/standard.yaml": string(text), "bulkhead.yaml": b.String()} {
		path := filepath.Join(h.dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			h.t.Fatal(err)
		}
	}
}

func (h *house) open() {
	cfg, err := config.Load(filepath.Join(h.dir, "bulkhead.yaml"))
	if err != nil {
		h.t.Fatal(err)
	}
	h.App, err = app.Open(h.t.Context(), cfg, app.Options{
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		h.t.Fatal(err)
	}
	if err := h.Start(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) close() {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := errors.Join(h.server.Close(), h.Close(ended)); err != nil {
		h.t.Error(err)
	}
}

func (h *house) request(tenant string, w export.Wish) string {
	h.t.Helper()
	id, err := h.Engine.Request(h.t.Context(), tenant, w)
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

func (h *house) wait(tenant, id string, want life.State) store.Export {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), 3*time.Minute)
	defer cancel()
	x, err := h.Engine.Wait(ctx, tenant, id)
	if err != nil || x.State != want {
		h.t.Fatalf("export of %s ended %s: %s (%s), %v; want %s", tenant, x.State, x.ProblemSummary, x.LastError, err, want)
	}
	return x
}

func (h *house) export(tenant string, w export.Wish) store.Export {
	h.t.Helper()
	return h.wait(tenant, h.request(tenant, w), life.Completed)
}

func (h *house) query(sql string, args ...any) (rows [][]any) {
	h.t.Helper()
	tables, err := app.Tables(h.Config, "")
	if err != nil {
		h.t.Fatal(err)
	}
	r, err := tables.Query(h.t.Context(), sql, args...)
	if err != nil {
		h.t.Fatalf("%s: %v", sql, err)
	}
	defer r.Close()
	for row, err := range r.All() {
		if err != nil {
			h.t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

func (h *house) count(sql string, args ...any) int64 {
	h.t.Helper()
	n, ok := h.query(sql, args...)[0][0].(int64)
	if !ok {
		h.t.Fatalf("%s gives no count", sql)
	}
	return n
}

// accounted gives the rows of an export's main tables and of the table
// resource, and what was quarantined.
func (h *house) accounted(x store.Export) (rows, other, quarantined int64) {
	h.t.Helper()
	for _, resourceType := range x.Types {
		if len(h.Views.For(resourceType)) > 0 {
			rows += h.count(fmt.Sprintf("SELECT count(*) FROM %q WHERE tenant_id = ?", fhir.SnakeCase(resourceType)), x.Tenant)
		}
	}
	other = h.count("SELECT count(*) FROM resource WHERE tenant_id = ?", x.Tenant)
	files, err := h.Store.In(x.Tenant).Files(h.t.Context(), x.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, f := range files {
		quarantined += f.Quarantined
	}
	return rows, other, quarantined
}

func everything(seed uint64, patients int, epoch time.Time) *population.Population {
	return population.New(population.Config{
		Seed: seed, Practice: fmt.Sprint("practice ", seed), Patients: patients, Epoch: epoch, ObservationsPerPatient: 20,
		ChangeRate: 0.02, DeleteRate: 0.01, JoinRate: 0.02,
	})
}

func TestEveryResourceOfAPracticeIsAccountedFor(t *testing.T) {
	born := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	people := everything(1, 25, born)
	h := newHouse(t, born, practice{tenant: "lakeside", source: sandbox.FromPopulation(people), knobs: func(k *sandbox.Knobs) {
		k.FilesPer = 300
		k.Bad = []sandbox.BadLines{{Type: "Observation", Broken: 2, NoID: 1}, {Type: "Patient", WrongType: 1}}
	}})
	x := h.export("lakeside", export.Wish{})
	var want int64
	for _, resourceType := range population.Types() {
		want += int64(people.Count(resourceType, time.Time{}, h.server.Now()))
	}
	rows, other, quarantined := h.accounted(x)
	if rows+other+quarantined != want || quarantined != 3 || other != 1 { // the other is of a type that no file was of
		t.Errorf("%d rows + %d others + %d quarantined, want %d resources, 3 of them quarantined, 1 of another type", rows, other, quarantined, want)
	}
	for _, s := range []string{"raw", "quarantine", "staged"} {
		if _, err := os.Stat(filepath.Join(h.dir, "state", "files", s, "lakeside", x.ID)); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
}

// The dataset is a real population of 38,483 resources.
func TestTheDatasetIsAccountedForWhereItIs(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "datasets", "synthea-100")
	if _, err := os.Stat(dir); err != nil {
		t.Log("the dataset is not beside the project; the generator's practice stands for it")
		return
	}
	source, err := sandbox.DirSource(dir)
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, time.Time{}, practice{tenant: "synthea", source: source})
	rows, other, quarantined := h.accounted(h.export("synthea", export.Wish{}))
	t.Logf("%d rows in main tables + %d in table resource + %d quarantined", rows, other, quarantined)
	if rows+other+quarantined != 38483 || other == 0 || quarantined != 0 {
		t.Errorf("%d + %d + %d, want 38,483", rows, other, quarantined)
	}
}

func TestASecondRoundMovesOnlyWhatChangedAndAppliesDeletions(t *testing.T) {
	born := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	people := everything(2, 40, born)
	h := newHouse(t, born, practice{tenant: "lakeside", source: sandbox.FromPopulation(people)})
	first := h.export("lakeside", export.Wish{})
	then := h.server.Now()
	h.server.Advance(5 * 24 * time.Hour)
	second := h.export("lakeside", export.Wish{})
	if second.Mode != export.Incremental || second.Since != first.TransactionTime {
		t.Errorf("second round: %s since %s, want incremental since %s", second.Mode, second.Since, first.TransactionTime)
	}
	now := h.server.Now()
	delivered := func(x store.Export) (n int64) {
		files, err := h.Store.In("lakeside").Files(t.Context(), x.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if f.Section == "output" {
				n += f.Delivered
			}
		}
		return n
	}
	if a, b := delivered(first), delivered(second); b == 0 || b*3 > a {
		t.Errorf("first round moved %d resources, the second %d", a, b)
	}
	deleted := 0
	for range people.Deleted("Observation", then, now) {
		deleted++
	}
	if deleted == 0 {
		t.Fatal("the population deleted no observation: the test shows nothing")
	}
	for _, resourceType := range []string{"Patient", "Observation", "Condition", "Encounter"} {
		want := int64(people.Count(resourceType, time.Time{}, now))
		if got := h.count(fmt.Sprintf("SELECT count(*) FROM %q", fhir.SnakeCase(resourceType))); got != want {
			t.Errorf("%s: %d rows, the practice has %d", resourceType, got, want)
		}
	}
	h.server.Practice("LAKESIDE").Set(func(k *sandbox.Knobs) { k.Deletions = false })
	h.server.Advance(5 * 24 * time.Hour)
	h.export("lakeside", export.Wish{Full: true})
	if got, want := h.count("SELECT count(*) FROM observation"), int64(people.Count("Observation", time.Time{}, h.server.Now())); got != want {
		t.Errorf("after export --full: %d observations, the practice has %d: what is absent must go", got, want)
	}
}

func TestTwoPracticesKeepTheirOwnPatient(t *testing.T) {
	born := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	h := newHouse(t, born,
		practice{tenant: "lakeside", source: sandbox.FromPopulation(everything(1, 10, born))},
		practice{tenant: "hillcrest", source: sandbox.FromPopulation(everything(2, 10, born))})
	a, b := h.request("lakeside", export.Wish{}), h.request("hillcrest", export.Wish{})
	h.wait("lakeside", a, life.Completed)
	h.wait("hillcrest", b, life.Completed)
	rows := h.query("SELECT tenant_id, resource_key, family, birth_date FROM patient WHERE id = '7' ORDER BY tenant_id")
	if len(rows) != 2 || rows[0][1] != "Patient/7" || rows[1][1] != "Patient/7" || cmp.Equal(rows[0][2:], rows[1][2:]) {
		t.Errorf("Patient/7 = %v, want two people", rows)
	}
	before := h.query("SELECT * FROM patient WHERE tenant_id = 'hillcrest' ORDER BY id")
	h.export("lakeside", export.Wish{Full: true})
	if diff := cmp.Diff(before, h.query("SELECT * FROM patient WHERE tenant_id = 'hillcrest' ORDER BY id")); diff != "" {
		t.Errorf("exporting lakeside again changed hillcrest: %s", diff)
	}
}

func TestPracticesThatHangOrFailDoNotHoldUpAnother(t *testing.T) {
	born := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	fault := func(on sandbox.Kind, do sandbox.Action) func(*sandbox.Knobs) {
		return func(k *sandbox.Knobs) { k.Faults = []sandbox.Fault{{On: on, Do: do}} }
	}
	h := newHouse(t, born,
		practice{tenant: "hanging", source: sandbox.FromPopulation(everything(1, 5, born)), knobs: fault(sandbox.KindFile, sandbox.ActionHang)},
		practice{tenant: "failing", source: sandbox.FromPopulation(everything(2, 5, born)), knobs: fault("", sandbox.ActionStatus)},
		practice{tenant: "healthy", source: sandbox.FromPopulation(everything(3, 5, born))})
	hanging, failing := h.request("hanging", export.Wish{}), h.request("failing", export.Wish{})
	h.export("healthy", export.Wish{})
	x, err := h.Store.In("hanging").Export(t.Context(), hanging)
	if err != nil || x.State.Over() {
		t.Errorf("the hanging export is %s, %v: it should still hang", x.State, err)
	}
	f := h.wait("failing", failing, life.Failed)
	if f.ProblemCode == "" || !strings.Contains(f.ProblemRemedy, "failing") {
		t.Errorf("problem %s: %s / %s", f.ProblemCode, f.ProblemSummary, f.ProblemRemedy)
	}
}

func TestTheReceiptsOfBothSinksAgree(t *testing.T) {
	born := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	h := newHouse(t, born, practice{tenant: "lakeside", source: sandbox.FromPopulation(everything(4, 15, born))})
	for range 2 {
		x := h.export("lakeside", export.Wish{})
		done, err := h.Store.In("lakeside").Publications(t.Context(), x.ID)
		if err != nil || len(done) != 2 {
			t.Fatalf("%d publications, %v", len(done), err)
		}
		types := func(i int) (m map[string]any) {
			if err := json.Unmarshal(done[i].Receipt, &m); err != nil {
				t.Fatal(err)
			}
			return m
		}
		if diff := cmp.Diff(types(0)["Types"], types(1)["Types"]); diff != "" {
			t.Errorf("%s and %s: %s", done[0].Sink, done[1].Sink, diff)
		}
		h.server.Advance(48 * time.Hour)
	}
	glob := filepath.Join(h.dir, "state", "parquet", "*", "current", "patient.parquet")
	if n, m := rowsIn(t, glob), h.count("SELECT count(*) FROM patient"); n != m || n == 0 {
		t.Errorf("%d patients in Parquet, %d in DuckDB", n, m)
	}
}

// rowsIn counts the rows of the Parquet files that the pattern names.
func rowsIn(t *testing.T, pattern string) (n int64) {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		f, err := file.OpenParquetFile(name, false)
		if err != nil {
			t.Fatal(err)
		}
		n += f.NumRows()
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	return n
}

func TestAChangedViewRefillsItsTableAtTheNextFullExport(t *testing.T) {
	born := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	h := newHouse(t, born, practice{tenant: "lakeside", source: sandbox.FromPopulation(everything(6, 5, born))})
	h.export("lakeside", export.Wish{})
	dir := t.TempDir()
	view := `{"resourceType": "ViewDefinition", "name": "patient_gender", "status": "active", "resource": "Patient",
		"select": [{"column": [{"name": "id", "path": "getResourceKey()", "type": "id"}, {"name": "gender", "path": "gender", "type": "code"}]}]}`
	if err := os.WriteFile(filepath.Join(dir, "patient_gender.json"), []byte(view), 0o600); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := h.Close(ended); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(h.dir, "bulkhead.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.dir, "bulkhead.yaml"), []byte("views: ["+dir+"]\n"+string(text)), 0o600); err != nil {
		t.Fatal(err)
	}
	h.open()
	h.export("lakeside", export.Wish{Full: true})
	if n, m := h.count("SELECT count(gender) FROM patient_gender"), h.count("SELECT count(*) FROM patient"); n != m || n == 0 {
		t.Errorf("the new view has %d rows for %d patients", n, m)
	}
}

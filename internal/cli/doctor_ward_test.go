package cli

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/doctor"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox/population"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A ward is a bulkhead that nobody runs: lakeside is complete, with refused
// lines, and hillcrest failed in the middle of its downloads.
type ward struct {
	t      *testing.T
	dir    string
	server *sandbox.Server

	whole, broken string // their exports
}

func newWard(t *testing.T) *ward {
	t.Helper()
	w := &ward{t: t, dir: t.TempDir()}
	born := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	cfg := sandbox.Config{CAFile: filepath.Join(w.dir, "ca.pem"), Epoch: born}
	for i, code := range []string{"LAKESIDE", "HILLCREST"} {
		knobs := sandbox.Preset(sandbox.ProfileStandard)
		knobs.Takes, knobs.RetryAfter = 50*time.Millisecond, 10*time.Millisecond
		knobs.Bad = []sandbox.BadLines{{Type: "Condition", Broken: 2, NoID: 1}}
		if code == "HILLCREST" {
			knobs.Faults = []sandbox.Fault{{On: sandbox.KindFile, Type: "Procedure", Do: sandbox.ActionStatus, Status: 500}}
		}
		cfg.Practices = append(cfg.Practices, sandbox.Practice{
			Code: code, Name: code, Profile: sandbox.ProfileStandard, Open: true, Knobs: &knobs,
			Source: sandbox.FromPopulation(population.New(population.Config{
				Seed: uint64(i + 1), Practice: code, Patients: 3, Epoch: born, ObservationsPerPatient: 5, ChangeRate: 0.2, DeleteRate: 0.1,
			})),
		})
	}
	var err error
	if w.server, err = sandbox.Start(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.server.Close() })
	w.configure()
	w.working(func(a *app.App) {
		w.whole = w.ends(a, "lakeside", life.Completed, export.Wish{})
		w.broken = w.ends(a, "hillcrest", life.Failed, export.Wish{})
	})
	return w
}

func (w *ward) configure() {
	w.t.Helper()
	profile := config.Profiles()["standard"]
	profile.Poll = config.PollRule{Default: config.Duration(20 * time.Millisecond), Floor: config.Duration(10 * time.Millisecond), Ceiling: config.Duration(time.Second)}
	text, err := profile.YAML()
	if err != nil {
		w.t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("folder: state\ntls: {ca_file: ca.pem}\nprofiles: profiles\nlimits: {retry: {first_wait: 5ms, longest_wait: 10ms, attempts: 2}}\ntenants:\n")
	for _, id := range []string{"lakeside", "hillcrest"} {
		fmt.Fprintf(&b, "  - {id: %s, open: true, level: system, fhir_base_url: %q, types: [Patient, Condition, Observation, Procedure], agreement: {reference: A, status: active, effective_from: 2020-01-01, types: ['*'], groups: ['*'], sinks: ['*']}}\n",
			id, w.server.Practice(strings.ToUpper(id)).Base())
	}
	for name, content := range map[string]string{"profiles/standard.yaml": string(text), "bulkhead.yaml": b.String()} {
		path := filepath.Join(w.dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *ward) config() *config.Config {
	w.t.Helper()
	cfg, err := config.Load(filepath.Join(w.dir, "bulkhead.yaml"))
	if err != nil {
		w.t.Fatal(err)
	}
	return cfg
}

// working runs f while a bulkhead works.
func (w *ward) working(f func(a *app.App)) {
	w.t.Helper()
	a, err := app.Open(w.t.Context(), w.config(), app.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := a.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	defer func() {
		if err := a.Close(context.WithoutCancel(w.t.Context())); err != nil {
			w.t.Error(err)
		}
	}()
	f(a)
}

func (w *ward) ends(a *app.App, tenant string, want life.State, wish export.Wish) string {
	w.t.Helper()
	id, err := a.Engine.Request(w.t.Context(), tenant, wish)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.wait(a, tenant, id, want)
}

func (w *ward) wait(a *app.App, tenant, id string, want life.State) string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Minute)
	defer cancel()
	x, err := a.Engine.Wait(ctx, tenant, id)
	if err != nil || x.State != want {
		w.t.Fatalf("export of %s ended %s: %s (%s), %v; want %s", tenant, x.State, x.ProblemSummary, x.LastError, err, want)
	}
	return x.ID
}

// twin is a ward of its own with the same patients.
func (w *ward) twin(t *testing.T) *ward {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "twin")
	if err := os.CopyFS(dir, os.DirFS(w.dir)); err != nil {
		t.Fatal(err)
	}
	return &ward{t: t, dir: dir, server: w.server, whole: w.whole, broken: w.broken}
}

func (w *ward) path(parts ...string) string {
	return filepath.Join(append([]string{w.dir, "state"}, parts...)...)
}

// one gives the first file that a pattern below the state folder matches.
func (w *ward) one(pattern string) string {
	w.t.Helper()
	list, err := filepath.Glob(w.path(pattern))
	if err != nil || len(list) == 0 {
		w.t.Fatalf("no file %s, %v", pattern, err)
	}
	return list[0]
}

func (w *ward) remove(path string) {
	w.t.Helper()
	if err := os.RemoveAll(path); err != nil {
		w.t.Fatal(err)
	}
}

// flip changes one byte in the middle of a file.
func (w *ward) flip(path string) {
	w.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	text[len(text)/2] ^= 0xff
	if err := os.WriteFile(path, text, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *ward) cut(path string) {
	w.t.Helper()
	st, err := os.Stat(path)
	if err == nil {
		err = os.Truncate(path, st.Size()/2)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// put makes a file of a certain age.
func (w *ward) put(age time.Duration, parts ...string) string {
	w.t.Helper()
	path := w.path(parts...)
	err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("x"), 0o600), os.Chtimes(path, time.Time{}, time.Now().Add(-age)))
	if err != nil {
		w.t.Fatal(err)
	}
	return path
}

// sql changes the ledger behind bulkhead's back.
func (w *ward) sql(statements ...string) {
	w.t.Helper()
	db, err := sql.Open("sqlite", w.path("ledger.db")+"?_pragma=foreign_keys(0)")
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		s = strings.NewReplacer("$whole", "'"+w.whole+"'", "$broken", "'"+w.broken+"'").Replace(s)
		if _, err := db.ExecContext(w.t.Context(), s); err != nil {
			w.t.Fatalf("%s: %v", s, err)
		}
	}
}

// under is what of a ward is examined.
type under struct {
	deep, sinks bool
	room        int64
}

// examined gives the report of an examination.
func (w *ward) examined(u under) doctor.Report {
	w.t.Helper()
	cfg, c := w.config(), &doctorCommand{Deep: u.deep}
	s, err := store.Look(w.t.Context(), app.Ledger(cfg))
	if err != nil {
		w.t.Fatal(err)
	}
	defer s.Close()
	o, free, err := c.options(w.t.Context(), cfg, s)
	if err != nil {
		w.t.Fatal(err)
	}
	defer free()
	o.Room = u.room
	if !u.sinks {
		o.Sinks = nil
	}
	r, err := doctor.Examine(w.t.Context(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// repaired looks and repairs, as the command does.
func (w *ward) repaired(u under) doctor.Report {
	w.t.Helper()
	r, err := (&doctorCommand{Deep: u.deep}).mend(w.t.Context(), w.config())
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// checks names what was found, notices aside.
func checks(r doctor.Report) (list []doctor.Check) {
	for _, f := range r.Findings {
		if f.Severity != doctor.Notice && !slices.Contains(list, f.Check) {
			list = append(list, f.Check)
		}
	}
	slices.Sort(list)
	return list
}

// filesBelow lists every file below a folder.
func filesBelow(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			list = append(list, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

type sandboxKnobs = sandbox.Knobs

var fullWish = export.Wish{Full: true}

package machinetest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox/population"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// setup is the configuration of a place. The state folder and each sink's are
// folders of their own, so that each can be on a disk of its own.
const setup = `
folder: state
profiles: profiles
limits: {free_bytes: 1B, line_bytes: 64KiB, ingest_workers: 2, retry: {first_wait: 10ms, longest_wait: 100ms, attempts: %d}}
sinks:
  tables: {kind: duckdb, file: tables/tables.duckdb}
  lake: {kind: parquet, folder: lake}
tenants:
  - &t
    id: lakeside
    open: true
    allow_http: true
    profile: standard
    fhir_base_url: %s
    level: patient
    types: [Condition, Observation, Patient]
    sinks: [tables, lake]
    agreement: {reference: BAA-1, status: active, effective_from: 2020-01-01, types: ["*"], groups: ["*"], sinks: ["*"]}
  - {<<: *t, id: hillcrest, fhir_base_url: "%s", types: [Condition, Patient], sinks: [%s]}
`

// tenants are the practices of every place.
var tenants = []string{"lakeside", "hillcrest"}

// A spec is what a place has that others do not.
type spec struct {
	other   string // the sink of hillcrest; tables when it is empty
	retries int    // attempts before a person is asked; 4 when it is 0
	knobs   func(*sandbox.Knobs)
}

// A place is a folder in which bulkhead works, with the practices' servers
// beside it.
type place struct {
	dir    string
	spec   spec
	server *sandbox.Server
}

func newPlace(t *testing.T, s spec) *place {
	t.Helper()
	if s.other == "" {
		s.other = "tables"
	}
	if s.retries == 0 {
		s.retries = 4
	}
	p := &place{dir: t.TempDir(), spec: s}
	var err error
	p.server, err = sandbox.Start(t.Context(), sandbox.Config{
		Plain: true, Epoch: time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC), TimeScale: 0.001,
		Practices: []sandbox.Practice{practice("LAKESIDE", 5, 6), practice("HILLCREST", 6, 4)},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.server.Close(); err != nil {
			t.Error(err)
		}
	})
	if s.knobs != nil {
		p.server.Practice("LAKESIDE").Set(s.knobs)
	}
	p.write(t, "bulkhead.yaml", fmt.Sprintf(setup, s.retries, p.server.Practice("LAKESIDE").Base(), p.server.Practice("HILLCREST").Base(), s.other))
	profile := config.Profiles()["standard"]
	profile.Poll = config.PollRule{Default: config.Duration(20 * time.Millisecond), Floor: config.Duration(20 * time.Millisecond), Ceiling: config.Duration(100 * time.Millisecond)}
	text, err := profile.YAML()
	if err != nil {
		t.Fatal(err)
	}
	p.write(t, "profiles/standard.yaml", string(text))
	return p
}

func practice(code string, seed uint64, patients int) sandbox.Practice {
	born := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	knobs := sandbox.Preset(sandbox.ProfileStandard)
	knobs.Takes, knobs.RetryAfter = 60*time.Microsecond, 30*time.Microsecond
	knobs.FilesPer, knobs.BlankLines = 25, 7
	knobs.Bad = []sandbox.BadLines{{Type: "Patient", NoID: 1}, {Type: "Observation", Broken: 1, WrongType: 1}}
	return sandbox.Practice{
		Code: code, Name: code, Profile: sandbox.ProfileStandard, Open: true, Knobs: &knobs,
		Source: sandbox.FromPopulation(population.New(population.Config{
			Seed: seed, Practice: code, Patients: patients, Epoch: born, ObservationsPerPatient: 8, VisitsPerPatient: 2,
		})),
	}
}

func (p *place) path(name string) string { return filepath.Join(p.dir, name) }

func (p *place) write(t *testing.T, name, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(p.path(name)), 0o700), os.WriteFile(p.path(name), []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// look opens the ledger to read it.
func (p *place) look(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Look(t.Context(), p.path("state/ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// latest gives the practice's latest export.
func (p *place) latest(t *testing.T, tenant string) store.Export {
	t.Helper()
	s, err := store.Look(t.Context(), p.path("state/ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	x, _, err := s.In(tenant).Latest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// goOn does for each practice what a person is told to do when the cause is
// gone, and demands that its export completes.
func (p *place) goOn(t *testing.T) {
	t.Helper()
	if failed := p.in(t, life.Failed, life.Unknown); len(failed) > 0 {
		p.bulkhead(t, append([]string{"export", "--resume"}, failed...)...).wants(0, "completed")
	}
	if running := p.in(t, life.Requested, life.KickingOff, life.Waiting, life.Polling, life.Downloading, life.Ingesting, life.Publishing); len(running) > 0 {
		p.bulkhead(t, append([]string{"export"}, running...)...).wants(0, "completed")
	}
	if openSteps(t, p.look(t)) > 0 { // of a server that has not been told that it may forget the export
		run := p.start(t, way{}, "run")
		p.settled(t)
		run.stops(os.Interrupt, 0, lastOfRun)
	}
}

// in gives the practices whose latest export is in one of the states.
func (p *place) in(t *testing.T, states ...life.State) (are []string) {
	t.Helper()
	for _, tenant := range tenants {
		if slices.Contains(states, p.latest(t, tenant).State) {
			are = append(are, tenant)
		}
	}
	return are
}

// openSteps counts what the ledger still wants to run.
func openSteps(t *testing.T, s *store.Store) (n int) {
	t.Helper()
	if err := s.DB().QueryRowContext(t.Context(), `SELECT count(*) FROM step WHERE state <> 'done'`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// kickoffs gives how many exports a practice's server has started.
func (p *place) kickoffs(tenant string) int {
	return len(p.server.Observations(strings.ToUpper(tenant)).Exports)
}

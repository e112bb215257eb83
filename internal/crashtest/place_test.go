package crashtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox/population"
)

// setup is the configuration of a world; its first verb is the longest line
// that is parsed, which grows before the replay.
const setup = `
folder: state
profiles: profiles
limits: {line_bytes: %s, ingest_workers: 2, downloads_per_export: 2, retry: {first_wait: 10ms, longest_wait: 100ms, attempts: 60}}
sinks:
  tables: {kind: duckdb, file: state/tables.duckdb}
  lake: {kind: parquet, folder: state/lake}
tenants:
  - &t
    id: lakeside
    open: true
    allow_http: true
    profile: standard
    fhir_base_url: %s
    level: patient
    types: [Condition, DocumentReference, Observation, Patient]
    sinks: [tables, lake]
    attachments: {fetch: true}
    agreement: {reference: BAA-1, status: active, effective_from: 2020-01-01, types: ["*"], groups: ["*"], sinks: ["*"], attachments: true}
  - {<<: *t, id: hillcrest, fhir_base_url: "%s", types: [Condition, Patient], attachments: {fetch: false}}
`

// A place is a state folder with the practices' servers beside it. Its stage
// is the one that is being lived.
type place struct {
	dir     string
	server  *sandbox.Server
	tenants []string
	stage   int
}

// slow is the pace of the servers' time, so that the records are the same
// however long a life takes.
const slow = 0.001

// born is when the practices began, and when a life begins for their servers.
var born = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

func practice(code string, seed uint64, patients int) sandbox.Practice {
	knobs := sandbox.Preset(sandbox.ProfileStandard)
	knobs.Takes, knobs.RetryAfter = 60*time.Microsecond, 30*time.Microsecond
	knobs.FilesPer, knobs.Deletions = 10, true // so few that steps have several files
	knobs.Attach, knobs.AttachSize = sandbox.AttachRelative, 1000
	knobs.OddTypes, knobs.BigLine, knobs.BlankLines = sandbox.Names{"Condition"}, 1, 7
	knobs.Bad = []sandbox.BadLines{{Type: "Patient", NoID: 1}, {Type: "Observation", Broken: 1, WrongType: 1}}
	return sandbox.Practice{
		Code: code, Name: code, Profile: sandbox.ProfileStandard, Open: true, Knobs: &knobs,
		Source: sandbox.FromPopulation(population.New(population.Config{
			Seed: seed, Practice: code, Patients: patients, Epoch: born, ObservationsPerPatient: 8, VisitsPerPatient: 2,
			ChangeRate: 0.01, DeleteRate: 0.01, JoinRate: 0.01,
		})),
	}
}

func newPlace(t *testing.T) *place {
	t.Helper()
	dir := t.TempDir()
	server, err := sandbox.Start(t.Context(), sandbox.Config{
		Plain: true, Epoch: born, TimeScale: slow,
		Practices: []sandbox.Practice{practice("LAKESIDE", 5, 6), practice("HILLCREST", 6, 4)},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	p := &place{dir: dir, server: server, tenants: tenants, stage: full}
	p.configure(t, "64KiB")
	p.hasten(t)
	return p
}

// hasten lets the vendor profile poll as fast as the servers work.
func (p *place) hasten(t *testing.T) {
	t.Helper()
	profile := config.Profiles()["standard"]
	profile.Poll = config.PollRule{Default: config.Duration(20 * time.Millisecond), Floor: config.Duration(20 * time.Millisecond), Ceiling: config.Duration(100 * time.Millisecond)}
	text, err := profile.YAML()
	if err != nil {
		t.Fatal(err)
	}
	p.write(t, "profiles/standard.yaml", string(text))
}

func (p *place) configure(t *testing.T, line string) {
	t.Helper()
	p.write(t, "bulkhead.yaml", fmt.Sprintf(setup, line, p.server.Practice("LAKESIDE").Base(), p.server.Practice("HILLCREST").Base()))
}

// next goes on to the next stage: a month passes at the practices, or the
// rules change.
func (p *place) next(t *testing.T) {
	t.Helper()
	p.stage++
	switch p.stage {
	case incremental:
		p.server.Advance(30 * 24 * time.Hour)
	case replay:
		p.configure(t, "256MiB")
	}
}

func (p *place) path(name string) string { return filepath.Join(p.dir, name) }

func (p *place) write(t *testing.T, name, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(p.path(name)), 0o700), os.WriteFile(p.path(name), []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// run runs a bulkhead until the stage ends or it dies; it reports whether it
// died as it should.
func (p *place) run(t *testing.T, d death) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(ctx, self)
	child.Env = append(os.Environ(), configEnv+"="+p.path("bulkhead.yaml"), stageEnv+"="+strconv.Itoa(p.stage),
		deathEnv+"="+d.String(), censusEnv+"="+p.path("census"))
	out, err := child.CombinedOutput()
	if err == nil {
		return false
	}
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || ctx.Err() != nil {
		t.Fatalf("stage %d, %s: %v: %s", p.stage, d, err, out)
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	killed := ok && status.Signaled() && status.Signal() == syscall.SIGKILL && (!d.Term || d.Grace > 0)
	if d == (death{}) || !killed && !(d.Term && exit.ExitCode() == stopped) {
		t.Fatalf("stage %d, %s: the process ended by itself: %v: %s", p.stage, d, err, out)
	}
	return true
}

// passed is what the process that ended the stage passed.
func (p *place) passed(t *testing.T) (received int64, moments []string) {
	t.Helper()
	text, err := os.ReadFile(p.path("census"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	if received, err = strconv.ParseInt(lines[0], 10, 64); err != nil {
		t.Fatal(err)
	}
	return received, lines[1:]
}

package crashtest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox/population"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

const setup = `
folder: state
tls: {ca_file: ca.pem}
profiles: profiles
limits: {retry: {first_wait: 10ms, longest_wait: 1s}}
tenants:
  - id: lakeside
    open: true
    profile: standard
    fhir_base_url: %s
    level: patient
    types: [Condition, DocumentReference, Encounter, Observation, Patient]
    attachments: {fetch: true}
    agreement: {reference: BAA-1, status: active, effective_from: 2020-01-01, types: ["*"], groups: ["*"], sinks: ["*"], attachments: true}
`

// A place is a state folder with the practice's server beside it.
type place struct {
	dir    string
	server *sandbox.Server
}

func newPlace(t *testing.T) place {
	t.Helper()
	dir := t.TempDir()
	born := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	knobs := sandbox.Preset(sandbox.ProfileStandard)
	knobs.Takes, knobs.RetryAfter, knobs.FilesPer = 300*time.Millisecond, 100*time.Millisecond, 200
	knobs.Attach, knobs.AttachSize = sandbox.AttachRelative, 2000
	server, err := sandbox.Start(t.Context(), sandbox.Config{
		CAFile: filepath.Join(dir, "ca.pem"), Epoch: born,
		Practices: []sandbox.Practice{{
			Code: "LAKESD", Name: "Lakeside", Profile: sandbox.ProfileStandard, Open: true, Knobs: &knobs,
			Source: sandbox.FromPopulation(population.New(population.Config{
				Seed: 5, Practice: "Lakeside", Patients: 30, Epoch: born, ObservationsPerPatient: 30,
			})),
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	p := place{dir: dir, server: server}
	p.write(t, "bulkhead.yaml", fmt.Sprintf(setup, server.Practice("LAKESD").Base()))
	profile := config.Profiles()["standard"]
	profile.Poll = config.PollRule{Default: config.Duration(50 * time.Millisecond), Floor: config.Duration(50 * time.Millisecond), Ceiling: config.Duration(time.Second)}
	text, err := profile.YAML()
	if err != nil {
		t.Fatal(err)
	}
	p.write(t, "profiles/standard.yaml", string(text))
	return p
}

func (p place) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(p.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// run runs a bulkhead until it ends or dies.
func (p place) run(t *testing.T, death string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(ctx, self)
	child.Env = append(os.Environ(), configEnv+"="+filepath.Join(p.dir, "bulkhead.yaml"), deathEnv+"="+death)
	out, err := child.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// tables gives the number of rows and a digest of each table's rows, but for
// the name of the export that they came by.
func (p place) tables(t *testing.T) map[string]string {
	t.Helper()
	cfg, err := config.Load(filepath.Join(p.dir, "bulkhead.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	sink, err := app.Tables(cfg, "")
	if err != nil {
		t.Fatal(err)
	}
	query := func(sql string) (rows []string) {
		r, err := sink.Query(t.Context(), sql)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for row, err := range r.All() {
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, fmt.Sprint(row...))
		}
		return rows
	}
	digests := map[string]string{}
	for _, name := range query(`SELECT table_name FROM information_schema.tables WHERE table_name NOT LIKE '\_%' ESCAPE '\' ORDER BY 1`) {
		exports := "source_file"
		if name == "attachment" {
			exports += ", location, stored_by_export"
		}
		rows := query(fmt.Sprintf(`SELECT * EXCLUDE (%s) FROM %q ORDER BY ALL`, exports, name))
		digests[name] = fmt.Sprintf("%d rows %x", len(rows), sha256.Sum256([]byte(strings.Join(rows, "\n"))))
	}
	return digests
}

// leftovers lists files that a whole run leaves none of.
func (p place) leftovers(t *testing.T) (names []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(p.dir, "state"), func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && !strings.HasSuffix(path, "/.tmp/lock") && (strings.Contains(path, ".tmp") || strings.HasSuffix(path, ".wal")) {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// openSteps counts what the ledger still wants to run.
func (p place) openSteps(t *testing.T) (n int) {
	t.Helper()
	s, err := store.Look(t.Context(), filepath.Join(p.dir, "state", "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.DB().QueryRow(`SELECT count(*) FROM step WHERE state <> 'done' AND kind <> 'release'`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAProcessThatIsKilledIsTakenUpByTheNext(t *testing.T) {
	calm := newPlace(t)
	if err := calm.run(t, ""); err != nil {
		t.Fatal(err)
	}
	want := calm.tables(t)
	if len(want) < 10 || !strings.HasPrefix(want["patient"], "30 rows") {
		t.Fatalf("the calm run has %d tables, patient: %s", len(want), want["patient"])
	}
	documents := calm.server.Counts("LAKESD")[sandbox.KindAttachment]
	if documents < 20 || !strings.HasPrefix(want["attachment"], fmt.Sprint(documents, " rows")) {
		t.Fatalf("the calm run asked for %d documents: %s", documents, want["attachment"])
	}
	for _, kind := range []string{export.Poll, export.Download, export.Ingest, export.Attach, export.Publish} {
		for _, when := range []string{"before", "during", "after"} {
			t.Run(kind+" "+when, func(t *testing.T) {
				p := newPlace(t)
				err := p.run(t, kind+":"+when)
				exit, ok := errors.AsType[*exec.ExitError](err)
				if !ok {
					t.Fatalf("the process did not die: %v", err)
				}
				if status, ok := exit.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
					t.Fatalf("the process ended by itself: %v", err)
				}
				if err := p.run(t, ""); err != nil {
					t.Fatalf("the next process: %v", err)
				}
				if diff := cmp.Diff(want, p.tables(t)); diff != "" {
					t.Errorf("tables differ from the calm run: %s", diff)
				}
				if n := p.server.Counts("LAKESD")[sandbox.KindKickoff]; n != 1 {
					t.Errorf("kicked off %d times", n)
				}
				if n, most := p.server.Counts("LAKESD")[sandbox.KindAttachment], documents+1; n > most {
					t.Errorf("%d requests for %d documents: what was stored was fetched again", n, documents)
				}
				if left := p.leftovers(t); len(left) > 0 || p.openSteps(t) > 0 {
					t.Errorf("left behind: %v, %d steps", left, p.openSteps(t))
				}
			})
		}
	}
}

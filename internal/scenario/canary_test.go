package scenario_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/cli"
	"github.com/bulkhead-fhir/bulkhead/internal/engine"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

func TestNothingThatAServerOrAPatientSaysIsRepeated(t *testing.T) {
	t.Attr("fault", "canary: records that say a canary in every element, and servers that say it in every header, text, name and link, on every path of success and failure -> no log, problem, command, column of the ledger or file says it, but where records belong")
	for _, road := range canaryRoads() {
		t.Run(road.name, func(t *testing.T) {
			scenario.Run(t, canaryPractice(t), func(w *scenario.World) {
				w.KeepID("a patient's id", personal)
				w.KeepPath("a link's path", inPath)
				w.KeepLink("a link's query", inQuery)
				for _, path := range append(road.paths, canaryPath{"nothing goes wrong", nil}) {
					x := goes(w, road.on, path)
					if path.do == nil {
						w.Want(x, life.Completed)
					}
				}
				speak(w)
			})
		})
	}
}

// goes lets the practice's next export take a path, and looks at what is told
// of it. What is kept of it is searched when the world ends.
func goes(w *scenario.World, on []sandbox.Kind, path canaryPath) *scenario.Export {
	w.T().Helper()
	w.Play(func(q sandbox.Request, a http.ResponseWriter, r *http.Request, usual func() *httptest.ResponseRecorder) bool {
		if path.do != nil && slices.Contains(on, q.Kind) {
			return path.do(q, a, r, usual)
		}
		return files(q, a, r, usual)
	})
	if slices.Contains(on, sandbox.KindSMART) || slices.Contains(on, sandbox.KindToken) { // what is known of them is forgotten
		w.Restart()
	}
	before := len(w.Log())
	x := w.Full()
	said := x.String() + x.ProblemRemedy + w.Log()[before:]
	for _, secret := range []string{word, inPath, inQuery, personal} {
		if i := strings.Index(strings.ToLower(said), strings.ToLower(secret)); i >= 0 {
			w.T().Errorf("%s: %.200q", path.name, said[max(0, i-100):])
		}
	}
	if !x.State.Over() {
		if err := w.Engine.Cancel(w.T().Context(), x.Tenant, x.ID, "test"); err != nil {
			w.T().Error(err)
		}
	}
	w.Pass(time.Minute)
	return x
}

// speak lets every command that looks at what is there say it, as text and as
// JSON.
func speak(w *scenario.World) {
	w.T().Helper()
	said := 0
	exports, err := w.Store.In("lakeside").Exports(w.T().Context(), 2)
	if err != nil {
		w.T().Fatal(err)
	}
	all := [][]string{
		{"status"},
		{"status", "lakeside", "--limit", "1000"},
		{"quality", "lakeside", "--columns"},
		{"tables"},
		{"plan", "lakeside"},
		{"quarantine", "list"},
		{"quarantine", "list", "lakeside"},
		{"doctor"},
		{"doctor", "--deep"},
		{"keys", "list"},
	}
	for _, x := range exports {
		all = append(all, []string{"status", "lakeside", "--export", x.ID}, []string{"status", "lakeside", "--export", x.ID, "--events"},
			[]string{"quarantine", "show", "lakeside", "--export", x.ID, "--limit", "100"})
	}
	for _, args := range all {
		for _, form := range [][]string{nil, {"--json"}} {
			said += len(command(w, append(args, form...)...))
		}
	}
	readPages(w)
	if said < 10_000 {
		w.T().Errorf("the commands say %d bytes: the test would show nothing", said)
	}
}

// command runs a command on the world's configuration and gives all that it
// prints.
func command(w *scenario.World, args ...string) string {
	var out bytes.Buffer
	status := cli.Main(w.T().Context(), append([]string{"--config", w.ConfigFile(), "--log", "debug"}, args...), cli.Streams{In: strings.NewReader(""), Out: &out, Err: &out})
	text := fmt.Sprintf("$ bulkhead %s\n%s(%d)\n", strings.Join(args, " "), out.String(), status)
	where := "what bulkhead " + args[0] + " says"
	if slices.Contains(args, "--events") {
		where = scenario.EventsOf // the log itself
	}
	w.Told(where, text)
	return text
}

func TestWhatBreaksWithinBulkheadRepeatsNoRecord(t *testing.T) {
	for _, c := range []struct {
		name string
		code problem.Code
		spec func(s *scenario.Spec)
		do   func(w *scenario.World)
	}{
		{"a view that fails", "", func(s *scenario.Spec) { s.Config += "\nviews: [" + oddViews(t) + "]" }, nil},
		{"a sink that cannot be written", problem.SinkFailed, nil, func(w *scenario.World) {
			home := filepath.Join(filepath.Dir(w.ConfigFile()), "parquet", "lakeside")
			if err := os.WriteFile(home, nil, 0o600); err != nil {
				w.T().Fatal(err)
			}
		}},
		{"a step that panics with a record", problem.Internal, func(s *scenario.Spec) { s.Around = panicking }, nil},
		{"a disk that is full", problem.StorageFull, func(s *scenario.Spec) { s.Config = "limits: {free_bytes: 1000000GiB}" }, nil},
		{"a line that is too long", "", func(s *scenario.Spec) { s.Config = "limits: {line_bytes: 200}" }, nil},
		{"a file that is too large", problem.DownloadFailed, func(s *scenario.Spec) { s.Config = "limits: {file_bytes: 100, retry: {attempts: 1}}" }, nil},
		{"types that the agreement does not permit", problem.AgreementDenied, func(s *scenario.Spec) {
			s.Tenant.Config = "attachments: {fetch: true}\nagreement: {attachments: true, types: [Patient, Condition]}"
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Attr("fault", "canary: "+c.name+", and every element of every record says a canary -> none is repeated")
			spec := canaryPractice(t)
			if c.spec != nil {
				c.spec(&spec)
			}
			scenario.Run(t, spec, func(w *scenario.World) {
				w.KeepID("a patient's id", personal)
				w.Play(files)
				if c.do != nil {
					c.do(w)
				}
				x := w.Full()
				if x.ProblemCode != string(c.code) {
					t.Errorf("problem %q, want %q: %s", x.ProblemCode, c.code, x)
				}
				speak(w)
			})
		})
	}
}

// oddViews is a folder of a view whose columns do not fit what they are of.
func oddViews(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	text := `{"resourceType":"ViewDefinition","name":"odd","status":"active","resource":"Patient","select":[{"column":[` +
		`{"name":"id","path":"getResourceKey()","type":"string"},{"name":"given","path":"name.given","type":"string"},{"name":"family","path":"name.family","type":"integer"},` +
		`{"name":"birth","path":"birthDate","type":"date"},{"name":"mrn","path":"identifier.value.first()","type":"decimal"}]}]}`
	if err := os.WriteFile(filepath.Join(dir, "odd.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// panicking panics, in the midst of ingest, with what it has read.
func panicking(s engine.Steps) engine.Steps { return panics{s} }

type panics struct{ engine.Steps }

// Run implements engine.Steps.
func (p panics) Run(ctx context.Context, w export.Work) (export.Outcome, error) {
	if w.Lease.Kind == export.Ingest {
		panic("cannot read " + said("Patient"))
	}
	return p.Steps.Run(ctx, w)
}

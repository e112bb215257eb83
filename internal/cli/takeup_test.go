package cli

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
)

const onePractice = `folder: state
sinks: {lake: {kind: parquet, folder: lake}}
tenants:
  - {id: elm, open: true, level: system, fhir_base_url: https://elm.example.org/fhir, types: [Patient]}
`

// A writer calls a function for all that is written.
type writer func(text string)

func (w writer) Write(p []byte) (int, error) {
	w(string(p))
	return len(p), nil
}

// Before it could be taken up a reload ended the process, and a supervisor takes
// an end by SIGHUP for one that was wanted.
func TestAReloadThatIsAskedForDuringTheStartIsTakenUpAfterIt(t *testing.T) {
	t.Attr("fault", "machine: SIGHUP while bulkhead starts -> it starts, and takes the files up then")
	path := filepath.Join(t.TempDir(), "bulkhead.yaml")
	if err := os.WriteFile(path, []byte(onePractice), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	var tookUp atomic.Bool
	streams := Streams{
		Out: writer(func(text string) {
			if strings.HasPrefix(text, "bulkhead looks after") {
				if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
					t.Error(err)
				}
			}
		}),
		Err: writer(func(text string) {
			if strings.Contains(text, "took up the configuration") {
				tookUp.Store(true)
				stop()
			}
		}),
	}
	if status := Main(ctx, []string{"run", "--config", path}, streams); status != 0 || !tookUp.Load() {
		t.Errorf("status %d, took up: %v", status, tookUp.Load())
	}
}

// What somebody was shown, and only that, comes into force.
func TestFilesThatChangedSinceTheyWereShownAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bulkhead.yaml")
	write := func(text string) *config.Config {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	g := &Globals{Config: path, Log: "none", streams: Streams{Out: io.Discard, Err: io.Discard}}
	running := write(onePractice)
	shown := config.Digest(write(strings.Replace(onePractice, "[Patient]", "[Patient, Condition]", 1)).Parts())
	write(strings.Replace(onePractice, "[Patient]", "[Patient, Binary]", 1))
	err := g.working(t.Context(), running, app.Options{}, func(a *app.App) error {
		ask := func(digest string) string {
			t.Helper()
			id, err := a.Store.AskReload(t.Context(), digest, "anna")
			if err != nil {
				t.Fatal(err)
			}
			if err := g.answerReload(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			r, err := a.Store.Reload(t.Context(), id)
			if err != nil || !r.Answered {
				t.Fatalf("answer = %+v, %v", r, err)
			}
			return r.Refusal
		}
		if refusal := ask(shown); !strings.Contains(refusal, "have changed since they were shown") {
			t.Errorf("refusal = %q", refusal)
		}
		if got := a.InForce().Tenants[0].Types; len(got) != 1 {
			t.Errorf("types in force: %v", got)
		}
		next := write(strings.Replace(onePractice, "[Patient]", "[Patient, Binary]", 1))
		if refusal := ask(config.Digest(next.Parts())); refusal != "" {
			t.Errorf("refused: %s", refusal)
		}
		if got := a.InForce().Tenants[0].Types; len(got) != 2 || got[1] != "Binary" {
			t.Errorf("types in force: %v", got)
		}
		if err := os.WriteFile(path, []byte("foldr: x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if refusal := ask("any"); !strings.Contains(refusal, "has a mistake") {
			t.Errorf("refusal = %q", refusal)
		}
		history, err := a.Store.In("elm").Revisions(t.Context(), 5)
		if err != nil || len(history) != 2 || history[0].AppliedBy != "anna" || history[1].AppliedBy != "start" {
			t.Errorf("history = %+v, %v", history, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Whoever sends a signal is not answered, so somebody must be told otherwise.
func TestASignalWhoseFilesAreWrongIsRememberedUntilFilesAreTakenUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bulkhead.yaml")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(onePractice)
	c, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	said := make(chan string, 10)
	g := &Globals{Config: path, Log: "info", streams: Streams{Out: io.Discard, Err: writer(func(text string) {
		if strings.Contains(text, "taken up") || strings.Contains(text, "took up") {
			said <- text
		}
	})}}
	err = g.working(t.Context(), c, app.Options{}, func(a *app.App) error {
		hup := make(chan os.Signal)
		ctx, stop := context.WithCancel(t.Context())
		var at sync.WaitGroup
		at.Go(func() { g.takeUp(ctx, a, hup) })
		defer at.Wait()
		defer stop()
		signal := func(text string) {
			put(text)
			hup <- syscall.SIGHUP
			<-said
		}
		signal("foldr: x\n")
		first := a.FilesRefused()
		signal("foldr: y\n")
		if f := a.FilesRefused(); first.Since.IsZero() || !f.Since.Equal(first.Since) || f.Why == "" {
			t.Errorf("first %+v, then %+v", first, f)
		}
		signal(strings.Replace(onePractice, "[Patient]", "[Patient, Binary]", 1))
		stop()
		at.Wait()
		if f := a.FilesRefused(); !f.Since.IsZero() {
			t.Errorf("files are in force, and yet %+v", f)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

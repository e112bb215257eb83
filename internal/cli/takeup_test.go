package cli

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
)

const onePractice = `folder: state
sinks: {lake: {kind: parquet, folder: lake}}
tenants:
  - {id: elm, open: true, level: system, fhir_base_url: https://elm.example.org/fhir, types: [Patient]}
`

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

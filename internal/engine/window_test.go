package engine_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// windowed is one practice whose server has maintenance for two minutes, and
// which wants no export to start in two later ones.
const windowed = `
folder: %FOLDER%
profiles: profiles
sinks: {tables: {kind: duckdb, file: tables.duckdb}}
tenants:
  - id: lakeside
    open: true
    profile: nightly
    fhir_base_url: https://lakeside.example/fhir
    level: group
    group: g1
    types: [Patient]
    quiet: ["sat 00:05-00:07"]
    agreement: {reference: BAA-1, status: active, effective_from: 1999-01-01, types: ["*"], groups: ["*"], sinks: ["*"]}
`

func TestAWindowPutsStepsOffToItsEndAndNothingFails(t *testing.T) {
	t.Attr("fault", "server: maintenance begins while an export runs -> nothing is asked of it until the end of the window, the export goes on then")
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now().UTC() // a Saturday, midnight
		var mu sync.Mutex
		asked := map[string][]string{}
		s := newScript(1)
		for _, kind := range []string{export.Kickoff, export.Poll, export.Download} {
			s.on[kind] = func(_ context.Context, w export.Work) (export.Outcome, error) {
				mu.Lock()
				defer mu.Unlock()
				asked[kind] = append(asked[kind], time.Since(begin).Truncate(15*time.Second).String())
				if kind == export.Poll && len(asked[kind]) == 1 {
					return export.InProgress{PollAt: begin.Add(90 * time.Second)}, nil // in the window
				}
				return nil, nil
			}
		}
		b := &bench{t: t, folder: t.TempDir(), yaml: windowed, steps: s}
		profile := "name: nightly\nextends: standard\nmaintenance: ['sat 00:01-00:03']\n"
		err := errors.Join(os.Mkdir(filepath.Join(b.folder, "profiles"), 0o700), os.WriteFile(filepath.Join(b.folder, "profiles", "nightly.yaml"), []byte(profile), 0o600))
		if err != nil {
			t.Fatal(err)
		}
		b.start()
		defer b.stop()
		id := b.request("lakeside", export.Wish{})
		<-time.After(150 * time.Second)
		if x, err := b.store.In("lakeside").Export(t.Context(), id); err != nil || x.State != life.Polling || x.RetryCount != 0 {
			t.Errorf("in the window it is %s, %v", x.State, err)
		}
		var held string
		if err := b.store.DB().QueryRowContext(t.Context(), `SELECT held FROM step WHERE state = 'ready'`).Scan(&held); err != nil || held != store.HeldByMaintenance {
			t.Errorf("the step is held by %q, %v", held, err)
		}
		<-time.After(90 * time.Second)
		b.wait("lakeside", id, life.Completed)
		<-time.After(90 * time.Second) // five minutes and a half
		id = b.request("lakeside", export.Wish{})
		<-time.After(2 * time.Minute)
		b.wait("lakeside", id, life.Completed)
		for kind, want := range map[string]string{export.Kickoff: "0s 7m0s", export.Poll: "0s 3m0s 7m0s", export.Download: "3m0s 7m0s"} {
			if got := strings.Join(asked[kind], " "); got != want {
				t.Errorf("%s at %s, want %s", kind, got, want)
			}
		}
	})
}

package engine_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

func TestResumedExportsWaitForTheirSlotsAndGoOnWhereTheyStood(t *testing.T) {
	t.Attr("fault", "load: many failed exports are resumed at once -> as many as there are slots go on where they stood, the others wait")
	s := newScript(1)
	broken, ended := true, make(chan struct{})
	s.on[export.Poll] = func(ctx context.Context, _ export.Work) (export.Outcome, error) {
		if broken {
			return nil, problem.New(problem.ExportFailed, "the server says no", "Ask.")
		}
		select {
		case <-ended:
		case <-ctx.Done():
		}
		return nil, nil
	}
	b := newBench(t, s) // two slots
	ids := map[string]string{}
	for _, tenant := range []string{"lakeside", "hillcrest", "riverbend"} {
		ids[tenant] = b.wait(tenant, b.request(tenant, export.Wish{}), life.Failed).ID
	}
	broken = false
	for tenant, id := range ids {
		if err := b.Resume(t.Context(), tenant, id); err != nil {
			t.Fatal(err)
		}
	}
	count := map[life.State]int{}
	for tenant, id := range ids {
		x, err := b.store.In(tenant).Export(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		count[x.State]++
		if x.ProblemCode != "" || x.State == life.Waiting && (x.FailedIn != life.Polling || x.WaitingFor == "") {
			t.Errorf("%s: %s %q, waits for %q to go on in %q", tenant, x.State, x.ProblemCode, x.WaitingFor, x.FailedIn)
		}
	}
	if count[life.Polling] != 2 || count[life.Waiting] != 1 {
		t.Errorf("after three were resumed: %v, want as many as there are slots", count)
	}
	close(ended)
	for tenant, id := range ids {
		if x := b.wait(tenant, id, life.Completed); x.Kickoffs != 0 || x.FailedIn != "" {
			t.Errorf("%s: asked %d times for its export, failed in %q", tenant, x.Kickoffs, x.FailedIn)
		}
	}
	if n := s.count("lakeside kickoff"); n != 1 {
		t.Errorf("%d kick-offs: it had to go on where it stood", n)
	}
}

// slowed is one practice, in simulated time.
const slowed = `
folder: %FOLDER%
sinks: {tables: {kind: duckdb, file: tables.duckdb}}
tenants:
  - id: lakeside
    open: true
    fhir_base_url: https://lakeside.example/fhir
    level: group
    group: g1
    types: [Patient]
    agreement: {reference: BAA-1, status: active, effective_from: 1999-01-01, types: ["*"], groups: ["*"], sinks: ["*"]}
`

func TestAResumedExportWaitsAsLongAsTheServerLastAskedFor(t *testing.T) {
	t.Attr("fault", "server: an export fails with an answer that wants a pause, and is resumed after a restart -> nothing is asked before the pause is over")
	const pause = 2 * time.Minute
	for kind, of := range map[string]struct {
		op   bulkdata.Operation
		last int64 // attempt, after which a person is asked
	}{
		export.Kickoff: {bulkdata.OpKickoff, 2}, export.Poll: {bulkdata.OpStatus, 23}, export.Download: {bulkdata.OpFile, 2},
	} {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var last, again time.Time
				well, s := false, newScript(1)
				s.on[kind] = func(_ context.Context, w export.Work) (export.Outcome, error) {
					mu.Lock()
					defer mu.Unlock()
					if !well {
						last = time.Now()
						failure := &bulkdata.StatusError{Op: of.op, Status: 503}
						if w.Lease.Attempt == of.last {
							failure.RetryAfter = bulkdata.RetryAfter{Given: true, Wait: pause, At: last.Add(pause)}
						}
						return nil, failure
					}
					if again.IsZero() {
						again = time.Now()
					}
					return nil, nil
				}
				b := &bench{t: t, folder: t.TempDir(), yaml: slowed, steps: s}
				b.start()
				id := b.request("lakeside", export.Wish{})
				if x, err := b.Wait(t.Context(), "lakeside", id); err != nil || x.State != life.Failed {
					t.Fatalf("it ended %s, %v", x.State, err)
				}
				b.stop()
				well = true
				b.start()
				defer b.stop()
				if err := b.Resume(t.Context(), "lakeside", id); err != nil {
					t.Fatal(err)
				}
				if x, err := b.Wait(t.Context(), "lakeside", id); err != nil || x.State != life.Completed {
					t.Fatalf("it ended %s (%s), %v", x.State, x.ProblemSummary, err)
				}
				if waited := again.Sub(last); waited < pause || waited > pause+10*time.Second {
					t.Errorf("the server was asked again after %v, want %v", waited, pause)
				}
			})
		})
	}
}

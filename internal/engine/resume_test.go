package engine_test

import (
	"context"
	"testing"

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

package engine_test

import (
	"context"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/engine"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

var scheduled = strings.ReplaceAll(practices, "group: g1", "group: g1\n    schedule: 0 3 29 2 *")

// completes waits until the tenant has a completed export that the schedule
// asked for.
func (b *bench) completes(tenant string) {
	b.t.Helper()
	b.until("the scheduled export of "+tenant+" completes", func() bool {
		x, ok, err := b.store.In(tenant).Latest(b.t.Context())
		return err == nil && ok && x.State == life.Completed && x.RequestedBy == "schedule"
	})
}

func TestADueExportStartsOnceTheLedgerTakesIt(t *testing.T) {
	b := newBenchOf(t, newScript(1), scheduled)
	b.exec(`CREATE TRIGGER full BEFORE INSERT ON export BEGIN SELECT RAISE(ABORT, 'full'); END`)
	b.exec(`UPDATE schedule SET next_at = 1 WHERE tenant_id = 'lakeside'`)
	if err := engine.StartDue(b.Engine, t.Context()); err == nil {
		t.Fatal("the export was requested though the ledger takes none")
	}
	b.exec(`DROP TRIGGER full`)
	b.completes("lakeside")
}

func TestAPracticeWhoseScheduleFailsStandsInNoOthersWay(t *testing.T) {
	b := newBenchOf(t, newScript(1), scheduled)
	b.exec(`CREATE TRIGGER full BEFORE UPDATE ON schedule WHEN old.tenant_id = 'lakeside' AND new.next_at > 2 BEGIN SELECT RAISE(ABORT, 'full'); END`)
	b.exec(`UPDATE schedule SET next_at = CASE tenant_id WHEN 'lakeside' THEN 1 ELSE 2 END WHERE tenant_id <> 'riverbend'`)
	b.completes("hillcrest")
	b.exec(`DROP TRIGGER full`)
	b.completes("lakeside")
}

func TestAnExportIsNotResumedWhileAnotherRuns(t *testing.T) {
	s := newScript(1)
	gate := make(chan struct{})
	s.on[export.Poll] = func(context.Context, export.Work) (export.Outcome, error) {
		if s.count("lakeside poll") == 1 {
			return nil, problem.New(problem.ExportFailed, "the server says no", "Ask.")
		}
		<-gate
		return nil, nil
	}
	b := newBench(t, s)
	old := b.request("lakeside", export.Wish{})
	b.wait("lakeside", old, life.Failed)
	next := b.request("lakeside", export.Wish{})
	if p := problem.Of(b.Resume(t.Context(), "lakeside", old)); p == nil || p.Code != problem.Usage {
		t.Errorf("Resume = %v, want the problem usage", p)
	}
	close(gate)
	b.wait("lakeside", next, life.Completed)
}

package engine_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/engine"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func (b *bench) exec(statement string) int64 {
	b.t.Helper()
	r, err := b.store.DB().ExecContext(b.t.Context(), statement)
	if err != nil {
		b.t.Fatal(err)
	}
	n, err := r.RowsAffected()
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// until waits for something that must come to pass within 20 seconds.
func (b *bench) until(what string, done func() bool) {
	b.t.Helper()
	end := time.After(20 * time.Second)
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for !done() {
		select {
		case <-end:
			b.t.Fatalf("it did not come to pass that %s", what)
		case <-again.C:
		}
	}
}

func TestAWaitThatIsGivenUpIsShownToAPerson(t *testing.T) {
	s := newScript(1)
	s.on[export.Download] = func(context.Context, export.Work) (export.Outcome, error) {
		wait := &export.Later{Until: time.Now().Add(time.Hour), Reason: "the server asks for fewer requests", Held: store.HeldByServer}
		return nil, problem.Wrap(wait, problem.ExportStuck, "the server has put off the files for over 30 days", "Ask why.")
	}
	b := newBench(t, s)
	if x := b.wait("lakeside", b.request("lakeside", export.Wish{}), life.Failed); !strings.Contains(x.ProblemSummary, "put off the files") {
		t.Errorf("it failed: %s", x.ProblemSummary)
	}
}

func TestAStepThatPanicsFailsItsExportAndNoOther(t *testing.T) {
	t.Attr("fault", "step: a step panics -> its export fails with internal, and says what to do; the other practices complete; nothing of what was panicked with is told")
	s := newScript(1)
	s.on[export.Ingest] = func(_ context.Context, w export.Work) (export.Outcome, error) {
		if w.Lease.Tenant == "lakeside" {
			panic("the line of Canary Smith")
		}
		return nil, nil
	}
	b := newBench(t, s)
	id := b.request("lakeside", export.Wish{})
	b.wait("hillcrest", b.request("hillcrest", export.Wish{}), life.Completed)
	x := b.wait("lakeside", id, life.Failed)
	if x.ProblemCode != string(problem.Internal) || strings.Contains(x.ProblemSummary+x.LastError, "Smith") {
		t.Errorf("problem %s: %s (%s); want internal, and nothing that was panicked with", x.ProblemCode, x.ProblemSummary, x.LastError)
	}
}

func TestWhatAStepFoundOutIsKeptUntilTheLedgerTakesIt(t *testing.T) {
	t.Attr("fault", "machine: the ledger cannot be written when a kick-off is answered -> what the step found out is kept until it can; one kick-off, complete")
	s := newScript(1)
	b := newBench(t, s)
	b.exec(`CREATE TRIGGER full BEFORE UPDATE OF status_url ON export BEGIN SELECT RAISE(ABORT, 'full'); END`)
	id := b.request("lakeside", export.Wish{})
	b.until("the ledger is in trouble", func() bool { return b.Trouble() != nil })
	b.exec(`DROP TRIGGER full`)
	b.until("the trouble is over", func() bool { return b.Trouble() == nil })
	b.wait("lakeside", id, life.Completed)
	if n := s.count("lakeside kickoff"); n != 1 {
		t.Errorf("kicked off %d times", n)
	}
}

func TestAStepThatIsToBeRecordedAgainLaterIsNotRunAgainBefore(t *testing.T) {
	t.Attr("fault", "machine: the ledger does not take the outcome of one step -> it is recorded again with growing pauses, is not run again meanwhile, and others are recorded")
	s := newScript(1)
	b := newBench(t, s)
	b.exec(`CREATE TRIGGER broken BEFORE UPDATE OF status_url ON export WHEN NEW.tenant_id = 'lakeside' BEGIN SELECT RAISE(ABORT, 'broken'); END`)
	b.request("lakeside", export.Wish{})
	b.until("it cannot be recorded", func() bool { return len(b.Jams()) == 1 })
	b.wait("hillcrest", b.request("hillcrest", export.Wish{}), life.Completed)
	b.until("the executor puts it off", func() bool {
		return b.exec(`UPDATE river_job SET priority = priority WHERE state = 'scheduled'`) == 1
	})
	b.exec(`UPDATE step SET heartbeat_at = 1 WHERE state = 'running'`)
	if err := engine.Beat(b.Engine, t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := b.exec(`UPDATE step SET kind = kind WHERE tenant_id = 'lakeside' AND state = 'running'`); n != 1 || s.count("lakeside kickoff") != 1 {
		t.Errorf("%d steps are kept, kicked off %d times", n, s.count("lakeside kickoff"))
	}
	if jams := b.Jams(); len(jams) != 1 || jams[0].Tenant != "lakeside" || b.Unwritable() != nil {
		t.Errorf("%+v, %v", jams, b.Unwritable())
	}
}

func TestAStepThatTheExecutorLostIsTakenUp(t *testing.T) {
	t.Attr("fault", "step: the executor loses a step -> it is taken up when it is overdue")
	s := newScript(1)
	var once sync.Once
	s.on[export.Poll] = func(context.Context, export.Work) (o export.Outcome, _ error) {
		once.Do(func() { o = export.InProgress{PollAt: time.Now().Add(time.Second)} })
		return o, nil
	}
	b := newBench(t, s)
	id := b.request("lakeside", export.Wish{})
	b.until("the poll is put off", func() bool { return s.count("lakeside poll") == 1 })
	b.until("the executor notes it", func() bool {
		return b.exec(`UPDATE river_job SET state = 'running' WHERE state IN ('available', 'scheduled')`) == 1
	})
	b.until("it is due", func() bool {
		x, err := b.store.In("lakeside").Export(t.Context(), id)
		return err == nil && time.Since(x.NextPollAt) > time.Millisecond // the ledger counts whole ones
	})
	if err := b.store.TakeUp(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	b.wait("lakeside", id, life.Completed)
}

func TestAStepThatTheExecutorHasTwiceRunsOnce(t *testing.T) {
	t.Attr("fault", "step: the executor has a step twice -> it runs once")
	s := newScript(1)
	reached, gate := make(chan struct{}, 9), make(chan struct{})
	s.on[export.Kickoff] = func(context.Context, export.Work) (export.Outcome, error) {
		reached <- struct{}{}
		<-gate
		return nil, nil
	}
	b := newBench(t, s)
	id := b.request("lakeside", export.Wish{})
	<-reached
	b.exec(`INSERT INTO river_job (args, kind, max_attempts, metadata, priority, queue, state, tags)
		SELECT args, kind, max_attempts, metadata, priority, queue, 'available', tags FROM river_job`)
	b.until("the executor has done with the second", func() bool {
		return b.exec(`DELETE FROM river_job WHERE state = 'completed'`) == 1
	})
	close(gate)
	b.wait("lakeside", id, life.Completed)
	if n := s.count("lakeside kickoff"); n != 1 {
		t.Errorf("kicked off %d times", n)
	}
}

func TestACancellationByAnotherProcessEndsTheStepsThatRun(t *testing.T) {
	t.Attr("fault", "step: another process cancels an export whose steps run -> they end")
	s := newScript(1)
	reached, ended := make(chan struct{}), make(chan struct{})
	s.on[export.Download] = func(ctx context.Context, _ export.Work) (export.Outcome, error) {
		close(reached)
		<-ctx.Done()
		close(ended)
		return nil, ctx.Err()
	}
	b := newBench(t, s)
	id := b.request("lakeside", export.Wish{})
	<-reached
	cfg, err := config.Parse(filepath.Join(b.folder, "bulkhead.yaml"), []byte(strings.ReplaceAll(practices, "%FOLDER%", b.folder)))
	if err != nil {
		t.Fatal(err)
	}
	joined, err := store.Join(t.Context(), filepath.Join(b.folder, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := engine.New(engine.Options{Config: cfg, Store: joined, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(other.Cancel(t.Context(), "lakeside", id, "test"), joined.Close()); err != nil {
		t.Fatal(err)
	}
	if err := engine.Beat(b.Engine, t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Error("the download goes on")
	}
}

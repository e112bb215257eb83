package engine_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/engine"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/schedule"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// nightly is the practices, of which lakeside has a schedule, and more besides.
func nightly(more string) string {
	return strings.Replace(practices, "    id: lakeside\n", "    id: lakeside\n    schedule: '0 3 1 1 *'\n"+more, 1)
}

// due makes lakeside's schedule due since a while, has the engine look, and
// gives the schedule as it is then, and how many exports there are.
func (b *bench) due(since time.Duration) (store.Schedule, int) {
	b.t.Helper()
	if _, err := b.store.DB().ExecContext(b.t.Context(), `UPDATE schedule SET next_at = ? WHERE tenant_id = 'lakeside'`, time.Now().Add(-since).UnixMilli()); err != nil {
		b.t.Fatal(err)
	}
	if err := engine.StartDue(b.Engine, b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	row, ok, err := b.store.In("lakeside").Schedule(b.t.Context())
	exports, err2 := b.store.In("lakeside").Exports(b.t.Context(), 50)
	if err != nil || err2 != nil || !ok {
		b.t.Fatalf("schedule %v, %v, %v", ok, err, err2)
	}
	return row, len(exports)
}

func TestAScheduleThatKeepsFailingIsPassedOverForAWhile(t *testing.T) {
	t.Attr("fault", "server: exports fail night after night on what somebody must mend -> the schedule asks less and less, a person's export is never put off")
	s := newScript(1)
	s.on[export.Kickoff] = func(context.Context, export.Work) (export.Outcome, error) {
		return nil, problem.New(problem.GroupMissing, "group g1 is not there", "Ask the practice.")
	}
	b := newBenchOf(t, s, nightly(""))
	for range 3 {
		b.wait("lakeside", b.request("lakeside", export.Wish{By: schedule.BySchedule}), life.Failed)
	}
	row, n := b.due(time.Second)
	if n != 3 || !strings.Contains(row.Why, "3 exports in a row failed") || !row.NextAt.After(time.Now().Add(40*time.Hour)) {
		t.Errorf("after three failures: %d exports, next at %s: %s", n, row.NextAt, row.Why)
	}
	s.mu.Lock()
	delete(s.on, export.Kickoff)
	s.mu.Unlock()
	b.wait("lakeside", b.request("lakeside", export.Wish{By: "command"}), life.Completed)
	if row, n = b.due(time.Second); n != 5 || row.Why != "" {
		t.Errorf("after an export that completed: %d exports, %q", n, row.Why)
	}
}

func TestWhatWasMissedIsMadeUpForOnceOrNotAtAll(t *testing.T) {
	once := newBenchOf(t, newScript(1), nightly(""))
	if row, n := once.due(50 * time.Hour); n != 1 || !row.NextAt.After(time.Now()) {
		t.Errorf("two nights late: %d exports, the next at %s", n, row.NextAt)
	}
	none := newBenchOf(t, newScript(1), nightly("    catch_up: none\n"))
	if row, n := none.due(50 * time.Hour); n != 0 || !row.NextAt.After(time.Now()) {
		t.Errorf("two nights late, and none is wanted: %d exports, the next at %s", n, row.NextAt)
	}
	if _, n := none.due(time.Minute); n != 1 {
		t.Errorf("in time: %d exports", n)
	}
}

func TestThePausedPracticesScheduleStaysDue(t *testing.T) {
	b := newBenchOf(t, newScript(1), nightly(""))
	b.pause(store.Pause{Scope: store.PauseTenant, Object: "lakeside"})
	if row, n := b.due(time.Minute); n != 0 || row.NextAt.After(time.Now()) {
		t.Errorf("while paused: %d exports, the next at %s", n, row.NextAt)
	}
	b.unpause(store.PauseTenant, "lakeside")
	if err := engine.StartDue(b.Engine, t.Context()); err != nil {
		t.Fatal(err)
	}
	if exports, err := b.store.In("lakeside").Exports(t.Context(), 5); err != nil || len(exports) != 1 {
		t.Errorf("after the pause: %d exports, %v", len(exports), err)
	}
}

func TestTheScheduleAsksForAFullExportByItsCadenceAndForChangesBetween(t *testing.T) {
	b := newBenchOf(t, newScript(1), nightly("    full_every: 7d\n"))
	began := func(ago time.Duration) (mode string) {
		if _, err := b.store.DB().ExecContext(t.Context(), `UPDATE export SET requested_at = ? WHERE mode = 'full'`, time.Now().Add(-ago).UnixMilli()); err != nil {
			t.Fatal(err)
		}
		b.due(time.Second)
		list, err := b.store.In("lakeside").Exports(t.Context(), 1)
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		return b.wait("lakeside", list[0].ID, life.Completed).Mode
	}
	for _, c := range []struct {
		days float64
		want string
	}{{0, export.Full}, {1, export.Incremental}, {6, export.Incremental}, {6.95, export.Full}, {1, export.Incremental}} {
		if mode := began(time.Duration(c.days * 24 * float64(time.Hour))); mode != c.want {
			t.Errorf("%v days after the last full one: %s, want %s", c.days, mode, c.want)
		}
	}
}

func TestAnExportThatIsDueStaysDueWhenWhatMovesItChanges(t *testing.T) {
	b := newBenchOf(t, newScript(1), nightly(""))
	b.pause(store.Pause{Scope: store.PauseTenant, Object: "lakeside"})
	b.due(50 * time.Hour)
	for change, kept := range map[string]bool{"    spread: 2h\n": true, "    quiet: ['daily 05:00-06:00']\n": true, "    time_zone: Asia/Tokyo\n": false} {
		b.exec(`UPDATE schedule SET next_at = 1000, spec = '0 3 1 1 * UTC' WHERE tenant_id = 'lakeside'`)
		b.yaml = nightly(change)
		b.stop()
		b.start()
		row, ok, err := b.store.In("lakeside").Schedule(t.Context())
		if err != nil || !ok || row.NextAt.Before(time.Now()) != kept {
			t.Errorf("after %q it is due at %s, %v; was it to stay due: %v", change, row.NextAt, err, kept)
		}
	}
}

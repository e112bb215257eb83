package schedule

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func TestAStartIsNeverInAWindowAndNeverBeforeItsTime(t *testing.T) {
	crons := []string{"30 2 * * *", "0 */6 * * *", "*/15 * * * *", "15 23 * * 1-5", "0 3 1 * *"}
	rapid.Check(t, func(t *rapid.T) {
		zone := zoneNamed(t, rapid.SampledFrom(zonesTried).Draw(t, "zone"))
		k := Timing{
			Cron: rapid.SampledFrom(crons).Draw(t, "cron"), Zone: zone,
			Offset: time.Duration(rapid.Int64Range(0, 4*3600).Draw(t, "offset")) * time.Second,
			Quiet:  Place{Windows: []config.Window{aWindow(t)}, Zone: zone}, Upkeep: Place{Zone: time.UTC},
		}
		after := aMoment(t, zone)
		due, err := k.Next(after)
		if err != nil {
			t.Fatal(err)
		}
		if !due.At.After(after) || due.At.Before(due.Cron.Add(k.Offset)) {
			t.Fatalf("next after %s is %s (by the schedule %s)", after, due.At, due.Cron)
		}
		if w, in := k.Quiet.Holds(due.At); in {
			t.Fatalf("%s is in %s", due.At.In(zone), w)
		}
		if plain := due.Cron.Add(k.Offset); due.At.After(plain) {
			if _, in := k.Quiet.Holds(plain); !in {
				t.Fatalf("put off from %s to %s without a window", plain, due.At)
			}
		}
		again, err := k.Next(due.At)
		if err != nil || !again.At.After(due.At) {
			t.Fatalf("after %s comes %s, %v", due.At, again.At, err)
		}
	})
}

func TestASpreadPutsPracticesApartAlwaysAlike(t *testing.T) {
	spread, quarters := 2*time.Hour, [4]int{}
	for n := range 200 {
		id := fmt.Sprintf("practice-%03d", n)
		off := Offset(id, spread)
		if off < 0 || off >= spread || off != Offset(id, spread) {
			t.Fatalf("%s is put off by %s", id, off)
		}
		quarters[off/(30*time.Minute)]++
	}
	for q, n := range quarters {
		if n < 30 || n > 70 {
			t.Errorf("%d of 200 practices begin in quarter %d of the spread", n, q)
		}
	}
	if Offset("lakeside", 0) != 0 || Offset("lakeside", time.Millisecond) != 0 {
		t.Error("no spread puts off")
	}
}

func TestWhatIsLateIsMadeUpForAsConfigured(t *testing.T) {
	due := time.Date(2026, 1, 5, 2, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		catchUp string
		within  time.Duration
		late    time.Duration
		starts  bool
	}{
		{"", 0, time.Second, true},
		{"", 0, 30 * 24 * time.Hour, true},
		{"once", 12 * time.Hour, 12 * time.Hour, true},
		{"once", 12 * time.Hour, 12*time.Hour + time.Minute, false},
		{"none", 0, 10 * time.Minute, true},
		{"none", 0, 11 * time.Minute, false},
	} {
		cfg := &config.Config{Scheduling: config.Scheduling{CatchUp: c.catchUp, CatchUpWithin: config.Duration(c.within)}}
		if why := Late(cfg, &config.Tenant{}, due, due.Add(c.late)); (why == "") != c.starts {
			t.Errorf("%q within %s, %s late: %q, want it to start: %v", c.catchUp, c.within, c.late, why, c.starts)
		}
	}
}

// failing gives exports, the latest first, that ended so: code, or a state.
func failing(last time.Time, ends ...string) (list []store.Export) {
	for i, end := range ends {
		x := store.Export{State: life.Failed, ProblemCode: end, RequestedAt: last.AddDate(0, 0, -i)}
		if s := life.State(end); s.Over() || s == life.Polling {
			x.State, x.ProblemCode = s, ""
		}
		list = append(list, x)
	}
	return list
}

func TestAScheduleThatFailsOnWhatSomebodyMustMendAsksLessAndLess(t *testing.T) {
	last := time.Date(2026, 1, 10, 2, 0, 0, 0, time.UTC)
	mend, weather, denied := string(problem.GroupMissing), string(problem.ServerUnreachable), string(life.Denied)
	many := strings.Split(strings.Repeat(mend+" ", 9), " ")[:9]
	for _, c := range []struct {
		name     string
		ends     []string
		failures int
		days     int
	}{
		{"none", nil, 0, 0},
		{"one", []string{mend}, 1, 0},
		{"two: the next night", []string{mend, mend}, 2, 1},
		{"three", []string{mend, mend, mend}, 3, 2},
		{"four", []string{mend, mend, mend, mend}, 4, 3},
		{"many", many, 9, 3},
		{"a completed one ends the row", []string{mend, string(life.Completed), mend, mend}, 1, 0},
		{"the weather does not count", []string{weather, weather, weather, weather}, 0, 0},
		{"nor does what never asked", []string{denied, denied, denied}, 0, 0},
		{"nor what a person stopped", []string{mend, string(life.Cancelled), mend}, 2, 1},
		{"nor what runs", []string{string(life.Polling), mend, mend}, 2, 1},
	} {
		list := failing(last, c.ends...)
		b := BackoffOf(list, time.Time{})
		if b.Failures != c.failures || b.Until.IsZero() != (c.days == 0) {
			t.Errorf("%s: %+v", c.name, b)
			continue
		}
		first := last
		for i := range list {
			if list[i].ProblemCode == mend {
				first = list[i].RequestedAt
				break
			}
		}
		if c.days > 0 && (first.AddDate(0, 0, c.days).Before(b.Until) || !first.AddDate(0, 0, c.days-1).Before(b.Until)) {
			t.Errorf("%s: not before %s, want the night %d days after %s", c.name, b.Until, c.days, first)
		}
		if b := BackoffOf(list, last.Add(time.Hour)); b.Failures != 0 {
			t.Errorf("%s: a changed configuration leaves %+v", c.name, b)
		}
	}
}

func TestTheNextStartSaysWhatMovesIt(t *testing.T) {
	cfg, err := config.Parse("/x/bulkhead.yaml", []byte(`
scheduling: {spread: 1h}
tenants:
  - {id: lakeside, open: true, fhir_base_url: "https://ehr.example/fhir", group: g, types: [Patient], schedule: "30 2 * * *", quiet: ["daily 02:00-04:00"]}
`))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 10, 12, 0, 0, 0, time.UTC)
	f := Facts{Config: cfg, Tenant: &cfg.Tenants[0]}
	due, err := f.NextStart(now)
	off := Offset("lakeside", time.Hour)
	if want := time.Date(2026, 1, 11, 4, 0, 0, 0, time.UTC).Add(off); err != nil || !due.At.Equal(want) || !strings.Contains(due.Moved(), "quiet 02:00-04:00") || !strings.Contains(due.Moved(), "spread") {
		t.Errorf("next = %s (%s), %v, want %s", due.At, due.Moved(), err, want)
	}
	f.Back = BackoffOf(failing(now.Add(-8*time.Hour), "group_missing", "group_missing", "group_missing", "group_missing"), time.Time{})
	if due, err = f.NextStart(now); err != nil || due.At.Sub(now) < 2*24*time.Hour || !strings.Contains(due.Moved(), "4 exports in a row failed") {
		t.Errorf("after failures: %s (%s), %v", due.At, due.Moved(), err)
	}
	f.Back = Backoff{}
	f.Row = store.Schedule{Spec: TimingOf(cfg, f.Tenant).Spec(), NextAt: now.Add(time.Hour), Why: "as it was put off"}
	if due, err = f.NextStart(now); err != nil || !due.At.Equal(f.Row.NextAt) || due.Moved() != f.Row.Why {
		t.Errorf("by the ledger: %s (%s), %v", due.At, due.Moved(), err)
	}
}

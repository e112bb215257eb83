package schedule

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

var epoch = time.Date(2026, 1, 5, 2, 0, 0, 0, time.UTC)

func queueConfig(t interface{ Fatal(...any) }, priorities ...string) *config.Config {
	c := &config.Config{}
	for i, p := range priorities {
		c.Tenants = append(c.Tenants, config.Tenant{ID: fmt.Sprintf("t%02d", i), Priority: p})
	}
	return c
}

// order empties a queue, each of which gets a slot.
func order(q *Queue) (ids []string) {
	for c, ok := q.Next(); ok; c, ok = q.Next() {
		q.Taken(c)
		ids = append(ids, c.Export)
	}
	return ids
}

func TestWhoGoesFirst(t *testing.T) {
	cfg := queueConfig(t, config.PriorityLow, config.PriorityNormal, config.PriorityHigh, "", config.PriorityLow)
	now := epoch.Add(10 * time.Minute)
	list := []store.Candidate{
		{Export: "low", Tenant: "t00", Registration: "a", By: BySchedule, Since: epoch},
		{Export: "normal", Tenant: "t01", Registration: "b", By: BySchedule, Since: epoch.Add(time.Minute)},
		{Export: "high", Tenant: "t02", Registration: "c", By: BySchedule, Since: epoch.Add(2 * time.Minute)},
		{Export: "asked for", Tenant: "t03", Registration: "d", By: "command", Since: epoch.Add(3 * time.Minute)},
		{Export: "aged", Tenant: "t04", Registration: "e", By: BySchedule, Since: now.Add(-4 * Ageing)},
	}
	if got := order(NewQueue(cfg, list, now)); !slices.Equal(got, []string{"aged", "asked for", "high", "normal", "low"}) {
		t.Errorf("order = %v", got)
	}
}

func TestSlotsAreDividedEvenlyAmongRegistrations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var list []store.Candidate
		size := map[string]int{}
		for n := range rapid.IntRange(1, 60).Draw(t, "practices") {
			c := store.Candidate{
				Export: fmt.Sprintf("x%03d", n), Tenant: fmt.Sprintf("p%03d", n), By: BySchedule, Since: epoch.Add(time.Duration(n) * time.Second),
				Registration: rapid.SampledFrom([]string{"ecw", "ecw", "ecw", "epic", "athena"}).Draw(t, "registration"),
			}
			size[c.Registration]++
			list = append(list, c)
		}
		q, got := NewQueue(&config.Config{}, list, epoch.Add(2*time.Minute)), map[string]int{}
		slots := rapid.IntRange(1, len(list)).Draw(t, "slots")
		for range slots {
			c, ok := q.Next()
			if !ok {
				t.Fatal("the queue has lost somebody")
			}
			q.Taken(c)
			got[c.Registration]++
		}
		for a, n := range got {
			for b := range size {
				if n > got[b]+1 && got[b] < size[b] {
					t.Fatalf("%s has %d of %d slots, %s has %d and waits with more", a, n, slots, b, got[b])
				}
			}
		}
	})
}

// A ward simulates rounds of admission: exports come, get slots, hold them for
// some rounds, and go.
type ward struct {
	cfg     *config.Config
	now     time.Time
	slots   int
	waiting []store.Candidate
	running map[string]int // rounds left, by export
	of      map[string]store.Candidate
}

const roundTime = 10 * time.Minute

// round lets one round pass and gives who got a slot in it, in order.
func (w *ward) round(took func() int) (started []store.Candidate) {
	w.now = w.now.Add(roundTime)
	for id := range w.running {
		if w.running[id]--; w.running[id] <= 0 {
			delete(w.running, id)
		}
	}
	q := NewQueue(w.cfg, w.waiting, w.now)
	for id := range w.running {
		q.Taken(w.of[id])
	}
	for c, ok := q.Next(); ok && len(w.running) < w.slots; c, ok = q.Next() {
		q.Taken(c)
		w.running[c.Export], w.of[c.Export] = took(), c
		started = append(started, c)
		w.waiting = slices.DeleteFunc(w.waiting, func(o store.Candidate) bool { return o.Export == c.Export })
	}
	return started
}

func TestNobodyIsPassedByForEver(t *testing.T) {
	horizon := (classPerson + 1) * Ageing // from which on an export outranks all that come new
	rapid.Check(t, func(t *rapid.T) {
		cfg := queueConfig(t, "low", "low", "normal", "high", "", "high")
		w := &ward{cfg: cfg, now: epoch, slots: rapid.IntRange(1, 4).Draw(t, "slots"), running: map[string]int{}, of: map[string]store.Candidate{}}
		n := 0
		for round := range rapid.IntRange(20, 60).Draw(t, "rounds") {
			for range rapid.IntRange(0, 3).Draw(t, "new") {
				n++
				w.waiting = append(w.waiting, store.Candidate{
					Export: fmt.Sprintf("x%04d", n), Tenant: fmt.Sprintf("t%02d", rapid.IntRange(0, 5).Draw(t, "tenant")), Since: w.now,
					Registration: rapid.SampledFrom([]string{"ecw", "epic"}).Draw(t, "registration"),
					By:           rapid.SampledFrom([]string{BySchedule, BySchedule, "command"}).Draw(t, "by"),
				})
			}
			before := slices.Clone(w.waiting)
			for _, c := range w.round(func() int { return rapid.IntRange(1, 4).Draw(t, "took") }) {
				for _, other := range before {
					passed := w.waiting != nil && slices.ContainsFunc(w.waiting, func(o store.Candidate) bool { return o.Export == other.Export })
					if passed && other.Since.Before(c.Since) && c.Since.Sub(other.Since) >= horizon {
						t.Fatalf("round %d: %s, here since %s, was passed by %s, here since %s", round, other.Export, other.Since, c.Export, c.Since)
					}
				}
			}
			if len(w.waiting) > 0 && len(w.running) < w.slots {
				t.Fatalf("round %d: %d wait, and only %d of %d slots are taken", round, len(w.waiting), len(w.running), w.slots)
			}
		}
	})
}

func TestNoPracticeWaitsMoreThanItsRounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		practices, slots, longest := rapid.IntRange(1, 200).Draw(t, "practices"), rapid.IntRange(1, 16).Draw(t, "slots"), rapid.IntRange(1, 5).Draw(t, "longest")
		w := &ward{cfg: &config.Config{}, now: epoch, slots: slots, running: map[string]int{}, of: map[string]store.Candidate{}}
		for n := range practices {
			w.waiting = append(w.waiting, store.Candidate{
				Export: fmt.Sprintf("x%03d", n), Tenant: fmt.Sprintf("p%03d", n), Since: epoch, By: BySchedule,
				Registration: rapid.SampledFrom([]string{"ecw", "epic", "athena", ""}).Draw(t, "registration"),
			})
		}
		most := (practices + slots - 1) / slots * longest
		for range most {
			w.round(func() int { return rapid.IntRange(1, longest).Draw(t, "took") })
		}
		if len(w.waiting) > 0 {
			t.Fatalf("after %d rounds %d of %d practices still wait for %d slots", most, len(w.waiting), practices, slots)
		}
	})
}

package sinktest

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/sink"
)

// RunErasing checks every promise of sink.Eraser, for sinks that are one.
func RunErasing(t *testing.T, newHarness func(t *testing.T) Harness) {
	for _, p := range erasing {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			p.test(newBench(t, newHarness(t)))
		})
	}
}

// eraser gives the sink as what can erase.
func (b *bench) eraser() sink.Eraser {
	b.Helper()
	e, ok := b.sink.(sink.Eraser)
	if !ok {
		b.Fatalf("%T is no sink.Eraser", b.sink)
	}
	return e
}

func (b *bench) erase(tenant string) {
	b.Helper()
	if err := b.eraser().Erase(b.Context(), tenant); err != nil {
		b.Fatalf("Erase %s: %v", tenant, err)
	}
}

func (b *bench) counted(tenant string) map[string]int64 {
	b.Helper()
	n, err := b.eraser().Count(b.Context(), tenant)
	if err != nil {
		b.Fatalf("Count %s: %v", tenant, err)
	}
	return n
}

// erasing are the promises about the end of a tenant.
var erasing = []promise{
	{"a tenant that is erased is gone, and no other is touched", func(b *bench) { // I7
		b.publish(deliver("north", "e1", pat("1", t1, "Ann", "a", "b"), pat("2", t1, "Bob")))
		b.publish(deliver("south", "e1", pat("1", t1, "Sam", "s")))
		b.publish(deliver("north", "e2", pat("3", t2, "Cy")))
		b.erase("north")
		b.rows("patient", "south Patient/1 Sam")
		b.rows("patient_identifier", "south Patient/1 s")
		if left := b.counted("north"); len(left) > 0 {
			b.Errorf("rows are left: %v", left)
		}
		b.sink = b.h.Open(b.T) // a new process
		b.rows("patient", "south Patient/1 Sam")
		r := b.publish(deliver("south", "e2", pat("1", t1, "Sam", "s"), pat("2", t1, "Sue")))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", New: 1, Unchanged: 1})
	}},
	{"what is counted is what is there", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", t1, "Ann", "a", "b"), pat("2", t1, "Bob")))
		b.publish(deliver("south", "e1", pat("1", t1, "Sam", "s")))
		want := map[string]int64{}
		for _, name := range []string{"patient", "patient_identifier", "observation"} {
			for _, row := range b.h.Read(b.T, name).Rows {
				if row["tenant_id"] == "north" {
					want[name]++
				}
			}
		}
		got := b.counted("north")
		maps.DeleteFunc(got, func(name string, _ int64) bool { return name[0] == '_' }) // the sink's own
		if diff := cmp.Diff(want, got); diff != "" || len(want) != 2 {
			b.Errorf("counted (-want +got):\n%s", diff)
		}
	}},
	{"erasing again, or nobody, changes nothing", func(b *bench) {
		b.erase("north") // before anything was published
		b.publish(deliver("south", "e1", pat("1", t1, "Sam")))
		b.erase("north")
		b.erase("north")
		b.rows("patient", "south Patient/1 Sam")
	}},
	{"a tenant that comes back begins anew", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", t1, "Ann")))
		b.erase("north")
		changes := b.stage.write(deliver("north", "e2", pat("2", t2, "Bob")))
		changes.After = "e1"
		if _, err := b.sink.Publish(b.Context(), changes); !errors.Is(err, sink.ErrLost) {
			b.Errorf("Publish of changes = %v, want ErrLost", err)
		}
		b.counts(b.publish(deliver("north", "e1", pat("1", t1, "Ann"))), sink.TypeCount{ResourceType: "Patient", New: 1})
		b.rows("patient", "north Patient/1 Ann")
	}},
	{"publications and an erasure at one time are one after the other", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", t1, "Ann")))
		d, e := b.stage.write(deliver("south", "e1", pat("1", t1, "Sam"))), b.eraser()
		published := make(chan error, 1)
		go func() {
			_, err := b.sink.Publish(b.Context(), d)
			published <- err
		}()
		if err := errors.Join(e.Erase(b.Context(), "north"), <-published); err != nil {
			b.Fatal(err)
		}
		if got := slices.Collect(maps.Keys(b.counted("north"))); len(got) > 0 {
			b.Errorf("rows are left in %v", got)
		}
		b.rows("patient", "south Patient/1 Sam")
	}},
}

package sinktest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// publications are the promises about all, nothing and once.
var publications = []promise{
	{"publishing the same export again changes nothing and returns the first receipt", func(b *bench) {
		d := deliver("north", "e1", pat("1", t1, "Ann", "a"), pat("1", t1, "Ann", "a"))
		first := b.publish(d)
		b.same(first, b.publish(d))
		b.rows("patient", "north Patient/1 Ann")
		b.rows("patient_identifier", "north Patient/1 a")
	}},
	{"a new process knows what was published", func(b *bench) {
		d := deliver("north", "e1", pat("1", t1, "Ann"))
		first := b.publish(d)
		b.publish(deliver("north", "e2", pat("1", t2, "Anne")))
		b.sink = b.h.Open(b.T)
		b.same(first, b.publish(d))
		b.rows("patient", "north Patient/1 Anne")
	}},
	{"an export published again does not look at its files", func(b *bench) {
		d := deliver("north", "e1", pat("1", "", "Ann"))
		first := b.publish(d)
		b.publish(deliver("north", "e2", pat("1", "", "Anne")).deletes("Patient/2"))
		staged := b.stage.write(d)
		b.remove(staged.Index[0].Path)
		again, err := b.sink.Publish(b.Context(), staged)
		if err != nil {
			b.Fatalf("Publish again: %v", err)
		}
		b.same(first, again)
		b.rows("patient", "north Patient/1 Anne")
	}},
	{"two tenants' exports of the same name are two exports", func(b *bench) { // I7
		b.publish(deliver("north", "e1", pat("1", t1, "Ann")))
		r := b.publish(deliver("south", "e1", pat("1", t1, "Sam")))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", New: 1})
	}},
	{"changes to what the sink has not are refused, and nothing is made", func(b *bench) {
		b.publish(deliver("south", "e1", pat("1", t1, "Sam"))) // I7: of another tenant
		changes := b.stage.write(deliver("north", "e2", pat("1", t1, "Ann")))
		changes.After = "e1"
		if _, err := b.sink.Publish(b.Context(), changes); !errors.Is(err, sink.ErrLost) {
			b.Errorf("Publish = %v, want ErrLost", err)
		}
		b.rows("patient", "south Patient/1 Sam")
		b.publish(deliver("north", "e1", pat("2", t1, "Bob")))
		if _, err := b.sink.Publish(b.Context(), changes); err != nil {
			b.Errorf("Publish with the export before = %v", err)
		}
		b.rows("patient", "north Patient/1 Ann", "north Patient/2 Bob", "south Patient/1 Sam")
	}},
	{"a lost reply is cured by publishing again", func(b *bench) {
		d := deliver("north", "e1", pat("1", t1, "Ann"), pat("2", t1, "Bob"), pat("3", t1, "Cy"))
		var losing sink.Sink = loseReply{b.sink}
		if _, err := losing.Publish(b.Context(), b.stage.write(d)); err == nil {
			b.Fatal("Publish = nil, want the injected error")
		}
		b.sink = b.h.Open(b.T)
		b.counts(b.publish(d), sink.TypeCount{ResourceType: "Patient", New: 3})
		b.rows("patient", "north Patient/1 Ann", "north Patient/2 Bob", "north Patient/3 Cy")
	}},
	{"an older export published late does not win by being late", func(b *bench) {
		b.publish(deliver("north", "e2", pat("1", t3, "new"), pat("2", t1, "x")))
		r := b.publish(deliver("north", "e1", pat("1", t1, "old"), pat("2", t2, "y"), pat("3", t1, "z")))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", New: 1, Changed: 1, Unchanged: 1})
		b.rows("patient", "north Patient/1 new", "north Patient/2 y", "north Patient/3 z")
	}},
	{"a missing staged file leaves nothing visible", func(b *bench) {
		b.nothingVisible(func(d *sink.Delivery) { b.remove(d.Tables[len(d.Tables)-1].Files[0].Path) })
	}},
	{"a missing index file leaves nothing visible", func(b *bench) {
		b.nothingVisible(func(d *sink.Delivery) { b.remove(d.Index[0].Path) })
	}},
	{"a truncated staged file leaves nothing visible", func(b *bench) {
		b.nothingVisible(func(d *sink.Delivery) { b.truncate(d.Tables[1].Files[0].Path) })
	}},
	{"a staged file with damaged pages leaves nothing visible", func(b *bench) {
		b.nothingVisible(func(d *sink.Delivery) { b.damage(d.Tables[len(d.Tables)-1].Files[0].Path) })
	}},
	{"a staged file with fewer rows than were staged leaves nothing visible", func(b *bench) { // I4
		b.nothingVisible(func(d *sink.Delivery) { d.Tables[0].Files[0].Rows++ })
	}},
	{"a staged file without a column leaves nothing visible", func(b *bench) {
		b.nothingVisible(func(d *sink.Delivery) {
			d.Tables[1].Columns = append(d.Tables[1].Columns, table.Column{Name: "not_there", Type: table.Text})
		})
	}},
	{"an index row of a source file that is not delivered leaves nothing visible", func(b *bench) {
		b.nothingVisible(func(d *sink.Delivery) { d.Files = d.Files[:1] })
	}},
	{"index rows of another tenant leave nothing visible", func(b *bench) { // I7
		d := victim("e2")
		d.indexTenant = "south"
		b.nothingVisibleOf(d, func(*sink.Delivery) {})
	}},
	{"table rows of another tenant leave nothing visible", func(b *bench) { // I7
		d := victim("e2")
		d.rowTenant = "south"
		b.nothingVisibleOf(d, func(*sink.Delivery) {})
	}},
	{"a cancelled context leaves nothing visible", func(b *bench) {
		ctx, cancel := context.WithCancel(b.Context())
		cancel()
		d := victim("e1")
		if _, err := b.sink.Publish(ctx, b.stage.write(d)); !errors.Is(err, context.Canceled) {
			b.Errorf("Publish = %v, want %v", err, context.Canceled)
		}
		b.rows("patient")
		b.publish(d)
		b.rows("patient", "north Patient/1 changed", "north Patient/2 new")
	}},
	{"a context that ends at any moment leaves all or nothing", testInterrupts},
	{"publications of two tenants at once do not disturb each other", func(b *bench) {
		var all sync.WaitGroup
		for _, tenant := range []string{"north", "south"} {
			first := b.stage.write(deliver(tenant, "e1", pat("1", t1, tenant, "a"), pat("2", t1, tenant)))
			second := b.stage.write(deliver(tenant, "e2", pat("1", t2, tenant+"2")).replaces("Patient"))
			other := b.h.Open(b.T)
			all.Go(func() {
				for _, d := range []sink.Delivery{first, second} {
					if _, err := other.Publish(b.Context(), d); err != nil {
						b.Errorf("Publish of %s: %v", tenant, err)
					}
				}
			})
		}
		all.Wait()
		b.rows("patient", "north Patient/1 north2", "south Patient/1 south2")
		b.rows("patient_identifier")
	}},
	{"one export published by two at once is published once", func(b *bench) {
		var all sync.WaitGroup
		receipts := make([]sink.Receipt, 3)
		for i := range receipts {
			d := b.stage.write(deliver("north", "e1", pat("1", t1, "Ann", "a")))
			all.Go(func() {
				var err error
				if receipts[i], err = b.sink.Publish(b.Context(), d); err != nil {
					b.Errorf("Publish: %v", err)
				}
			})
		}
		all.Wait()
		b.same(receipts[0], receipts[1])
		b.same(receipts[0], receipts[2])
		b.rows("patient_identifier", "north Patient/1 a")
	}},
}

// loseReply publishes, and says that it does not know.
type loseReply struct{ sink.Sink }

func (l loseReply) Publish(ctx context.Context, d sink.Delivery) (sink.Receipt, error) {
	if _, err := l.Sink.Publish(ctx, d); err != nil {
		return sink.Receipt{}, err
	}
	return sink.Receipt{}, errors.New("the reply was lost")
}

// victim is a delivery that does something of each kind to what is there.
func victim(export string) *delivery {
	return deliver("north", export, pat("1", t2, "changed", "b"), pat("2", t1, "new", "c"), obs("1", t1, "o"), basic("1", t1, "r")).
		deletes("Patient/4").replaces("Basic")
}

// nothingVisible publishes a spoilt delivery and looks that it changed nothing,
// and that the delivery as it should be can be published afterwards.
func (b *bench) nothingVisible(spoil func(*sink.Delivery)) {
	b.Helper()
	b.nothingVisibleOf(victim("e2"), spoil)
}

func (b *bench) nothingVisibleOf(d *delivery, spoil func(*sink.Delivery)) {
	b.Helper()
	b.publish(deliver("north", "e1", pat("1", t1, "before", "a"), pat("4", t1, "there"), basic("9", t1, "b")))
	staged := b.stage.write(d)
	spoil(&staged)
	if r, err := b.sink.Publish(b.Context(), staged); err == nil {
		b.Fatalf("Publish = %+v, want an error", r)
	}
	b.rows("patient", "north Patient/1 before", "north Patient/4 there")
	b.rows("patient_identifier", "north Patient/1 a")
	b.rows("observation")
	b.rows("resource", "north Basic/9 b")

	b.publish(victim("e2"))
	b.rows("patient", "north Patient/1 changed", "north Patient/2 new")
	b.rows("patient_identifier", "north Patient/1 b", "north Patient/2 c")
	b.rows("observation", "north Observation/1 o")
	b.rows("resource", "north Basic/1 r")
}

// testInterrupts ends the context after ever longer times, and looks each time
// that a reader sees the state before or the state after, and nothing else.
func testInterrupts(b *bench) {
	b.publish(deliver("north", "e0", pat("1", t1, "v0", "v0"), basic("1", t1, "v0")))
	version, interrupted := 0, 0
	for patience := 10 * time.Millisecond; ; patience = patience * 3 / 2 {
		next := version + 1
		value := fmt.Sprintf("v%d", next)
		d := b.stage.write(deliver("north", "e"+value, pat("1", "", value, value), basic("1", "", value)))
		ctx, cancel := context.WithTimeout(b.Context(), patience)
		_, err := b.sink.Publish(ctx, d)
		cancel()
		if err == nil {
			b.versions(next)
			break
		}
		interrupted++
		if got := b.versionSeen(); got != version && got != next {
			b.Fatalf("after an interruption version %d is there, want %d or %d", got, version, next)
		}
		if _, err := b.sink.Publish(b.Context(), d); err != nil {
			b.Fatalf("Publish after an interruption: %v", err)
		}
		b.versions(next)
		version = next
	}
	if interrupted == 0 {
		b.Error("no publication was interrupted")
	}
}

func (b *bench) versions(n int) {
	b.Helper()
	b.rows("patient", fmt.Sprintf("north Patient/1 v%d", n))
	b.rows("patient_identifier", fmt.Sprintf("north Patient/1 v%d", n))
	b.rows("resource", fmt.Sprintf("north Basic/1 v%d", n))
}

// versionSeen is the version that all tables hold.
func (b *bench) versionSeen() int {
	b.Helper()
	n := -1
	for _, name := range []string{"patient", "patient_identifier", "resource"} {
		rows := brief(b.h.Read(b.T, name))
		if len(rows) != 1 {
			b.Fatalf("table %s has %d rows, want 1", name, len(rows))
		}
		var tenant, key string
		var v int
		if _, err := fmt.Sscanf(rows[0], "%s %s v%d", &tenant, &key, &v); err != nil {
			b.Fatalf("table %s has %q: %v", name, rows[0], err)
		}
		if n >= 0 && v != n {
			b.Fatalf("table %s has version %d, another has %d", name, v, n)
		}
		n = v
	}
	return n
}

func (b *bench) same(first, again sink.Receipt) {
	b.Helper()
	if diff := cmp.Diff(first, again); diff != "" {
		b.Errorf("second receipt (-first +again):\n%s", diff)
	}
}

func (b *bench) remove(path string) {
	b.Helper()
	if err := os.Remove(path); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) truncate(path string) {
	b.Helper()
	if err := os.Truncate(path, 100); err != nil {
		b.Fatal(err)
	}
}

// damage overwrites the pages and leaves the footer whole.
func (b *bench) damage(path string) {
	b.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	for i := 4; i < len(content)/4; i++ {
		content[i] = 0xAA
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		b.Fatal(err)
	}
}

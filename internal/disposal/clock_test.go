package disposal_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/disposal"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func TestEachAreaGoesWhenItsOwnClockIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, lakeside := newHouse(t), agreed("lakeside")
		ours, other := h.export(order{tenant: "lakeside"}), h.export(order{tenant: "hillcrest"})
		all := []string{"attachments", "logs", "quarantine", "raw", "staged"}
		if got := h.left("lakeside", ours); !slices.Equal(got, all) {
			t.Fatalf("at first: %v", got)
		}
		for i, want := range [][]string{
			{"attachments", "logs", "quarantine", "staged"},
			{"attachments", "logs", "quarantine"},
			{"attachments", "logs"},
			{"logs"},
			nil,
		} {
			pass(day - time.Second)
			before := h.left("lakeside", ours)
			if r := h.dispose(lakeside); len(r.Gone) > 0 || !slices.Equal(h.left("lakeside", ours), before) {
				t.Errorf("a second before day %d: %+v", i+1, r.Gone)
			}
			pass(time.Second)
			h.dispose(lakeside)
			if diff := cmp.Diff(want, h.left("lakeside", ours)); diff != "" {
				t.Errorf("after day %d (-want +got):\n%s", i+1, diff)
			}
		}
		if r := h.dispose(lakeside); len(r.Gone) > 0 || r.More {
			t.Errorf("once more: %+v", r)
		}
		if x, err := h.ledger.In("lakeside").Export(t.Context(), ours); err != nil || slices.Contains(x.Parameters.Patients, canary) || x.Plain() {
			t.Errorf("the export names patients still, or looks like a whole one: %+v, %v", x.Parameters, err)
		}
		if f, _, err := h.keeper.Facts(t.Context(), lakeside, time.Now()); err != nil || len(f.Exports) > 0 {
			t.Errorf("%d exports are looked at still, %v", len(f.Exports), err)
		}
		if got := h.left("hillcrest", other); !slices.Equal(got, all) { // I7
			t.Errorf("the other practice has %v", got)
		}
		if h.tables.rows["lakeside"] == 0 {
			t.Error("a clock emptied a sink")
		}
		h.verifies("lakeside")
	})
}

func TestWithoutAClockNothingGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, lakeside := newHouse(t), agreed("lakeside")
		lakeside.Agreement.Retention = config.Retention{}
		id := h.export(order{tenant: "lakeside"})
		nobody := agreed("hillcrest")
		nobody.Agreement = nil
		other := h.export(order{tenant: "hillcrest"})
		pass(4000 * day)
		h.dispose(lakeside)
		h.dispose(nobody)
		if len(h.left("lakeside", id)) != 5 || len(h.left("hillcrest", other)) != 5 {
			t.Errorf("left: %v and %v", h.left("lakeside", id), h.left("hillcrest", other))
		}
	})
}

func TestALegalHoldWinsOverClocksAndOverTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, lakeside := newHouse(t), agreed("lakeside")
		lakeside.Agreement.LegalHold = config.LegalHold{Since: config.Moment{Time: time.Now()}, Reason: "case 12", By: "counsel"}
		id := h.export(order{tenant: "lakeside"})
		pass(100 * day)
		h.dispose(lakeside)
		lakeside.Agreement.Status = config.AgreementTerminated
		h.dispose(lakeside)
		pass(100 * day)
		if r := h.dispose(lakeside); len(h.left("lakeside", id)) != 5 || r.Waits == "" || h.tables.rows["lakeside"] == 0 {
			t.Errorf("under a hold: %+v, left %v", r, h.left("lakeside", id))
		}
		lakeside.Agreement.LegalHold = config.LegalHold{}
		if r := h.dispose(lakeside); len(h.left("lakeside", id)) != 0 || r.Certificate == "" {
			t.Errorf("after it: %+v, left %v", r, h.left("lakeside", id))
		}
	})
}

func TestWhatAnExportMayNeedIsKept(t *testing.T) {
	failed := []life.Event{life.Admit, life.Accepted, life.Listed, life.Stored, life.Refuse}
	reopened := append(slices.Clone(completes[:3:3]), life.Stored, life.Ingested)
	for _, c := range []struct {
		name   string
		orders []order // the origin of a replay is the first
		want   [][]string
	}{
		{"a failed export that can be resumed", []order{{ends: failed}}, [][]string{{"attachments", "logs", "quarantine", "raw", "staged"}}},
		{"one that a later export has made good", []order{{ends: failed}, {}}, [][]string{nil, nil}},
		{"one that is under way", []order{{ends: reopened}}, [][]string{{"attachments", "logs", "quarantine", "raw", "staged"}}},
		{"one that was cancelled", []order{{ends: []life.Event{life.Cancel}}}, [][]string{nil}},
		{"one that was denied", []order{{ends: []life.Event{life.Deny}}}, [][]string{nil}},
		{
			"the refused lines of a replay that failed, and what their export and later ones said",
			[]order{{}, {}, {origin: "first", ends: failed}},
			[][]string{{"quarantine", "staged"}, {"staged"}, {"attachments", "logs", "quarantine", "raw", "staged"}},
		},
		{"those of a replay that completed", []order{{}, {}, {origin: "first"}}, [][]string{nil, nil, nil}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, lakeside := newHouse(t), agreed("lakeside")
				var ids []string
				for _, o := range c.orders {
					o.tenant = "lakeside"
					if o.origin != "" {
						o.origin = ids[0]
					}
					ids = append(ids, h.export(o))
					pass(time.Minute)
				}
				pass(10 * day)
				h.dispose(lakeside)
				for i, id := range ids {
					if diff := cmp.Diff(c.want[i], h.left("lakeside", id)); diff != "" {
						t.Errorf("export %d (-want +got):\n%s", i, diff)
					}
				}
			})
		})
	}
}

func TestWorkIsDoneInPortions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, lakeside := newHouse(t), agreed("lakeside")
		for range 3 {
			h.export(order{tenant: "lakeside"})
			pass(time.Second)
		}
		pass(10 * day)
		h.keeper.Point = func(string) error { pass(time.Second); return nil } // each step takes a second
		turns, gone := 0, 0
		for more := true; more; turns++ {
			start := time.Now()
			r, err := h.keeper.Practice(t.Context(), lakeside, disposal.Wish{Until: start.Add(3 * time.Second)})
			if err != nil || turns > 100 {
				t.Fatal(turns, err)
			}
			if took := time.Since(start); took > 6*time.Second { // what has begun may take two steps more
				t.Errorf("turn %d took %v", turns, took)
			}
			more, gone = r.More, gone+len(r.Gone)
		}
		if gone != 15 || turns < 5 {
			t.Errorf("%d areas in %d turns", gone, turns)
		}
	})
}

func TestWhoLeftAGroupLongAgoIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, lakeside := newHouse(t), agreed("lakeside")
		shown := func(patients ...string) {
			h.must(h.ledger.In("lakeside").Do(t.Context(), func(tx *store.Tx) error {
				_, err := tx.Members("s", store.Shown{Patients: patients, Whole: true, Held: true})
				return err
			}))
		}
		shown("a", "b")
		pass(time.Second)
		shown("b") // a leaves
		known := func() (n int) {
			h.must(h.ledger.DB().QueryRowContext(t.Context(), "SELECT count(*) FROM member WHERE tenant_id = 'lakeside'").Scan(&n))
			return n
		}
		pass(5*day - time.Second)
		if h.dispose(lakeside); known() != 2 {
			t.Errorf("%d are known before the time is over", known())
		}
		lakeside.Agreement.LegalHold = config.LegalHold{Since: config.Moment{Time: time.Now()}, Reason: "case 12", By: "counsel"}
		pass(time.Second)
		if h.dispose(lakeside); known() != 2 {
			t.Errorf("%d are known under a legal hold", known())
		}
		lakeside.Agreement.LegalHold = config.LegalHold{}
		if h.dispose(lakeside); known() != 1 {
			t.Errorf("%d are known after it", known())
		}
		h.verifies("lakeside")
	})
}

// verifies looks whether the practice's record is whole.
func (h *house) verifies(tenant string) {
	h.Helper()
	if head, fault, err := h.ledger.AuditFaults(h.Context(), tenant, nil); err != nil || fault != nil || head.Seq == 0 {
		h.Errorf("the record of %s: row %d, %v, %v", tenant, head.Seq, fault, err)
	}
}

package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// foreign writes a row as another program does.
func foreign(t *testing.T, s *store.Store, by, reference string) {
	t.Helper()
	_, err := s.DB().ExecContext(t.Context(), `INSERT INTO export_requests (tenant_id, requested_by, reference) VALUES ('lakeside', ?, ?)`, by, reference)
	if err != nil {
		t.Fatal(err)
	}
}

// newRequests gives those that can be taken up.
func newRequests(t *testing.T, s *store.Store) (free []store.ExportRequest) {
	t.Helper()
	list, err := s.NewRequests(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		if !r.Busy {
			free = append(free, r.ExportRequest)
		}
	}
	return free
}

// states gives the states of lakeside's requests, the first first.
func requestStates(t *testing.T, s *store.Store) (states []string) {
	t.Helper()
	list, err := s.In("lakeside").RequestsBelow(t.Context(), store.RequestPage{Most: 10})
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		states = append(states, list[len(list)-1-i].State)
	}
	return states
}

func TestARequestIsAnsweredOnceAndStandsAsItsExportDoes(t *testing.T) {
	s, _ := openLedger(t)
	foreign(t, s, "mirth", "n-1")
	list := newRequests(t, s)
	if len(list) != 1 || list[0].State != store.RequestNew || list[0].Kind != "incremental" || list[0].Source != store.FromTable {
		t.Fatalf("new requests: %+v", list)
	}
	var id string
	inTenant(t, s, "lakeside", func(tx *store.Tx) error {
		var err error
		if id, err = tx.Request(intent()); err != nil {
			return err
		}
		return tx.Answer(list[0].ID, id)
	})
	if got := newRequests(t, s); len(got) != 0 {
		t.Errorf("it is new still: %+v", got)
	}
	err := s.In("lakeside").Do(t.Context(), func(tx *store.Tx) error { return tx.Answer(list[0].ID, "another") })
	if !errors.Is(err, store.ErrFenced) {
		t.Errorf("answered twice: %v", err)
	}
	move(t, s, id, nil, life.Admit)
	if diff := cmp.Diff([]string{"kicking_off"}, requestStates(t, s)); diff != "" {
		t.Error(diff)
	}
	move(t, s, id, problem.New(problem.TokenRefused, "the server refuses our key", "Ask the practice."), life.Refuse)
	r, err := s.In("lakeside").Request(t.Context(), list[0].ID)
	if err != nil || r.State != "failed" || r.Code != "token_refused" || r.Remedy != "Ask the practice." || r.EndedAt.IsZero() || r.Export != id {
		t.Errorf("request = %+v, %v", r, err)
	}
	settled, err := s.Settled(t.Context(), 10)
	if err != nil || len(settled) != 1 || settled[0].Export != id || settled[0].State != "failed" {
		t.Errorf("settled = %+v, %v", settled, err)
	}
}

// move moves an export of lakeside, after a problem if there is one.
func move(t *testing.T, s *store.Store, id string, p *problem.Problem, e life.Event) {
	t.Helper()
	inTenant(t, s, "lakeside", func(tx *store.Tx) error {
		x, err := tx.Export(id)
		if err != nil {
			return err
		}
		if p != nil {
			if err := tx.SetProblem(&x, p); err != nil {
				return err
			}
		}
		return tx.Move(&x, e)
	})
}

func TestARequestWaitsWhileThePracticeHasAnExport(t *testing.T) {
	s, _ := openLedger(t)
	var id string
	inTenant(t, s, "lakeside", func(tx *store.Tx) (err error) { id, err = tx.Request(intent()); return err })
	foreign(t, s, "mirth", "")
	if got := newRequests(t, s); len(got) != 0 {
		t.Errorf("taken up beside another: %+v", got)
	}
	move(t, s, id, nil, life.Cancel)
	if got := newRequests(t, s); len(got) != 1 {
		t.Errorf("it is not taken up: %+v", got)
	}
}

func TestTheFirstRequestOfAReferenceIsFoundUnlessItWasRefused(t *testing.T) {
	s, _ := openLedger(t)
	for range 3 {
		foreign(t, s, "mirth", "n-1")
	}
	foreign(t, s, "other", "n-1")
	list := newRequests(t, s)
	known := func(of store.ExportRequest) (r store.ExportRequest, ok bool) {
		inTenant(t, s, "lakeside", func(tx *store.Tx) (err error) { r, ok, err = tx.Asked(of); return err })
		return r, ok
	}
	if r, ok := known(list[2]); !ok || r.ID != list[0].ID {
		t.Errorf("known = %+v, %v", r, ok)
	}
	if r, ok := known(list[0]); ok {
		t.Errorf("the first is preceded by %+v", r)
	}
	if r, ok := known(list[3]); ok {
		t.Errorf("another caller's: %+v", r)
	}
	inTenant(t, s, "lakeside", func(tx *store.Tx) error { return tx.Refuse(list[0].ID, problem.New(problem.Usage, "no", "Do.")) })
	if r, ok := known(list[2]); !ok || r.ID != list[1].ID {
		t.Errorf("after the refusal: %+v, %v", r, ok)
	}
}

func TestAnExportThatGoesOnAsAnotherTellsNobody(t *testing.T) {
	s, _ := openLedger(t)
	foreign(t, s, "mirth", "n-1")
	first := newRequests(t, s)[0]
	var id, next string
	inTenant(t, s, "lakeside", func(tx *store.Tx) (err error) {
		if id, err = tx.Request(intent()); err != nil {
			return err
		}
		return tx.Answer(first.ID, id)
	})
	move(t, s, id, nil, life.Cancel)
	inTenant(t, s, "lakeside", func(tx *store.Tx) (err error) {
		if next, err = tx.Request(intent()); err != nil {
			return err
		}
		return tx.GoOnAs(id, next)
	})
	r, err := s.In("lakeside").Request(t.Context(), first.ID)
	if err != nil || r.Export != next || r.State != "requested" || !r.EndedAt.IsZero() {
		t.Errorf("request = %+v, %v", r, err)
	}
	if list, err := s.Settled(t.Context(), 10); err != nil || len(list) != 0 {
		t.Errorf("settled = %+v, %v", list, err)
	}
}

// I7: what a row of another practice says is not reached.
func TestARequestOfAnotherPracticeIsNotReached(t *testing.T) {
	s, _ := openLedger(t)
	foreign(t, s, "mirth", "n-1")
	r := newRequests(t, s)[0]
	if _, err := s.In("hillcrest").Request(t.Context(), r.ID); err == nil {
		t.Error("hillcrest reads lakeside's request")
	}
	err := s.In("hillcrest").Do(t.Context(), func(tx *store.Tx) error { return tx.Answer(r.ID, "x") })
	if !errors.Is(err, store.ErrFenced) {
		t.Errorf("hillcrest answers lakeside's request: %v", err)
	}
}

// inTenant runs f in the tenant's part of the ledger.
func inTenant(t *testing.T, s *store.Store, tenant string, f func(tx *store.Tx) error) {
	t.Helper()
	if err := s.In(tenant).Do(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func intent() store.Intent {
	return store.Intent{Stream: "s", Endpoint: "https://ehr.example/LAKESD", Level: "group", Group: "g", Types: []string{"Patient"}, Mode: "full", Sinks: []string{"tables"}, RequestedBy: "test"}
}

func TestWhoTakesAnAlertOnIsOnRecord(t *testing.T) {
	s, _ := openLedger(t)
	var id int64
	err := s.Alerting(t.Context(), func(tx *store.AlertTx) (err error) {
		id, err = tx.Add(store.Alert{Tenant: "lakeside", Kind: "failed", Severity: "warning", Party: "us", OpenedAt: time.Now()})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx := audit.As(t.Context(), audit.Identity{Actor: "anna", Source: "local"})
	if err := s.In("lakeside").Acknowledge(ctx, id, store.Ack{By: "anna", Until: time.Now().Add(time.Hour), Note: "the vendor knows"}); err != nil {
		t.Fatal(err)
	}
	if err := s.In("lakeside").Acknowledge(ctx, 99, store.Ack{By: "anna"}); err == nil {
		t.Error("an alert that is not there is taken on")
	}
	var rows []audit.Entry
	for e, err := range s.In("lakeside").Audit(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, e)
	}
	if len(rows) != 1 || rows[0].Action != audit.AlertTakenOn || rows[0].Actor != "anna" || rows[0].Reason != "the vendor knows" || rows[0].Object != fmt.Sprint(id) {
		t.Errorf("on record: %+v", rows)
	}
}

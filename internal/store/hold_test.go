package store_test

import (
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func TestErrorsOfAFileCountOnceHoweverOftenItIsRead(t *testing.T) {
	s, _ := openLedger(t)
	x := listed(t, s, "OperationOutcome", "Patient")
	for _, c := range []struct {
		file    string
		n, want int64
	}{{"0-output-0-OperationOutcome", 3, 3}, {"0-output-1-Patient", 2, 5}, {"0-output-0-OperationOutcome", 3, 5}, {"0-output-0-OperationOutcome", 1, 3}, {"0-output-1-Patient", 0, 1}} {
		do(t, s, func(tx *store.Tx) error { return tx.SetServerErrors(&x, c.file, c.n) })
		kept, err := s.In("lakeside").Export(t.Context(), x.ID)
		if err != nil || kept.ServerErrors != c.want || x.ServerErrors != c.want {
			t.Errorf("%d errors in %s: the export counts %d (%d), %v, want %d", c.n, c.file, kept.ServerErrors, x.ServerErrors, err, c.want)
		}
	}
}

func TestAPauseTakesThePlaceOfTheOneBeforeAndPassesByItself(t *testing.T) {
	s, _ := openLedger(t)
	ctx := audit.As(t.Context(), audit.Identity{Actor: "anna"})
	of := store.Pause{Scope: store.PauseRegistration, Object: "ecw", Reason: "their certificate is renewed", Until: time.Now().Add(time.Hour)}
	for range 2 {
		if _, err := s.Pause(ctx, of); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := s.Pauses(ctx); err != nil || len(list) != 1 || list[0].By != "anna" || !list[0].Until.Equal(of.Until.Truncate(time.Millisecond)) {
		t.Fatalf("pauses = %+v, %v", list, err)
	}
	if ok, err := s.Unpause(ctx, store.PauseAll, "", ""); ok || err != nil {
		t.Errorf("the end of another pause: %v, %v", ok, err)
	}
	of.Until = time.Now().Add(-time.Second) // over as soon as it is set
	if _, err := s.Pause(ctx, of); err != nil {
		t.Fatal(err)
	}
	if ok, err := s.Unpause(ctx, of.Scope, of.Object, ""); ok || err != nil {
		t.Errorf("the end of one that is over: %v, %v", ok, err)
	}
	all, err := s.LatestPauses(ctx, 9)
	if err != nil || len(all) != 3 || all[0].EndedBy != "" || !all[0].Over(time.Now()) || all[1].EndedBy != "anna" {
		t.Errorf("all pauses = %+v, %v", all, err)
	}
	if head, fault, err := s.AuditFaults(ctx, audit.House, nil); err != nil || fault != nil || head.Seq != 3 {
		t.Errorf("the house's record has %d rows, %v, %v", head.Seq, fault, err)
	}
}

package store_test

import (
	"errors"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func TestAPartOfAnAdmissionThatFailsTakesNothingElseWithIt(t *testing.T) {
	s, _ := openLedger(t)
	if err := s.PutTenants(t.Context(), []store.Tenant{{ID: "lakeside"}, {ID: "hillcrest"}}); err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{}
	for _, tenant := range []string{"lakeside", "hillcrest"} {
		if err := s.In(tenant).Do(t.Context(), func(tx *store.Tx) (err error) {
			ids[tenant], err = tx.Request(store.Intent{Endpoint: "https://" + tenant, Level: "system", Mode: "full"})
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	broken := errors.New("half of it is written")
	begin := func(tenant string, end error) func(tx *store.Tx) error {
		return func(tx *store.Tx) error {
			x, err := tx.Export(ids[tenant])
			if err == nil {
				err = tx.Move(&x, life.Admit)
			}
			return errors.Join(err, end)
		}
	}
	if err := s.Admitting(t.Context(), func(a *store.Admission) error {
		if err := a.Do("lakeside", begin("lakeside", broken)); !errors.Is(err, broken) {
			t.Errorf("the part that fails says %v", err)
		}
		return a.Do("hillcrest", begin("hillcrest", nil))
	}); err != nil {
		t.Fatal(err)
	}
	for tenant, want := range map[string]life.State{"lakeside": life.Requested, "hillcrest": life.KickingOff} {
		if x, err := s.In(tenant).Export(t.Context(), ids[tenant]); err != nil || x.State != want {
			t.Errorf("the export of %s is %s, %v, want %s", tenant, x.State, err, want)
		}
	}
}

func TestAnExportThatEndsIsParkedNoLonger(t *testing.T) {
	s, _ := openLedger(t)
	x := listed(t, s, "Patient")
	do(t, s, func(tx *store.Tx) error { return tx.Park(x.ID) })
	if kept, err := s.In("lakeside").Export(t.Context(), x.ID); err != nil || kept.ParkedAt.IsZero() {
		t.Fatalf("parked: %s, %v", kept.ParkedAt, err)
	}
	do(t, s, func(tx *store.Tx) error {
		now, err := tx.Export(x.ID)
		if err == nil {
			err = tx.Move(&now, life.Refuse)
		}
		return err
	})
	if kept, err := s.In("lakeside").Export(t.Context(), x.ID); err != nil || !kept.ParkedAt.IsZero() {
		t.Errorf("it failed, and is %s parked since %s, %v", kept.State, kept.ParkedAt, err)
	}
}

package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func TestEachChangeOfAPracticesKeysIsOnRecordOnce(t *testing.T) {
	s, _ := openLedger(t)
	first, second, third := time.UnixMilli(1000).UTC(), time.UnixMilli(2000).UTC(), time.UnixMilli(3000).UTC()
	stages := [][]store.TenantKey{
		{{ID: 7, CreatedAt: first}},
		{{ID: 7, CreatedAt: first, RetiredAt: second}, {ID: 4_000_000_000, CreatedAt: second}},
		{{ID: 7, CreatedAt: first, RetiredAt: second, DestroyedAt: third}, {ID: 4_000_000_000, CreatedAt: second, DestroyedAt: third}},
		{{ID: 9, CreatedAt: third}},
	}
	in := s.In("north")
	for _, keys := range stages {
		for range 2 { // again changes nothing
			if err := in.Do(t.Context(), func(tx *store.Tx) error { return tx.PutKeys(keys) }); err != nil {
				t.Fatal(err)
			}
		}
	}
	var acts []string
	for e, err := range in.Audit(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		acts = append(acts, string(e.Action)+" "+e.Object)
	}
	want := []string{
		string(audit.KeyCreated) + " 7", string(audit.KeyRotated) + " 4000000000",
		string(audit.KeyDestroyed) + " 7", string(audit.KeyDestroyed) + " 4000000000", string(audit.KeyCreated) + " 9",
	}
	if diff := cmp.Diff(want, acts); diff != "" {
		t.Errorf("on record (-want +got):\n%s", diff)
	}
	got, err := in.Keys(t.Context())
	if diff := cmp.Diff(append(stages[2], stages[3]...), got); diff != "" || err != nil {
		t.Errorf("keys (-want +got): %v\n%s", err, diff)
	}
	if none, err := s.In("south").Keys(t.Context()); err != nil || len(none) > 0 {
		t.Errorf("another practice's keys: %v, %v", none, err)
	}
	if all, err := s.TenantsWithKeys(t.Context()); err != nil || !cmp.Equal(all, []string{"north"}) {
		t.Errorf("tenants with keys: %v, %v", all, err)
	}
	revived := []store.TenantKey{{ID: 7, CreatedAt: first}}
	if err := in.Do(t.Context(), func(tx *store.Tx) error { return tx.PutKeys(revived) }); err != nil {
		t.Fatal(err)
	}
	if got, err = in.Keys(t.Context()); err != nil || got[0].DestroyedAt.IsZero() {
		t.Errorf("a destroyed key is in use again: %+v, %v", got, err)
	}
}

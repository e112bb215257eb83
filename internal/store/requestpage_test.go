package store_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func TestRequestsOfProgramsAreReadAPageAtATime(t *testing.T) {
	s, _ := openLedger(t)
	ask := func(tenant string, refused bool) (id int64) {
		t.Helper()
		err := s.In(tenant).Do(t.Context(), func(tx *store.Tx) (err error) {
			if id, err = tx.Ask(store.ExportRequest{Kind: "full", By: "mirth", Source: store.FromTable}); err != nil || !refused {
				return err
			}
			if err := tx.CallBack(store.Callback{Delivery: tenant, Request: id, Target: "mirth", URL: "https://mirth.example/", State: "refused", Body: "{}"}); err != nil {
				return err
			}
			return tx.Refuse(id, problem.New(problem.RequestInvalid, "the kind is \"ful\"", "Ask for full."))
		})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	a, b, c := ask("lakeside", false), ask("nobody", true), ask("lakeside", true)
	ids := func(list []store.ExportRequest, err error) (ids []int64) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			ids = append(ids, r.ID)
		}
		return ids
	}
	for _, page := range []struct {
		name string
		got  []int64
		want []int64
	}{
		{"all", ids(s.RequestsBelow(t.Context(), store.RequestPage{Most: 2})), []int64{c, b}},
		{"the next page", ids(s.RequestsBelow(t.Context(), store.RequestPage{Below: b, Most: 2})), []int64{a}},
		{"all that are refused", ids(s.RequestsBelow(t.Context(), store.RequestPage{State: "refused", Most: 9})), []int64{c, b}},
		{"one practice's", ids(s.In("lakeside").RequestsBelow(t.Context(), store.RequestPage{Most: 9})), []int64{c, a}},
		{"its new ones", ids(s.In("lakeside").RequestsBelow(t.Context(), store.RequestPage{State: "new", Most: 9})), []int64{a}},
		{"its next page", ids(s.In("lakeside").RequestsBelow(t.Context(), store.RequestPage{Below: c, Most: 9})), []int64{a}},
	} {
		if diff := cmp.Diff(page.want, page.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", page.name, diff)
		}
	}
	told, ok, err := s.In("nobody").CallbackOf(t.Context(), store.ExportRequest{ID: b})
	if err != nil || !ok || told.Target != "mirth" {
		t.Errorf("the call-back is %+v, %v, %v", told, ok, err)
	}
	if _, ok, err := s.In("lakeside").CallbackOf(t.Context(), store.ExportRequest{ID: b}); err != nil || ok {
		t.Errorf("a call-back of another practice is found: %v", err)
	}
}

package store_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func registryLedger(tb testing.TB) *store.Store {
	tb.Helper()
	s, err := store.Open(tb.Context(), filepath.Join(tb.TempDir(), "ledger.db"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return s
}

func part(tenant, text string) store.Registered {
	return store.Registered{Tenant: tenant, Digest: "of " + text, Text: text}
}

func TestWhatIsInForceIsRecordedPartByPart(t *testing.T) {
	s, ctx := registryLedger(t), t.Context()
	if parts, err := s.InForce(ctx); err != nil || len(parts) != 0 {
		t.Fatalf("a new ledger: %v, %v", parts, err)
	}
	apply := func(want int, by string, parts ...store.Registered) {
		t.Helper()
		if changed, err := s.Apply(ctx, parts, by); err != nil || changed != want {
			t.Fatalf("%d parts changed, %v; want %d", changed, err, want)
		}
	}
	inForce := func(want ...store.Registered) {
		t.Helper()
		got, err := s.InForce(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(store.Registered{}, "AppliedAt", "Digest")); diff != "" {
			t.Errorf("in force (-want +got):\n%s", diff)
		}
	}
	apply(3, "start", part("", "all"), part("elm", "1"), part("fir", "1"))
	apply(0, "start", part("", "all"), part("elm", "1"), part("fir", "1"))
	apply(1, "anna", part("", "all"), part("elm", "2"), part("fir", "1"))
	apply(1, "anna", part("", "all"), part("elm", "2")) // fir is gone
	inForce(
		store.Registered{Revision: 1, Text: "all", AppliedBy: "start"},
		store.Registered{Tenant: "elm", Revision: 2, Text: "2", AppliedBy: "anna"},
		store.Registered{Tenant: "fir", Revision: 2, Frozen: true, Text: "1", AppliedBy: "anna"},
	)
	apply(0, "start", part("", "all"), part("elm", "2")) // and stays frozen
	apply(1, "ben", part("", "all"), part("elm", "2"), part("fir", "1"))
	history, err := s.In("fir").Revisions(ctx, 10)
	if err != nil || len(history) != 3 {
		t.Fatalf("history = %+v, %v", history, err)
	}
	if history[0].Frozen || history[0].Revision != 3 || !history[0].SupersededAt.IsZero() || !history[1].Frozen || history[2].SupersededAt.IsZero() {
		t.Errorf("history = %+v", history)
	}
	if since := time.Since(history[0].AppliedAt); since < 0 || since > time.Minute {
		t.Errorf("applied %s ago", since)
	}
	if one, err := s.In("fir").Revisions(ctx, 1); err != nil || len(one) != 1 || one[0].Revision != 3 {
		t.Errorf("the latest revision = %+v, %v", one, err)
	}
}

func TestARequestToReloadIsAnsweredOnce(t *testing.T) {
	s, ctx := registryLedger(t), t.Context()
	if _, ok, err := s.OpenReload(ctx); ok || err != nil {
		t.Fatalf("a new ledger has a request: %v", err)
	}
	ask := func() int64 {
		t.Helper()
		id, err := s.AskReload(ctx, "digest", "anna")
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	first, second := ask(), ask()
	open, ok, err := s.OpenReload(ctx)
	if want := (store.Reload{ID: second, Digest: "digest", By: "anna"}); err != nil || !ok || open != want {
		t.Errorf("open = %+v, %v, %v; want %+v", open, ok, err, want)
	}
	third := ask()
	if err := s.AnswerReload(ctx, second, "a mistake"); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[int64]store.Reload{
		first:  {ID: first, Digest: "digest", By: "anna", Answered: true, Refusal: "a mistake"},
		second: {ID: second, Digest: "digest", By: "anna", Answered: true, Refusal: "a mistake"},
		third:  {ID: third, Digest: "digest", By: "anna"},
	} {
		if got, err := s.Reload(ctx, id); err != nil || got != want {
			t.Errorf("request %d = %+v, %v; want %+v", id, got, err, want)
		}
	}
	if err := s.AnswerReload(ctx, third, ""); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := s.OpenReload(ctx); ok || err != nil {
		t.Errorf("a request is open still: %v", err)
	}
}

func BenchmarkFiveHundredParts(b *testing.B) {
	s, ctx := registryLedger(b), b.Context()
	text := make([]byte, 3000)
	turn := 0
	for b.Loop() {
		turn++
		parts := []store.Registered{part("", "all")}
		for i := range 500 {
			parts = append(parts, part(fmt.Sprintf("practice-%03d", i), fmt.Sprintf("%d %s", turn, text)))
		}
		if changed, err := s.Apply(ctx, parts, "bench"); err != nil || changed < 500 {
			b.Fatal(changed, err)
		}
	}
}

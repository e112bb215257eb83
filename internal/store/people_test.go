package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

var anna = store.Person{
	ID: "anna", Name: "Anna", PasswordHash: "x",
	Grants: []access.Grant{{Role: access.Operator, Tenant: "lakeside"}, {Role: access.Viewer, Tenant: access.Every}},
}

var changedAccess = audit.Event{Action: audit.AccessChanged, Object: "person:anna"}

func TestNobodyGainsAccessWithoutARecord(t *testing.T) {
	s, _ := openLedger(t)
	unknown := audit.Event{Action: "of no kind"}
	if err := s.PutPerson(t.Context(), anna, unknown); err == nil {
		t.Fatal("an event that cannot be recorded was taken")
	}
	if _, ok, err := s.Person(t.Context(), "anna"); ok || err != nil {
		t.Error("the person is there all the same", err)
	}
}

func TestAPersonIsKeptWithWhatTheyMayDo(t *testing.T) {
	s, _ := openLedger(t)
	if err := s.PutPerson(t.Context(), anna, changedAccess); err != nil {
		t.Fatal(err)
	}
	got, ok, err := s.Person(t.Context(), "anna")
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if diff := cmp.Diff(anna.Grants, got.Grants); diff != "" || got.Name != "Anna" || got.CreatedAt.IsZero() || !got.DisabledAt.IsZero() {
		t.Errorf("%+v (-want +got grants):\n%s", got, diff)
	}
	changed := anna
	changed.Grants = []access.Grant{{Role: access.Viewer, Tenant: "hillcrest"}}
	if err := s.PutPerson(t.Context(), changed, changedAccess); err != nil {
		t.Fatal(err)
	}
	if done, err := s.DisablePerson(t.Context(), "anna", changedAccess); !done || err != nil {
		t.Fatal(done, err)
	}
	people, err := s.People(t.Context())
	if err != nil || len(people) != 1 || people[0].DisabledAt.IsZero() {
		t.Fatal(people, err)
	}
	if diff := cmp.Diff(changed.Grants, people[0].Grants); diff != "" {
		t.Errorf("grants after the change (-want +got):\n%s", diff)
	}
	if _, ok, err := s.Person(t.Context(), "nobody"); ok || err != nil {
		t.Error(ok, err)
	}
}

func TestOnlyOneFirstPersonIsMade(t *testing.T) {
	s, _ := openLedger(t)
	made, refused := 0, 0
	var all sync.WaitGroup
	var mu sync.Mutex
	for i := range 4 {
		all.Go(func() {
			err := s.PutFirstPerson(t.Context(), store.Person{ID: fmt.Sprint("p", i)}, changedAccess)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				made++
			case errors.Is(err, store.ErrPeople):
				refused++
			}
		})
	}
	all.Wait()
	if made != 1 || refused != 3 {
		t.Errorf("%d first people, %d refused", made, refused)
	}
}

func TestATokenIsKnownUntilItIsRevoked(t *testing.T) {
	s, _ := openLedger(t)
	want := store.Token{ID: "t1", Name: "mirth", Hash: "abc", Grants: anna.Grants, CreatedBy: "anna", ExpiresAt: time.Now().Add(time.Hour)}
	if err := s.AddToken(t.Context(), want, changedAccess); err != nil {
		t.Fatal(err)
	}
	if err := s.TokenUsed(t.Context(), "t1"); err != nil {
		t.Fatal(err)
	}
	got, ok, err := s.Token(t.Context(), "t1")
	if err != nil || !ok || got.Hash != "abc" || got.LastUsedAt.IsZero() || !got.RevokedAt.IsZero() || got.Actor().ID != "token:t1" {
		t.Fatalf("%+v %v %v", got, ok, err)
	}
	if done, err := s.RevokeToken(t.Context(), "t1", changedAccess); !done || err != nil {
		t.Fatal(done, err)
	}
	if done, err := s.RevokeToken(t.Context(), "t1", changedAccess); done || err != nil {
		t.Error("a token was revoked twice")
	}
	all, err := s.Tokens(t.Context())
	if err != nil || len(all) != 1 || all[0].RevokedAt.IsZero() {
		t.Error(all, err)
	}
}

func TestStandingsShowTheLatestAndTheLastDelivery(t *testing.T) {
	s, _ := openLedger(t)
	first := request(t, s, "lakeside")
	mustMove(t, s, first, life.Deny)
	all, err := s.Standings(t.Context())
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	if got := all[1]; got.Tenant != "lakeside" || got.Export != first.ID || got.State != life.Denied || got.Completed != "" || got.Name != "Lakeside" {
		t.Errorf("%+v", got)
	}
	if got := all[0]; got.Tenant != "hillcrest" || got.Export != "" || got.State != "" {
		t.Errorf("%+v", got)
	}
	if err := s.PutTenants(t.Context(), []store.Tenant{{ID: "lakeside"}}); err != nil {
		t.Fatal(err)
	}
	if all, err = s.Standings(t.Context()); err != nil || !all[0].Frozen {
		t.Error("a practice that left the configuration does not show as frozen", err)
	}
}

func mustMove(t *testing.T, s *store.Store, x store.Export, event life.Event) {
	t.Helper()
	if err := s.In(x.Tenant).Do(t.Context(), func(tx *store.Tx) error { return tx.Move(&x, event) }); err != nil {
		t.Fatal(err)
	}
}

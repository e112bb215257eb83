package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func TestWhatChangesOfHowSomebodySignsInIsKept(t *testing.T) {
	s, _ := openLedger(t)
	by := func(actor string) audit.Identity { return audit.Identity{Actor: actor, Source: "192.0.2.1"} }
	p := anna
	if err := s.PutPerson(audit.As(t.Context(), by("root")), p, changedAccess); err != nil { // a new person has no password that changes
		t.Fatal(err)
	}
	if err := s.PutPerson(audit.As(t.Context(), by("root")), p, changedAccess); err != nil {
		t.Fatal(err)
	}
	mine := audit.As(t.Context(), by("anna"))
	if done, err := s.SetPassword(mine, store.NewPassword{Person: p, Hash: "y", Session: "mine"}, changedAccess); !done || err != nil {
		t.Fatal(done, err)
	}
	if done, err := s.SetPassword(mine, store.NewPassword{Person: p, Hash: "z", Session: "mine"}, changedAccess); done || err != nil {
		t.Fatal("a password that is no longer the person's was taken", done, err)
	}
	before := p
	p.PasswordHash = "y"
	if done, err := s.SetFactor(mine, store.NewFactor{Person: p, Sealed: "sealed", Step: 1, Session: "mine"}, changedAccess); !done || err != nil {
		t.Fatal(done, err)
	}
	if done, err := s.SetPassword(mine, store.NewPassword{Person: p, Hash: "z", Session: "mine"}, changedAccess); done || err != nil {
		t.Fatal("a password took a factor that was set meanwhile", done, err)
	}
	p.Factor = "sealed"
	for what, stale := range map[string]store.Person{"a password that is no longer the person's": before, "no factor, when there was one": {ID: "anna", PasswordHash: "y"}} {
		if done, err := s.SetFactor(mine, store.NewFactor{Person: stale, Sealed: "other", Step: 2, Session: "mine"}, changedAccess); done || err != nil {
			t.Fatalf("a factor that was sealed with %s was taken: %v", what, err)
		}
	}
	if done, err := s.SetFactor(mine, store.NewFactor{Person: p, Session: "mine"}, changedAccess); !done || err != nil {
		t.Fatal(done, err)
	}
	list, err := s.CredentialChangesOf(t.Context(), "anna", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	var got [][3]string
	for _, c := range list {
		got = append(got, [3]string{c.What, c.By, c.Source})
	}
	want := [][3]string{
		{store.FactorRemoved, "anna", "192.0.2.1"}, {store.FactorSet, "anna", "192.0.2.1"}, {store.PasswordChanged, "anna", "192.0.2.1"}, {store.PasswordSet, "root", "192.0.2.1"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if all, err := s.CredentialChanges(t.Context(), time.Now().Add(-time.Hour)); err != nil || len(all) != 4 || all[0].Person != "anna" {
		t.Error(all, err)
	}
	if late, err := s.CredentialChangesOf(t.Context(), "anna", time.Now().Add(time.Hour)); err != nil || len(late) != 0 {
		t.Error(late, err)
	}
}

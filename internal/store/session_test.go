package store_test

import (
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

var signedIn = audit.Event{Action: audit.SignedIn, Object: "anna"}

func annaWithSession(t *testing.T, s *store.Store, secrets ...string) {
	t.Helper()
	if err := s.PutPerson(t.Context(), anna, changedAccess); err != nil {
		t.Fatal(err)
	}
	for _, secret := range secrets {
		begun := store.Session{Person: "anna", Way: store.ByPassword, Factors: 1, EndsAt: time.Now().Add(time.Hour)}
		if err := s.BeginSession(t.Context(), secret, begun, signedIn); err != nil {
			t.Fatal(err)
		}
	}
}

func TestASessionEndsByTheClock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	synctest.Test(t, func(t *testing.T) {
		s, err := store.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		annaWithSession(t, s, "cookie")
		if got, ok, err := s.Session(t.Context(), "cookie"); got.Person != "anna" || !ok || err != nil {
			t.Fatal(got, ok, err)
		}
		<-time.After(time.Hour)
		if _, ok, err := s.Session(t.Context(), "cookie"); ok || err != nil {
			t.Error("a session outlived its time", err)
		}
	})
}

// Nothing that a request still does brings back a session that another one has
// ended meanwhile.
func TestAnEndedSessionStaysEnded(t *testing.T) {
	s, _ := openLedger(t)
	annaWithSession(t, s, "cookie")
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 10 {
				if err := s.SessionSeen(t.Context(), "cookie"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	if err := s.EndSession(t.Context(), "cookie"); err != nil {
		t.Fatal(err)
	}
	all.Wait()
	if _, ok, err := s.Session(t.Context(), "cookie"); ok || err != nil {
		t.Error("the session is back", err)
	}
	if done, err := s.SessionProved(t.Context(), "cookie", 2, signedIn); done || err != nil {
		t.Error("an ended session was proved", err)
	}
}

func TestSessionsAreEndedOneByOneOrAllOfAPerson(t *testing.T) {
	s, _ := openLedger(t)
	annaWithSession(t, s, "one", "two", "three")
	list, err := s.SessionsOf(t.Context(), "anna", time.Time{})
	if err != nil || len(list) != 3 {
		t.Fatal(list, err)
	}
	if done, err := s.EndSessionOf(t.Context(), "bert", list[0].ID, signedIn); done || err != nil {
		t.Error("somebody else's session was ended", err)
	}
	if done, err := s.EndSessionOf(t.Context(), "anna", list[0].ID, signedIn); !done || err != nil {
		t.Error(done, err)
	}
	if err := s.EndSessionsOf(t.Context(), "anna", "one", signedIn); err != nil {
		t.Fatal(err)
	}
	left, err := s.CountSessions(t.Context(), time.Time{})
	if err != nil || left["anna"] > 1 {
		t.Error(left, err)
	}
	if done, err := s.DisablePerson(t.Context(), "anna", changedAccess); !done || err != nil {
		t.Fatal(err)
	}
	if left, err = s.CountSessions(t.Context(), time.Time{}); err != nil || len(left) != 0 {
		t.Error(left, err)
	}
}

func TestTheLastAdminStays(t *testing.T) {
	s, _ := openLedger(t)
	boss := func(id string) store.Person {
		return store.Person{ID: id, PasswordHash: "x", Grants: []access.Grant{{Role: access.Admin, Tenant: access.Every}}}
	}
	for _, id := range []string{"anna", "bert"} {
		if err := s.PutPerson(t.Context(), boss(id), changedAccess); err != nil {
			t.Fatal(err)
		}
	}
	provided := store.Person{ID: "cleo", Subject: "https://login.example sub", Grants: boss("").Grants}
	if err := s.PutProvided(t.Context(), provided, changedAccess); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	took := make([]error, 2)
	for i, id := range []string{"anna", "bert"} { // each takes the other's access at the same time
		all.Go(func() { _, took[i] = s.DisablePerson(t.Context(), id, changedAccess) })
	}
	all.Wait()
	if (took[0] == nil) == (took[1] == nil) || !errors.Is(errors.Join(took...), store.ErrLastAdmin) {
		t.Errorf("both admins at once: %v", took)
	}
	left := "anna"
	if took[0] == nil {
		left = "bert"
	}
	viewer := boss(left)
	viewer.Grants = anna.Grants
	if _, err := s.PutGrants(t.Context(), viewer, changedAccess); !errors.Is(err, store.ErrLastAdmin) {
		t.Errorf("the last admin became a viewer: %v", err)
	}
	if err := s.PutPerson(t.Context(), viewer, changedAccess); !errors.Is(err, store.ErrLastAdmin) {
		t.Errorf("the last admin was replaced: %v", err)
	}
	if p, _, err := s.Person(t.Context(), left); err != nil || len(p.Grants) != 1 || p.Grants[0].Role != access.Admin {
		t.Errorf("a refused change left %+v, %v", p, err)
	}
}

func TestAProviderChangesNobodyElse(t *testing.T) {
	s, _ := openLedger(t)
	annaWithSession(t, s)
	p := store.Person{ID: "anna", Name: "Somebody", Subject: "https://login.example sub", Grants: []access.Grant{{Role: access.Admin, Tenant: access.Every}}}
	if err := s.PutProvided(t.Context(), p, changedAccess); err == nil {
		t.Error("a local person was taken over")
	}
	p.ID = "cleo"
	if err := s.PutProvided(t.Context(), p, changedAccess); err != nil {
		t.Fatal(err)
	}
	if _, err := s.DisablePerson(t.Context(), "cleo", changedAccess); err != nil {
		t.Fatal(err)
	}
	if err := s.PutProvided(t.Context(), p, changedAccess); err != nil {
		t.Fatal(err)
	}
	got, ok, err := s.PersonOf(t.Context(), p.Subject)
	if err != nil || !ok || got.DisabledAt.IsZero() {
		t.Errorf("access that was taken here came back: %+v, %v", got, err)
	}
	p.Subject = "https://login.example other"
	if err := s.PutProvided(t.Context(), p, changedAccess); err == nil {
		t.Error("a person of another subject was taken over")
	}
	if got, _, err := s.Person(t.Context(), "anna"); err != nil || got.Name != "Anna" {
		t.Error(got, err)
	}
}

func TestANewPasswordIsTakenOnceAndEndsOtherSessions(t *testing.T) {
	s, _ := openLedger(t)
	annaWithSession(t, s, "mine", "other")
	p, _, err := s.Person(t.Context(), "anna")
	if err != nil {
		t.Fatal(err)
	}
	set := func(hash string) bool {
		done, err := s.SetPassword(t.Context(), store.NewPassword{Person: p, Hash: hash, Session: "mine"}, changedAccess)
		if err != nil {
			t.Fatal(err)
		}
		return done
	}
	if !set("y") || set("z") {
		t.Error("of two changes of the same password, not the first alone counted")
	}
	mine, ok, err := s.Session(t.Context(), "mine")
	if err != nil || !ok || mine.Mark != access.HashSecret("y") {
		t.Error("one's own session ended", err)
	}
	if _, ok, _ := s.Session(t.Context(), "other"); ok {
		t.Error("another session outlived the password")
	}
}

func TestACodeIsTakenOnce(t *testing.T) {
	s, _ := openLedger(t)
	annaWithSession(t, s)
	for _, c := range []struct {
		step int64
		want bool
	}{{5, true}, {5, false}, {4, false}, {6, true}} {
		if got, err := s.FactorUsed(t.Context(), "anna", c.step); got != c.want || err != nil {
			t.Errorf("step %d: %v, %v", c.step, got, err)
		}
	}
}

func TestATokensSuccessorTakesOver(t *testing.T) {
	s, _ := openLedger(t)
	end := time.Now().Add(time.Hour)
	old := store.Token{ID: "t1", Name: "mirth", Hash: "a", ExpiresAt: end}
	if err := s.AddToken(t.Context(), old, changedAccess); err != nil {
		t.Fatal(err)
	}
	next := store.Token{ID: "t2", Name: "mirth", Hash: "b", ExpiresAt: end.Add(time.Hour)}
	if done, err := s.RotateToken(t.Context(), "t1", next, end.Add(-time.Minute), changedAccess); !done || err != nil {
		t.Fatal(done, err)
	}
	got, _, err := s.Token(t.Context(), "t1")
	if err != nil || got.ExpiresAt.After(end.Add(-time.Minute)) {
		t.Errorf("the old token ends at %v, %v", got.ExpiresAt, err)
	}
	next.ID = "t3"
	if done, err := s.RotateToken(t.Context(), "none", next, end, changedAccess); done || err != nil {
		t.Error("a token followed none", err)
	}
	if _, ok, _ := s.Token(t.Context(), "t3"); ok {
		t.Error("a token was made all the same")
	}
}

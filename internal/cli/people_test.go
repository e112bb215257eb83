package cli

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// ledger opens the desk's ledger for a moment.
func (d *desk) ledger(look func(s *store.Store)) {
	d.t.Helper()
	s, err := store.Open(d.t.Context(), filepath.Join(filepath.Dir(d.file), "bulkhead", "ledger.db"))
	if err != nil {
		d.t.Fatal(err)
	}
	defer s.Close()
	look(s)
}

func TestTheOnlyAdminIsLetInAgainFromTheMachine(t *testing.T) {
	t.Attr("asvs", "2.5.6 2.5.7")
	d := newDesk(t)
	admin := []access.Grant{{Role: access.Admin, Tenant: access.Every}}
	changed := audit.Event{Action: audit.AccessChanged, Object: "person:anna"}
	d.ledger(func(s *store.Store) {
		for _, p := range []store.Person{
			{ID: "anna", Name: "Anna", PasswordHash: "forgotten", Grants: admin},
			{ID: "dana", Name: "Dana", Subject: "https://login.example.org s-1", Grants: admin},
		} {
			if err := s.PutPerson(t.Context(), p, changed); err != nil {
				t.Fatal(err)
			}
		}
		if done, err := s.SetFactor(t.Context(), store.NewFactor{Person: store.Person{ID: "anna", PasswordHash: "forgotten"}, Sealed: "sealed", Step: 1}, changed); !done || err != nil {
			t.Fatal(err)
		}
		if err := s.BeginSession(t.Context(), "secret", store.Session{Person: "anna", Way: store.ByPassword, Mark: "m", Factors: 1, EndsAt: time.Now().Add(time.Hour)}, changed); err != nil {
			t.Fatal(err)
		}
	})
	status, said := d.run("--json", "people", "reset", "anna", "--reason", "lost her phone, case 12")
	var got struct{ ID, Password string }
	if err := json.Unmarshal([]byte(said), &got); status != 0 || err != nil {
		t.Fatalf("status %d, %v: %s", status, err, said)
	}
	d.ledger(func(s *store.Store) {
		p, _, err := s.Person(t.Context(), "anna")
		if err != nil || !access.VerifyPassword(p.PasswordHash, got.Password) || p.Factor != "" || p.Name != "Anna" || len(p.Grants) != 1 {
			t.Errorf("anna is %+v, %v", p, err)
		}
		if left := time.Until(p.PasswordUntil); left < resetHolds-time.Hour || left > resetHolds {
			t.Errorf("the password opens for %v", left)
		}
		if _, ok, err := s.Session(t.Context(), "secret"); ok || err != nil {
			t.Error("a session of before goes on", err)
		}
		found, err := s.AuditSearch(t.Context(), store.AuditSearch{Tenants: []string{audit.House}, Looked: 100})
		if err != nil || found.Entries[0].Action != audit.AccessChanged || found.Entries[0].Reason != "lost her phone, case 12" || !strings.Contains(found.Entries[0].Facts, `"password":"reset"`) {
			t.Errorf("on record: %+v, %v", found.Entries[0], err)
		}
		if strings.Contains(found.Entries[0].Facts, got.Password) {
			t.Error("the record has the password")
		}
		changes, err := s.CredentialChangesOf(t.Context(), "anna", time.Time{})
		if err != nil || len(changes) != 2 || changes[0].What != store.PasswordSet || changes[0].Source != "local" {
			t.Errorf("she is told of %+v, %v", changes, err)
		}
	})
}

func TestWhoIsNotLetInFromTheMachine(t *testing.T) {
	d := newDesk(t)
	gone := audit.Event{Action: audit.AccessChanged, Object: "person:bert"}
	d.ledger(func(s *store.Store) {
		for _, p := range []store.Person{{ID: "bert", Name: "Bert", PasswordHash: "x"}, {ID: "dana", Name: "Dana", Subject: "https://login.example.org s-1"}} {
			if err := s.PutPerson(t.Context(), p, gone); err != nil {
				t.Fatal(err)
			}
		}
		if done, err := s.DisablePerson(t.Context(), "bert", gone); !done || err != nil {
			t.Fatal(done, err)
		}
	})
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"without a reason":       {[]string{"bert", "--reason", " "}, "for a reason only"},
		"nobody":                 {[]string{"cleo", "--reason", "x"}, "nobody signs in under that name"},
		"a name of the record's": {[]string{"nobody", "--admin", "--reason", "x"}, "it can be nobody's"},
		"of the provider":        {[]string{"dana", "--admin", "--reason", "x"}, "at the identity provider"},
		"whose access was taken": {[]string{"bert", "--reason", "x"}, "access was taken"},
	} {
		if status, said := d.run(append([]string{"people", "reset"}, c.args...)...); status == 0 || !strings.Contains(said, c.says) {
			t.Errorf("%s: status %d: %s", name, status, said)
		}
	}
	if status, said := d.run("people", "reset", "cleo", "--admin", "--reason", "no admin is left"); status != 0 || !strings.Contains(said, "cleo signs in once") {
		t.Errorf("a new admin: status %d: %s", status, said)
	}
	status, said := d.run("people")
	if status != 0 || !strings.Contains(said, "cleo (cleo): admin; has never signed in") || !strings.Contains(said, "bert (Bert): nothing since") || !strings.Contains(said, "signs in at the identity provider") {
		t.Errorf("status %d: %s", status, said)
	}
}

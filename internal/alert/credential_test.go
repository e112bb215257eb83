package alert

import (
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func TestTheHouseIsToldWhatChangesOfHowPeopleSignIn(t *testing.T) {
	t.Parallel()
	t.Attr("asvs", "2.2.3 2.5.5")
	fact := func(person, what, by string, at time.Duration) CredentialFact {
		return CredentialFact{person, what, store.CredentialChange{What: what}.Says(), by, ago(at)}
	}
	list := Evaluate(noon, Facts{Machine: MachineFacts{Free: 1 << 60}, Credentials: []CredentialFact{
		fact("anna", store.PasswordChanged, "anna", time.Hour), fact("anna", store.PasswordChanged, "anna", 2*time.Hour), fact("bert", store.PasswordSet, "boss", time.Hour),
		fact("cleo", store.FactorRemoved, "cleo", time.Hour), fact("dora", store.FactorSet, "dora", sightTold+time.Second),
	}}, rules(t))
	type told struct{ summary, severity string }
	want := []told{
		{"anna: the password was changed, by anna", config.SeverityInfo},
		{"bert: the password was set by somebody else, and a second factor is gone with it, if there was one, by boss", config.SeverityWarning},
		{"cleo: the second factor was removed, by cleo", config.SeverityWarning},
	}
	if len(list) != len(want) {
		t.Fatalf("%+v", list)
	}
	for i, c := range list {
		if (told{c.Summary, c.Severity}) != want[i] || c.Kind != Credential || c.Tenant != "" {
			t.Errorf("%+v, want %+v", c, want[i])
		}
	}
}

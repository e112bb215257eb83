package alert

import (
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A CredentialFact is that something changed of late of how a person signs in.
type CredentialFact struct {
	Person string
	What   string // which, such as password_changed
	Says   string // the same in words
	By     string
	At     time.Time
}

// credentials tells the house what changed of how people sign in: they are told
// at their next sign-in, which is too late when somebody else has their password.
// What is done to somebody else, and what takes a factor away, is a warning. Of
// each kind of change of a person's the latest counts.
func credentials(now time.Time, list []CredentialFact) []Condition {
	var told []Condition
	known := map[Identity]bool{}
	for _, f := range list { // the latest first
		if now.Sub(f.At) > sightTold {
			continue
		}
		c := Condition{
			Kind: Credential, Object: f.What + " " + f.Person, Severity: config.SeverityInfo, Party: Us, Since: f.At,
			Summary: f.Person + ": " + f.Says + ", by " + f.By,
			Remedy:  "Ask " + f.Person + " whether they know of it. If they do not, take their access on the page of people, and see the record of the house with bulkhead audit export --house.",
		}
		if f.By != f.Person || f.What == store.FactorRemoved {
			c.Severity = config.SeverityWarning
		}
		if known[c.Identity()] {
			continue
		}
		known[c.Identity()] = true
		told = append(told, c)
	}
	return told
}

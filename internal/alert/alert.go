// Package alert tells people, without being asked, what needs them: a practice
// whose records grow stale, an export that failed or stands still, a date that
// comes near. Its rules are pure functions over facts that it reads from the
// ledger and the configuration; what is open, acknowledged, over and still to
// be told is kept in the ledger, so that a restart repeats nothing and forgets
// nothing.
//
// It never asks a server anything, never changes an export, and no message
// holds anything of a patient, a secret, or the query of a URL.
//
// A message is written in the transaction that records what it tells, and sent
// after it. One that could not be sent is sent again; one whose sender died
// between sending and noting it is sent twice.
package alert

import (
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// A Kind says what an alert is about.
type Kind string

// The kinds. config.AlertKinds lists them for people.
const (
	Stale      Kind = "stale"      // no export has completed for long, or what came is old
	Failed     Kind = "failed"     // the last export failed
	Activation Kind = "activation" // a server that knew us says no
	Stuck      Kind = "stuck"      // an export is at work for longer than the ones before it
	Waiting    Kind = "waiting"    // an export waits for its turn for long
	Unknown    Kind = "unknown"    // a kick-off without an answer: a person decides
	Circuit    Kind = "circuit"    // a server cannot be reached
	Refused    Kind = "refused"    // many lines went to the quarantine
	Drift      Kind = "drift"      // a full export brought far fewer resources, or far more
	Roster     Kind = "roster"     // nobody joined or left a group for many exports
	Agreement  Kind = "agreement"  // an agreement ends soon, or has ended
	Disposal   Kind = "disposal"   // what may not be kept any more is here still
	Key        Kind = "key"        // a signing key needs somebody
	JWKS       Kind = "jwks"       // the certificate of the published keys ends soon
	Rate       Kind = "rate"       // the budget of requests holds exports up
	Disk       Kind = "disk"       // the disk is nearly full
	Ledger     Kind = "ledger"     // the ledger cannot be written
	Delivery   Kind = "delivery"   // messages do not leave
	Request    Kind = "request"    // another program asked, and has no export
	Callback   Kind = "callback"   // another program cannot be told how exports end
	Glass      Kind = "glass"      // somebody looked at records, or signed in beside the identity provider
	Credential Kind = "credential" // how somebody signs in was changed

	Certificate Kind = "certificate" // a certificate of ours ends soon, or cannot be used
	Audit       Kind = "audit"       // the audit record is not what was recorded
	Unrecorded  Kind = "unrecorded"  // what an export came to cannot be recorded

	Configuration Kind = "configuration" // the files were to be taken up, and could not be
)

// A Party is on whose side somebody must act: one of config's contacts.
type Party string

// The parties.
const (
	Us       Party = config.ContactUs
	Practice Party = config.ContactPractice
	Vendor   Party = config.ContactVendor
)

// A Condition is something that is so now and that a person should know.
type Condition struct {
	Tenant   string // whose; empty: of no practice
	Kind     Kind
	Object   string // what of the tenant, when it can be more than one
	Severity string // one of config's severities
	Party    Party
	Source   string       // how the vendor is called that others may have in common
	Code     problem.Code // of the problem; or empty
	Summary  string       // what is so: a clause without a full stop, the same as long as it is so
	Remedy   string       // what to do: whole sentences
	Since    time.Time    // since when it is so

	// Pending says that it cannot be told yet whether it is so: an alert that
	// is open stays open, and none is opened.
	Pending bool
}

// An Identity is what makes two conditions the same one at different times.
type Identity struct {
	Tenant string
	Kind   Kind
	Object string
}

// Identity gives the condition's identity.
func (c Condition) Identity() Identity { return Identity{c.Tenant, c.Kind, c.Object} }

// instead lists the kinds of which one takes the place of another: the one that
// goes is not over, and nobody is told that it is.
var instead = [][]Kind{{Failed, Activation}}

func takesThePlaceOf(one, other Kind) bool {
	return one != other && slices.ContainsFunc(instead, func(set []Kind) bool {
		return slices.Contains(set, one) && slices.Contains(set, other)
	})
}

// rank orders severities.
func rank(severity string) int { return slices.Index(config.Severities(), severity) }

package alert

import (
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/quality"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// Facts are what the ledger, the configuration and the machine say at one
// moment.
type Facts struct {
	Practices     []PracticeFacts
	Registrations []RegistrationFacts
	Machine       MachineFacts
	Routes        []RouteFacts  // on which messages do not leave
	Callees       []CalleeFacts // to whom call-backs do not arrive
	Sights        []SightFact   // who looked at records
	Credentials   []CredentialFact
	Circuits      []CircuitFacts
	Refusals      []RefusalFacts
	Certificates  []CertificateFacts
	Record        RecordFacts
	Jams          []JamFacts
	Files         FilesFacts
}

// PracticeFacts are what is known of one practice.
type PracticeFacts struct {
	Tenant       string
	Source       string        // how its vendor is called
	Pause        time.Duration // the longest between two times of its schedule; 0: it has none
	Paused       bool          // somebody has stopped it on purpose
	WatchedSince time.Time     // since when exports are due: it has a schedule, an agreement that lets them begin, and no pause; or zero
	Agreement    AgreementFacts
	Last         *LastExport // asked for last; nil: none
	Finished     *Finished   // the delivery that completed last; nil: none
	Whole        time.Time   // when the last delivery completed of which the server reported no error; zero: none
	Full         *Finished   // the full one that completed last; nil: none
	Open         []OpenExport
	Group        *GroupFacts    // who is in its group; nil: no export has shown it
	SpentMinutes int            // of the last hour, in which the budget of requests was nearly spent
	Sampled      time.Duration  // since when that is looked at
	Budget       int            // requests a minute; 0: no limit
	End          *EndFacts      // what becomes of what is kept; nil: its agreement is not over, or nothing is kept
	Disposal     *DisposalFacts // how destroying failed; nil: it did not
	Untaken      store.Untaken  // requests of other programs that were not taken up
}

// EndFacts are what becomes of what is kept of a practice whose agreement is
// over.
type EndFacts struct {
	agreement.Disposal
	Deadline time.Duration // from the end of the agreement until all must be gone
}

// DisposalFacts are that something of a practice could not be destroyed.
type DisposalFacts struct {
	Looked  bool // false: nobody has looked since the process began
	Since   time.Time
	Code    problem.Code // of the problem; empty: nothing better is known
	Summary string
	Remedy  string
}

// CircuitFacts are that a server cannot be reached.
type CircuitFacts struct {
	Origin    string
	Since     time.Time
	Tried     time.Time // when it was to be tried next, after the last time
	Why       string
	Practices []string // that are configured to have their server there
	Source    string   // how the vendor is called that all of them have; or empty
}

// RefusalFacts are requests of other programs that were refused of late.
type RefusalFacts struct {
	Tenant   string // empty: of practices that are not configured
	Source   string // one of store's
	Requests int64
	Since    time.Time
	Code     problem.Code
}

// AgreementFacts are what is known of a practice's agreement.
type AgreementFacts struct {
	Status string        // one of config's; empty: there is none
	From   time.Time     // when it begins
	Ends   time.Time     // when it permits nothing more; zero: never
	Notice time.Duration // how long before that a person is told
}

// inForce reports whether the agreement can permit anything now.
func (a AgreementFacts) inForce(now time.Time) bool {
	return a.Status == config.AgreementActive && !now.Before(a.From) && (a.Ends.IsZero() || now.Before(a.Ends))
}

// begins reports whether the agreement lets an export begin: in its last week
// one may outlast it.
func (a AgreementFacts) begins(now time.Time) bool {
	return a.inForce(now) && (a.Ends.IsZero() || now.Before(a.Ends.Add(-lastWeek)))
}

// A LastExport is the export that a practice asked for last.
type LastExport struct {
	ID      string
	State   life.State
	At      time.Time // since when it is in that state
	Code    problem.Code
	Summary string
	Remedy  string
}

// A Finished export is one that every sink has.
type Finished struct {
	ID              string
	EndedAt         time.Time
	TransactionTime time.Time // zero: the server did not say
	ServerErrors    int64     // that the manifest reported
	Lines           int64     // of its output files, blank ones aside
	Refused         int64     // of them, those in quarantine
	Questions       []quality.Question
	Counted         bool // Lines, Refused and Questions are known
}

// An OpenExport has not ended.
type OpenExport struct {
	ID         string
	Mode       string
	State      life.State
	At         time.Time // since when it is in that state
	Asked      time.Time
	KickedOff  time.Time // zero: it asks no server, or has not yet
	WaitingFor string
	Took       []time.Duration // the practice's last ones of that mode; nil when it is too young to matter
}

// RegistrationFacts are what is known of the keys of a registration.
type RegistrationFacts struct {
	Name     string
	Warnings []KeyWarning
	Unread   string // why they cannot be read; empty: they can
}

// A KeyWarning is what a person should see to about a key.
type KeyWarning struct {
	KeyID string // empty: about the registration
	About string // what of the registration
	Text  string
}

// MachineFacts are what is known of the machine.
type MachineFacts struct {
	Free  int64 // bytes on the state folder's disk; negative: unknown
	Least int64 // bytes that no download may take
}

// CalleeFacts are call-backs that do not arrive.
type CalleeFacts struct {
	Target    string
	Callbacks int64
	GivenUp   int64 // of them
	Since     time.Time
	Why       string
}

// RouteFacts are messages that do not leave.
type RouteFacts struct {
	Route   string
	Notices int64
	Since   time.Time
	Why     string
}

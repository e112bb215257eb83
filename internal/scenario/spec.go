package scenario

import (
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/engine"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
)

// A Spec says what stands in a World when it begins. Its zero value is one
// practice of a standard server with eight patients, whose bulkhead is
// registered there and publishes to Parquet.
type Spec struct {
	// Tenant is the first tenant, and the only one when More is empty.
	Tenant
	// More are further tenants.
	More []Tenant

	// Config is YAML that is laid over the configuration: its maps are merged,
	// everything else replaces what is there.
	Config string
	// DuckDB publishes to a DuckDB file too; see World.Query.
	DuckDB bool
	// Token is how the shared token server behaves; nil means ECW's way.
	Token *sandbox.TokenKnobs
	// Serve changes the sandbox's configuration before it starts.
	Serve func(*sandbox.Config)

	// Around gives what runs in the place of the steps; nil runs these.
	Around func(engine.Steps) engine.Steps
	// Point is called at the named moments of commits; its error takes the
	// place of what would have come next. Nil: none does.
	Point func(name string) error

	// Bound is how long, in simulated time, an export may take until it
	// settles. 0 means two days.
	Bound time.Duration
	// Kickoffs is how many kick-offs one export may cost, at the server and in
	// the ledger, before the World calls it a fault. 0 means one.
	Kickoffs int
	// LeavesFiles says that some of the listed files are not wanted, so that
	// an export is deleted before they were given.
	LeavesFiles bool
	// EarlyPolls is how many polls may come earlier than told: 0, unless what
	// the server tells is nonsense.
	EarlyPolls int
}

// A Tenant is a practice with its server and what bulkhead is told of it.
type Tenant struct {
	// ID is the tenant's id; "" means lakeside for the first, and lakeside-2
	// and so on for those after it. In capitals, without hyphens, it is the
	// practice's code.
	ID string
	// Preset names the sandbox's preset; "" means standard.
	Preset string
	// Profile names the vendor profile that bulkhead uses; "" means the one
	// called like Preset.
	Profile string
	// Open makes a server that asks for no token.
	Open bool
	// Under is the id of another tenant whose registration this one shares; ""
	// means that it has one of its own.
	Under string
	// Absent leaves the tenant out of the configuration until World.Enter.
	Absent bool

	// Knobs changes the preset's knobs; nil leaves them.
	Knobs func(*sandbox.Knobs)
	// KnobsYAML is laid over the knobs after that, in the form of a file of
	// knobs but without the practice's code around it.
	KnobsYAML string

	// Patients is the size of the practice at Begin, who grows from then on; 0
	// means 8.
	Patients int
	// Source is the practice's records; nil makes up Patients.
	Source sandbox.Source

	// Types are the tenant's resource types; nil means Condition, Encounter,
	// Observation and Patient.
	Types []string
	// Level is group, patient or system; "" means the first level that the
	// vendor profile has.
	Level string

	// Config is YAML that is laid over the tenant in the configuration, and
	// Registration over its registration.
	Config, Registration string
}

// Code is the practice's code at the sandbox.
func (t Tenant) Code() string { return strings.ToUpper(strings.ReplaceAll(t.ID, "-", "")) }

// Group is the group that an ecw practice exports by; all others export by GroupID.
const (
	GroupID = "g1"
	Group   = "8a5c1d3e-6f00-4b7a-9c21-0d4e5f6a7b81"
)

// Canary is a secret word: it stands in the names of all made up patients, and
// no log and no ledger row may ever hold it.
const Canary = "Kanarienvogel"

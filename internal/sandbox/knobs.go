package sandbox

import (
	"maps"
	"slices"
	"time"
)

// Knobs is how one practice's server behaves. A preset (ECW, Standard) is a
// value of it; tests and --faults change what they want otherwise. Durations
// are in the sandbox's time (Config.TimeScale).
type Knobs struct {
	// What is offered.
	Levels  []Level             // levels of $export
	Lacks   []string            // types that the vendor does not offer though the practice has them
	Admin   []string            // types that are exported practice-wide, whatever the group
	Implies map[string][]string // asking for the first exports the others as well

	// Kick-off.
	StrictHeaders   bool     // Accept and Prefer must match exactly: absent 422, otherwise 400
	DateSince       bool     // _since may be a plain date
	LenientParams   bool     // unknown parameters are ignored instead of refused
	TypeScopeStatus int      // answer when _type names a type outside the token's scopes
	GroupScope      string   // a scope without which kick-off is 403; "" asks for none
	NoGroupStatus   int      // answer when the group is unknown or not enabled
	DisabledGroups  []string // groups (by the id that $export wants) that are switched off
	Duplicate       Duplicate
	SlotUntilDelete bool // a finished export holds its group's slot until it is deleted

	// Polling.
	Takes      time.Duration // how long an export runs
	Progress   []int         // percentages shown one after the other while it runs
	RetryAfter time.Duration // with 202; less than half a scaled second shows as 0
	NoRetry    bool          // no Retry-After with 202
	Stuck      bool          // exports never finish
	Gone       Gone          // how a cancelled export answers
	Expiry     time.Duration // a finished export is forgotten after this; 0 means never
	LowerCase  bool          // content-location, retry-after and x-progress in lower case on the wire

	// Manifest.
	FilesPer      int  // resources per output file, about
	Count         bool // output items carry count
	Deletions     bool // with _since the manifest has a deleted section
	OmitError     bool // no error section
	AmpEscape     bool // file URLs carry &amp; for &
	EmptyManifest bool // a finished export answers 200 with no body

	// Files.
	Ranges bool // Range and ETag are served
	Gzip   bool // gzip when asked for
	Bad    []BadLines

	// Rate is how many requests a wall-clock window (RateWindow long) takes
	// from all clients together; the rest is answered with a bare 429. 0 means
	// no limit. A token costs one request of the practice where it is first
	// used, since the shared token server cannot know which practice it is for.
	Rate       int
	RateWindow time.Duration

	// Token is how the practice's own token endpoint behaves. OwnToken makes
	// discovery name it instead of the shared one.
	Token    TokenKnobs
	OwnToken bool

	// Faults are tried in order; the first that applies happens.
	Faults []Fault
}

// TokenKnobs is how a token endpoint behaves.
type TokenKnobs struct {
	Algorithms  []string // accepted signature algorithms
	Advertise   bool     // discovery lists the algorithms
	BadScope    string   // OAuth error code when a scope is not offered to the client
	Life        time.Duration
	JWKSRefresh time.Duration // a fetched JWK Set is used this long
	Faults      []Fault
}

// A Level is a level of export.
type Level string

// The levels of $export.
const (
	LevelSystem  Level = "system"
	LevelPatient Level = "patient"
	LevelGroup   Level = "group"
)

// Duplicate is the answer to a kick-off while an export of the same group (or
// the same level) runs.
type Duplicate string

// The answers to a duplicate kick-off.
const (
	DuplicateAllowed Duplicate = ""      // a second export runs beside the first
	Duplicate200     Duplicate = "200oo" // 200 with an OperationOutcome, issue code duplicate
	Duplicate409     Duplicate = "409"
	Duplicate429     Duplicate = "429"
)

// Gone is how the status URL of a cancelled export answers.
type Gone string

// The answers for a cancelled export.
const (
	Gone404       Gone = ""
	Gone410       Gone = "410"
	GoneCancelled Gone = "202" // 202 with X-Progress: CANCELLED, for ever
)

// BadLines damages lines of one output file. The lines keep their places, so
// the file's number of lines stays what it was.
type BadLines struct {
	Type string // resource type
	File int    // which of the type's files, from 0

	Broken    int // lines that are no JSON
	WrongType int // lines whose resourceType is another
	NoID      int // lines without id
}

// practiceTypes are the administrative types: they belong to no patient.
var practiceTypes = []string{
	"Endpoint", "Group", "HealthcareService", "InsurancePlan", "Location", "Medication",
	"Organization", "OrganizationAffiliation", "Practitioner", "PractitionerRole", "Schedule", "Slot",
}

// ECW returns the preset of an eClinicalWorks practice as it is documented and
// observed.
func ECW() Knobs {
	return Knobs{
		Levels:  []Level{LevelGroup},
		Lacks:   []string{"Appointment", "MedicationStatement", "Schedule", "Slot"},
		Admin:   slices.Clone(practiceTypes),
		Implies: map[string][]string{"DocumentReference": {"Binary"}},

		StrictHeaders:   true,
		DateSince:       true,
		TypeScopeStatus: 401,
		GroupScope:      "system/Group.read",
		NoGroupStatus:   401,
		Duplicate:       Duplicate200,

		Takes:      100 * time.Second,
		Progress:   []int{0, 0, 0, 6},
		RetryAfter: 120 * time.Second,
		Expiry:     10 * 24 * time.Hour,
		LowerCase:  true,

		FilesPer: 1000,

		Rate:       250,
		RateWindow: time.Minute,
		Token:      ecwToken(),
	}
}

// Standard returns the preset of a server that does what Bulk Data STU2 says.
func Standard() Knobs {
	return Knobs{
		Levels: []Level{LevelSystem, LevelPatient, LevelGroup},
		Admin:  slices.Clone(practiceTypes),

		TypeScopeStatus: 403,
		NoGroupStatus:   404,

		Takes:      30 * time.Second,
		Progress:   []int{0, 25, 50, 75},
		RetryAfter: 10 * time.Second,
		Expiry:     24 * time.Hour,

		FilesPer:  1000,
		Count:     true,
		Deletions: true,

		Ranges: true,
		Gzip:   true,

		RateWindow: time.Minute,
		Token: TokenKnobs{
			Algorithms:  []string{"RS384", "ES384"},
			Advertise:   true,
			BadScope:    "invalid_scope",
			Life:        300 * time.Second,
			JWKSRefresh: 5 * time.Minute,
		},
		OwnToken: true,
	}
}

// ecwToken is how eClinicalWorks' shared token server behaves.
func ecwToken() TokenKnobs {
	return TokenKnobs{
		Algorithms:  []string{"RS384"},
		BadScope:    "invalid_grant",
		Life:        300 * time.Second,
		JWKSRefresh: 5 * time.Minute,
	}
}

// Preset returns the knobs that profile p starts from.
func Preset(p Profile) Knobs {
	if p == ProfileECW {
		return ECW()
	}
	return Standard()
}

// clone returns a copy that shares nothing with k.
func (k Knobs) clone() Knobs {
	k.Levels = slices.Clone(k.Levels)
	k.Lacks = slices.Clone(k.Lacks)
	k.Admin = slices.Clone(k.Admin)
	k.Implies = maps.Clone(k.Implies)
	for t, implied := range k.Implies {
		k.Implies[t] = slices.Clone(implied)
	}
	k.DisabledGroups = slices.Clone(k.DisabledGroups)
	k.Progress = slices.Clone(k.Progress)
	k.Bad = slices.Clone(k.Bad)
	k.Token = k.Token.clone()
	k.Faults = slices.Clone(k.Faults)
	return k
}

func (k TokenKnobs) clone() TokenKnobs {
	k.Algorithms = slices.Clone(k.Algorithms)
	k.Faults = slices.Clone(k.Faults)
	return k
}

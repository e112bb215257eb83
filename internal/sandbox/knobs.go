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
	Levels  []Level             `yaml:"levels"`  // levels of $export
	Lacks   []string            `yaml:"lacks"`   // types that the vendor does not offer though the practice has them
	Admin   []string            `yaml:"admin"`   // types that are exported practice-wide, whatever the group
	Implies map[string][]string `yaml:"implies"` // asking for the first exports the others as well

	// Kick-off.
	StrictHeaders   bool      `yaml:"strictHeaders"`   // Accept and Prefer must match exactly: absent 422, otherwise 400
	DateSince       bool      `yaml:"dateSince"`       // _since may be a plain date
	LenientParams   bool      `yaml:"lenientParams"`   // unknown parameters are ignored instead of refused
	TypeScopeStatus int       `yaml:"typeScopeStatus"` // answer when _type names a type outside the token's scopes
	GroupScope      string    `yaml:"groupScope"`      // a scope without which kick-off is 403; "" asks for none
	NoGroupStatus   int       `yaml:"noGroupStatus"`   // answer when the group is unknown or not enabled
	DisabledGroups  []string  `yaml:"disabledGroups"`  // groups (by the id that $export wants) that are switched off
	Duplicate       Duplicate `yaml:"duplicate"`
	SlotUntilDelete bool      `yaml:"slotUntilDelete"` // a finished export holds its group's slot until it is deleted

	// Polling.
	Takes      time.Duration `yaml:"takes"`      // how long an export runs
	Progress   []int         `yaml:"progress"`   // percentages shown one after the other while it runs
	RetryAfter time.Duration `yaml:"retryAfter"` // with 202; less than half a scaled second shows as 0
	NoRetry    bool          `yaml:"noRetry"`    // no Retry-After with 202
	Stuck      bool          `yaml:"stuck"`      // exports never finish
	Gone       Gone          `yaml:"gone"`       // how a cancelled export answers
	Expiry     time.Duration `yaml:"expiry"`     // a finished export is forgotten after this; 0 means never
	LowerCase  bool          `yaml:"lowerCase"`  // content-location, retry-after and x-progress in lower case on the wire

	// Manifest.
	FilesPer      int  `yaml:"filesPer"`      // resources per output file, about
	Count         bool `yaml:"count"`         // output items carry count
	Deletions     bool `yaml:"deletions"`     // with _since the manifest has a deleted section
	OmitError     bool `yaml:"omitError"`     // no error section
	AmpEscape     bool `yaml:"ampEscape"`     // file URLs carry &amp; for &
	EmptyManifest bool `yaml:"emptyManifest"` // a finished export answers 200 with no body

	// Files.
	Access   Access        `yaml:"access"`
	LinkLife time.Duration `yaml:"linkLife"` // how long a link to the storage works; 0 means for ever
	Ranges   bool          `yaml:"ranges"`   // Range and ETag are served
	Gzip     bool          `yaml:"gzip"`     // gzip when asked for
	Bad      []BadLines    `yaml:"bad"`

	// Rate is how many requests a wall-clock window (RateWindow long) takes
	// from all clients together; the rest is answered with a bare 429. 0 means
	// no limit. A token costs one request of the practice where it is first
	// used, since the shared token server cannot know which practice it is for.
	Rate       int           `yaml:"rate"`
	RateWindow time.Duration `yaml:"rateWindow"`

	// Token is how the practice's own token endpoint behaves. OwnToken makes
	// discovery name it instead of the shared one.
	Token    TokenKnobs `yaml:"token"`
	OwnToken bool       `yaml:"ownToken"`

	// Faults are tried in order; the first that applies happens.
	Faults []Fault `yaml:"faults"`
}

// TokenKnobs is how a token endpoint behaves.
type TokenKnobs struct {
	Algorithms  []string      `yaml:"algorithms"` // accepted signature algorithms
	Advertise   bool          `yaml:"advertise"`  // discovery lists the algorithms
	BadScope    string        `yaml:"badScope"`   // OAuth error code when a scope is not offered to the client
	Life        time.Duration `yaml:"life"`
	JWKSRefresh time.Duration `yaml:"jwksRefresh"` // a fetched JWK Set is used this long
	Faults      []Fault       `yaml:"faults"`
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

// Access is how output files are fetched.
type Access string

// The ways to output files. The storage is a third origin, which knows no
// tokens and refuses a request that brings one.
const (
	AccessBearer    Access = ""          // from the FHIR server, with a token
	AccessRedirect  Access = "redirect"  // the FHIR server, after checking the token, answers 307 to the storage
	AccessPresigned Access = "presigned" // the manifest names the storage; requiresAccessToken is false
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
	Type string `yaml:"type"` // resource type
	File int    `yaml:"file"` // which of the type's files, from 0

	Broken    int `yaml:"broken"`    // lines that are no JSON
	WrongType int `yaml:"wrongType"` // lines whose resourceType is another
	NoID      int `yaml:"noId"`      // lines without id
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

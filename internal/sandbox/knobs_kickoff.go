package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// KickoffKnobs is what a practice's server offers, and how it answers a
// kick-off.
type KickoffKnobs struct {
	// What is offered.
	Dialect      Dialect             `yaml:"dialect" quirk:"K9" values:"stu1|stu2|stu3|stu4" does:"the release that $export speaks; stu4 takes POST only"`
	Operations   []string            `yaml:"operations" quirk:"K9" values:"list of export, export-v4" does:"the operations there are; export-v4 always speaks stu4"`
	Levels       []Level             `yaml:"levels" values:"list of system, patient, group" does:"levels of $export"`
	Lacks        []string            `yaml:"lacks" values:"list of types" does:"types that are not offered though the practice has them"`
	Admin        []string            `yaml:"admin" quirk:"K11" values:"list of types" does:"types that are exported practice-wide, whatever the group"`
	Implies      map[string][]string `yaml:"implies" values:"map of type to types" does:"asking for the first exports the others as well"`
	ScopeDialect ScopeDialect        `yaml:"scopeDialect" quirk:"A8" values:"all|read|rs|r|mixed" does:"how the scopes on offer are spelt; mixed is eClinicalWorks' way"`

	// Kick-off.
	Post                 bool          `yaml:"post" quirk:"K9" does:"stu2 and stu3 also take a POST of Parameters"`
	StrictHeaders        bool          `yaml:"strictHeaders" quirk:"K13" does:"Accept and Prefer must match exactly: absent 422, otherwise 400"`
	DateSince            bool          `yaml:"dateSince" does:"_since may be a plain date"`
	UnknownParam         UnknownParam  `yaml:"unknownParam" quirk:"K10" values:"400|422|ignore" does:"answer to a parameter that the server does not know"`
	BadTypeFilter        int           `yaml:"badTypeFilter" quirk:"K10" values:"status" does:"answer to a filter that cannot be read, where it is not unknownParam's"`
	TypeFilterCommas     CommaQuote    `yaml:"typeFilterCommas" quirk:"K14" values:"both|percent|backslash" does:"how a comma within a filter is quoted, in the releases where a comma separates filters"`
	LenientParams        bool          `yaml:"lenientParams" quirk:"K10" does:"the same as unknownParam: ignore"`
	LacksParams          []string      `yaml:"lacksParams" quirk:"K10" values:"list of parameters" does:"parameters of the release that this server does not know"`
	RejectRepeated       bool          `yaml:"rejectRepeatedParams" quirk:"K8" does:"a parameter that comes twice is refused"`
	AdminOnly            AdminOnly     `yaml:"adminOnly" quirk:"K11" values:"practiceWide|reject" does:"reject refuses a _type that names administrative types alone"`
	PatientOnly          int           `yaml:"patientOnly" quirk:"K12" values:"status" does:"answer to _type=Patient alone"`
	TypeScopeStatus      int           `yaml:"typeScopeStatus" values:"status" does:"answer when _type names a type outside the token's scopes"`
	GroupScope           string        `yaml:"groupScope" does:"a scope without which a kick-off is answered 403"`
	NoGroupStatus        int           `yaml:"noGroupStatus" values:"status" does:"answer when the group is unknown or not enabled"`
	DisabledGroups       []string      `yaml:"disabledGroups" values:"list of ids" does:"groups, by the id that $export wants, that are switched off"`
	Duplicate            Duplicate     `yaml:"duplicate" quirk:"K1 K2 K3" values:"200oo|409|429|429empty|429+locations" does:"answer to a kick-off while an export of the same group runs"`
	OnePer               OnePer        `yaml:"onePer" quirk:"K3" values:"group|practice" does:"what duplicate counts as the same"`
	SlotUntilDelete      bool          `yaml:"slotUntilDelete" quirk:"D11" does:"a finished export holds its slot until it is deleted"`
	KickoffWindow        time.Duration `yaml:"kickoffWindow" quirk:"K4" does:"a group may be exported once in this time; a kick-off too early is refused"`
	KickoffWindowStatus  int           `yaml:"kickoffWindowStatus" quirk:"K4" values:"status" does:"the answer to a kick-off within kickoffWindow; 400 when not set"`
	ContentLocation      LocationForm  `yaml:"contentLocation" quirk:"K6" values:"absolute|relative|missing|double|otherHost|lower" does:"how the status URL is told"`
	StatusURL            string        `yaml:"statusURL" values:"$export-poll-location?job_id|$export-poll-status?_jobId|bulk-export/jobs|bulk/status" does:"the shape of the status URL, below the base URL"`
	AffinityCookie       bool          `yaml:"affinityCookie" quirk:"P14" does:"status and files want the cookie that the kick-off set"`
	SeparateExportStatus StatusPref    `yaml:"separateExportStatus" values:"ignored|one|two" does:"whether separate-export-status is applied, told in one Preference-Applied line or in two"`
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

	Duplicate429Empty     Duplicate = "429empty"      // 429 without a body
	Duplicate429Locations Duplicate = "429+locations" // 429 with the running exports' status URLs in one Content-Location
)

// UnknownParam is the answer to a parameter that the server does not know.
type UnknownParam string

// The answers to an unknown parameter.
const (
	Unknown400    UnknownParam = ""
	Unknown422    UnknownParam = "422"
	UnknownIgnore UnknownParam = "ignore"
)

// CommaQuote is how a comma within a filter is told from one between filters.
type CommaQuote string

// The quotings of commas.
const (
	CommaBoth      CommaQuote = ""          // either way
	CommaPercent   CommaQuote = "percent"   // %2C after the query is decoded; a backslash is a character
	CommaBackslash CommaQuote = "backslash" // a backslash before it, and nothing else
)

// AdminOnly is what becomes of an export of administrative types alone.
type AdminOnly string

// The ways with administrative types.
const (
	AdminPracticeWide AdminOnly = "" // all of the practice
	AdminReject       AdminOnly = "reject"
)

// OnePer is what may have one running export only, where Duplicate refuses.
type OnePer string

// What may have one export.
const (
	OnePerGroup    OnePer = "" // a group, or a level
	OnePerPractice OnePer = "practice"
)

// LocationForm is how a kick-off tells the status URL.
type LocationForm string

// The forms of Content-Location.
const (
	LocationAbsolute  LocationForm = ""
	LocationRelative  LocationForm = "relative"
	LocationMissing   LocationForm = "missing"
	LocationDouble    LocationForm = "double"    // two of them, which both work
	LocationOtherHost LocationForm = "otherHost" // on the storage's origin
	LocationLower     LocationForm = "lower"     // the header's name in lower case
)

// ScopeDialect is how the scopes that a server offers are spelt.
type ScopeDialect string

// The spellings of scopes.
const (
	ScopesAll   ScopeDialect = ""      // every one of them
	ScopesRead  ScopeDialect = "read"  // system/Patient.read
	ScopesRS    ScopeDialect = "rs"    // system/Patient.rs
	ScopesR     ScopeDialect = "r"     // system/Patient.r
	ScopesMixed ScopeDialect = "mixed" // all of them, but only .r for some types and for the wildcard
)

// StatusPref is whether the preference separate-export-status is applied.
type StatusPref string

// The ways with separate-export-status.
const (
	SeparateIgnored  StatusPref = ""
	SeparateOneLine  StatusPref = "one"
	SeparateTwoLines StatusPref = "two"
)

func (k KickoffKnobs) clone() KickoffKnobs {
	k.Levels = slices.Clone(k.Levels)
	k.Lacks = slices.Clone(k.Lacks)
	k.Admin = slices.Clone(k.Admin)
	k.Implies = maps.Clone(k.Implies)
	for t, implied := range k.Implies {
		k.Implies[t] = slices.Clone(implied)
	}
	k.DisabledGroups = slices.Clone(k.DisabledGroups)
	k.Operations = slices.Clone(k.Operations)
	k.LacksParams = slices.Clone(k.LacksParams)
	return k
}

func (k KickoffKnobs) check() error {
	for _, l := range k.Levels {
		if !slices.Contains([]Level{LevelSystem, LevelPatient, LevelGroup}, l) {
			return fmt.Errorf("unknown level %q", l)
		}
	}
	for _, name := range k.Operations {
		if name != "export" && name != "export-v4" {
			return fmt.Errorf("unknown operation %q", name)
		}
	}
	for _, status := range []int{k.TypeScopeStatus, k.NoGroupStatus, cmp.Or(k.PatientOnly, 400), cmp.Or(k.KickoffWindowStatus, 400), cmp.Or(k.BadTypeFilter, 400)} {
		if status < 400 || status > 599 {
			return fmt.Errorf("a status of kick-offs is %d, not from 400 to 599", status)
		}
	}
	if k.KickoffWindow < 0 {
		return errors.New("kickoffWindow is negative")
	}
	return errors.Join(
		oneOf("dialect", k.Dialect, dialects...),
		oneOf("scopeDialect", k.ScopeDialect, ScopesAll, ScopesRead, ScopesRS, ScopesR, ScopesMixed),
		oneOf("unknownParam", k.UnknownParam, Unknown400, Unknown422, UnknownIgnore),
		oneOf("typeFilterCommas", k.TypeFilterCommas, CommaBoth, CommaPercent, CommaBackslash),
		oneOf("adminOnly", k.AdminOnly, AdminPracticeWide, AdminReject),
		oneOf("duplicate", k.Duplicate, DuplicateAllowed, Duplicate200, Duplicate409, Duplicate429, Duplicate429Empty, Duplicate429Locations),
		oneOf("onePer", k.OnePer, OnePerGroup, OnePerPractice),
		oneOf("contentLocation", k.ContentLocation,
			LocationAbsolute, LocationRelative, LocationMissing, LocationDouble, LocationOtherHost, LocationLower),
		oneOf("statusURL", cmp.Or(k.StatusURL, statusURLs[0]), statusURLs...),
		oneOf("separateExportStatus", k.SeparateExportStatus, SeparateIgnored, SeparateOneLine, SeparateTwoLines),
	)
}

// settle replaces the names of defaults by the defaults.
func (k *KickoffKnobs) settle() {
	unname(&k.ScopeDialect, "all", ScopesAll)
	unname(&k.UnknownParam, "400", Unknown400)
	unname(&k.TypeFilterCommas, "both", CommaBoth)
	unname(&k.AdminOnly, "practiceWide", AdminPracticeWide)
	unname(&k.OnePer, "group", OnePerGroup)
	unname(&k.ContentLocation, "absolute", LocationAbsolute)
	unname(&k.SeparateExportStatus, "ignored", SeparateIgnored)
}

// unname sets a knob to value when it has the value's other name.
func unname[T ~string](knob *T, name, value T) {
	if *knob == name {
		*knob = value
	}
}

// oneOf refuses a value that is none of those that a knob may have.
func oneOf[T ~string](knob string, value T, allowed ...T) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%s: unknown value %q", knob, value)
}

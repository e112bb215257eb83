package uscore

// A Level is the outcome of a check.
type Level uint8

// The levels.
const (
	// Conforms: a profile was found and none of its rules is broken.
	Conforms Level = iota
	// NoProfile: no profile of the guide fits the resource. It was checked
	// against the R4 type, as far as rules for that are known, and broke none
	// whose severity is error.
	NoProfile
	// Warning: only rules of severity warning are broken.
	Warning
	// Error: a rule of severity error is broken, be it the profile's or the
	// R4 type's.
	Error
)

// String returns "conforms", "no-profile", "warning" or "error".
func (l Level) String() string {
	switch l {
	case NoProfile:
		return "no-profile"
	case Warning:
		return "warning"
	case Error:
		return "error"
	default:
		return "conforms"
	}
}

// A Severity says what a broken rule means.
type Severity uint8

// The severities.
const (
	SeverityError Severity = iota
	SeverityWarning
)

// String returns "error" or "warning".
func (s Severity) String() string {
	if s == SeverityWarning {
		return "warning"
	}
	return "error"
}

// The rules that are not invariants. An invariant is named by its key, which
// has a meaning only together with the profile and the path of its [Issue].
const (
	RuleRequired = "required" // an element, or enough of it, is missing
	RuleSlice    = "slice"    // no item of the list is the one that is required
	RuleFixed    = "fixed"    // a value is not the fixed one, or lacks the pattern
	RuleBinding  = "binding"  // no code is of the value set of a required binding
	RuleType     = "type"     // the wrong JSON kind, a list for a single value or the reverse, or a type that a choice element may not have here
	RuleChoice   = "choice"   // a choice element is there with two types at once
)

// An Issue is one rule that a resource breaks. However often it breaks it, it
// is one Issue. It holds nothing of the resource's content.
type Issue struct {
	Severity Severity
	Rule     string // one of the Rule constants, or the key of an invariant
	Path     string // the element's id, such as "Observation.component:systolic.value[x].code"
	Profile  string // the canonical URL of the profile, or of the R4 type, that demands it
}

// A Verdict is the outcome of one check.
type Verdict struct {
	// Profile is the canonical URL of the profile that was checked: the first
	// known one of meta.profile, else the chosen one; empty when there is none.
	Profile string
	Level   Level
	// Issues are the broken rules, in the order in which they were met. The
	// slice belongs to the checker and is overwritten by its next check.
	Issues []Issue
}

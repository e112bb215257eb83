package config

// A Dialect is the release of the Bulk Data IG that a server speaks.
type Dialect string

// The dialects.
const (
	STU1 Dialect = "stu1"
	STU2 Dialect = "stu2"
	STU3 Dialect = "stu3"
	STU4 Dialect = "stu4"
	// Discover is no release: the server's CapabilityStatement is asked.
	Discover Dialect = "discover"
)

var dialects = []Dialect{STU1, STU2, STU3, STU4, Discover}

// The values of a profile's and a tenant's fields that are words.
const (
	Allowed = "allowed"
	Refused = "refused"

	PerGroup  = "group"
	PerClient = "client"
	PerTenant = "tenant"

	ByID         = "id"
	ByIdentifier = "identifier"

	Always    = "always"
	Never     = "never"
	PerExport = "per-export"

	Yes     = "yes"
	No      = "no"
	Unknown = "unknown"

	Follow     = "follow"
	SameOrigin = "same-origin"
	Refuse     = "refuse"

	AttachmentsInline = "inline"
	AttachmentsByURL  = "url"
	AttachmentsBinary = "binary-one-by-one"
	AttachmentsNone   = "none"
)

// The kick-off parameters.
// https://hl7.org/fhir/uv/bulkdata/export.html#query-parameters
const (
	ParamOutputFormat     = "_outputFormat"
	ParamSince            = "_since"
	ParamUntil            = "_until"
	ParamType             = "_type"
	ParamTypeFilter       = "_typeFilter"
	ParamElements         = "_elements"
	ParamPatient          = "patient"
	ParamAssociatedData   = "includeAssociatedData"
	ParamOrganizeOutputBy = "organizeOutputBy"
	ParamPartialManifests = "allowPartialManifests"
)

var parameters = []string{
	ParamOutputFormat, ParamSince, ParamUntil, ParamType, ParamTypeFilter, ParamElements,
	ParamPatient, ParamAssociatedData, ParamOrganizeOutputBy, ParamPartialManifests,
}

// A Tolerance names one departure from the standard that a profile accepts.
// What is not named is refused.
type Tolerance string

// The tolerances.
const (
	// Duplicate200: a kick-off answered 200 with an OperationOutcome of code
	// `duplicate` means that an export of the group already runs.
	Duplicate200 Tolerance = "duplicate-200"
	// AmpEscape: URLs of the manifest are written with &amp; for &.
	AmpEscape Tolerance = "amp-escape"
	// TokenFlagText: requiresAccessToken is the text "true" or "false".
	TokenFlagText Tolerance = "token-flag-text"
	// TokenFlagMissing: the manifest has no requiresAccessToken; a token then
	// goes only to the origin of the FHIR base.
	TokenFlagMissing Tolerance = "token-flag-missing"
	// TransactionTimeMissing: the manifest has no transactionTime.
	TransactionTimeMissing Tolerance = "transaction-time-missing"
	// Cancelled202: a status of 202 whose progress says CANCELLED means that
	// the export is gone.
	Cancelled202 Tolerance = "cancelled-202"
	// RepeatedParameters: the server wants one `_type` for each type in place
	// of a list with commas.
	RepeatedParameters Tolerance = "repeated-parameters"
	// LenientHandling: the server is asked to ignore parameters that it does
	// not know.
	LenientHandling Tolerance = "lenient-handling"
	// AuthListsWrong: the SMART configuration lists neither private_key_jwt nor
	// an algorithm of the profile, and the server takes them all the same.
	AuthListsWrong Tolerance = "auth-lists-wrong"
)

var tolerances = []Tolerance{
	Duplicate200, AmpEscape, TokenFlagText, TokenFlagMissing, TransactionTimeMissing,
	Cancelled202, RepeatedParameters, LenientHandling, AuthListsWrong,
}

// A ScopeStyle is a way to spell scopes.
type ScopeStyle string

// The styles.
const (
	ScopesV1       ScopeStyle = "v1"       // system/Patient.read
	ScopesV2       ScopeStyle = "v2"       // system/Patient.rs
	ScopesDiscover ScopeStyle = "discover" // as the SMART configuration says
)

// A ScopeRule spells the scopes of a token request.
type ScopeRule struct {
	// Style is v1 (system/Patient.read), v2 (system/Patient.rs), or discover: as
	// the SMART configuration says, and v1 where it says nothing.
	Style ScopeStyle `yaml:"style"`
	// Always is asked for in every request.
	Always []string `yaml:"always"`
	// All is asked for when no types are named. Default: by style.
	All string `yaml:"all"`
	// Each is the scope of one type, with {type} for its name. Default: by
	// style.
	Each string `yaml:"each"`
	// ByType spells the scopes of types that differ from Each.
	ByType map[string]string `yaml:"by_type"`
}

// A PollRule bounds the time between two status requests.
type PollRule struct {
	// Default applies where the server says nothing.
	Default Duration `yaml:"default"`
	// Floor is the least, whatever the server says.
	Floor Duration `yaml:"floor"`
	// Ceiling is the most where the server says nothing.
	Ceiling Duration `yaml:"ceiling"`
	// RetryAfterCap is the longest wait that is believed; a server that asks
	// for more is asked again after this.
	RetryAfterCap Duration `yaml:"retry_after_cap"`
}

// Trust is how well a fact is known.
type Trust string

// The degrees of trust.
const (
	Documented Trust = "documented" // by the vendor, its source code or its server
	Reported   Trust = "reported"   // by someone who has used the server
	Guess      Trust = "guess"      // by us
)

// A Fact is one thing that is known of a vendor's server.
type Fact struct {
	// About is a field of the profile, a tolerance, or one of access, kickoff,
	// status, manifest, files, content and setup.
	About string `yaml:"about"`
	// Says is the fact in a sentence.
	Says string `yaml:"says"`
	// Trust is documented (by the vendor, its source code or a server of it),
	// reported (by someone who has used it) or guess (ours).
	Trust Trust `yaml:"trust"`
	// Source are the codes of its sources, with spaces between. A guess may
	// have none.
	Source string `yaml:"source"`
}

var subjects = []string{"access", "kickoff", "status", "manifest", "files", "content", "setup"}

package config

import (
	"embed"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
)

//go:embed profiles/*.yaml
var builtin embed.FS

// A Dialect is the release of the Bulk Data IG that a server speaks.
type Dialect string

// The dialects.
const (
	STU1 Dialect = "stu1"
	STU2 Dialect = "stu2"
	STU3 Dialect = "stu3"
	STU4 Dialect = "stu4"
)

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
)

var tolerances = []Tolerance{
	Duplicate200, AmpEscape, TokenFlagText, TokenFlagMissing, TransactionTimeMissing,
	Cancelled202, RepeatedParameters, LenientHandling,
}

// A Profile says how one EHR differs from the standard. It is shared: nobody
// changes it after Load.
type Profile struct {
	// Name is what registrations call it.
	Name string `yaml:"name"`
	// Title is the vendor's name, for people.
	Title string `yaml:"title"`
	// Dialect is stu1, stu2, stu3 or stu4.
	Dialect Dialect `yaml:"dialect"`
	// Levels are the levels of export that the server has.
	Levels []string `yaml:"levels"`
	// Types are the types that the vendor can export at most. Empty means that
	// only the practice's CapabilityStatement knows.
	Types []string `yaml:"types"`
	// Algorithms are the signature algorithms of client assertions that the
	// token endpoint takes, the best first.
	Algorithms []string `yaml:"algorithms"`
	// Scope says how scopes are spelled.
	Scope ScopeRule `yaml:"scope"`
	// Poll says how often to ask for the status.
	Poll PollRule `yaml:"poll"`
	// KickoffCooldown is the least time between two kick-offs of one group.
	KickoffCooldown Duration `yaml:"kickoff_cooldown"`
	// RequestsPerMinute is the most requests to one practice's server in one
	// clock minute, tokens included. 0 means no known limit.
	RequestsPerMinute int `yaml:"requests_per_minute"`
	// MaxParallelDownloads is the most files of one export at once. 0 means
	// no known limit.
	MaxParallelDownloads int `yaml:"max_parallel_downloads"`
	// AcceptFile is the Accept header of file downloads.
	AcceptFile string `yaml:"accept_file"`
	// Tolerate names the departures from the standard that are accepted.
	Tolerate []Tolerance `yaml:"tolerate"`
}

// A ScopeRule spells the scopes of a token request.
type ScopeRule struct {
	// Always is asked for in every request.
	Always []string `yaml:"always"`
	// All is asked for when no types are named.
	All string `yaml:"all"`
	// Each is the scope of one type, with {type} for its name.
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
	// Ceiling is the most, whatever the server says.
	Ceiling Duration `yaml:"ceiling"`
}

// Tolerates reports whether the profile accepts the departure.
func (p *Profile) Tolerates(t Tolerance) bool { return slices.Contains(p.Tolerate, t) }

// HasLevel reports whether the server exports at that level.
func (p *Profile) HasLevel(level string) bool { return slices.Contains(p.Levels, level) }

// Profiles returns the built-in vendor profiles by name, in new copies.
func Profiles() map[string]*Profile {
	r := &reader{}
	all := map[string]*Profile{}
	r.readProfiles(builtin, "profiles", all)
	if len(r.mistakes) > 0 {
		panic("built-in vendor profile: " + r.mistakes.Error()) // a test reads them all
	}
	return all
}

// readProfiles adds the profiles of a folder to all.
func (r *reader) readProfiles(fsys fs.FS, folder string, all map[string]*Profile) {
	names, err := fs.Glob(fsys, path.Join(folder, "*.yaml"))
	if err != nil {
		r.miss(place{}, err.Error())
		return
	}
	for _, name := range names {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			r.miss(place{}, "read vendor profile: "+err.Error())
			continue
		}
		p := &Profile{}
		src := r.read(name, text, p)
		r.checkProfile(place{src: src}, p)
		all[p.Name] = p
	}
}

// userProfiles adds the profiles of the configuration's own folder.
func (r *reader) userProfiles(at place, folder string, all map[string]*Profile) {
	if folder == "" {
		return
	}
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		r.miss(at, "names a folder that does not exist")
		return
	}
	r.readProfiles(os.DirFS(folder), ".", all)
}

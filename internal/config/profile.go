package config

import (
	"maps"
	"slices"
	"strings"
)

// A Profile says how one EHR differs from the standard. It is shared: nobody
// changes it after Load.
type Profile struct {
	// Name is what registrations call it.
	Name string `yaml:"name"`
	// Extends names the profile that this one is laid over: what is not said
	// here is as it is there, a list replaces the other's list, and facts are
	// not taken over. A file named like a built-in profile may extend that.
	// Default: none, and then every needed field must be given.
	Extends string `yaml:"extends"`
	// Title is the vendor's name, for people.
	Title string `yaml:"title"`
	// RecognisedBy are words of a CapabilityStatement's software that betray
	// this vendor; `bulkhead check` then recommends the profile.
	RecognisedBy []string `yaml:"recognised_by"`

	// Dialect is stu1, stu2, stu3 or stu4; or discover: the newest that the
	// server's CapabilityStatement offers, and stu2 where it says nothing.
	Dialect Dialect `yaml:"dialect"`
	// Levels are the levels of export that the server has.
	Levels []string `yaml:"levels"`
	// GroupBy is id or identifier: which of a Group's values a kick-off wants.
	// Default: id.
	GroupBy string `yaml:"group_by"`
	// Types are the types that the vendor can export at most. Empty means that
	// only the practice's CapabilityStatement knows.
	Types []string `yaml:"types"`
	// Operation is the name of the kick-off operation, without $. Default:
	// export, or what the CapabilityStatement names in stu4.
	Operation string `yaml:"operation"`
	// Post sends the kick-off by POST where the dialect leaves the choice (stu2
	// and stu3).
	Post bool `yaml:"post"`
	// Parameters are the kick-off parameters that the server takes, as the
	// standard spells them. Empty means all that the dialect has. Without
	// `_since` every export is a full one.
	Parameters []string `yaml:"parameters"`
	// SinceFloor is the earliest `_since` that the server takes. Default: none.
	SinceFloor Moment `yaml:"since_floor"`
	// ClinicalTypeNeeded says that a kick-off for administrative types alone
	// (Practitioner, Location, Organization and the like) is refused.
	ClinicalTypeNeeded bool `yaml:"clinical_type_needed"`
	// PatientAlone is allowed or refused: whether a kick-off for Patient and
	// no other type is taken. Default: allowed.
	PatientAlone string `yaml:"patient_alone"`
	// KickoffCooldown is the least time between two kick-offs of one group.
	KickoffCooldown Duration `yaml:"kickoff_cooldown"`
	// OneExportPer is group, client or tenant: what may have one running
	// export only. Default: no such rule is known.
	OneExportPer string `yaml:"one_export_per"`
	// BusyStatuses are statuses of a kick-off that mean, as 429 does, that an
	// export is running already.
	BusyStatuses []int `yaml:"busy_statuses"`
	// SeparateStatus asks for the preference separate-export-status (stu3 and
	// later).
	SeparateStatus bool `yaml:"separate_status"`
	// PartialManifests asks for manifests in pages while the export still runs
	// (stu3 and later).
	PartialManifests bool `yaml:"partial_manifests"`

	// Poll says how often to ask for the status.
	Poll PollRule `yaml:"poll"`
	// MaxAge is the age at which an export that the server has not finished is
	// shown to a person.
	MaxAge Duration `yaml:"max_age"`
	// Cookies is never, or per-export: the cookies of a kick-off's answer are
	// then sent back with that export's own status and file requests. Default:
	// never.
	Cookies string `yaml:"cookies"`
	// Overlap is taken off the next `_since`, for servers whose clocks or
	// lastUpdated are not to be trusted.
	Overlap Duration `yaml:"overlap"`
	// BackfillsNewMembers is yes, no or unknown: whether an export with
	// `_since` also holds the older data of patients who joined the group.
	// Default: unknown.
	BackfillsNewMembers string `yaml:"backfills_new_members"`
	// DeleteAfter is always or never: whether the server is told by a DELETE
	// that all files are safe here; 404 and 410 are as good as done. Default:
	// always.
	DeleteAfter string `yaml:"delete_after"`

	// RedirectFiles is follow, same-origin or refuse: what to do with a
	// redirect of a file request. The token never follows to another origin.
	// Default: follow.
	RedirectFiles string `yaml:"redirect_files"`
	// FileOrigins are patterns of origins such as https://*.example.org on which
	// output files may stand, besides that of the FHIR base. They get no token
	// by that. Empty means any https origin.
	FileOrigins []string `yaml:"file_origins"`
	// MaxFileDownloads is how often the server gives one file. 0 means no known
	// limit.
	MaxFileDownloads int `yaml:"max_file_downloads"`
	// MaxParallelDownloads is the most files of one export at once. 0 means
	// no known limit.
	MaxParallelDownloads int `yaml:"max_parallel_downloads"`
	// AcceptFile is the Accept header of file downloads.
	AcceptFile string `yaml:"accept_file"`
	// Attachments is how documents come: inline (within the resources), url
	// (or by a URL beside them), binary-one-by-one (the bulk export leaves
	// Binary out, each is read by itself) or none.
	Attachments string `yaml:"attachments"`

	// Algorithms are the signature algorithms of client assertions that the
	// token endpoint takes, the best first.
	Algorithms []string `yaml:"algorithms"`
	// Scope says how scopes are spelled.
	Scope ScopeRule `yaml:"scope"`
	// ClientIDHeader is a header in which every request also carries the client
	// id. Default: none.
	ClientIDHeader string `yaml:"client_id_header"`
	// RequestsPerMinute is the most requests to one practice's server in one
	// clock minute, tokens included. 0 means no known limit.
	RequestsPerMinute int `yaml:"requests_per_minute"`
	// Maintenance are windows in which the vendor's servers are not to be asked
	// for anything, such as "sun 02:00-06:00 America/New_York"; without a zone in
	// UTC. What falls into one waits for its end. Default: none.
	Maintenance []Window `yaml:"maintenance"`
	// Tolerate names the departures from the standard that are accepted.
	Tolerate []Tolerance `yaml:"tolerate"`

	// Facts are what is known of this vendor, and how well. They change
	// nothing; docs/vendors.md is printed from them.
	Facts []Fact `yaml:"facts"`
	// Sources say what the codes of the facts' sources stand for.
	Sources map[string]string `yaml:"sources"`
}

// Tolerates reports whether the profile accepts the departure.
func (p *Profile) Tolerates(t Tolerance) bool { return slices.Contains(p.Tolerate, t) }

// HasLevel reports whether the server exports at that level.
func (p *Profile) HasLevel(level string) bool { return slices.Contains(p.Levels, level) }

// Takes reports whether the server takes the kick-off parameter, such as
// ParamSince. What the dialect does not have is not looked at.
func (p *Profile) Takes(parameter string) bool {
	return len(p.Parameters) == 0 || slices.Contains(p.Parameters, parameter)
}

// DeletesAfter reports whether a DELETE follows a completed export.
func (p *Profile) DeletesAfter() bool { return p.DeleteAfter != Never }

// KeepsCookies reports whether an export's cookies are sent back.
func (p *Profile) KeepsCookies() bool { return p.Cookies == PerExport }

// recognises reports whether a server that calls itself so is of this vendor.
func (p *Profile) recognises(software string) bool {
	return slices.ContainsFunc(p.RecognisedBy, func(word string) bool {
		return strings.Contains(strings.ToLower(software), strings.ToLower(word))
	})
}

// copy returns p without its name and its facts, for another profile to be laid over.
func (p *Profile) copy() *Profile {
	c := *p
	for _, list := range []*[]string{
		&c.RecognisedBy, &c.Levels, &c.Types, &c.Parameters, &c.FileOrigins, &c.Algorithms, &c.Scope.Always,
	} {
		*list = slices.Clone(*list)
	}
	c.BusyStatuses, c.Tolerate, c.Maintenance = slices.Clone(p.BusyStatuses), slices.Clone(p.Tolerate), slices.Clone(p.Maintenance)
	c.Scope.ByType = maps.Clone(p.Scope.ByType)
	c.Name, c.Extends, c.Facts, c.Sources = "", "", nil, nil
	return &c
}

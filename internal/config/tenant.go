package config

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// The levels of an export.
// https://hl7.org/fhir/uv/bulkdata/export.html#endpoints
const (
	LevelSystem  = "system"
	LevelPatient = "patient"
	LevelGroup   = "group"
)

// What is done about patients who joined a group; see Tenant.NewMembers.
const (
	MembersBackfilled = "backfilled"
	MembersExport     = "export"
	MembersFull       = "full"
	MembersUnknown    = "" // nothing is configured, and nothing is known
)

// The tables that resources of all types fill; see Tenant.GenericTables.
const (
	TableCoding    = "coding"
	TableReference = "reference"
	NoTables       = "none"
)

// Fills reports whether a generic table is wanted.
func (t *Tenant) Fills(name string) bool { return slices.Contains(t.GenericTables, name) }

// A Tenant is a practice whose data we hold: the unit of isolation.
type Tenant struct {
	// ID names the tenant in files, tables and commands: 1 to 63 of a-z, 0-9
	// and -, not beginning with -. It must never be given to another practice.
	// Needed.
	ID string `yaml:"id"`
	// Name is for people. Default: ID.
	Name string `yaml:"name"`
	// LegalName is the practice's name in contracts. Default: Name.
	LegalName string `yaml:"legal_name"`
	// NPI is the practice's National Provider Identifier. Default: none.
	NPI string `yaml:"npi"`
	// TIN is the practice's taxpayer number. Default: none.
	TIN string `yaml:"tin"`
	// Contacts are the people who act on what concerns this practice: on our
	// side, at the practice, at the vendor. Default: none.
	Contacts []Contact `yaml:"contacts"`
	// Registration is the name of the registration to use. Either this or `open`
	// is given.
	Registration string `yaml:"registration"`
	// Open says that the server asks for no authorization at all.
	Open bool `yaml:"open"`
	// Profile is the vendor profile of an open server. Default: standard.
	Profile string `yaml:"profile"`
	// FHIRBaseURL is the practice's FHIR R4 base: https, without a query. Needed.
	FHIRBaseURL string `yaml:"fhir_base_url"`
	// AllowedOrigins are other origins (https://host) on which the server may
	// put status URLs and output files, and which may then get the access
	// token. Default: only that of FHIRBaseURL.
	AllowedOrigins []string `yaml:"allowed_origins"`
	// AllowHTTP permits plain http, to this machine only (localhost,
	// 127.0.0.0/8, ::1): for a sandbox.
	AllowHTTP bool `yaml:"allow_http"`
	// Dialect is stu1, stu2, stu3, stu4 or discover, for a server that is of
	// another release than its profile says. Default: the profile's.
	Dialect Dialect `yaml:"dialect" words:"stu1 stu2 stu3 stu4 discover"`
	// Level is group, patient or system. Default: group.
	Level string `yaml:"level" words:"group patient system"`
	// Group is the id of the group to export, as the practice's EHR shows it.
	// Needed at level group, and only there.
	Group string `yaml:"group"`
	// GroupReport is how the practice calls the saved report that fills the
	// group, for people: somebody there must run it again from time to time.
	// Default: none.
	GroupReport string `yaml:"group_report"`
	// Types are the resource types to ask for. Default: those that the
	// agreement names. `_type` is always sent: never "everything".
	Types []string `yaml:"types"`
	// TypeFilters narrow the types by searches of the form Type?parameters, such
	// as `Observation?category=laboratory`. Several for one type are joined by
	// or; the type must be among Types. A server may ignore them. Default: none.
	TypeFilters []string `yaml:"type_filters"`
	// Elements are the only elements to ask for, of the resources' first level:
	// `Patient.birthDate`, or `id` for all types. What comes then is not whole, and
	// never replaces a whole resource. Default: none, all elements.
	Elements []string `yaml:"elements"`
	// AssociatedData are further sets of resources to ask for:
	// LatestProvenanceResources, RelevantProvenanceResources, or a set of the
	// server's own, whose name begins with _. Default: none.
	AssociatedData []string `yaml:"associated_data"`
	// OrganizeOutputBy is the resource type, such as Patient, by whose resources
	// the server is asked to order each file. Default: none.
	OrganizeOutputBy string `yaml:"organize_output_by"`
	// RetryWithoutTypes sends a kick-off again without `_type`, once, when the
	// server refuses it for its types; what is not among Types is then left at
	// the server. Default: false, a person is asked.
	RetryWithoutTypes bool `yaml:"retry_without_types"`
	// NewMembers says what an incremental export of a group does about patients
	// who joined it: backfilled (nothing, the server sends their older data
	// too), export (an export of their own for them) or full (the whole export
	// is a full one). Default: what the profile knows of the server; where it
	// knows nothing, their older data comes with the next full export.
	NewMembers string `yaml:"new_members" words:"backfilled export full"`
	// Since is the floor of the first export's `_since`: an instant, or a date
	// (midnight in TimeZone). Default: none, the first export has no `_since`.
	Since Moment `yaml:"since"`
	// Schedule is when an export starts, as a cron expression of five fields.
	// Default: none, only when asked.
	Schedule string `yaml:"schedule"`
	// Spread is over how much time the start of this practice's schedule may be
	// put off, so that practices do not all begin at once. Default: that of
	// scheduling.
	Spread Duration `yaml:"spread"`
	// CatchUp is once or none: whether an export that was due while bulkhead was
	// down, or the practice paused, is made up for. Default: that of scheduling.
	CatchUp string `yaml:"catch_up" words:"once none"`
	// CatchUpWithin is how late one may start to make up for one that was
	// missed. Default: that of scheduling.
	CatchUpWithin Duration `yaml:"catch_up_within"`
	// Priority is high, normal or low: how soon this practice's scheduled exports
	// get a slot where slots are scarce. What a person asks for goes first, and
	// whoever waits rises with time. Default: normal.
	Priority string `yaml:"priority" words:"high normal low"`
	// Quiet are windows in which the server is not asked to start an export, such
	// as "mon-fri 08:00-18:00", on the practice's clock: a schedule that falls
	// into one begins at its end. What runs goes on. Default: none.
	Quiet []Window `yaml:"quiet"`
	// TimeZone is the IANA zone of Schedule and of dates. Default: UTC.
	TimeZone string `yaml:"time_zone"`
	// FullEvery is how often a scheduled export is a full one, which also
	// removes what the practice no longer has: a duration (30d) or a cron
	// expression. Default: only the first one is full.
	FullEvery Cadence `yaml:"full_every"`
	// Sinks are the names of the sinks to publish to. Default: all.
	Sinks []string `yaml:"sinks"`
	// RequestsPerMinute is the most requests to this practice's server in one
	// clock minute. Default: 0, what Limits or the profile say.
	RequestsPerMinute int `yaml:"requests_per_minute"`
	// Validation says by which rules this practice's resources are judged, and
	// what becomes of those that break one. Default: that of the whole file.
	Validation Validation `yaml:"validation"`
	// GenericTables are the tables that are filled from resources of all types:
	// coding (each code, wherever it stands) and reference (each link to another
	// resource); `none` alone leaves both out. Default: both.
	GenericTables []string `yaml:"generic_tables" words:"coding reference none"`
	// Attachments say whether documents are stored beside the resources that
	// name them, and within which bounds. Default: they are not.
	Attachments Attachments `yaml:"attachments"`
	// Purposes are what the data is exported for; the agreement must permit each
	// of them. Default: those that the agreement names.
	Purposes []string `yaml:"purposes" words:"treatment payment operations quality care-management population-health aco-reporting public-health research"`
	// Agreement is the record that permits the export. Without one nothing is
	// ever requested (I1).
	Agreement *Agreement `yaml:"agreement"`
}

// Location returns the tenant's time zone.
func (t *Tenant) Location() *time.Location {
	loc, err := time.LoadLocation(t.TimeZone)
	if err != nil {
		return time.UTC // Load has refused an unknown zone
	}
	return loc
}

// fill puts defaults where nothing was said; c is already filled but for its
// tenants.
func (t *Tenant) fill(c *Config) {
	t.Name = or(t.Name, t.ID)
	t.LegalName = or(t.LegalName, t.Name)
	t.Level = or(t.Level, LevelGroup)
	t.TimeZone = or(t.TimeZone, "UTC")
	t.FHIRBaseURL = strings.TrimRight(t.FHIRBaseURL, "/")
	if t.Open {
		t.Profile = or(t.Profile, "standard")
	}
	if len(t.Sinks) == 0 {
		t.Sinks = c.SinkNames()
	}
	t.Attachments.fill()
	t.Validation.fill(c.Validation)
	if len(t.GenericTables) == 0 {
		t.GenericTables = []string{TableCoding, TableReference}
	}
	loc := t.Location()
	t.Since.in(loc)
	if a := t.Agreement; a != nil {
		a.fill(t, loc)
		if len(t.Purposes) == 0 {
			t.Purposes = slices.Sorted(maps.Keys(a.Purposes))
		}
		if len(t.Types) == 0 && !slices.Contains(a.Types, "*") {
			t.Types = slices.Clone(a.Types)
		}
	}
}

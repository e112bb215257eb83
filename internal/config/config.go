// Package config reads bulkhead's one YAML file, and the files that it
// includes, strictly: an unknown field, a wrong type or an impossible value is
// a mistake with its file, its line and an excerpt, and all mistakes of a file
// are told at once. It also holds the vendor profiles: how one EHR differs
// from the Bulk Data standard, as data.
//
// It never holds a secret. Keys are named by file or environment variable and
// read when they are used, and an excerpt shows only what is known not to be
// one. It opens no connection and makes no folder.
//
// The YAML: https://yaml.org/spec/1.2.2/
package config

import (
	"fmt"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// A Config is a whole configuration: checked, with its defaults filled in and
// every path absolute. It is not changed after Load and may be shared.
type Config struct {
	// Folder holds the state: ledger, raw, staged and quarantined files, and
	// the default sinks. Default: bulkhead, beside the configuration file.
	Folder string `yaml:"folder"`
	// Limits bound what runs at once on this machine.
	Limits Limits `yaml:"limits"`
	// Scheduling says how the schedules of all practices are kept.
	Scheduling Scheduling `yaml:"scheduling"`
	// TLS says which servers are trusted.
	TLS TLS `yaml:"tls"`
	// JWKS says where `bulkhead run` publishes the registrations' public keys.
	// Default: nowhere.
	JWKS JWKS `yaml:"jwks"`
	// Web says where `bulkhead run` serves its pages and its API. Default:
	// nowhere.
	Web Web `yaml:"web"`
	// Alerts say what a person is told without asking, and where.
	Alerts Alerts `yaml:"alerts"`
	// Metrics say where bulkhead run tells how it does. Default: nowhere.
	Metrics Metrics `yaml:"metrics"`
	// Traces say where OpenTelemetry traces of exports are sent. Default: nowhere.
	Traces Traces `yaml:"traces"`
	// Hooks let other programs ask for exports by signed requests. Default: none.
	Hooks []Hook `yaml:"hooks"`
	// Callbacks are other programs that are told how exports end. Default: none.
	Callbacks []Callback `yaml:"callbacks"`
	// Encryption says with what the files that are kept of practices are
	// encrypted. Default: they are not.
	Encryption Encryption `yaml:"encryption"`
	// Views are folders of ViewDefinition files (*.json) that add tables to
	// the built-in ones, or replace those of the same name.
	Views []string `yaml:"views"`
	// Profiles is a folder of vendor profiles (*.yaml) that add to the
	// built-in ones, or replace those of the same name. Default: none.
	Profiles string `yaml:"profiles"`
	// Validation says by which rules the resources of all tenants are judged; a
	// tenant may say otherwise.
	Validation Validation `yaml:"validation"`
	// Registrations are our identities at EHR vendors, by a name of ours.
	Registrations map[string]Registration `yaml:"registrations"`
	// Sinks are the destinations, by a name of ours. Default: a DuckDB file
	// `tables` and a folder of Parquet files `parquet`, both below Folder.
	Sinks map[string]Sink `yaml:"sinks"`
	// Tenants are the practices whose data we hold.
	Tenants []Tenant `yaml:"tenants"`
	// Include names files that hold one tenant each, as patterns such as
	// tenants/*.yaml. Their tenants follow those of Tenants, by file name.
	// Hidden files are left out; a pattern that finds no file is a mistake.
	Include []string `yaml:"include"`

	profiles map[string]*Profile
	doubts   []Doubt
	own      []string       // the profiles of the configuration's own folder, by name
	byID     map[string]int // tenants by id, as they stood when it was loaded
}

// Limits bound what runs at once.
type Limits struct {
	// Exports is how many exports may run at once. Default: 8.
	Exports int `yaml:"exports"`
	// DownloadsPerExport is how many files of one export are downloaded at
	// once; a vendor profile may allow fewer. Default: 4.
	DownloadsPerExport int `yaml:"downloads_per_export"`
	// IngestWorkers is how many blocks of lines are parsed at once. Default:
	// the number of processors that the process may use.
	IngestWorkers int `yaml:"ingest_workers"`
	// RequestsPerMinute is the most requests to one practice's server in one
	// clock minute. Default: 0, which means what the vendor profile says.
	RequestsPerMinute int `yaml:"requests_per_minute"`
	// LineBytes is the longest line that is parsed; a longer one goes to the
	// quarantine, without being held in memory. Default: 256MiB.
	LineBytes Size `yaml:"line_bytes"`
	// FileBytes is the largest output file that is taken, as its lines are
	// long together; a larger one fails its export. Default: 1024GiB.
	FileBytes Size `yaml:"file_bytes"`
	// FilesPerExport is how many output files one export may have; a manifest
	// that names more fails it. Default: 250000.
	FilesPerExport int `yaml:"files_per_export"`
	// FreeBytes is how much of the state folder's disk no download may take.
	// Default: 256MiB.
	FreeBytes Size `yaml:"free_bytes"`
	// Retry says how failures that waiting may cure are waited out.
	Retry Retry `yaml:"retry"`
}

// Retry says how failures that waiting may cure are waited out: a broken
// connection, a server that answers 503. The waits double and vary by chance.
type Retry struct {
	// FirstWait is the wait after the first failure. Default: 2s.
	FirstWait Duration `yaml:"first_wait"`
	// LongestWait bounds every wait. Default: 5m.
	LongestWait Duration `yaml:"longest_wait"`
	// Attempts is how many failures in a row are waited out before the export
	// fails and a person is asked; for the status of an export that the server
	// works on it is eight times as many. Default: 8.
	Attempts int `yaml:"attempts"`
}

// TLS says which servers are trusted.
type TLS struct {
	// CAFile holds PEM certificates of authorities that are trusted besides
	// the system's. Default: none.
	CAFile string `yaml:"ca_file"`
}

// Tenant returns the tenant of that id, or a *problem.Problem TenantUnknown
// that names the tenants there are, or the one that is probably meant.
func (c *Config) Tenant(id string) (*Tenant, error) {
	if i, ok := c.byID[id]; ok && i < len(c.Tenants) && c.Tenants[i].ID == id {
		return &c.Tenants[i], nil
	}
	i := slices.IndexFunc(c.Tenants, func(t Tenant) bool { return t.ID == id }) // where tests made the configuration
	if i >= 0 {
		return &c.Tenants[i], nil
	}
	return nil, problem.New(problem.TenantUnknown, fmt.Sprintf("no practice has the id %q", id), c.whoElse(id))
}

// namedAtMost is how many practices are named to who has misspelt one.
const namedAtMost = 10

// whoElse says which practices there are, or which one was probably meant.
func (c *Config) whoElse(id string) string {
	known := make([]string, 0, len(c.Tenants))
	for i := range c.Tenants {
		known = append(known, c.Tenants[i].ID)
	}
	const add = "add it to the configuration under `tenants`."
	switch like := closest(id, known); {
	case len(known) == 0:
		return "Add it to the configuration under `tenants`."
	case len(known) <= namedAtMost:
		return "Use one of: " + strings.Join(known, ", ") + "; or " + add
	case like != "":
		return "Is " + like + " meant? Else " + add
	}
	return fmt.Sprintf("See which %d there are with bulkhead status, or ", len(known)) + add
}

// Registration returns the registration that the tenant uses. It reports false
// for a tenant whose endpoint is open.
func (c *Config) Registration(t *Tenant) (Registration, bool) {
	r, ok := c.Registrations[t.Registration]
	return r, ok && !t.Open
}

// Profile returns the vendor profile of the tenant's endpoint. It is nil only
// for a tenant that is not of this configuration.
func (c *Config) Profile(t *Tenant) *Profile {
	if r, ok := c.Registration(t); ok {
		return c.profiles[r.Profile]
	}
	return c.profiles[t.Profile]
}

// Recognise returns the names of the profiles of the vendors by whose words a
// server's software calls itself, in alphabetical order.
func (c *Config) Recognise(software string) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(c.profiles)) {
		if c.profiles[name].recognises(software) {
			names = append(names, name)
		}
	}
	return names
}

// Dialect returns the release that the tenant's server is spoken to in: the
// tenant's own word, else the profile's. discover says that the server's
// CapabilityStatement may name another one; d is then what to assume without.
func (c *Config) Dialect(t *Tenant) (d Dialect, discover bool) {
	d = or(t.Dialect, c.Profile(t).Dialect)
	if d == Discover {
		return STU2, true
	}
	return d, false
}

// Scopes returns what to ask the authorization server for when types are to be
// exported from the tenant: the registration's own list, or else the profile's.
// No types means all types. A style that is to be discovered is taken for v1.
func (c *Config) Scopes(t *Tenant, types []string) []string {
	return c.ScopesIn(t, c.Profile(t).Scope.Style, types)
}

// ScopesIn is Scopes with the style that the server was found to have; see
// Profile.ScopesIn.
func (c *Config) ScopesIn(t *Tenant, style ScopeStyle, types []string) []string {
	if r, ok := c.Registration(t); ok && len(r.Scopes) > 0 {
		return slices.Clone(r.Scopes)
	}
	return c.Profile(t).ScopesIn(style, types)
}

// NewMembers returns what an incremental export of the tenant's group
// has to do about patients who joined it: the tenant's own word, else what the
// profile knows of the server. See Tenant.NewMembers.
func (c *Config) NewMembers(t *Tenant) string {
	if t.NewMembers != "" {
		return t.NewMembers
	}
	switch c.Profile(t).BackfillsNewMembers {
	case Yes:
		return MembersBackfilled
	case No:
		if c.Profile(t).Takes(ParamPatient) {
			return MembersExport
		}
		return MembersFull
	default:
		return MembersUnknown
	}
}

// RequestsPerMinute returns the most requests to the tenant's server in one
// clock minute: the tenant's own limit, else the configuration's, else the
// profile's. Zero means no limit.
func (c *Config) RequestsPerMinute(t *Tenant) int {
	for _, n := range []int{t.RequestsPerMinute, c.Limits.RequestsPerMinute} {
		if n > 0 {
			return n
		}
	}
	return c.Profile(t).RequestsPerMinute
}

// Downloads returns how many files of one export of the tenant may be
// downloaded at once. It is at least 1.
func (c *Config) Downloads(t *Tenant) int {
	n := c.Limits.DownloadsPerExport
	if most := c.Profile(t).MaxParallelDownloads; most > 0 {
		n = min(n, most)
	}
	return max(n, 1)
}

// SinkNames returns the names of all sinks in alphabetical order.
func (c *Config) SinkNames() []string { return slices.Sorted(maps.Keys(c.Sinks)) }

// fill puts defaults where nothing was said; base is the folder of the
// configuration file, against which relative paths are taken.
func (c *Config) fill(base string) {
	c.Folder = absolute(base, or(c.Folder, "bulkhead"))
	c.Limits.Exports = or(c.Limits.Exports, 8)
	c.Limits.DownloadsPerExport = or(c.Limits.DownloadsPerExport, 4)
	c.Limits.Retry.FirstWait = or(c.Limits.Retry.FirstWait, Duration(2*time.Second))
	c.Limits.Retry.LongestWait = or(c.Limits.Retry.LongestWait, Duration(5*time.Minute))
	c.Limits.Retry.Attempts = or(c.Limits.Retry.Attempts, 8)
	c.Limits.IngestWorkers = or(c.Limits.IngestWorkers, runtime.GOMAXPROCS(0))
	c.Limits.LineBytes = or(c.Limits.LineBytes, 256<<20)
	c.Limits.FileBytes = or(c.Limits.FileBytes, 1<<40)
	c.Limits.FreeBytes = or(c.Limits.FreeBytes, 256<<20)
	c.Limits.FilesPerExport = or(c.Limits.FilesPerExport, 250_000)
	c.TLS.CAFile = absolute(base, c.TLS.CAFile)
	c.JWKS.TLSCert, c.JWKS.TLSKey = absolute(base, c.JWKS.TLSCert), absolute(base, c.JWKS.TLSKey)
	c.Web.TLSCert, c.Web.TLSKey = absolute(base, c.Web.TLSCert), absolute(base, c.Web.TLSKey)
	if c.Web.OIDC != nil {
		c.Web.OIDC.fill(base)
	}
	c.Encryption.KeyFile, c.Encryption.TokenFile = absolute(base, c.Encryption.KeyFile), absolute(base, c.Encryption.TokenFile)
	if f := c.Encryption.Former; f != nil {
		f.KeyFile, f.TokenFile = absolute(base, f.KeyFile), absolute(base, f.TokenFile)
	}
	c.Profiles = absolute(base, c.Profiles)
	for i := range c.Views {
		c.Views[i] = absolute(base, c.Views[i])
	}
	if len(c.Sinks) == 0 {
		c.Sinks = map[string]Sink{
			"tables":  {Kind: DuckDB, File: filepath.Join(c.Folder, "tables.duckdb")},
			"parquet": {Kind: Parquet, Folder: filepath.Join(c.Folder, "parquet")},
		}
	}
	for name, s := range c.Sinks {
		s.File, s.Folder = absolute(base, s.File), absolute(base, s.Folder)
		c.Sinks[name] = s
	}
	for name, r := range c.Registrations {
		r.KeyFile, r.KeyFolder = absolute(base, r.KeyFile), absolute(base, r.KeyFolder)
		r.JWKSMaxAge = or(r.JWKSMaxAge, Duration(time.Hour))
		r.KeyExpires.in(time.UTC)
		c.Registrations[name] = r
	}
	c.Alerts.fill(base, c.Limits.FreeBytes)
	c.Metrics.fill(base)
	c.fillTriggers(base)
	c.Validation.fill(Validation{})
	c.byID = make(map[string]int, len(c.Tenants))
	for i := range c.Tenants {
		c.Tenants[i].fill(c)
		c.byID[c.Tenants[i].ID] = i
	}
}

// or returns v, or def where v is the zero value.
func or[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// absolute takes a relative path against base; an empty path stays empty.
func absolute(base, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(base, path)
}

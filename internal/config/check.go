package config

import (
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
)

var idShape = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

const idRule = "must be 1 to 63 of a-z, 0-9 and -, and not begin with -"

// check notes all that is wrong with c, which has no defaults yet; tenants are
// the places of its tenants.
func (r *reader) check(root place, tenants []place, c *Config) {
	limits := root.at("limits")
	r.notNegative(limits.at("exports"), c.Limits.Exports)
	r.notNegative(limits.at("downloads_per_export"), c.Limits.DownloadsPerExport)
	r.notNegative(limits.at("ingest_workers"), c.Limits.IngestWorkers)
	r.notNegative(limits.at("files_per_export"), c.Limits.FilesPerExport)
	r.notNegative(limits.at("requests_per_minute"), c.Limits.RequestsPerMinute)
	r.notNegative(limits.at("retry").at("attempts"), c.Limits.Retry.Attempts)
	if w := c.Limits.Retry; w.LongestWait > 0 && w.LongestWait < w.FirstWait {
		r.miss(limits.at("retry").at("longest_wait"), "must not be shorter than first_wait")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Registrations)) {
		r.checkRegistration(root.at("registrations").at(name), name, c)
	}
	r.checkListening(root.at("jwks"), c.JWKS.Listen, c.JWKS.TLSCert, c.JWKS.TLSKey, "vendors fetch keys over TLS")
	r.checkListening(root.at("web"), c.Web.Listen, c.Web.TLSCert, c.Web.TLSKey, "people sign in over TLS")
	r.checkOIDC(root.at("web"), c)
	for _, name := range slices.Sorted(maps.Keys(c.Sinks)) {
		r.checkSink(root.at("sinks").at(name), name, c.Sinks[name])
	}
	seen := map[string]bool{}
	for i := range c.Tenants {
		t := &c.Tenants[i]
		r.checkTenant(tenants[i], t, c)
		if seen[t.ID] && t.ID != "" {
			r.miss(tenants[i].at("id"), fmt.Sprintf("is %q, which another tenant has already", t.ID))
		}
		seen[t.ID] = true
	}
}

func (r *reader) notNegative(at place, n int) {
	if n < 0 {
		r.miss(at, "must not be negative")
	}
}

func (r *reader) checkRegistration(at place, name string, c *Config) {
	reg := c.Registrations[name]
	if !idShape.MatchString(name) {
		r.miss(at, "has a name that cannot be used: it "+idRule)
	}
	r.checkProfileName(at.at("profile"), reg.Profile, c)
	if reg.ClientID == "" {
		r.miss(at.at("client_id"), "is missing: it is what the vendor gave the app")
	}
	switch {
	case reg.KeyFile == "" && reg.KeyEnv == "" && reg.KeyFolder == "":
		r.miss(at, "has no key: give key_file, key_env or key_folder")
	case reg.KeyFile != "" && reg.KeyEnv != "":
		r.miss(at.at("key_env"), "must not stand beside key_file")
	case reg.KeyFolder != "" && (reg.KeyFile != "" || reg.KeyEnv != ""):
		r.miss(at.at("key_folder"), "must not stand beside key_file or key_env")
	case reg.KeyEnv != "" && !envName.MatchString(reg.KeyEnv):
		r.miss(at.at("key_env"), "must be the name of an environment variable, not the key itself")
	case strings.Contains(reg.KeyFile, "-----") || strings.ContainsAny(reg.KeyFile, "\n{"):
		r.miss(at.at("key_file"), "must be the path of a file, not the key itself")
	case strings.Contains(reg.KeyFolder, "-----") || strings.ContainsAny(reg.KeyFolder, "\n{"):
		r.miss(at.at("key_folder"), "must be the path of a folder, not the key itself")
	}
	if reg.SendJKU && reg.Direct() {
		r.miss(at.at("send_jku"), "needs jwks_url: a vendor that keeps the keys itself refuses a jku")
	}
	r.checkURL(at.at("jwks_url"), reg.JWKSURL, true)
	r.checkURL(at.at("token_url"), reg.TokenURL, true)
	r.notNegative(at.at("exports"), reg.Exports)
	r.checkWindows(at.at("maintenance"), reg.Maintenance)
}

func (r *reader) checkProfileName(at place, name string, c *Config) {
	if name == "" {
		r.miss(at, "is missing: it is ecw, standard, or a profile of yours")
		return
	}
	if _, ok := c.profiles[name]; !ok {
		r.miss(at, fmt.Sprintf("is %q, but the profiles are %s", name,
			strings.Join(slices.Sorted(maps.Keys(c.profiles)), ", ")))
	}
}

func (r *reader) checkSink(at place, name string, s Sink) {
	if !idShape.MatchString(name) {
		r.miss(at, "has a name that cannot be used: it "+idRule)
	}
	switch {
	case s.Kind == "":
		r.miss(at.at("kind"), "is missing: it is duckdb or parquet")
	case s.Kind == DuckDB && (s.File == "" || s.Folder != ""):
		r.miss(at, "needs a file, and no folder, because it is a duckdb sink")
	case s.Kind == Parquet && (s.Folder == "" || s.File != ""):
		r.miss(at, "needs a folder, and no file, because it is a parquet sink")
	}
	if (s.Operator == "") != (s.Agreement == "") {
		r.miss(at, "needs operator and agreement, or neither: whoever runs a destination needs an agreement with us")
	}
}

func (r *reader) checkTenant(at place, t *Tenant, c *Config) {
	switch {
	case t.ID == "":
		r.miss(at.at("id"), "is missing")
	case !idShape.MatchString(t.ID):
		r.miss(at.at("id"), idRule)
	}
	r.checkIdentity(at, t)
	r.checkAccess(at, t, c)
	if t.FHIRBaseURL == "" {
		r.miss(at.at("fhir_base_url"), "is missing")
	}
	r.checkURL(at.at("fhir_base_url"), t.FHIRBaseURL, t.AllowHTTP)
	for i, origin := range t.AllowedOrigins {
		field := at.at("allowed_origins").index(i)
		r.checkURL(field, origin, t.AllowHTTP)
		if u, err := url.Parse(origin); origin == "" || err == nil && u.Path != "" {
			r.miss(field, "must be an origin such as https://files.example.org, without a path")
		}
	}
	r.checkLevel(at, t, c)
	r.checkTypes(at.at("types"), t.Types)
	r.checkOffered(at.at("types"), t, c)
	r.checkRequest(at, t, c)
	if t.Schedule != "" {
		if err := checkCron(t.Schedule); err != nil {
			r.miss(at.at("schedule"), err.Error())
		}
	}
	if _, err := time.LoadLocation(t.TimeZone); err != nil || t.TimeZone == "Local" {
		r.miss(at.at("time_zone"), "must be an IANA zone such as America/New_York")
	}
	r.checkWindows(at.at("quiet"), t.Quiet)
	r.checkSinkNames(at.at("sinks"), t.Sinks, c)
	r.notNegative(at.at("requests_per_minute"), t.RequestsPerMinute)
	r.checkAttachments(at.at("attachments"), &t.Attachments)
	for i, name := range t.GenericTables {
		if name == NoTables && len(t.GenericTables) > 1 {
			r.miss(at.at("generic_tables").index(i), "must stand alone")
		}
	}
	if t.Agreement != nil {
		r.checkAgreement(at.at("agreement"), t.Agreement, c)
	}
}

// checkAccess checks that a tenant says in exactly one way how it is reached.
func (r *reader) checkAccess(at place, t *Tenant, c *Config) {
	switch {
	case t.Open && t.Registration != "":
		r.miss(at.at("open"), "must not stand beside registration")
	case t.Open:
		r.checkProfileName(at.at("profile"), or(t.Profile, "standard"), c)
	case t.Profile != "":
		r.miss(at.at("profile"), "is for open servers; otherwise the registration names the profile")
	case t.Registration == "":
		r.miss(at, "has no registration; an unprotected server is `open: true`")
	default:
		if _, ok := c.Registrations[t.Registration]; !ok {
			r.miss(at.at("registration"), fmt.Sprintf("is %q, but the registrations are: %s", t.Registration,
				strings.Join(slices.Sorted(maps.Keys(c.Registrations)), ", ")))
		}
	}
}

func (r *reader) checkLevel(at place, t *Tenant, c *Config) {
	level := or(t.Level, LevelGroup)
	if p := c.profileOf(t); p != nil && !p.HasLevel(level) {
		r.miss(at.at("level"), fmt.Sprintf("is %s, but the profile %s has only: %s", level, p.Name, strings.Join(p.Levels, ", ")))
	}
	switch {
	case level == LevelGroup && t.Group == "":
		r.miss(at.at("group"), "is missing: a group export names a group")
	case level != LevelGroup && t.Group != "":
		r.miss(at.at("group"), "stands beside a level that has no group")
	}
}

func (r *reader) checkTypes(at place, types []string) {
	for i, t := range types {
		if !fhir.IsTypeName(t) {
			r.miss(at.index(i), fmt.Sprintf("is %q, which is no name of a resource type", t))
		}
		if slices.Contains(types[:i], t) {
			r.miss(at.index(i), fmt.Sprintf("is %q for a second time", t))
		}
	}
}

// checkOffered checks that the vendor exports the types: one that it does not
// know can fail the whole token request.
func (r *reader) checkOffered(at place, t *Tenant, c *Config) {
	p := c.profileOf(t)
	if p == nil || len(p.Types) == 0 {
		return
	}
	for i, name := range t.Types {
		if fhir.IsTypeName(name) && !slices.Contains(p.Types, name) {
			r.miss(at.index(i), fmt.Sprintf("is %q, which %s does not export (see the types of profile %s)", name, or(p.Title, p.Name), p.Name))
		}
	}
}

// profileOf is Profile before the defaults are filled in.
func (c *Config) profileOf(t *Tenant) *Profile {
	probe := *t
	if t.Open {
		probe.Profile = or(t.Profile, "standard")
	}
	return c.Profile(&probe)
}

func (r *reader) checkSinkNames(at place, names []string, c *Config) {
	known := c.SinkNames()
	if len(known) == 0 {
		known = []string{"parquet", "tables"} // the defaults
	}
	for i, name := range names {
		if !slices.Contains(known, name) {
			r.miss(at.index(i), fmt.Sprintf("is %q, but the sinks are: %s", name, strings.Join(known, ", ")))
		}
	}
}

// checkURL accepts https, and http to this machine where allowHTTP says so.
func (r *reader) checkURL(at place, text string, allowHTTP bool) {
	if text == "" {
		return
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "":
		r.miss(at, "must be a whole URL such as https://ehr.example.org/fhir/r4")
	case u.User != nil:
		r.miss(at, "must not hold a user or a password")
	case u.RawQuery != "" || u.Fragment != "":
		r.miss(at, "must not hold a query or a fragment")
	case u.Scheme == "https":
	case u.Scheme != "http":
		r.miss(at, "must begin with https://")
	case !allowHTTP:
		r.miss(at, "must begin with https:// (allow_http permits http to this machine)")
	case !loopback(u.Hostname()):
		r.miss(at, "must begin with https://: plain http is for this machine only")
	}
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

var (
	originPattern = regexp.MustCompile(`^https://(\*\.)?[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?$`)
	headerName    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,62}$`)
)

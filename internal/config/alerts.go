package config

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/secret"
)

// Alerts say what a person is told without asking, when, and where. Every
// field has a default; without routes, alerts are told in the log only.
type Alerts struct {
	// Off switches alerts off altogether. Default: false.
	Off bool `yaml:"off"`
	// StaleAfter is how old the records of a practice with a schedule may
	// become, by the time of its last completed export and by the server's own
	// transactionTime. A practice whose schedule is rarer may be as old as two
	// of its pauses. Default: 3d.
	StaleAfter Duration `yaml:"stale_after"`
	// StuckFloor is the shortest time after which an export that is at work can
	// count as stuck; above it counts twice the 95th percentile of the
	// practice's own exports of that mode. Default: 6h.
	StuckFloor Duration `yaml:"stuck_floor"`
	// StuckAfter is when an export counts as stuck while the practice has fewer
	// than five completed ones of that mode to compare. Default: 24h.
	StuckAfter Duration `yaml:"stuck_after"`
	// WaitingAfter is how long an export may wait for a slot, or for a server
	// that says later. Default: 36h.
	WaitingAfter Duration `yaml:"waiting_after"`
	// UnknownAfter is how long a kick-off without an answer may stand undecided.
	// Default: 15m.
	UnknownAfter Duration `yaml:"unknown_after"`
	// CircuitAfter is how long a server that practices use may be out of reach.
	// Default: 1h.
	CircuitAfter Duration `yaml:"circuit_after"`
	// RefusedPercent is how many of a hundred lines of an export may be refused,
	// in whole percent. Default: 1.
	RefusedPercent int `yaml:"refused_percent"`
	// RosterRuns is after how many full exports in a row without anybody who
	// joined or left a group counts as stale. Default: 14.
	RosterRuns int `yaml:"roster_runs"`
	// RosterAfter is for how long nobody may join or leave a group, however
	// many exports there were, before it counts as stale. Default: 90d.
	RosterAfter Duration `yaml:"roster_after"`
	// RosterPercent is by how many of a hundred patients a group may grow or
	// shrink from one full export to the next. Default: 20.
	RosterPercent int `yaml:"roster_percent"`
	// Notice is how long before a date a person is told: the end of an
	// agreement, of a key, of a certificate. Default: 30d.
	Notice Duration `yaml:"notice"`
	// RateMinutes is how many minutes of the last hour may have nearly spent a
	// practice's budget of requests. Default: 45.
	RateMinutes int `yaml:"rate_minutes"`
	// DiskFree is how much of the state folder's disk should be free. Default:
	// 5GiB, and never less than twice limits.free_bytes.
	DiskFree Size `yaml:"disk_free"`
	// Settle is how long the cause of an alert must be gone before it counts as
	// over; each return within a day doubles it. Default: 15m.
	Settle Duration `yaml:"settle"`
	// GroupFor is how long alerts of one kind are gathered before they are told
	// in one message. Default: 5m.
	GroupFor Duration `yaml:"group_for"`
	// GroupEvery is the shortest time between two messages of one kind on one
	// route; critical ones do not wait for it. Default: 4h.
	GroupEvery Duration `yaml:"group_every"`
	// RemindEvery is how often an alert that nobody acknowledged is told again.
	// Default: 3d.
	RemindEvery Duration `yaml:"remind_every"`
	// Routes are where alerts are told. One that fits several routes is told on
	// each. Default: the log.
	Routes []AlertRoute `yaml:"routes"`
}

// An AlertRoute is one place where alerts are told, and which ones. A list that
// is not given takes all.
type AlertRoute struct {
	// Name is for people and commands: of a-z, 0-9 and -. Needed.
	Name string `yaml:"name"`
	// URLFile is a file that holds the address as a shoutrrr URL, such as
	// slack://..., smtp://..., pagerduty://... or generic+https://... It holds
	// secrets, so it stands in no configuration. Exactly one of URLFile and
	// URLEnv is given, or Log.
	URLFile string `yaml:"url_file"`
	// URLEnv names an environment variable that holds the same text.
	URLEnv string `yaml:"url_env"`
	// Log tells alerts in bulkhead's own log.
	Log bool `yaml:"log"`
	// Severity is the least severity that is told: info, warning or critical.
	// Default: info.
	Severity string `yaml:"severity" words:"info warning critical"`
	// Kinds are the kinds of alerts that are told; docs/alerts.md lists them.
	Kinds []string `yaml:"kinds" words:"stale failed activation stuck waiting unknown circuit refused drift roster agreement disposal key jwks rate disk ledger delivery request callback glass credential certificate audit unrecorded configuration"`
	// Tenants are the ids of the practices whose alerts are told, and that a
	// server of theirs is out of reach. Other alerts about no practice are told
	// only where neither Tenants nor Owners is given.
	Tenants []string `yaml:"tenants"`
	// Owners are names or e-mail addresses of people on our side: alerts of the
	// practices are told that have one of them among their contacts as `us`, and
	// that a server of theirs is out of reach.
	Owners []string `yaml:"owners"`
}

// The severities of alerts, the least first.
const (
	SeverityInfo     = "info"
	SeverityWarning  = "warning"
	SeverityCritical = "critical"
)

// Severities lists the severities of alerts, the least first.
func Severities() []string { return []string{SeverityInfo, SeverityWarning, SeverityCritical} }

// AlertKinds lists the kinds of alerts in the order in which people read them.
func AlertKinds() []string {
	return []string{
		"stale", "failed", "activation", "stuck", "waiting", "unknown", "circuit", "refused", "drift",
		"roster", "agreement", "disposal", "key", "jwks", "rate", "disk", "ledger", "delivery", "request", "callback", "glass", "credential",
		"certificate", "audit", "unrecorded", "configuration",
	}
}

// URL reads the route's address. The error is a *problem.Problem and never
// holds any of the text. A route to the log has none.
func (r AlertRoute) URL() (secret.String, error) {
	text, where := "", "the environment variable "+r.URLEnv
	switch {
	case r.Log:
		return secret.String{}, nil
	case r.URLEnv != "":
		text = os.Getenv(r.URLEnv)
	default:
		where = "the file " + r.URLFile
		b, err := os.ReadFile(r.URLFile)
		if err != nil {
			return secret.String{}, problem.Wrap(err, problem.ConfigMissing, "the address of the alert route "+r.Name+" cannot be read",
				"Correct url_file of the route, or make the file readable for the user who runs bulkhead.")
		}
		text = string(b)
	}
	if text = strings.TrimSpace(text); text == "" {
		return secret.String{}, problem.New(problem.ConfigMissing, "the alert route "+r.Name+" has no address: "+where+" is empty",
			"Put a shoutrrr URL there, such as generic+https://example.org/hook.")
	}
	return secret.New(text), nil
}

// fill puts defaults where nothing was said; base is the folder of the
// configuration file, least what limits.free_bytes says.
func (a *Alerts) fill(base string, least Size) {
	const day = Duration(24 * time.Hour)
	hours := func(n int) Duration { return Duration(time.Duration(n) * time.Hour) }
	minutes := func(n int) Duration { return Duration(time.Duration(n) * time.Minute) }
	a.StaleAfter = or(a.StaleAfter, 3*day)
	a.StuckFloor = or(a.StuckFloor, hours(6))
	a.StuckAfter = or(a.StuckAfter, day)
	a.WaitingAfter = or(a.WaitingAfter, hours(36))
	a.UnknownAfter = or(a.UnknownAfter, minutes(15))
	a.CircuitAfter = or(a.CircuitAfter, hours(1))
	a.RefusedPercent = or(a.RefusedPercent, 1)
	a.RosterRuns = or(a.RosterRuns, 14)
	a.RosterAfter = or(a.RosterAfter, 90*day)
	a.RosterPercent = or(a.RosterPercent, 20)
	a.Notice = or(a.Notice, 30*day)
	a.RateMinutes = or(a.RateMinutes, 45)
	a.DiskFree = max(or(a.DiskFree, 5<<30), 2*least)
	a.Settle = or(a.Settle, minutes(15))
	a.GroupFor = or(a.GroupFor, minutes(5))
	a.GroupEvery = or(a.GroupEvery, hours(4))
	a.RemindEvery = or(a.RemindEvery, 3*day)
	if len(a.Routes) == 0 {
		a.Routes = []AlertRoute{{Name: "log", Log: true}}
	}
	for i := range a.Routes {
		r := &a.Routes[i]
		r.URLFile, r.Severity = absolute(base, r.URLFile), or(r.Severity, SeverityInfo)
	}
}

func (r *reader) checkAlerts(at place, c *Config) {
	a := &c.Alerts
	r.notNegative(at.at("roster_runs"), a.RosterRuns)
	r.notNegative(at.at("roster_percent"), a.RosterPercent)
	r.notNegative(at.at("refused_percent"), a.RefusedPercent)
	r.notNegative(at.at("rate_minutes"), a.RateMinutes)
	if a.RefusedPercent > 100 {
		r.miss(at.at("refused_percent"), "must not be more than 100")
	}
	if a.RateMinutes > 60 {
		r.miss(at.at("rate_minutes"), "must not be more than 60")
	}
	seen := map[string]bool{}
	for i := range a.Routes {
		field, route := at.at("routes").index(i), &a.Routes[i]
		r.checkAlertRoute(field, route, c)
		if seen[route.Name] {
			r.miss(field.at("name"), fmt.Sprintf("is %q, which another route has already", route.Name))
		}
		seen[route.Name] = true
	}
}

func (r *reader) checkAlertRoute(at place, route *AlertRoute, c *Config) {
	if !idShape.MatchString(route.Name) {
		r.miss(at.at("name"), idRule)
	}
	given := 0
	for _, is := range []bool{route.URLFile != "", route.URLEnv != "", route.Log} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		r.miss(at, "needs exactly one of url_file, url_env and log")
	case strings.Contains(route.URLFile, "://"):
		r.miss(at.at("url_file"), "must be the path of a file, not the URL itself: it holds secrets")
	case route.URLEnv != "" && !envName.MatchString(route.URLEnv):
		r.miss(at.at("url_env"), "must be the name of an environment variable, not the URL itself")
	}
	for i, id := range route.Tenants {
		if !slices.ContainsFunc(c.Tenants, func(t Tenant) bool { return t.ID == id }) {
			r.miss(at.at("tenants").index(i), fmt.Sprintf("is %q, which is no tenant", id))
		}
	}
}

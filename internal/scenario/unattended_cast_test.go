package scenario_test

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/alert"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox/population"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// Schedules of the cast; the first day is Monday, the 2nd of March.
const (
	daily    = "0 2 * * *"
	third    = "0 2 */3 * *" // days 2, 5, 8 ... 29, 30, 33 ... 57, 60
	mondays  = "0 2 * * 1"   // days 7, 14 ... 56
	twice    = "0 2 1,15 * *"
	lasts    = 60 // days
	reminded = 3  // days between two reminders
)

// A role is what some practices of the cast go through, and what must be told
// of each of them.
type role struct {
	name     string
	n        int // practices; one of several is called name-1 and so on
	schedule string
	begins   func(*scenario.Tenant) // how it stands at first; nil: as all do
	story    []turn
	told     []telling
	// shut are the times in which no agreement permits a request, or the
	// practice is not in the configuration. Nothing is asked for in them.
	shut []span
	// ill are the times in which exports that are due need not complete.
	ill   []span
	takes time.Duration // the server for an export
	// late are the exports that make up for those that were due while the
	// practice was away.
	late int
	// ends says that what runs when shut begins is ended at the server, which
	// takes a request.
	ends bool
}

// A turn is something that happens to a practice, or to all, at a time.
type turn struct {
	at float64 // days since the first midnight
	do func(w *scenario.World, id string)
}

// A telling is an alert that must be told once, between two moments of a day; and
// when that it is over.
type telling struct {
	kind     alert.Kind
	severity string
	on       int // day on which a message tells it
	worse    int // day on which a message tells that it got worse; 0: none does
	over     int // day on which a message tells that it is over; 0: none does
	reminds  int // messages that tell it again, because nobody took it on
}

// A span is some time, in days since the first midnight.
type span struct{ from, to float64 }

func (s span) has(day float64) bool { return day >= s.from && day < s.to }

const ever = 1000

func knobs(change func(*sandbox.Knobs)) func(*scenario.World, string) {
	return func(w *scenario.World, id string) { w.Change(change, id) }
}

func tenant(yaml string) func(*scenario.World, string) {
	return func(w *scenario.World, id string) { w.EditTenant(id, yaml) }
}

func registration(yaml string) func(*scenario.World, string) {
	return func(w *scenario.World, id string) { w.EditRegistration(id, yaml) }
}

func fault(f sandbox.Fault) func(*scenario.World, string) {
	return knobs(func(k *sandbox.Knobs) { k.Faults = []sandbox.Fault{f} })
}

func tokenFault(f sandbox.Fault) func(*scenario.World, string) {
	return knobs(func(k *sandbox.Knobs) { k.Token.Faults = []sandbox.Fault{f} })
}

var (
	noFault = knobs(func(k *sandbox.Knobs) { k.Faults, k.Token.Faults = nil, nil })
	down    = fault(sandbox.Fault{Do: sandbox.ActionStatus, Status: http.StatusServiceUnavailable})
	enters  = func(w *scenario.World, id string) { w.Enter(id) }
	leaves  = func(w *scenario.World, id string) { w.Leave(id) }
)

// yaml begins a practice with YAML over its configuration.
func yaml(text string) func(*scenario.Tenant) {
	return func(t *scenario.Tenant) { t.Config += "\n" + text }
}

// own gives a practice a registration of its own, with YAML.
func own(text string) func(*scenario.Tenant) {
	return func(t *scenario.Tenant) { t.Under, t.Registration = "", text }
}

func behaves(change func(*sandbox.Knobs)) func(*scenario.Tenant) {
	return func(t *scenario.Tenant) { t.Knobs = change }
}

func all(some ...func(*scenario.Tenant)) func(*scenario.Tenant) {
	return func(t *scenario.Tenant) {
		for _, f := range some {
			f(t)
		}
	}
}

// group gives a practice a group of sixty patients.
func group(t *scenario.Tenant) {
	t.Level, t.Types = config.LevelGroup, []string{"Observation", "Patient"}
	t.Source = chart(t.ID, 60)
}

func pause(w *scenario.World, id string) {
	if _, err := w.Engine.Pause(w.T().Context(), store.Pause{Scope: store.PauseTenant, Object: id, Reason: "the practice moves"}); err != nil {
		w.T().Error(err)
	}
}

func unpause(w *scenario.World, id string) {
	if ok, err := w.Engine.Unpause(w.T().Context(), store.PauseTenant, id, ""); !ok || err != nil {
		w.T().Error(ok, err)
	}
}

// dead is a day on which nothing listens at the host of all practices, and
// unreachable what is told of those that were due on it.
var (
	dead        = span{24, 25}
	unreachable = []telling{{kind: alert.Failed, severity: config.SeverityWarning, on: 24, over: 25}}
)

// resume takes up the practice's last export, as a person does who was told.
func resume(w *scenario.World, id string) {
	w.T().Helper()
	x, _, err := w.Store.In(id).Latest(w.T().Context())
	if err == nil {
		err = w.Engine.Resume(w.T().Context(), id, x.ID)
	}
	if err != nil {
		w.T().Error(err)
	}
}

// cast are a hundred practices.
func cast() []role {
	warning, critical, info := config.SeverityWarning, config.SeverityCritical, config.SeverityInfo
	return []role{
		{name: "daily", n: 1, schedule: daily, told: unreachable, ill: []span{dead}},
		{name: "third", n: 3, schedule: third},
		{name: "mondays", n: 12, schedule: mondays},
		{name: "fridays", n: 12, schedule: "0 2 * * 5"},
		{name: "twice", n: 39, schedule: twice},
		{name: "clock-a-little-off", n: 1, schedule: mondays, begins: behaves(func(k *sandbox.Knobs) { k.Token.Skew = 45 * time.Second })},

		{
			name: "down-for-a-week", n: 4, schedule: third, // one vendor: one message
			story: []turn{{12.5, down}, {20.5, noFault}},
			told:  []telling{{kind: alert.Failed, severity: warning, on: 14, over: 23}, {kind: alert.Stale, severity: warning, on: 17, over: 23}},
			ill:   []span{{12.5, 20.5}},
		},
		{
			name: "down-for-a-night", n: 2, schedule: mondays, // nobody notices but the log
			story: []turn{{21.05, down}, {21.0854, noFault}}, // for 51 minutes from 01:12
		},
		{
			name: "tokens-down", n: 1, schedule: "0 2 * * 1,4", // days 3, 7, 10 ... 24, 28, 31, 35
			story: []turn{{30.5, tokenFault(sandbox.Fault{Do: sandbox.ActionStatus, Status: http.StatusServiceUnavailable})}, {31.5, noFault}},
			told:  []telling{{kind: alert.Failed, severity: warning, on: 24, over: 28}, {kind: alert.Failed, severity: warning, on: 31, over: 35}},
			ill:   []span{dead, {30.5, 31.5}},
		},
		{
			name: "key-ends", n: 1, schedule: mondays, begins: own("key_expires: '2026-04-11T00:00:00Z'"), // day 40
			story: []turn{
				{40, tokenFault(sandbox.Fault{Do: sandbox.ActionStatus, Status: http.StatusUnauthorized})},
				{45.5, noFault},
				{45.5, registration("key_expires: null")},
			},
			told: []telling{{kind: alert.Activation, severity: critical, on: 42, over: 49}},
			ill:  []span{{40, 45.5}},
		},
		{
			name: "key-in-time", n: 1, schedule: mondays, begins: own("key_expires: '2026-04-21T00:00:00Z'"), // day 50
			story: []turn{{30.5, registration("key_expires: null")}},
		},
		{
			name: "suspended", n: 2, schedule: third,
			story: []turn{{12.5, tenant("agreement: {status: suspended}")}, {28.5, tenant("agreement: {status: active}")}},
			shut:  []span{{12.5, 28.5}},
		},
		{
			name: "suspended-amidst", n: 1, schedule: mondays, begins: behaves(func(k *sandbox.Knobs) { k.Takes, k.RetryAfter = 20*time.Hour, 2*time.Hour }),
			story: []turn{{14.5, tenant("agreement: {status: suspended}")}, {15.5, tenant("agreement: {status: active}")}, {15.6, resume}},
			shut:  []span{{14.5, 15.5}},
			ill:   []span{{14, 15}},
			takes: 21 * time.Hour,
		},
		{
			name: "agreement-ends", n: 1, schedule: daily, begins: yaml("agreement: {expires_at: 2026-04-01}"), // day 30
			told: []telling{{kind: alert.Agreement, severity: critical, on: 0, worse: 23}},
			shut: []span{{23, ever}}, // in its last week no export is begun
		},
		{
			name: "agreement-renewed", n: 1, schedule: mondays, begins: yaml("agreement: {expires_at: 2026-04-11}"), // day 40
			story: []turn{{30.5, tenant("agreement: {expires_at: 2027-04-11}")}},
			told:  []telling{{kind: alert.Agreement, severity: warning, on: 10, over: 30}},
		},
		{
			name: "terminated", n: 1, schedule: third,
			story: []turn{{18.5, tenant("agreement: {status: terminated}")}},
			shut:  []span{{18.5, ever}},
		},
		{
			name: "terminated-amidst", n: 1, schedule: mondays, begins: behaves(func(k *sandbox.Knobs) { k.Takes, k.RetryAfter = 20*time.Hour, 2*time.Hour }),
			story: []turn{{21.5, tenant("agreement: {status: terminated}")}},
			shut:  []span{{21.5, ever}},
			ill:   []span{{21, 22}},
			takes: 21 * time.Hour,
			ends:  true,
		},
		{
			name: "revoked", n: 1, schedule: mondays, // for good; and nobody takes the second alert on
			story: []turn{{33.5, fault(sandbox.Fault{On: sandbox.KindKickoff, Do: sandbox.ActionHTML, Status: http.StatusForbidden})}},
			told:  []telling{{kind: alert.Activation, severity: critical, on: 35}, {kind: alert.Stale, severity: warning, on: 42, reminds: 5}},
			ill:   []span{{33.5, ever}},
		},
		{
			name: "clock-far-off", n: 1, schedule: mondays,
			story: []turn{{33.5, knobs(func(k *sandbox.Knobs) { k.Token.Skew = 20 * time.Minute })}, {36.5, knobs(func(k *sandbox.Knobs) { k.Token.Skew = 0 })}},
			told:  []telling{{kind: alert.Activation, severity: critical, on: 35, over: 42}},
			ill:   []span{{33.5, 36.5}},
		},
		{
			name: "errors-in-the-manifest", n: 1, schedule: third, begins: behaves(func(k *sandbox.Knobs) { k.Outcomes = sandbox.OutcomesError }),
			story: []turn{{31.5, knobs(func(k *sandbox.Knobs) { k.Outcomes = sandbox.OutcomesNone })}},
			told:  []telling{{kind: alert.Stale, severity: warning, on: 6, over: 33}},
		},
		{
			name: "lines-refused", n: 1, schedule: mondays, begins: yaml("full_every: 1d"),
			story: []turn{{20.5, knobs(func(k *sandbox.Knobs) { k.NoID = 2 })}, {36.5, knobs(func(k *sandbox.Knobs) { k.NoID = 0 })}},
			told:  []telling{{kind: alert.Refused, severity: warning, on: 21, over: 42}},
		},
		{
			name: "collapses", n: 1, schedule: mondays, begins: yaml("full_every: 1d"),
			story: []turn{{27.5, knobs(func(k *sandbox.Knobs) { k.Empty = true })}, {29.5, knobs(func(k *sandbox.Knobs) { k.Empty = false })}},
			told:  []telling{{kind: alert.Drift, severity: warning, on: 28, over: 35}},
		},
		{
			name: "stuck", n: 1, schedule: third,
			story: []turn{
				{32.5, knobs(func(k *sandbox.Knobs) { k.Takes, k.RetryAfter = 30*time.Hour, 2*time.Hour })},
				{34.5, knobs(func(k *sandbox.Knobs) { k.Takes, k.RetryAfter = 0, time.Second })},
			},
			told: []telling{{kind: alert.Stuck, severity: warning, on: 33, over: 34}},
			ill:  []span{{33, 34}},
		},
		{
			name: "no-answer", n: 1, schedule: mondays,
			story: []turn{{27.5, fault(sandbox.Fault{On: sandbox.KindKickoff, Times: 1, Do: sandbox.ActionLost})}, {29.5, resume}},
			told:  []telling{{kind: alert.Unknown, severity: warning, on: 28, over: 29}},
			ill:   []span{{28, 29}},
		},
		{
			name: "busy", n: 1, schedule: mondays,
			story: []turn{{41.5, fault(sandbox.Fault{On: sandbox.KindKickoff, Do: sandbox.ActionStatus, Status: http.StatusTooManyRequests, RetryAfter: "8h"})}, {44.5, noFault}},
			told:  []telling{{kind: alert.Waiting, severity: warning, on: 43, over: 45}},
			ill:   []span{{42, 43}},
		},
		{
			name: "many-small-files", n: 1, schedule: twice, begins: yaml("requests_per_minute: 2\nfull_every: 1d"),
			story: []turn{{43.5, knobs(func(k *sandbox.Knobs) { k.FilesPerType = 60 })}, {45.5, knobs(func(k *sandbox.Knobs) { k.FilesPerType = 0 })}},
			told:  []telling{{kind: alert.Rate, severity: info, on: 44, over: 44}},
		},
		{
			name: "removed", n: 1, schedule: third, story: []turn{{20.5, leaves}}, shut: []span{{20.5, ever}},
		},
		{
			name: "returns", n: 1, schedule: third, story: []turn{{20.5, leaves}, {40.5, enters}}, shut: []span{{20.5, 40.5}}, late: 1,
		},
		{
			name: "added", n: 1, schedule: third, begins: func(t *scenario.Tenant) { t.Absent = true },
			story: []turn{{20.5, enters}}, shut: []span{{0, 20.5}},
		},
		{
			name: "paused", n: 1, schedule: third, story: []turn{{12.5, pause}, {28.5, unpause}}, shut: []span{{12.5, 28.5}}, late: 1,
		},
		{
			name: "group-stands-still", n: 1, schedule: mondays, begins: all(yaml("full_every: 1d"), group),
			story: []turn{{45.5, knobs(func(k *sandbox.Knobs) { k.Leaves = 10 })}},
			told:  []telling{{kind: alert.Roster, severity: info, on: 42, over: 49}},
		},
		{
			name: "group-shrinks", n: 1, schedule: mondays, begins: all(yaml("full_every: 1d"), group), // which is why there are fewer records, too
			story: []turn{{30.5, knobs(func(k *sandbox.Knobs) { k.Leaves = 45 })}},
			told:  []telling{{kind: alert.Roster, severity: warning, on: 35, over: 42}},
		},
		{
			name: "asked-by-a-person", n: 1, // without a schedule: nothing of it can be stale
			story: []turn{{10.5, func(w *scenario.World, id string) { w.Request(id, export.Wish{By: "ada"}) }}},
		},
	}
}

// chart is the records of a small practice, whose patients are known by the
// practice's id.
func chart(id string, patients int) sandbox.Source {
	return sandbox.FromPopulation(population.New(population.Config{
		Seed: 1, Practice: id, Patients: patients, Epoch: scenario.Begin, VisitsPerPatient: 2, ObservationsPerPatient: 3, ChangeRate: 0.003, Canary: scenario.Canary,
	}))
}

// oftener makes those daily to whom nothing happens but what happens to all.
// The day on which the host is dead is left out: where many are due, they share
// the few connections that are tried, and chance says whose export fails of it.
func oftener(roles []role) {
	for i := range roles {
		r := &roles[i]
		if r.story == nil && r.schedule != "" {
			r.schedule = daily
		}
		r.told = slices.DeleteFunc(slices.Clone(r.told), func(e telling) bool { return e.kind == alert.Failed && e.on == unreachable[0].on })
	}
}

// practices gives the cast by the ids of its practices.
func practices(roles []role) (ids []string, of map[string]*role) {
	of = map[string]*role{}
	for i := range roles {
		r := &roles[i]
		for n := range r.n {
			id := r.name
			if r.n > 1 {
				id = fmt.Sprintf("%s-%d", r.name, n+1)
			}
			ids, of[id] = append(ids, id), r
		}
	}
	return ids, of
}

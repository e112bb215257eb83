package schedule

import (
	"fmt"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/wording"
)

// An Act is what would be done of a practice. Each later one is held back by
// whatever holds back those before it.
type Act int

// The acts.
const (
	Work  Act = iota // what needs no server, such as reading a file that is here
	Ask              // a request to the practice's server
	Start            // a kick-off
)

// A Hold is why something may not be done now.
type Hold struct {
	Cause string    // store.HeldByPause, and so on
	Until time.Time // when to look again; zero: when somebody ends it
	Says  string    // what to tell a person
}

// A Ground is what decides whether something may be done now: the
// configuration, and what the ledger says of people's pauses and of servers
// that cannot be reached. It is for one goroutine.
type Ground struct {
	Config   *config.Config
	Pauses   []store.Pause
	Circuits []store.Circuit

	zones zones
}

// NewGround makes the ground of decisions about a moment.
func NewGround(c *config.Config, pauses []store.Pause, circuits []store.Circuit) Ground {
	return Ground{Config: c, Pauses: pauses, Circuits: circuits, zones: zones{}}
}

// Holds gives what holds an act of the practice back, the first that applies
// of pause, maintenance, circuit, quiet; ok is false when nothing does. When its
// time is over another may apply.
func (g Ground) Holds(t *config.Tenant, act Act, now time.Time) (h Hold, ok bool) {
	if h, ok := g.paused(t, now); ok {
		return h, true
	}
	if act < Ask {
		return Hold{}, false
	}
	if upkeep := (Place{g.Config.Maintenance(t), time.UTC, g.zones}); len(upkeep.Windows) > 0 {
		if w, in := upkeep.Holds(now); in {
			return Hold{store.HeldByMaintenance, upkeep.Clear(now), "maintenance at the server: " + w.String()}, true
		}
	}
	if c, open := g.Circuit(t); open && now.Before(c.ProbeAt) {
		return Hold{store.HeldByCircuit, c.ProbeAt, fmt.Sprintf("%s cannot be reached since %s (%s)", c.Origin, wording.Moment(c.OpenedAt), c.LastError)}, true
	}
	if act < Start || len(t.Quiet) == 0 {
		return Hold{}, false
	}
	quiet := Place{t.Quiet, g.zones.of(t.TimeZone), g.zones}
	if w, in := quiet.Holds(now); in {
		return Hold{store.HeldByQuiet, quiet.Clear(now), "the practice's quiet window " + w.String()}, true
	}
	return Hold{}, false
}

// paused gives the pause of the practice that lasts longest.
func (g Ground) paused(t *config.Tenant, now time.Time) (h Hold, ok bool) {
	for _, p := range g.Pauses {
		if p.Over(now) || !Pauses(p, t) || ok && (h.Until.IsZero() || !p.Until.IsZero() && p.Until.Before(h.Until)) {
			continue
		}
		h, ok = Hold{store.HeldByPause, p.Until, fmt.Sprintf("%s is paused by %s since %s: %s", ofPause(p), p.By, wording.Moment(p.At), p.Reason)}, true
	}
	return h, ok
}

// Pauses reports whether a pause is of the practice.
func Pauses(p store.Pause, t *config.Tenant) bool {
	switch p.Scope {
	case store.PauseTenant:
		return p.Object == t.ID
	case store.PauseRegistration:
		return p.Object == t.Registration && t.Registration != ""
	}
	return p.Scope == store.PauseAll
}

// ofPause names what a pause is of.
func ofPause(p store.Pause) string {
	switch p.Scope {
	case store.PauseTenant:
		return "the practice"
	case store.PauseRegistration:
		return "registration " + p.Object
	}
	return "everything"
}

// Pausable reports whether there is what a pause names, as the problem Usage
// or TenantUnknown when there is not, and that it has a reason and an end that
// is yet to come, or none.
func Pausable(c *config.Config, p store.Pause, now time.Time) error {
	switch p.Scope {
	case store.PauseTenant:
		if _, err := c.Tenant(p.Object); err != nil {
			return err
		}
	case store.PauseRegistration:
		if _, ok := c.Registrations[p.Object]; !ok {
			return problem.New(problem.Usage, fmt.Sprintf("there is no registration %q", p.Object), "Name one that the configuration has.")
		}
	case store.PauseAll:
	default:
		return problem.New(problem.Usage, "a pause is of one practice, of a registration, or of all", "Name one of them.")
	}
	if p.Reason == "" {
		return problem.New(problem.Usage, "a pause needs a reason", "Say why, so that whoever finds it knows when to end it; nothing of a patient.")
	}
	if !p.Until.IsZero() && !now.Before(p.Until) {
		return problem.New(problem.Usage, "the pause would be over at "+wording.Moment(p.Until)+", which has passed", "Give a time that is yet to come, or none.")
	}
	return nil
}

// Circuit gives the open circuit of the practice's server, if it has one.
func (g Ground) Circuit(t *config.Tenant) (store.Circuit, bool) {
	if len(g.Circuits) == 0 {
		return store.Circuit{}, false
	}
	origin := store.Origin(t.FHIRBaseURL)
	i := slices.IndexFunc(g.Circuits, func(c store.Circuit) bool { return c.Origin == origin && c.ClosedAt.IsZero() })
	if i < 0 {
		return store.Circuit{}, false
	}
	return g.Circuits[i], true
}

package engine

import (
	"context"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/schedule"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// admit fills free slots with waiting exports.
func (e *Engine) admit(ctx context.Context) error {
	err := e.store.Admitting(ctx, e.fill)
	e.announce()
	return err
}

// slots counts what is taken.
type slots struct {
	all          int
	registration map[string]int
	endpoint     map[string]bool // tenant and endpoint
	group        map[string]bool // endpoint and group
	origin       map[string]int  // exports that ask there
}

// take counts an export. One that is held back keeps its endpoint, its group
// and its place at the server, and leaves the slots of this machine to others.
func (s *slots) take(c store.Candidate, held bool) {
	s.endpoint[c.Tenant+" "+c.Endpoint] = true
	if c.Group != "" {
		s.group[c.Endpoint+" "+c.Group] = true
	}
	if !c.State.Busy() {
		return
	}
	s.registration[c.Registration]++
	s.origin[store.Origin(c.Endpoint)]++
	if !held {
		s.all++
	}
}

// fill admits waiting exports as slots allow: one for each tenant's endpoint,
// one for each group, so many for each registration, so many in all. In which
// order, schedule.Queue says. A waiting export keeps its endpoint and group, but
// leaves the other slots to those that can use them.
func (e *Engine) fill(a *store.Admission) error {
	e.heldUntil.Store(0)
	if len(a.Waiting) == 0 {
		return nil
	}
	ground, err := groundIn(e.config(), a)
	if err != nil {
		return err
	}
	cfg, now := ground.Config, time.Now()
	s := slots{registration: map[string]int{}, endpoint: map[string]bool{}, group: map[string]bool{}, origin: map[string]int{}}
	var busy []store.Candidate
	for _, c := range a.Holding {
		if t, err := cfg.Tenant(c.Tenant); err == nil { // a frozen practice keeps nobody waiting
			_, held := ground.Holds(t, schedule.Ask, now)
			s.take(c, held)
			if c.State.Busy() {
				busy = append(busy, c)
			}
		}
	}
	if s.all >= cfg.Limits.Exports {
		return nil // as nearly always where many wait
	}
	queue := schedule.NewQueue(cfg, a.Waiting, now)
	for _, c := range busy {
		queue.Taken(c)
	}
	for c, ok := queue.Next(); ok && s.all < cfg.Limits.Exports; c, ok = queue.Next() {
		if h, held := holds(ground, c, now); held {
			e.lookAgain(h.Until)
			continue
		}
		if !fits(ground, &s, c) {
			continue
		}
		if err := a.Do(c.Tenant, func(tx *store.Tx) error { return e.start(tx, c.Export) }); err != nil {
			return err
		}
		c.State = life.KickingOff
		s.take(c, false)
		queue.Taken(c)
	}
	return nil
}

// lookAgain makes the tick admit exports at a time, if it would not before.
func (e *Engine) lookAgain(at time.Time) {
	if before := e.heldUntil.Load(); !at.IsZero() && (before == 0 || at.UnixMilli() < before) {
		e.heldUntil.Store(at.UnixMilli())
	}
}

// holds gives what holds an export back that waits for a slot.
func holds(g schedule.Ground, c store.Candidate, now time.Time) (h schedule.Hold, ok bool) {
	t, err := g.Config.Tenant(c.Tenant)
	if err != nil {
		return schedule.Hold{}, true // no longer configured: frozen
	}
	return g.Holds(t, beginning(c), now)
}

// fits reports whether there are slots for an export. One whose server cannot
// be reached has one when it is time to try that again, and nobody else does.
func fits(g schedule.Ground, s *slots, c store.Candidate) bool {
	t, err := g.Config.Tenant(c.Tenant)
	if err != nil {
		return false
	}
	if _, open := g.Circuit(t); open && beginning(c) > schedule.Work && s.origin[store.Origin(t.FHIRBaseURL)] > 0 {
		return false
	}
	limit := g.Config.Registrations[c.Registration].Exports
	if c.Registration != "" && g.Config.Profile(t).OneExportPer == config.PerClient {
		limit = 1
	}
	if limit > 0 && s.registration[c.Registration] >= limit {
		return false
	}
	if c.State == life.Waiting {
		return true // it has its endpoint and group already
	}
	return !s.endpoint[c.Tenant+" "+c.Endpoint] && !s.group[c.Endpoint+" "+c.Group]
}

// beginning says what an export does first when it has a slot.
func beginning(c store.Candidate) schedule.Act {
	switch {
	case c.Purpose == store.Replay, c.FailedIn == life.Ingesting, c.FailedIn == life.Publishing:
		return schedule.Work
	case c.FailedIn == life.Polling, c.FailedIn == life.Downloading:
		return schedule.Ask
	}
	return schedule.Start
}

func (e *Engine) start(tx *store.Tx, id string) error {
	x, err := tx.Export(id)
	if err != nil {
		return err
	}
	switch {
	case x.State == life.Waiting && x.FailedIn != "":
		return e.goOn(tx, &x)
	case x.Purpose == store.Replay:
		return e.retake(tx, &x)
	}
	if err := tx.Move(&x, life.Admit); err != nil {
		return err
	}
	return tx.AddStep(x.ID, export.Kickoff, "", tx.Now())
}

// goOn takes a resumed export up where it stopped.
func (e *Engine) goOn(tx *store.Tx, x *store.Export) error {
	event := life.Resume(x.FailedIn)
	if event == life.Restart && x.Purpose == store.Replay {
		event = life.Reload // it has nothing to ask a server for
	}
	if err := tx.GoesOn(x); err != nil {
		return err
	}
	if err := tx.Move(x, event); err != nil {
		return err
	}
	if x.State == life.KickingOff {
		return tx.AddStep(x.ID, export.Kickoff, "", tx.Now())
	}
	return e.begin(tx, x)
}

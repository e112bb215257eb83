package engine

import (
	"context"
	"slices"
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
	origin       map[string]int  // exports that are under way there
	asking       map[string]int  // those of them that have a slot of this machine
}

// take counts an export. One that is parked keeps its endpoint, its group and
// its place at the server, and leaves the slots of this machine to others.
func (s *slots) take(c store.Candidate) {
	s.endpoint[c.Tenant+" "+c.Endpoint] = true
	if c.Group != "" {
		s.group[c.Endpoint+" "+c.Group] = true
	}
	if !c.State.Busy() {
		return
	}
	s.registration[c.Registration]++
	s.origin[store.Origin(c.Endpoint)]++
	if c.Parked.IsZero() {
		s.has(c)
	}
}

// has counts an export that has a slot of this machine.
func (s *slots) has(c store.Candidate) {
	s.all++
	s.asking[store.Origin(c.Endpoint)]++
}

// fill admits waiting exports as slots allow: one for each tenant's endpoint,
// one for each group, so many for each registration, so many in all. In which
// order, schedule.Queue says. A waiting export keeps its endpoint and group, but
// leaves the other slots to those that can use them; so does one that is under
// way and held back. It is parked then, and waits for a slot as others do.
func (e *Engine) fill(a *store.Admission) error {
	e.heldUntil.Store(0)
	if len(a.Waiting) == 0 && !slices.ContainsFunc(a.Holding, parked) {
		return nil
	}
	ground, err := groundIn(e.config(), a)
	if err != nil {
		return err
	}
	cfg, now := ground.Config, time.Now()
	s := slots{registration: map[string]int{}, endpoint: map[string]bool{}, group: map[string]bool{}, origin: map[string]int{}, asking: map[string]int{}}
	waiting, running := a.Waiting, []store.Candidate{}
	for _, c := range a.Holding {
		c = e.park(a, ground, c, now)
		if _, err := cfg.Tenant(c.Tenant); err != nil {
			continue // a frozen practice keeps nobody waiting
		}
		s.take(c)
		switch {
		case parked(c):
			waiting = append(waiting, c)
		case c.State.Busy():
			running = append(running, c)
		}
	}
	if s.all >= cfg.Limits.Exports {
		return nil // as nearly always where many wait
	}
	queue := schedule.NewQueue(cfg, waiting, now)
	for _, c := range running {
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
		if err := e.letIn(a, c); err != nil {
			e.passOver(c, err)
			continue
		}
		if parked(c) {
			s.has(c)
		} else {
			c.State = life.KickingOff
			s.take(c)
		}
		queue.Taken(c)
	}
	return nil
}

// letIn gives an export a slot.
func (e *Engine) letIn(a *store.Admission, c store.Candidate) error {
	if parked(c) {
		e.letGo.Store(time.Now().UnixMilli())
		return a.Do(c.Tenant, func(tx *store.Tx) error { return tx.Unpark(c.Export) })
	}
	return a.Do(c.Tenant, func(tx *store.Tx) error { return e.start(tx, c.Export) })
}

// passOver leaves an export out with which there is trouble, so that no other
// waits for it. The log says so once; that it waits, alerts tell.
func (e *Engine) passOver(c store.Candidate, err error) {
	e.mu.Lock()
	known := e.passedOver[c.Export]
	e.passedOver[c.Export] = true
	e.mu.Unlock()
	if !known {
		e.log.Error("an export cannot be admitted; the others are", "tenant", c.Tenant, "export", c.Export, "error", err)
	}
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
// be reached has one when it is time to try that again, and nobody else does:
// those that are under way there come first.
func fits(g schedule.Ground, s *slots, c store.Candidate) bool {
	t, err := g.Config.Tenant(c.Tenant)
	if err != nil {
		return false
	}
	if _, open := g.Circuit(t); open && beginning(c) > schedule.Work {
		there := s.origin
		if parked(c) {
			there = s.asking
		}
		if there[store.Origin(t.FHIRBaseURL)] > 0 {
			return false
		}
	}
	if parked(c) {
		return true // it has everything but the machine's slot
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
	stands := c.FailedIn
	if parked(c) {
		stands = c.State
	}
	switch {
	case c.Purpose == store.Replay, stands == life.Ingesting, stands == life.Publishing:
		return schedule.Work
	case stands == life.Polling, stands == life.Downloading:
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
		return tx.AddStep(x.ID, export.Kickoff, "", notBefore(tx, x))
	}
	return e.begin(tx, x)
}

package engine

import (
	"context"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
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
}

func (s *slots) take(c store.Candidate) {
	s.endpoint[c.Tenant+" "+c.Endpoint] = true
	if c.Group != "" {
		s.group[c.Endpoint+" "+c.Group] = true
	}
	if c.State.Busy() {
		s.all++
		s.registration[c.Registration]++
	}
}

// fill admits waiting exports, the longest waiting first, as slots allow: one
// for each tenant's endpoint, one for each group, so many for each
// registration, so many in all. A waiting export keeps its endpoint and group,
// but leaves the other slots to those that can use them.
func (e *Engine) fill(a *store.Admission) error {
	cfg := e.config()
	s := slots{registration: map[string]int{}, endpoint: map[string]bool{}, group: map[string]bool{}}
	for _, c := range a.Holding {
		if _, err := cfg.Tenant(c.Tenant); err == nil { // a frozen practice keeps nobody waiting
			s.take(c)
		}
	}
	for _, c := range a.Waiting {
		if !fits(cfg, &s, c) {
			continue
		}
		if err := a.Do(c.Tenant, func(tx *store.Tx) error { return e.start(tx, c.Export) }); err != nil {
			return err
		}
		c.State = life.KickingOff
		s.take(c)
	}
	return nil
}

func fits(cfg *config.Config, s *slots, c store.Candidate) bool {
	t, err := cfg.Tenant(c.Tenant)
	if err != nil {
		return false // no longer configured: frozen
	}
	if s.all >= cfg.Limits.Exports {
		return false
	}
	limit := cfg.Registrations[c.Registration].Exports
	if c.Registration != "" && cfg.Profile(t).OneExportPer == config.PerClient {
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

func (e *Engine) start(tx *store.Tx, id string) error {
	x, err := tx.Export(id)
	if err != nil {
		return err
	}
	if x.Purpose == store.Replay {
		return e.retake(tx, &x)
	}
	if err := tx.Move(&x, life.Admit); err != nil {
		return err
	}
	return tx.AddStep(x.ID, export.Kickoff, "", tx.Now())
}

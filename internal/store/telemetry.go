package store

import (
	"context"
	"fmt"
)

// Counts are what metrics tell of all tenants at one moment.
type Counts struct {
	Exports []StateCount // by tenant and state
	Steps   []StateCount // that are not done, by kind and state
	Alerts  []AlertCount // that are open
	Unsent  int64        // messages about alerts that are to be sent
	Untold  int64        // call-backs that are to be sent
}

// A StateCount is how many of something are in a state.
type StateCount struct {
	Of    string // the tenant, or the step's kind
	State string
	Count int64
}

// An AlertCount is how many alerts of a kind and severity are open.
type AlertCount struct {
	Kind, Severity string
	Count          int64
}

// Counts counts, by indexes: a hundred thousand exports take milliseconds.
func (s *Store) Counts(ctx context.Context) (c Counts, err error) {
	q := s.queries()
	exports, err := q.ExportStates(ctx)
	if err != nil {
		return c, Explain(fmt.Errorf("count exports: %w", err))
	}
	for _, r := range exports {
		c.Exports = append(c.Exports, StateCount{r.TenantID, r.State, r.Exports})
	}
	steps, err := q.StepStates(ctx)
	if err != nil {
		return c, Explain(fmt.Errorf("count steps: %w", err))
	}
	for _, r := range steps {
		c.Steps = append(c.Steps, StateCount{r.Kind, r.State, r.Steps})
	}
	alerts, err := q.AlertCounts(ctx)
	if err != nil {
		return c, Explain(fmt.Errorf("count alerts: %w", err))
	}
	for _, r := range alerts {
		c.Alerts = append(c.Alerts, AlertCount{r.Kind, r.Severity, r.Alerts})
	}
	if c.Unsent, err = q.UnsentNotices(ctx); err != nil {
		return c, Explain(err)
	}
	c.Untold, err = q.UnsentCallbacks(ctx)
	return c, Explain(err)
}

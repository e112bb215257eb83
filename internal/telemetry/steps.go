package telemetry

import (
	"context"
	"errors"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/engine"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// counted are steps that are counted.
type counted struct {
	next engine.Steps
	m    *Metrics
}

// Around gives steps that do what next does, and are counted.
func (m *Metrics) Around(next engine.Steps) engine.Steps { return counted{next, m} }

// Run runs the step and counts it.
func (c counted) Run(ctx context.Context, w export.Work) (export.Outcome, error) {
	began := time.Now()
	o, err := c.next.Run(ctx, w)
	c.m.Stepped(w, time.Since(began), o, err)
	return o, err
}

// outcome names what came of a step.
func outcome(err error) string {
	if err == nil {
		return "done"
	}
	if _, ok := errors.AsType[*export.Later](err); ok {
		return "later"
	}
	if _, ok := errors.AsType[*problem.Problem](err); ok {
		return "problem"
	}
	return "weather"
}

package telemetry

import (
	"context"
	"errors"

	"github.com/bulkhead-fhir/bulkhead/internal/engine"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/trace"
)

// traced are steps that are told as spans.
type traced struct {
	next   engine.Steps
	tracer *trace.Tracer
}

// Traced gives steps that do what next does and are told to a tracer; next
// itself without one.
func Traced(t *trace.Tracer, next engine.Steps) engine.Steps {
	if t == nil {
		return next
	}
	return traced{next, t}
}

// Run runs the step and tells it.
func (s traced) Run(ctx context.Context, w export.Work) (export.Outcome, error) {
	ctx, end := s.tracer.Step(ctx, trace.Step{Tenant: w.Lease.Tenant, Export: w.Lease.Export, Kind: w.Lease.Kind, Attempt: w.Lease.Attempt})
	o, err := s.next.Run(ctx, w)
	end(resultOf(o, err))
	return o, err
}

func resultOf(o export.Outcome, err error) trace.Result {
	r := trace.Result{Outcome: outcome(err)}
	if p, ok := errors.AsType[*problem.Problem](err); ok {
		r.Code = string(p.Code)
	}
	switch o := o.(type) {
	case export.Listed:
		r.Files = int64(len(o.Files))
	case export.Stored:
		r.Files = int64(len(o.Files))
		for _, f := range o.Files {
			r.Bytes += f.Bytes
		}
	case export.Staged:
		r.Files = int64(len(o.Files))
		for _, f := range o.Files {
			r.Lines += f.Summary.Lines
		}
	}
	return r
}

// Ended tells a tracer of an export that has come to rest.
func Ended(ctx context.Context, t *trace.Tracer, x store.Export) {
	t.Ended(ctx, trace.Export{
		Tenant: x.Tenant, ID: x.ID, Mode: x.Mode, Purpose: string(x.Purpose), State: string(x.State), Code: x.ProblemCode,
		Retries: x.RetryCount, Polls: x.Polls, RequestedAt: x.RequestedAt, SettledAt: x.StateAt,
	})
}

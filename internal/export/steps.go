package export

import (
	"context"
	"fmt"
	"time"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/ingest"
	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/views"
	"github.com/bulkhead-fhir/bulkhead/smart"
	"github.com/bulkhead-fhir/bulkhead/uscore"
)

// Steps holds what the steps need. Its method Run may be called concurrently.
type Steps struct {
	Config  *config.Config
	Store   *store.Store
	Files   *blob.Store
	Views   *views.Set
	Guides  map[string]*uscore.Guide // by version, those that tenants want
	Plans   *ingest.Plans            // nil compiles the views anew for each file
	Sinks   map[string]sink.Sink
	Connect func(t *config.Tenant, types []string) (*bulkdata.Client, error)
	Meter   *Meter

	// Point, for tests, is called at the moments of a kick-off around its
	// request: "kickoff: intended", when the intent is durable, and "kickoff:
	// answered"; its error takes the place of what would have come next. Nil in
	// production.
	Point func(name string) error

	// Grant compares what a token permits with what was asked for; nil for not
	// looking. See Connections.Grant.
	Grant func(ctx context.Context, t *config.Tenant, types []string) (*smart.Grant, error)

	codecs   codecs
	hearings hearings
	places   places
}

// Run runs one step.
func (s *Steps) Run(ctx context.Context, w Work) (Outcome, error) {
	t, err := s.Config.Tenant(w.Lease.Tenant)
	if err != nil { // kept, and gone on with when the practice is back
		return nil, &Later{Until: time.Now().Add(time.Minute), Reason: "the practice is no longer configured"}
	}
	if w.Lease.Kind != Attach { // whose requests are each of another document
		ctx = onTrial(ctx)
	}
	switch w.Lease.Kind {
	case Kickoff:
		return s.kickoff(ctx, t, w)
	case Poll:
		return s.poll(ctx, t, w)
	case Download:
		return s.download(ctx, t, w)
	case Gather:
		return s.gather(ctx, t, w)
	case Ingest:
		return s.ingest(ctx, t, w)
	case ReadMembers:
		return s.members(ctx, t, w)
	case Attach:
		return s.attach(ctx, t, w)
	case Publish:
		return s.publish(ctx, t, w)
	case Release:
		return s.release(ctx, t, w)
	}
	return nil, fmt.Errorf("there is no step of kind %q", w.Lease.Kind)
}

// at tells a test that a moment is reached.
func (s *Steps) at(name string) error {
	if s.Point == nil {
		return nil
	}
	return s.Point(name)
}

// permitted asks whether the tenant's agreement permits the export at this
// moment, with all that it asked for and the types that came besides (I1): an
// agreement may have been narrowed since the kick-off.
func (s *Steps) permitted(at agreement.Stage, t *config.Tenant, x store.Export, sinks []string, types ...string) error {
	i := x.Intent
	i.Sinks, i.Types = sinks, append(types, i.Types...)
	if v := Decide(s.Config, t, at, i, time.Now()); !v.Permit {
		return v.Problem
	}
	return nil
}

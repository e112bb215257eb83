package export

import (
	"context"
	"io"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/ingest"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A Rehearsal says what a replay would come to.
type Rehearsal struct {
	Origin  string           `json:"export"`
	Lines   int64            `json:"lines"` // that would be taken again
	Pass    int64            `json:"would_pass"`
	Again   int64            `json:"would_be_refused"`
	Reasons map[string]int64 `json:"reasons,omitempty"` // of those refused again
}

// Rehearse judges the lines of a replay by the present rules, as the replay
// would, and delivers nothing. Its rows go to scratch, a store of its own that
// the caller removes afterwards; nothing else is written. What the agreement
// forbids is that problem (I1).
func (s *Steps) Rehearse(ctx context.Context, t *config.Tenant, r Retake, scratch *blob.Store) (Rehearsal, error) {
	sum := Rehearsal{Origin: r.Origin, Reasons: map[string]int64{}}
	i, files, err := Order{Config: s.Config, Tenant: t}.Replay(ctx, s.Store.In(t.ID), r)
	if err != nil {
		return sum, err
	}
	x := store.Export{Intent: i, ID: "rehearsal", Tenant: t.ID}
	if err := s.permitted(agreement.AtRead, t, x, i.Sinks); err != nil { // I1
		return sum, err
	}
	from, err := s.Files.Tenant(t.ID)
	if err != nil {
		return sum, err
	}
	to, err := scratch.Tenant(t.ID)
	if err != nil {
		return sum, err
	}
	for _, f := range files {
		judged, err := s.rehearseFile(ctx, t, x, f, from, to)
		if err != nil {
			return sum, err
		}
		sum.Lines += judged.Lines - judged.Blank
		sum.Pass += judged.Delivered
		sum.Again += judged.Quarantined
		for reason, n := range judged.ByReason {
			sum.Reasons[reason] += n
		}
	}
	return sum, nil
}

func (s *Steps) rehearseFile(ctx context.Context, t *config.Tenant, x store.Export, f store.File, from, to *blob.Scope) (ingest.Summary, error) {
	refused, _, err := s.refused(ctx, from, x, f.Name)
	if err != nil {
		return ingest.Summary{}, err
	}
	out, err := keepRefused(ctx, refused, to, x.ID, &f)
	if err != nil {
		return ingest.Summary{}, err
	}
	if err := out.Commit(); err != nil {
		return ingest.Summary{}, err
	}
	o, err := s.ingestOptions(ctx, t, x, f)
	if err != nil {
		return ingest.Summary{}, err
	}
	o.Scope, o.First = to, true
	return ingest.Run(ctx, o, sourceOf(x, f, func(ctx context.Context) (io.ReadCloser, error) {
		return s.openDecoded(ctx, to, Work{Export: x}, f.Name)
	}))
}

package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/attachment"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/wording"
)

// An attachmentReport is what became of one export's documents.
type attachmentReport struct {
	Tenant    string           `json:"tenant"`
	Export    string           `json:"export"`
	Documents int64            `json:"documents"` // that its resources carry or point to
	InStorage int64            `json:"in_storage"`
	Bytes     int64            `json:"bytes"` // of those in storage
	Outcomes  map[string]int64 `json:"outcomes"`
}

// attachments prints what became of exports' documents; nothing for exports
// that have none.
func (g *Globals) attachments(ctx context.Context, s *store.Store, exports []store.Export) error {
	for _, x := range exports {
		r, err := attachmentsOf(ctx, s, x)
		if err != nil {
			return err
		}
		switch {
		case r.Documents == 0:
		case g.JSON:
			if err := g.emit(r); err != nil {
				return err
			}
		default:
			g.printf("%s\n", r)
		}
	}
	return nil
}

func attachmentsOf(ctx context.Context, s *store.Store, x store.Export) (attachmentReport, error) {
	r := attachmentReport{Tenant: x.Tenant, Export: x.ID, Outcomes: map[string]int64{}}
	files, err := s.In(x.Tenant).Attached(ctx, x.ID)
	for _, f := range files {
		r.Documents += f.Found
		r.InStorage += f.Kept
		r.Bytes += f.Bytes
		for outcome, n := range f.Outcomes {
			r.Outcomes[outcome] += n
		}
	}
	return r, err
}

// String says it in one line.
func (r attachmentReport) String() string {
	var parts []string
	for _, o := range attachment.Outcomes {
		if n := r.Outcomes[string(o)]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", wording.Count(n), o))
		}
	}
	return fmt.Sprintf("documents of %s: %s of %s in storage, %s (%s)", r.Tenant, wording.Count(r.InStorage), wording.Count(r.Documents),
		wording.Size(r.Bytes), strings.Join(parts, ", "))
}

package engine_test

import (
	"context"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/ingest"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
)

func TestAnIssueCountsAsAnErrorUnlessItSaysThatItIsNone(t *testing.T) {
	t.Attr("fault", "server: an outcome whose severity is none that FHIR knows -> counted as an error, the watermark stays")
	t.Attr("shows", "M10")
	for severity, want := range map[string]int64{
		"fatal": 2, "error": 2, "unknown": 2, "warning": 0, "information": 0, "success": 0,
	} {
		t.Run(severity, func(t *testing.T) {
			s := newScript(1)
			s.on[export.Ingest] = func(_ context.Context, w export.Work) (export.Outcome, error) {
				summary := ingest.Summary{File: w.Lease.Subject, Lines: 1, Delivered: 1, Outcomes: []ingest.OutcomeCount{{Severity: severity, Code: "processing", Count: 2}}}
				return export.Staged{Files: []export.StagedFile{{Summary: summary}}}, nil
			}
			b := newBench(t, s)
			x := b.wait("lakeside", b.request("lakeside", export.Wish{}), life.Completed)
			_, moved, err := b.store.In("lakeside").Watermark(t.Context(), x.Stream)
			if err != nil || x.ServerErrors != want || moved != (want == 0) {
				t.Errorf("%d errors of the server, want %d; the watermark moved: %v, %v", x.ServerErrors, want, moved, err)
			}
		})
	}
}

package export

import (
	"errors"
	"io"
	"io/fs"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/ingest"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/views"
)

func TestAResumedExportLeavesNothingOfWhatWasIngestedBefore(t *testing.T) {
	w, s := stepOf(t, Ingest, attachable)
	files, err := blob.OpenLocal(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() })
	s.Files = files
	if s.Views, err = views.Load(); err != nil {
		t.Fatal(err)
	}
	rawFile(t, files, w.Export.ID, w.Lease.Subject)
	scope, err := files.Tenant("lakeside")
	if err != nil {
		t.Fatal(err)
	}
	key, err := scope.QuarantineKey(w.Export.ID, w.Lease.Subject)
	if err != nil {
		t.Fatal(err)
	}
	out, err := scope.Create(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(out, "of a process that died")
	if err = errors.Join(err, out.Commit(), out.Close()); err != nil {
		t.Fatal(err)
	}
	// The resumed export's step is a new one, in its first lease.
	s.Config.Tenants[0].Agreement.Types = []string{"*"}
	w.Lease.Epoch, w.Export.EndedAt = 1, time.Now()
	outcome, err := s.Run(t.Context(), w)
	if staged, ok := outcome.(Staged); !ok || err != nil || staged.Files[0].Summary.Quarantined > 0 {
		t.Fatalf("outcome %+v, %v", outcome, err)
	}
	if _, err := scope.Stat(t.Context(), key); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("lines that were delivered are still in quarantine: %v", err)
	}
}

func TestAFileOfNothingButOutcomesIsNotWhole(t *testing.T) {
	t.Attr("fault", "server: a file has OperationOutcomes in the place of its resources, none of them an error -> told, the watermark stays")
	only := ingest.Summary{Lines: 3, Blank: 1, Quarantined: 2, OutcomeLines: 2}
	for resourceType, want := range map[string]int64{"Patient": 1, organized: 1, "OperationOutcome": 0} {
		file := store.File{Name: "f", Section: "output", ResourceType: resourceType, Expected: -1}
		of, err := (&Steps{}).stagedFile(t.Context(), nil, Work{}, file, only, &tail{})
		if err != nil || of.Short != want {
			t.Errorf("%s: short by %d, %v, want %d", resourceType, of.Short, err, want)
		}
	}
	some := ingest.Summary{Lines: 3, Delivered: 1, Quarantined: 2, OutcomeLines: 2}
	if of, err := (&Steps{}).stagedFile(t.Context(), nil, Work{}, store.File{Name: "f", Section: "output", ResourceType: "Patient", Expected: -1}, some, &tail{}); err != nil || of.Short != 0 {
		t.Errorf("beside resources: short by %d, %v", of.Short, err)
	}
}

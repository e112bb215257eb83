package export

import (
	"errors"
	"io"
	"io/fs"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
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

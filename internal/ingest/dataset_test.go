package ingest

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/bulkhead-fhir/bulkhead/internal/views"
)

// dataset is a published synthetic practice; its files are checked too where
// it is there.
const dataset = "../../../shared/datasets/synthea-100"

func TestEveryResourceIsInItsMainTableOnce(t *testing.T) {
	set, err := views.Load()
	if err != nil {
		t.Fatal(err)
	}
	o := testOptions(t)
	o.Views, o.Workers = set, 2
	total := int64(0)
	take := func(src Source) {
		s := mustRun(t, o, src)
		if s.Delivered != s.Lines {
			t.Errorf("%s: of %d lines %d were delivered: %v", src.File, s.Lines, s.Delivered, s.ByReason)
		}
		main := "resource"
		if set.For(src.Type) != nil {
			main = fhir.SnakeCase(src.Type)
		}
		rows := map[string]int64{}
		for _, p := range s.Tables {
			rows[p.Name] = p.Rows
		}
		if rows[main] != s.Delivered || rows["_index"] != s.Delivered {
			t.Errorf("%s: %d delivered, %d rows in %s, %d in _index", src.File, s.Delivered, rows[main], main, rows["_index"])
		}
		total += s.Delivered
	}
	made := textSource(Output, "Observation", "")
	made.Open = func(context.Context) (io.ReadCloser, error) { return io.NopCloser(newObservations(1 << 20)), nil }
	take(made)
	files, err := filepath.Glob(dataset + "/*.ndjson.gz")
	if err != nil {
		t.Fatal(err)
	}
	total = 0
	for _, path := range files {
		name, _, _ := strings.Cut(filepath.Base(path), ".")
		src := textSource(Output, name, "")
		src.Open = func(context.Context) (io.ReadCloser, error) { return os.Open(path) }
		take(src)
	}
	if len(files) > 0 && total != 38_483 {
		t.Errorf("the dataset gave %d resources, want 38,483", total)
	}
}

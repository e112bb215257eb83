package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/rows/rowstest"
	"github.com/bulkhead-fhir/bulkhead/internal/views"
	"github.com/klauspost/compress/zstd"
)

var loadViews = sync.OnceValues(func() (*views.Set, error) { return views.Load("testdata/views") })

// testOptions give the tables of testdata/views in a new store.
func testOptions(t testing.TB) Options {
	t.Helper()
	set, err := loadViews()
	if err != nil {
		t.Fatal(err)
	}
	store, err := blob.OpenLocal(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	scope, err := store.Tenant("north")
	if err != nil {
		t.Fatal(err)
	}
	return Options{Scope: scope, Export: "e1", Views: set, Workers: 1}
}

// textSource is a file of the section whose type is resourceType.
func textSource(section Section, resourceType, text string) Source {
	return Source{
		File: "0-" + string(section) + "-0-" + resourceType, Section: section, Type: resourceType,
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil },
	}
}

func mustRun(t testing.TB, o Options, src Source) Summary {
	t.Helper()
	s, err := Run(t.Context(), o, src)
	if err != nil {
		t.Fatalf("Run: %v", err)
	}
	if s.Lines != s.Delivered+s.Quarantined+s.Blank {
		t.Fatalf("%d lines, but %d delivered, %d quarantined, %d blank", s.Lines, s.Delivered, s.Quarantined, s.Blank)
	}
	return s
}

// tableOf reads the rows that a run gave to a table, the header first.
func tableOf(t testing.TB, o Options, s Summary, name string) [][]string {
	t.Helper()
	i := slices.IndexFunc(s.Tables, func(p TableParts) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	var rows [][]string
	for _, p := range s.Tables[i].Parts {
		path, release, err := o.Scope.LocalPath(t.Context(), p.Key)
		if err != nil {
			t.Fatal(err)
		}
		part := rowstest.ReadFile(t, path)
		release()
		if int64(len(part)-1) != p.Rows {
			t.Errorf("%s has %d rows, the summary says %d", p.Key, len(part)-1, p.Rows)
		}
		if rows == nil {
			rows = part[:1]
		}
		rows = append(rows, part[1:]...)
	}
	if int64(len(rows)-1) != s.Tables[i].Rows {
		t.Errorf("%s has %d rows, the summary says %d", name, len(rows)-1, s.Tables[i].Rows)
	}
	return rows
}

// refusals reads the quarantine of a run, by line.
func refusals(t testing.TB, o Options, s Summary) []quarantine.Refusal {
	t.Helper()
	if s.QuarantineKey == "" {
		return nil
	}
	r, err := o.Scope.Open(t.Context(), s.QuarantineKey)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	z, err := zstd.NewReader(r)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var all []quarantine.Refusal
	for d := json.NewDecoder(z); ; {
		var one quarantine.Refusal
		err := d.Decode(&one)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b quarantine.Refusal) int { return int(a.Line - b.Line) })
	return all
}

// leftovers lists every file of the tenant's staged and quarantine areas, and
// every temporary file.
func leftovers(t testing.TB, o Options) (names []string) {
	t.Helper()
	path, release, err := o.Scope.LocalPath(t.Context(), probe(t, o))
	if err != nil {
		t.Fatal(err)
	}
	release()
	root := filepath.Join(filepath.Dir(path), "..", "..", "..")
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != "lock" && !strings.Contains(path, "/raw/") {
			names = append(names, path[len(root):])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// probe stores a raw file, which is not ingest's to touch.
func probe(t testing.TB, o Options) blob.Key {
	t.Helper()
	k, err := o.Scope.ManifestKey(o.Export, 0)
	if err != nil {
		t.Fatal(err)
	}
	w, err := o.Scope.Create(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	return k
}

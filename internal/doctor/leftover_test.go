package doctor

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestWhatKilledProcessesLeftIsFoundOnceItIsOld(t *testing.T) {
	dir := t.TempDir()
	certificates := filepath.Join(dir, certificates)
	old, young := []string{"rehearsal-1", "bulkhead-query-1", "certificates/.certificate-1"}, []string{"bulkhead-look-2", "certificates/.certificate-2", "certificates/lakeside-1.json"}
	if err := os.Mkdir(certificates, 0o700); err != nil {
		t.Fatal(err)
	}
	for i, name := range append(slices.Clone(old), young...) {
		path, at := filepath.Join(dir, name), time.Now()
		if i < len(old) || filepath.Ext(name) == ".json" {
			at = at.Add(-2 * stale)
		}
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	x := &Examination{Options: Options{Folder: dir, Now: time.Now()}}
	var found []string
	for _, folder := range []string{dir, certificates, filepath.Join(dir, "not there")} {
		paths, err := x.staleIn(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			name, _ := filepath.Rel(dir, path)
			found = append(found, filepath.ToSlash(name))
		}
	}
	slices.Sort(found)
	if slices.Sort(old); !slices.Equal(found, old) {
		t.Errorf("found %v, want %v", found, old)
	}
}

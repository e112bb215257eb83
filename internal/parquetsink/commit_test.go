//go:build cgo

package parquetsink

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

var errDied = errors.New("the process died")

// dieAt is a sink whose process dies at a moment of the commit.
func dieAt(t *testing.T, folder, moment string) *Sink {
	t.Helper()
	s, err := Open(Options{Folder: folder, Point: func(name string) error {
		if name == "parquet: "+moment {
			return errDied
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func empty(export string) sink.Delivery {
	return sink.Delivery{Tenant: "north", Export: export, Tables: []sink.Table{{Table: table.Resource}}}
}

func TestACrashAtTheCommitLeavesTheOldStateOrTheNew(t *testing.T) {
	t.Attr("fault", "step: publishing to Parquet ends at any moment of its commit -> the old snapshot or the new one; publishing again gives the first receipt")
	for _, c := range []struct {
		moment string
		want   string // the export that is current afterwards
	}{
		{"built", "e1"},
		{"linked", "e1"},
		{"renamed", "e2"},
		{"settled", "e2"},
	} {
		t.Run(c.moment, func(t *testing.T) {
			folder := t.TempDir()
			publish(t, dieAt(t, folder, ""), "e1")
			if _, err := dieAt(t, folder, c.moment).Publish(t.Context(), empty("e2")); !errors.Is(err, errDied) {
				t.Fatalf("Publish = %v, want %v", err, errDied)
			}
			if got := current(t, folder); got != c.want {
				t.Errorf("current is %s, want %s", got, c.want)
			}
			if _, err := os.Stat(filepath.Join(folder, "north", "current", "resource.parquet")); err != nil {
				t.Errorf("the table is not readable after the crash: %v", err)
			}
			first := publish(t, dieAt(t, folder, ""), "e2")
			if diff := cmp.Diff(first, publish(t, dieAt(t, folder, ""), "e2")); diff != "" {
				t.Errorf("receipts after the crash differ:\n%s", diff)
			}
			if got := current(t, folder); got != "e2" {
				t.Errorf("current is %s, want e2", got)
			}
			if diff := cmp.Diff([]string{"e1", "e2"}, names(t, filepath.Join(folder, "north", "snapshots"))); diff != "" {
				t.Errorf("snapshots (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"current", "lock", "snapshots"}, names(t, filepath.Join(folder, "north"))); diff != "" {
				t.Errorf("left in the folder (-want +got):\n%s", diff)
			}
		})
	}
}

func TestACrashAfterTheCommitIsSweptByTheSameExport(t *testing.T) {
	t.Attr("fault", "step: the process dies after a Parquet snapshot is visible, before it is swept -> publishing again makes it durable and leaves no spilled file and no older snapshot")
	folder := t.TempDir()
	for _, export := range []string{"e1", "e2"} {
		publish(t, dieAt(t, folder, ""), export)
	}
	if _, err := dieAt(t, folder, "renamed").Publish(t.Context(), empty("e3")); !errors.Is(err, errDied) {
		t.Fatalf("Publish = %v, want %v", err, errDied)
	}
	if err := os.Mkdir(filepath.Join(folder, "north", "spill"), 0o700); err != nil { // as a killed process leaves it
		t.Fatal(err)
	}
	publish(t, dieAt(t, folder, ""), "e3")
	if diff := cmp.Diff([]string{"current", "lock", "snapshots"}, names(t, filepath.Join(folder, "north"))); diff != "" {
		t.Errorf("left in the folder (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"e2", "e3"}, names(t, filepath.Join(folder, "north", "snapshots"))); diff != "" {
		t.Errorf("snapshots (-want +got):\n%s", diff)
	}
}

func TestAnotherExportSweepsWhatACrashLeft(t *testing.T) {
	folder := t.TempDir()
	publish(t, dieAt(t, folder, ""), "e1")
	if _, err := dieAt(t, folder, "linked").Publish(t.Context(), empty("e2")); err == nil {
		t.Fatal("Publish = nil, want the crash")
	}
	publish(t, dieAt(t, folder, ""), "e3")
	if diff := cmp.Diff([]string{"e1", "e3"}, names(t, filepath.Join(folder, "north", "snapshots"))); diff != "" {
		t.Errorf("snapshots (-want +got):\n%s", diff)
	}
	publish(t, dieAt(t, folder, ""), "e2")
	if got := current(t, folder); got != "e2" {
		t.Errorf("current is %s, want e2", got)
	}
}

func TestTheSnapshotBeforeStaysForItsReaders(t *testing.T) {
	folder := t.TempDir()
	for _, export := range []string{"e1", "e2", "e3"} {
		publish(t, dieAt(t, folder, ""), export)
	}
	if diff := cmp.Diff([]string{"e2", "e3"}, names(t, filepath.Join(folder, "north", "snapshots"))); diff != "" {
		t.Errorf("snapshots (-want +got):\n%s", diff)
	}
}

func TestAnUnchangedTableIsTheSameFile(t *testing.T) {
	folder := t.TempDir()
	publish(t, dieAt(t, folder, ""), "e1")
	publish(t, dieAt(t, folder, ""), "e2")
	for _, name := range []string{"resource.parquet", "_bulkhead_resource.parquet"} {
		var files [2]os.FileInfo
		for i, export := range []string{"e1", "e2"} {
			var err error
			if files[i], err = os.Stat(filepath.Join(folder, "north", "snapshots", export, name)); err != nil {
				t.Fatal(err)
			}
		}
		if !os.SameFile(files[0], files[1]) {
			t.Errorf("%s was written again", name)
		}
	}
}

func TestFilesAreTheOwnersAlone(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "new", "tables")
	publish(t, dieAt(t, folder, ""), "e1")
	err := filepath.Walk(folder, func(path string, info os.FileInfo, err error) error {
		want := os.FileMode(0o600)
		if err == nil && info.IsDir() {
			want = 0o700
		}
		if err == nil && info.Mode()&os.ModeSymlink == 0 && info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, want %v", path, info.Mode().Perm(), want)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestNamesThatLeadOutOfTheFolderAreRefused(t *testing.T) { // I7
	parent := t.TempDir()
	s := dieAt(t, filepath.Join(parent, "tables"), "")
	for _, name := range []string{"..", "../x", "a/b", ".hidden", "", `a\b`, "a\x00"} {
		for _, d := range []sink.Delivery{{Tenant: name, Export: "e1"}, {Tenant: "north", Export: name}} {
			if _, err := s.Publish(t.Context(), d); err == nil {
				t.Errorf("Publish of tenant %q, export %q = nil, want an error", d.Tenant, d.Export)
			}
		}
	}
	if diff := cmp.Diff([]string{"tables"}, names(t, parent)); diff != "" {
		t.Errorf("beside the folder (-want +got):\n%s", diff)
	}
}

func TestALostNoteIsNotTakenForAnEmptyFolder(t *testing.T) {
	folder := t.TempDir()
	publish(t, dieAt(t, folder, ""), "e1")
	if err := os.Remove(filepath.Join(folder, "north", "current", noteFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := dieAt(t, folder, "").Publish(t.Context(), empty("e2")); err == nil {
		t.Error("Publish = nil, want an error")
	}
	if got := current(t, folder); got != "e1" {
		t.Errorf("current is %s, want e1", got)
	}
}

func publish(t *testing.T, s *Sink, export string) sink.Receipt {
	t.Helper()
	r, err := s.Publish(t.Context(), empty(export))
	if err != nil {
		t.Fatalf("Publish of %s: %v", export, err)
	}
	return r
}

func current(t *testing.T, folder string) string {
	t.Helper()
	target, err := os.Readlink(filepath.Join(folder, "north", "current"))
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Base(target)
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, entry := range list {
		all = append(all, entry.Name())
	}
	return all
}

func TestAStateOfAVersionWithoutPartialResourcesIsTakenOn(t *testing.T) {
	folder := t.TempDir()
	publish(t, dieAt(t, folder, ""), "e1")
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	state := filepath.Join(folder, "north", "current", stateTable+".parquet")
	older := filepath.Join(t.TempDir(), "older.parquet")
	if _, err := db.ExecContext(t.Context(), "COPY (SELECT 'north' AS tenant_id, 'Patient' AS resource_type, '1' AS id, "+
		"NULL::TIMESTAMPTZ AS last_updated_ts, 1::BIGINT AS content_hash) TO '"+older+"' (FORMAT parquet)"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(older, state); err != nil {
		t.Fatal(err)
	}
	d := empty("e2")
	d.Mode, d.Replace = sink.Full, []string{"Patient"}
	r, err := dieAt(t, folder, "").Publish(t.Context(), d)
	if err != nil {
		t.Fatalf("Publish after the older state: %v", err)
	}
	if diff := cmp.Diff([]sink.TypeCount{{ResourceType: "Patient", Deleted: 1}}, r.Types); diff != "" {
		t.Errorf("receipt (-want +got):\n%s", diff)
	}
}

func TestAnErasureThatEndsHalfWayShowsNothingAndIsEndedByTheNext(t *testing.T) {
	t.Attr("fault", "step: the process dies while a practice's Parquet snapshots are erased -> readers see none of them, and erasing again removes every file")
	for _, moment := range []string{"unlinked", "erased"} {
		folder := t.TempDir()
		publish(t, dieAt(t, folder, ""), "e1")
		publish(t, dieAt(t, folder, ""), "e2")
		if err := dieAt(t, folder, moment).Erase(t.Context(), "north"); !errors.Is(err, errDied) {
			t.Fatalf("Erase = %v, want %v", err, errDied)
		}
		if _, err := os.Lstat(filepath.Join(folder, "north", "current")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("at %s there is a current snapshot: %v", moment, err)
		}
		if err := dieAt(t, folder, "").Erase(t.Context(), "north"); err != nil {
			t.Fatal(err)
		}
		if left := names(t, filepath.Join(folder, "north", "snapshots")); len(left) > 0 {
			t.Errorf("at %s: left %v", moment, left)
		}
	}
	if err := dieAt(t, t.TempDir(), "").Erase(t.Context(), "../north"); err == nil {
		t.Error("a name led out of the folder")
	}
}

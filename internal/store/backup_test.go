package store_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func backup(t *testing.T, ledger, to string) store.Manifest {
	t.Helper()
	m, err := store.Backup(t.Context(), store.BackupOrder{Ledger: ledger, To: to, Build: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// leftovers gives the files of a folder that neither a ledger nor a backup has.
func leftovers(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), store.TempEnding) {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestABackupIsConsistentWhileTheLedgerIsWritten(t *testing.T) {
	t.Attr("fault", "machine: a backup is made while bulkhead works -> the copy is whole, and nobody waits for it")
	s, path := openLedger(t)
	x := request(t, s, "lakeside")
	note := func(kind string) {
		err := s.In("lakeside").Do(t.Context(), func(tx *store.Tx) error { // two rows that belong together
			if err := tx.Note(x.ID, "test", kind, ""); err != nil {
				return err
			}
			return tx.Note(x.ID, "test", kind, "")
		})
		if err != nil {
			t.Error(err)
		}
	}
	for i := range 50 {
		note(fmt.Sprint("before", i))
	}
	var writing sync.WaitGroup
	stop := make(chan struct{})
	writing.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				note(fmt.Sprint("during", i))
			}
		}
	})
	dir := t.TempDir()
	for i := range 3 {
		m := backup(t, path, filepath.Join(dir, fmt.Sprintf("b%d.db", i)))
		if n := m.Rows["event"]; n < 100 || n%2 != 0 {
			t.Errorf("the backup has %d events: half a transaction, or not all that were there", n)
		}
		if m.Rows["tenant"] != 2 || m.Schema == 0 || m.Bytes == 0 || m.Bulkhead != "test" {
			t.Errorf("manifest = %+v", m)
		}
	}
	close(stop)
	writing.Wait()
	if left := leftovers(t, dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if st, err := os.Stat(filepath.Join(dir, "b0.db")); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the backup can be read by others: %v, %v", st.Mode(), err)
	}
}

func TestABackupReplacesNothingUnlessAsked(t *testing.T) {
	_, path := openLedger(t)
	to := filepath.Join(t.TempDir(), "b.db")
	backup(t, path, to)
	o := store.BackupOrder{Ledger: path, To: to}
	if _, err := store.Backup(t.Context(), o); codeOf(err) != problem.Usage {
		t.Errorf("Backup over a file = %v, want usage", err)
	}
	o.Replace = true
	if _, err := store.Backup(t.Context(), o); err != nil {
		t.Errorf("Backup with Replace: %v", err)
	}
	if _, err := store.Restore(t.Context(), to, filepath.Join(t.TempDir(), "ledger.db")); err != nil {
		t.Errorf("the replaced backup does not agree with its manifest: %v", err)
	}
	o.Ledger = filepath.Join(t.TempDir(), "none.db")
	if _, err := store.Backup(t.Context(), o); codeOf(err) != problem.ConfigMissing {
		t.Errorf("Backup of nothing = %v, want config_missing", err)
	}
}

func TestARestoredLedgerIsTheOldOneAndTheFormerIsKept(t *testing.T) {
	t.Attr("fault", "machine: the ledger is lost or damaged -> restored from a backup, and what the backup does not know is told")
	s, path := openLedger(t)
	old := request(t, s, "lakeside")
	to := filepath.Join(t.TempDir(), "b.db")
	backup(t, path, to)
	newer := request(t, s, "hillcrest")
	err := s.In("lakeside").Do(t.Context(), func(tx *store.Tx) error {
		x, err := tx.Export(old.ID)
		if err != nil {
			return err
		}
		x.NextSince = "2026-01-02T00:00:00Z"
		return tx.MoveWatermark(&x)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Restore(t.Context(), to, path); codeOf(err) != problem.LedgerLocked {
		t.Errorf("Restore while a bulkhead works = %v, want ledger_locked", err)
	}
	s.Close()
	r, err := store.Restore(t.Context(), to, path)
	if err != nil {
		t.Fatal(err)
	}
	want := []store.Forgotten{{Tenant: "hillcrest", Export: newer.ID, State: "requested"}}
	if diff := cmp.Diff(want, r.Forgotten); diff != "" {
		t.Errorf("what the backup does not know (-want +got):\n%s", diff)
	}
	back := []store.SetBack{{Tenant: "lakeside", Stream: "s", From: "2026-01-02T00:00:00Z"}}
	if diff := cmp.Diff(back, r.SetBack); diff != "" {
		t.Errorf("watermarks that went back (-want +got):\n%s", diff)
	}
	s, err = store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.In("lakeside").Export(t.Context(), old.ID); err != nil {
		t.Errorf("the restored ledger lacks the old export: %v", err)
	}
	if _, err := s.In("hillcrest").Export(t.Context(), newer.ID); codeOf(err) != problem.Usage {
		t.Errorf("the restored ledger has the newer export: %v", err)
	}
	former, err := store.Look(t.Context(), r.Former)
	if err != nil {
		t.Fatal(err)
	}
	defer former.Close()
	if _, err := former.In("hillcrest").Export(t.Context(), newer.ID); err != nil {
		t.Errorf("the former ledger lacks the newer export: %v", err)
	}
}

// abandoned makes a ledger as a killed process leaves it: its last changes
// are only in the write-ahead log.
func abandoned(t *testing.T, dir string) (path, export string) {
	t.Helper()
	s, from := openLedger(t)
	x := request(t, s, "lakeside")
	path = filepath.Join(dir, "ledger.db")
	for _, ending := range []string{"", "-wal"} {
		text, err := os.ReadFile(from + ending)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+ending, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path, x.ID
}

func TestALedgerThatACrashLeftIsKeptWithItsLastChanges(t *testing.T) {
	t.Attr("fault", "machine: restore over a ledger whose process was killed -> its last changes are kept, and none reaches the restored one")
	_, from := openLedger(t)
	to := filepath.Join(t.TempDir(), "b.db")
	backup(t, from, to)
	path, id := abandoned(t, t.TempDir())
	if _, err := store.Restore(t.Context(), path, filepath.Join(t.TempDir(), "l.db")); codeOf(err) != problem.Usage {
		t.Errorf("Restore of a ledger that has changes beside it = %v, want usage", err)
	}
	r, err := store.Restore(t.Context(), to, path)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Forgotten) != 1 || r.Forgotten[0].Export != id {
		t.Errorf("forgotten = %v, want export %s", r.Forgotten, id)
	}
	for at, want := range map[string]bool{path: false, r.Former: true} {
		s, err := store.Look(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.In("lakeside").Export(t.Context(), id)
		if (err == nil) != want {
			t.Errorf("%s knows the export: %v, want %v", filepath.Base(at), err == nil, want)
		}
		if faults, err := s.Faults(t.Context()); err != nil || len(faults) > 0 {
			t.Errorf("%s is damaged: %v %v", filepath.Base(at), faults, err)
		}
		s.Close()
	}
}

func TestChangesOfALedgerThatIsGoneDoNotReachTheRestoredOne(t *testing.T) {
	_, from := openLedger(t)
	to := filepath.Join(t.TempDir(), "b.db")
	backup(t, from, to)
	path, id := abandoned(t, t.TempDir())
	if err := os.Remove(path); err != nil { // the log of its last changes stays
		t.Fatal(err)
	}
	if r, err := store.Restore(t.Context(), to, path); err != nil || r.Former != "" {
		t.Fatalf("Restore = %+v, %v", r, err)
	}
	s, err := store.Look(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.In("lakeside").Export(t.Context(), id); codeOf(err) != problem.Usage {
		t.Errorf("the restored ledger has an export of the other one: %v", err)
	}
	if faults, err := s.Faults(t.Context()); err != nil || len(faults) > 0 {
		t.Errorf("the restored ledger is damaged: %v %v", faults, err)
	}
}

func TestABackupThatIsNoneIsRefusedAndChangesNothing(t *testing.T) {
	t.Attr("fault", "machine: a damaged backup, or one of a newer bulkhead, is restored -> refused, the ledger stays as it is")
	s, path := openLedger(t)
	x := request(t, s, "lakeside")
	dir := t.TempDir()
	good := filepath.Join(dir, "good.db")
	backup(t, path, good)
	s.Close()
	text, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	put := func(name string, change func(b []byte) []byte) string {
		to := filepath.Join(dir, name)
		if err := os.WriteFile(to, change([]byte(string(text))), 0o600); err != nil {
			t.Fatal(err)
		}
		return to
	}
	flipped := put("flipped.db", func(b []byte) []byte { b[len(b)/2] ^= 0xff; return b })
	manifest, err := os.ReadFile(store.ManifestPath(good))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(store.ManifestPath(flipped), manifest, 0o600); err != nil {
		t.Fatal(err)
	}
	newer := put("newer.db", func(b []byte) []byte { return b })
	alter(t, newer, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`)
	foreign := filepath.Join(dir, "foreign.db")
	alter(t, foreign, `CREATE TABLE other (x)`)
	for from, want := range map[string]problem.Code{
		put("cut.db", func(b []byte) []byte { return b[:len(b)/2] }):         problem.LedgerDamaged,
		put("text.db", func([]byte) []byte { return []byte("no database") }): problem.LedgerDamaged,
		flipped: problem.LedgerDamaged, newer: problem.LedgerNewer, foreign: problem.LedgerDamaged,
		filepath.Join(dir, "none.db"): problem.ConfigMissing,
	} {
		if _, err := store.Restore(t.Context(), from, path); codeOf(err) != want {
			t.Errorf("Restore of %s = %v, want %s", filepath.Base(from), err, want)
		}
	}
	s, err = store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.In("lakeside").Export(t.Context(), x.ID); err != nil {
		t.Errorf("the ledger is not what it was: %v", err)
	}
	if left := leftovers(t, filepath.Dir(path)); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func alter(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

package store_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// listed makes an export whose manifest has those types, one file each.
func listed(t *testing.T, s *store.Store, types ...string) store.Export {
	t.Helper()
	x := request(t, s, "lakeside")
	var files []store.File
	for i, name := range types {
		files = append(files, store.File{Name: fmt.Sprintf("0-output-%d-%s", i, name), Position: int64(i), Section: "output", ResourceType: name})
	}
	do(t, s, func(tx *store.Tx) error { return tx.ListFiles(&x, 0, files) })
	return x
}

func do(t *testing.T, s *store.Store, f func(tx *store.Tx) error) {
	t.Helper()
	if err := s.In("lakeside").Do(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func names(files []store.WaitingFile) (list []string) {
	for _, f := range files {
		list = append(list, f.Name)
	}
	return list
}

func TestWaitingFilesAreThoseOfTheKindOfTheFirst(t *testing.T) {
	s, _ := openLedger(t)
	x := listed(t, s, "Patient", "Observation", "Patient", "Patient", "Observation")
	do(t, s, func(tx *store.Tx) error {
		for _, c := range []struct {
			limit int64
			want  []string
		}{{1, []string{"0-output-0-Patient"}}, {9, []string{"0-output-0-Patient", "0-output-2-Patient", "0-output-3-Patient"}}} {
			w, err := tx.Waiting(&x, store.FileListed, c.limit)
			if err != nil {
				return err
			}
			if diff := cmp.Diff(c.want, names(w.Files)); diff != "" || w.Usual != -1 {
				t.Errorf("limit %d, usual %d: %s", c.limit, w.Usual, diff)
			}
		}
		if n, err := tx.CountFilesIn(&x, store.FileListed); err != nil || n != 5 {
			t.Errorf("%d files are listed, %v", n, err)
		}
		if w, err := tx.Waiting(&x, store.FileStored, 9); err != nil || w.Files != nil {
			t.Errorf("none is stored, and these wait: %+v, %v", w, err)
		}
		return nil
	})
}

func TestWhatIsUsualIsWhatTheLastFilesOfTheKindHad(t *testing.T) {
	s, _ := openLedger(t)
	x := listed(t, s, "Patient", "Patient", "Observation", "Patient")
	do(t, s, func(tx *store.Tx) error {
		for i, size := range []int64{100, 300} {
			if err := tx.SetFileStored(&x, store.File{Name: fmt.Sprintf("0-output-%d-Patient", i), Bytes: size}); err != nil {
				return err
			}
		}
		if err := tx.SetIngested(&x, []store.File{{Name: "0-output-0-Patient"}}, nil); err != nil {
			return err
		}
		w, err := tx.Waiting(&x, store.FileStored, 9)
		if diff := cmp.Diff([]store.WaitingFile{{Name: "0-output-1-Patient", Bytes: 300}}, w.Files); diff != "" || w.Usual != 200 || err != nil {
			t.Errorf("usual %d, %v: %s", w.Usual, err, diff)
		}
		w, err = tx.Waiting(&x, store.FileListed, 9) // the first is of a kind of which none is here
		if diff := cmp.Diff([]string{"0-output-2-Observation"}, names(w.Files)); diff != "" || w.Usual != -1 || err != nil {
			t.Errorf("usual %d, %v: %s", w.Usual, err, diff)
		}
		return nil
	})
}

func TestAFileIsOfTheUnitThatHasItInHand(t *testing.T) {
	s, _ := openLedger(t)
	x := listed(t, s, "Patient", "Patient", "Patient")
	files := []string{"0-output-0-Patient", "0-output-1-Patient", "0-output-2-Patient"}
	unit := func(state string) (list []string) {
		of, err := s.In("lakeside").Unit(t.Context(), x.ID, files[0], state)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range of {
			list = append(list, f.Name)
		}
		return list
	}
	do(t, s, func(tx *store.Tx) error { return tx.StartFiles(&x, files) })
	if diff := cmp.Diff(files, unit(store.FileDownloading)); diff != "" {
		t.Error(diff)
	}
	do(t, s, func(tx *store.Tx) error {
		if err := tx.SetFileStored(&x, store.File{Name: files[0], Bytes: 1}); err != nil {
			return err
		}
		return tx.IngestFiles(&x, files[:1])
	})
	if got := unit(store.FileIngesting); !cmp.Equal(got, files[:1]) {
		t.Errorf("being ingested as %s: %v, while the others are downloaded under the same name", files[0], got)
	}
	do(t, s, func(tx *store.Tx) error { return tx.LeaveFiles(&x, files[0], store.FileDownloading, false) })
	if got := unit(store.FileDownloading); got != nil {
		t.Errorf("still in hand: %v", got)
	}
	if got := unit(store.FileIngesting); !cmp.Equal(got, files[:1]) {
		t.Errorf("being ingested: %v", got)
	}
}

func TestUnstagingAFileTakesItsWholeUnitBackToRaw(t *testing.T) {
	s, _ := openLedger(t)
	x := listed(t, s, "Patient", "Patient", "Patient")
	var all []store.File
	do(t, s, func(tx *store.Tx) error {
		for i := range 3 {
			all = append(all, store.File{Name: fmt.Sprintf("0-output-%d-Patient", i), Lines: 2, Delivered: 2})
		}
		if err := tx.SetIngested(&x, all[:2], []store.Part{{Table: "patient", Key: "staged/a", Rows: 4}}); err != nil {
			return err
		}
		return tx.SetIngested(&x, all[2:], []store.Part{{Table: "patient", Key: "staged/b", Rows: 2}})
	})
	do(t, s, func(tx *store.Tx) error { return tx.Unstage(&x, all[1].Name) })
	parts, err := s.In("lakeside").Parts(t.Context(), x.ID)
	if diff := cmp.Diff([]store.Part{{Table: "patient", Key: "staged/b", Rows: 2}}, parts); diff != "" || err != nil {
		t.Errorf("%v: %s", err, diff)
	}
	do(t, s, func(tx *store.Tx) error {
		got, err := tx.FilesByState(&x)
		if diff := cmp.Diff(map[string]int64{store.FileStored: 2, store.FileIngested: 1}, got); diff != "" {
			t.Error(diff)
		}
		return err
	})
}

package exportlog_test

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/atrest"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/exportlog"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A desk is a ledger and a store of files with one tenant.
type desk struct {
	*testing.T
	exportlog.Files
	scope  *store.Scope
	export string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(t.Context(), filepath.Join(dir, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	files, err := blob.OpenLocal(filepath.Join(dir, "files"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { files.Close() })
	if err := s.PutTenants(t.Context(), []store.Tenant{{ID: "north", Name: "North", FHIRBaseURL: "https://ehr.example"}}); err != nil {
		t.Fatal(err)
	}
	d := &desk{T: t, Files: exportlog.Files{Store: s, Files: files}, scope: s.In("north")}
	d.do(func(tx *store.Tx) (err error) {
		d.export, err = tx.Request(store.Intent{Endpoint: "https://ehr.example", Level: "system", Mode: "full"})
		return err
	})
	return d
}

func (d *desk) do(f func(tx *store.Tx) error) {
	d.Helper()
	if err := d.scope.Do(d.Context(), f); err != nil {
		d.Fatal(err)
	}
}

// write adds events, as a step does.
func (d *desk) write(events ...exportlog.Event) {
	d.Helper()
	d.do(func(tx *store.Tx) error { return exportlog.Write(tx, d.export, events...) })
}

func (d *desk) move(e life.Event) {
	d.Helper()
	d.do(func(tx *store.Tx) error {
		x, err := tx.Export(d.export)
		if err != nil {
			return err
		}
		return tx.Move(&x, e)
	})
}

// catchUp is a new process that looks for logs to write.
func (d *desk) catchUp() string {
	d.Helper()
	if err := d.CatchUp(d.Context()); err != nil {
		d.Fatal(err)
	}
	scope, err := d.Files.Files.Tenant("north")
	if err != nil {
		d.Fatal(err)
	}
	key, err := scope.LogKey(d.export)
	if err != nil {
		d.Fatal(err)
	}
	r, err := scope.Open(d.Context(), key)
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	if err != nil {
		d.Fatal(err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		d.Fatal(err)
	}
	return string(text)
}

func TestTheFileFollowsTheLedgerAlsoAfterACrash(t *testing.T) {
	d := newDesk(t)
	d.write(exportlog.Kickoff{ExportURL: "https://ehr.example/$export"})
	if text := d.catchUp(); text != "" {
		t.Errorf("a log of an export that goes on: %s", text)
	}
	d.move(life.Refuse)
	first := d.catchUp() // whoever ended the export did not live to write it
	if strings.Count(first, "\n") != 1 || !strings.Contains(first, `"eventId":"kickoff"`) || !strings.Contains(first, `"exportId":"`+d.export+`"`) {
		t.Errorf("log: %s", first)
	}
	if text := d.catchUp(); text != first {
		t.Errorf("written again, it is another: %s", text)
	}
	d.move(life.Queue)
	d.write(exportlog.Kickoff{}, exportlog.StatusComplete{})
	if text := d.catchUp(); text != first {
		t.Errorf("a log was written while the export goes on: %s", text)
	}
	d.move(life.Refuse)
	if text := d.catchUp(); !strings.HasPrefix(text, first) || strings.Count(text, "\n") != 3 {
		t.Errorf("the later log does not go on from the former: %s", text)
	}
}

func TestItemsOfATransactionThatFailedAreNotThere(t *testing.T) {
	d := newDesk(t)
	failed := errors.New("fenced")
	err := d.scope.Do(t.Context(), func(tx *store.Tx) error {
		return errors.Join(exportlog.Write(tx, d.export, exportlog.Kickoff{}), failed)
	})
	if !errors.Is(err, failed) {
		t.Fatal(err)
	}
	d.move(life.Refuse)
	if text := d.catchUp(); text != "" {
		t.Errorf("log: %s", text)
	}
}

func TestTheLogOfAPracticeWithoutAKeyWaitsForANewOne(t *testing.T) {
	d := newDesk(t)
	path := filepath.Join(t.TempDir(), "house.json")
	if _, err := atrest.NewHouseKey(path); err != nil {
		t.Fatal(err)
	}
	house, err := atrest.OpenHouse(&config.Config{Folder: t.TempDir(), Encryption: config.Encryption{KeyFile: path}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	keys := atrest.New(atrest.Options{Folder: t.TempDir(), House: house, Ledger: d.Store})
	d.Files.Files.Encrypt(keys)
	for _, change := range []func() error{
		func() error { return keys.Rotate(t.Context(), "north") },
		func() error { return keys.Shred(t.Context(), "north") },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
	}
	d.write(exportlog.Kickoff{ExportURL: "https://ehr.example/$export"})
	d.move(life.Refuse)
	if text := d.catchUp(); text != "" {
		t.Errorf("a log without a key: %s", text)
	}
	if err := keys.Rotate(t.Context(), "north"); err != nil {
		t.Fatal(err)
	}
	if text := d.catchUp(); strings.Count(text, "\n") != 1 {
		t.Errorf("log: %s", text)
	}
}

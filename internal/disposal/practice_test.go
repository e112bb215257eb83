package disposal_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/disposal"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

const day = 24 * time.Hour

// canary stands in every file of a practice, and in its rows of members.
const canary = "zz-canary-zz"

// empty is a ledger without rows, made once.
var empty []byte

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "disposal-*")
	if err == nil {
		var s *store.Store
		if s, err = store.Open(context.Background(), filepath.Join(dir, "ledger.db")); err == nil {
			err = s.Close()
		}
	}
	if err == nil {
		empty, err = os.ReadFile(filepath.Join(dir, "ledger.db"))
	}
	if err = errors.Join(err, os.RemoveAll(dir)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// A house is a ledger, a store of files and a sink, with two practices.
type house struct {
	*testing.T
	dir    string
	ledger *store.Store
	files  *blob.Store
	tables *tables
	keeper *disposal.Keeper
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{T: t, dir: t.TempDir(), tables: &tables{rows: map[string]int64{}}}
	h.must(os.WriteFile(filepath.Join(h.dir, "ledger.db"), empty, 0o600))
	h.open()
	t.Cleanup(h.close)
	err := h.ledger.PutTenants(t.Context(), []store.Tenant{{ID: "lakeside", Name: "Lakeside"}, {ID: "hillcrest", Name: "Hillcrest"}})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) open() {
	h.Helper()
	var err error
	if h.ledger, err = store.Open(context.Background(), filepath.Join(h.dir, "ledger.db")); err != nil {
		h.Fatal(err)
	}
	if h.files, err = blob.OpenLocal(filepath.Join(h.dir, "files")); err != nil {
		h.Fatal(err)
	}
	h.keeper = &disposal.Keeper{
		Store: h.ledger, Files: h.files, Folder: h.dir,
		Sinks: func() map[string]sink.Sink { return map[string]sink.Sink{"tables": h.tables, "mirth": foreign{}} },
	}
}

func (h *house) close() {
	if err := h.files.Close(); err != nil {
		h.Error(err)
	}
	if err := h.ledger.Close(); err != nil {
		h.Error(err)
	}
}

// reopen does what a new process does.
func (h *house) reopen() {
	h.Helper()
	h.close()
	h.open()
}

// must ends the test for an error of what only prepares it.
func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// tables is a sink that counts rows; it loses them whole or not at all.
type tables struct {
	sink.Sink
	mu   sync.Mutex
	rows map[string]int64 // by tenant
}

func (s *tables) Count(_ context.Context, tenant string) (map[string]int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rows[tenant] == 0 {
		return nil, nil
	}
	return map[string]int64{"patient": s.rows[tenant]}, nil
}

func (s *tables) Erase(_ context.Context, tenant string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.rows, tenant)
	return nil
}

// foreign is a sink that cannot erase.
type foreign struct{ sink.Sink }

// agreed is a practice under an agreement whose clocks are 1, 2, 3, 4 and 5 days.
func agreed(id string) *config.Tenant {
	days := func(n int) config.Duration { return config.Duration(time.Duration(n) * day) }
	return &config.Tenant{ID: id, Name: id, LegalName: id + " PLLC", Agreement: &config.Agreement{
		Reference: "BAA-" + id, Status: config.AgreementActive, Document: config.Document{SHA256: "ab12"},
		Retention: config.Retention{Raw: days(1), Staged: days(2), Quarantine: days(3), Attachments: days(4), History: days(5)},
		Disposal:  config.DisposalDestroy, DisposalDeadline: days(30),
	}}
}

// An order says what an export in the ledger is like.
type order struct {
	tenant string
	origin string       // of a replay
	ends   []life.Event // empty: it completes
	bare   bool         // it leaves nothing
}

var completes = []life.Event{life.Admit, life.Accepted, life.Listed, life.Stored, life.Ingested, life.Complete}

// export makes an export as one leaves it: with files in every area, rows in the
// ledger and in the sink.
func (h *house) export(o order) string {
	h.Helper()
	ctx, in := h.Context(), h.ledger.In(o.tenant)
	if len(o.ends) == 0 {
		o.ends = completes
	}
	i := store.Intent{Stream: "s", Endpoint: "https://ehr.example/" + o.tenant, Level: "group", Group: "g", Types: []string{"Patient"}, Mode: "full", Sinks: []string{"mirth", "tables"}, Parameters: store.Parameters{Patients: []string{canary}}}
	if o.origin != "" {
		i.Origin, i.Purpose = o.origin, store.Replay
	}
	var id string
	h.must(in.Do(ctx, func(tx *store.Tx) (err error) {
		if id, err = tx.Request(i); err != nil {
			return err
		}
		x, err := tx.Export(id)
		if err != nil {
			return err
		}
		for _, e := range o.ends {
			if e == life.Listed {
				err = tx.ListFiles(&x, 0, []store.File{{Name: file, Section: "output", ResourceType: "Patient", URL: "https://ehr.example/f?token=x", Expected: 2}})
			}
			if err == nil && e == life.Stored {
				err = tx.SetFileStored(&x, store.File{Name: file, Bytes: 64, WireBytes: 60, SHA256: "cd34"})
			}
			if err == nil && e == life.Ingested {
				err = tx.SetIngested(&x, []store.File{{Name: file, Lines: 2, Delivered: 1, Quarantined: 1}}, []store.Part{
					{Table: "patient", Key: "staged/" + o.tenant + "/" + id + "/patient/" + file + "-0.parquet", Rows: 1},
				})
			}
			if err == nil {
				err = tx.Move(&x, e)
			}
			if err != nil {
				return err
			}
		}
		if _, err := tx.Members("s", store.Shown{Patients: []string{canary}, Whole: true, Held: true}); err != nil {
			return err
		}
		return tx.Log(id, "kickoff", map[string]int{"n": 1})
	}))
	if !o.bare {
		h.leave(o.tenant, id)
		h.tables.rows[o.tenant] += 2
	}
	return id
}

const file = "0-output-0-Patient"

// leave writes a file in every area.
func (h *house) leave(tenant, export string) {
	h.Helper()
	scope, err := h.files.Tenant(tenant)
	h.must(err)
	keys := []func() (blob.Key, error){
		func() (blob.Key, error) { return scope.RawKey(export, file) },
		func() (blob.Key, error) { return scope.ManifestKey(export, 0) },
		func() (blob.Key, error) { return scope.StagedKey(export, "patient", file, 0) },
		func() (blob.Key, error) { return scope.QuarantineKey(export, file) },
		func() (blob.Key, error) { return scope.AttachmentKey(export, file, 1, 0) },
		func() (blob.Key, error) { return scope.LogKey(export) },
	}
	for _, key := range keys {
		k, err := key()
		h.must(err)
		w, err := scope.Create(h.Context(), k)
		h.must(err)
		_, err = fmt.Fprintf(w, "%s of %s\n", canary, tenant)
		h.must(err)
		h.must(w.Commit())
	}
}

// left gives the areas in which an export has files, and "history" while it has
// a timeline or a log.
func (h *house) left(tenant, export string) []string {
	h.Helper()
	scope, err := h.files.Tenant(tenant)
	h.must(err)
	found := map[string]bool{}
	for _, area := range blob.Areas {
		for _, err := range scope.List(h.Context(), area, export) {
			h.must(err)
			found[string(area)] = true
		}
	}
	events, items, err := h.ledger.In(tenant).HistoryOf(h.Context(), export)
	h.must(err)
	if found["logs"] != (events+items > 0) && !found["logs"] {
		found["rows"] = true
	}
	return slices.Sorted(maps.Keys(found))
}

// now is when the last export ended.
func (h *house) now() time.Time {
	x, _, err := h.ledger.In("lakeside").Latest(h.Context())
	h.must(err)
	return x.EndedAt
}

// pass lets simulated time pass.
func pass(d time.Duration) { <-time.After(d) }

// dispose takes away all that is due of a practice.
func (h *house) dispose(t *config.Tenant) disposal.Result {
	h.Helper()
	r, err := h.keeper.Practice(h.Context(), t, disposal.Wish{})
	h.must(err)
	return r
}

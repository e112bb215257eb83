package trigger

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A desk is a keeper over a real ledger, and an engine that writes exports and
// runs none.
type desk struct {
	*testing.T
	store  *store.Store
	path   string
	config *config.Config
	keeper *Keeper
	nudges int

	deny   bool
	before func(tenant string) error // runs before an export is written
}

func newDesk(t *testing.T, practices int) *desk {
	t.Helper()
	t.Setenv("MIRTH_SECRET", "thirty-two bytes of a test's own")
	d := &desk{T: t, path: filepath.Join(t.TempDir(), "ledger.db"), config: &config.Config{
		Callbacks: []config.Callback{
			{Name: "mirth", URL: "https://mirth.example/done", SecretEnv: "MIRTH_SECRET"},
			{Name: "lake", URL: "https://lake.example/", SecretEnv: "MIRTH_SECRET", Tenants: []string{"p0"}, All: true},
		},
	}}
	for i := range practices {
		d.config.Tenants = append(d.config.Tenants, config.Tenant{ID: fmt.Sprint("p", i)})
	}
	d.open()
	t.Cleanup(func() { d.store.Close() })
	return d
}

// open opens the ledger, again after a crash.
func (d *desk) open() {
	d.Helper()
	var err error
	if d.store, err = store.Open(d.Context(), d.path); err != nil {
		d.Fatal(err)
	}
	var tenants []store.Tenant
	for _, t := range d.config.Tenants {
		tenants = append(tenants, store.Tenant{ID: t.ID})
	}
	if err := d.store.PutTenants(d.Context(), tenants); err != nil {
		d.Fatal(err)
	}
	d.keeper = New(Options{
		Config: func() *config.Config { return d.config }, Store: d.store, Work: func() Work { return d }, Nudge: func() { d.nudges++ },
	})
}

// Request writes an export as the engine does.
func (d *desk) Request(ctx context.Context, tenant string, w export.Wish) (id string, err error) {
	if d.before != nil {
		if err := d.before(tenant); err != nil {
			return "", err
		}
	}
	denial := problem.New(problem.AgreementDenied, "the agreement does not permit it", "Ask the practice.")
	err = d.store.In(tenant).Do(ctx, func(tx *store.Tx) error {
		open, err := tx.Open("https://ehr.example/" + tenant)
		if err != nil {
			return err
		}
		if open > 0 {
			return problem.New(problem.Usage, "an export of this practice has not ended yet", "Wait.")
		}
		mode := export.Incremental
		if w.Full {
			mode = export.Full
		}
		id, err = tx.Request(store.Intent{Endpoint: "https://ehr.example/" + tenant, Level: "system", Types: w.Types, Mode: mode, Since: w.Since, RequestedBy: w.By})
		if err != nil {
			return err
		}
		if w.Answers != nil {
			if err := w.Answers(tx, id); err != nil {
				return err
			}
		}
		if !d.deny {
			return nil
		}
		return end(tx, id, denial, life.Deny)
	})
	if err != nil {
		return "", err
	}
	if d.deny {
		return id, denial
	}
	return id, nil
}

func end(tx *store.Tx, id string, p *problem.Problem, events ...life.Event) error {
	x, err := tx.Export(id)
	if err != nil {
		return err
	}
	if p != nil {
		if err := tx.SetProblem(&x, p); err != nil {
			return err
		}
	}
	for _, e := range events {
		if err := tx.Move(&x, e); err != nil {
			return err
		}
	}
	return nil
}

// finish brings an export to its end.
func (d *desk) finish(tenant, id string, p *problem.Problem, events ...life.Event) {
	d.Helper()
	if len(events) == 0 {
		events = []life.Event{life.Admit, life.Accepted, life.Listed, life.Stored, life.Ingested, life.Complete}
	}
	if err := d.store.In(tenant).Do(d.Context(), func(tx *store.Tx) error { return end(tx, id, p, events...) }); err != nil {
		d.Fatal(err)
	}
}

// insert writes a row as another program does; fields are columns and values.
func (d *desk) insert(tenant string, fields ...string) int64 {
	d.Helper()
	columns, marks, values := "tenant_id", "?", []any{tenant}
	by := false
	for i := 0; i+1 < len(fields); i += 2 {
		columns, marks, values = columns+", "+fields[i], marks+", ?", append(values, fields[i+1])
		by = by || fields[i] == "requested_by"
	}
	if !by {
		columns, marks, values = columns+", requested_by", marks+", ?", append(values, "mirth")
	}
	r, err := d.store.DB().ExecContext(d.Context(), "INSERT INTO export_requests ("+columns+") VALUES ("+marks+")", values...)
	if err != nil {
		d.Fatal(err)
	}
	id, err := r.LastInsertId()
	if err != nil {
		d.Fatal(err)
	}
	return id
}

func (d *desk) catchUp() {
	d.Helper()
	if err := d.keeper.CatchUp(d.Context()); err != nil {
		d.Fatal(err)
	}
}

func (d *desk) request(tenant string, id int64) store.ExportRequest {
	d.Helper()
	r, err := d.store.In(tenant).Request(d.Context(), id)
	if err != nil {
		d.Fatal(err)
	}
	return r
}

func (d *desk) exports(tenant string) []store.Export {
	d.Helper()
	list, err := d.store.In(tenant).Exports(d.Context(), 5000)
	if err != nil {
		d.Fatal(err)
	}
	return list
}

func (d *desk) calls(tenant, export string) []store.Callback {
	d.Helper()
	list, err := d.store.In(tenant).Callbacks(d.Context(), export)
	if err != nil {
		d.Fatal(err)
	}
	return list
}

var errDied = errors.New("the process ends here")

// dies makes the keeper end at a point, once.
func (d *desk) dies(at string) {
	d.keeper.o.Point = func(name string) error {
		if name == at {
			d.keeper.o.Point = nil
			return errDied
		}
		return nil
	}
}

// restart goes on with what is on the disk.
func (d *desk) restart() {
	d.Helper()
	if err := d.store.Close(); err != nil {
		d.Fatal(err)
	}
	d.open()
}

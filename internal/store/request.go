package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// An ExportRequest is what another program asks for: a row that it wrote
// itself, or that the API or a web hook wrote for it. Its texts up to Callback
// are the caller's and unchecked.
type ExportRequest struct {
	ID        int64
	Tenant    string
	Kind      string // full or incremental
	Types     string // with commas between; empty: the practice's
	Since     string // an instant or a date; empty: the watermark
	Group     string // empty: the practice's
	By        string // who asks
	Reference string // the caller's own; empty: none
	Callback  string // a name or a URL; empty: nobody is told

	Source    string // FromTable, FromAPI or FromHook
	State     string // RequestNew, RequestRefused, or the state of its export
	Export    string // empty before it is taken up
	Code      string // of the problem
	Problem   string
	Remedy    string
	AskedAt   time.Time
	StartedAt time.Time
	EndedAt   time.Time
}

// Where requests come from.
const (
	FromTable = "table"
	FromAPI   = "api"
	FromHook  = "hook"
)

// The states of a request that has no export.
const (
	RequestNew     = "new"
	RequestRefused = "refused"
)

// Wishes reports whether two requests ask for the same.
func (r ExportRequest) Wishes(o ExportRequest) bool {
	return r.Tenant == o.Tenant && r.Kind == o.Kind && r.Types == o.Types && r.Since == o.Since && r.Group == o.Group
}

func requestOf(r gen.ExportRequest) ExportRequest {
	return ExportRequest{
		ID: r.RequestID, Tenant: r.TenantID, Kind: r.Kind, Types: r.Types, Since: r.Since, Group: r.GroupID, By: r.RequestedBy,
		Reference: r.Reference, Callback: r.Callback, Source: r.Source, State: r.State, Export: r.ExportID,
		Code: r.Code, Problem: r.Problem, Remedy: r.Remedy, AskedAt: at(r.AskedAt), StartedAt: at(r.StartedAt), EndedAt: at(r.EndedAt),
	}
}

func requestsOf(rows []gen.ExportRequest, err error) ([]ExportRequest, error) {
	if err != nil {
		return nil, Explain(fmt.Errorf("list requests: %w", err))
	}
	list := make([]ExportRequest, len(rows))
	for i, r := range rows {
		list[i] = requestOf(r)
	}
	return list, nil
}

// A NewRequest is one that is not taken up.
type NewRequest struct {
	ExportRequest
	Busy bool // its tenant has an export under way
}

// NewRequests gives requests that are not taken up, those whose tenants have no
// export under way before the others, the oldest first, at most limit.
func (s *Store) NewRequests(ctx context.Context, limit int) ([]NewRequest, error) {
	rows, err := s.queries().NewRequests(ctx, int64(limit))
	if err != nil {
		return nil, Explain(fmt.Errorf("list new requests: %w", err))
	}
	list := make([]NewRequest, len(rows))
	for i, r := range rows {
		list[i] = NewRequest{requestOf(r.ExportRequest), r.Busy}
	}
	return list, nil
}

// Request gives a request of the tenant by its number; it is the problem Usage
// when there is none.
func (s *Scope) Request(ctx context.Context, id int64) (ExportRequest, error) {
	r, err := s.store.queries().GetRequest(ctx, gen.GetRequestParams{TenantID: s.tenant, RequestID: id})
	if errors.Is(err, sql.ErrNoRows) {
		return ExportRequest{}, problem.New(problem.Usage, fmt.Sprintf("there is no request %d", id), "Give the number with which the request was answered.").For(s.tenant)
	}
	return requestOf(r), Explain(err)
}

// RequestsOf gives the tenant's requests that an export answers, by number.
func (s *Scope) RequestsOf(ctx context.Context, export string) ([]ExportRequest, error) {
	return requestsOf(s.store.queries().RequestsOf(ctx, gen.RequestsOfParams{TenantID: s.tenant, ExportID: export}))
}

// Untaken counts the tenant's requests that are not taken up.
func (s *Scope) Untaken(ctx context.Context) (int64, error) {
	n, err := s.store.queries().CountNewRequests(ctx, s.tenant)
	return n, Explain(err)
}

// UnderWay counts the tenant's exports that have not ended.
func (s *Scope) UnderWay(ctx context.Context) (int64, error) {
	n, err := s.store.queries().CountOpenExports(ctx, s.tenant)
	return n, Explain(err)
}

// Ask writes a request of the tenant's and returns its number.
func (tx *Tx) Ask(r ExportRequest) (int64, error) {
	id, err := tx.q.InsertRequest(tx.ctx, gen.InsertRequestParams{
		TenantID: tx.tenant, Kind: r.Kind, Types: r.Types, Since: r.Since, GroupID: r.Group, RequestedBy: r.By,
		Reference: r.Reference, Callback: r.Callback, Source: r.Source, AskedAt: ms(tx.now),
	})
	if err != nil {
		return 0, fmt.Errorf("write a request: %w", err)
	}
	return id, nil
}

// Asked gives the first request of r's caller with r's reference that was not
// refused and was written before r; ok is false when there is none.
func (tx *Tx) Asked(r ExportRequest) (known ExportRequest, ok bool, err error) {
	return asked(tx.ctx, tx.q, tx.tenant, r)
}

// Asked is Tx.Asked, of what is committed.
func (s *Scope) Asked(ctx context.Context, r ExportRequest) (known ExportRequest, ok bool, err error) {
	known, ok, err = asked(ctx, s.store.queries(), s.tenant, r)
	return known, ok, Explain(err)
}

func asked(ctx context.Context, q *gen.Queries, tenant string, r ExportRequest) (known ExportRequest, ok bool, err error) {
	before := r.ID
	if before == 0 {
		before = math.MaxInt64
	}
	row, err := q.RequestByReference(ctx, gen.RequestByReferenceParams{
		TenantID: tenant, Source: r.Source, RequestedBy: r.By, Reference: r.Reference, Before: before,
	})
	if errors.Is(err, sql.ErrNoRows) {
		return known, false, nil
	}
	if err != nil {
		return known, false, fmt.Errorf("look for a request: %w", err)
	}
	return requestOf(row), true, nil
}

// Answer binds a new request to the export that answers it. It is ErrFenced
// when it was answered or refused before. The end of an export that has come to
// rest already is to be told again, to whom it was not told yet.
func (tx *Tx) Answer(request int64, export string) error {
	err := fenced(tx.q.AnswerRequest(tx.ctx, gen.AnswerRequestParams{
		State: "requested", ExportID: export, StartedAt: ms(tx.now), TenantID: tx.tenant, RequestID: request,
	}))
	if err != nil {
		return err
	}
	x, err := tx.Export(export)
	if err != nil {
		return err
	}
	if x.State.Settled() {
		if err := tx.settleAt(&x, x.StateAt); err != nil {
			return err
		}
	}
	return tx.follow(export)
}

// Refuse ends a new request without an export. It is ErrFenced when it was
// answered or refused before.
func (tx *Tx) Refuse(request int64, p *problem.Problem) error {
	return fenced(tx.q.RefuseRequest(tx.ctx, gen.RefuseRequestParams{
		Code: string(p.Code), Problem: p.Summary, Remedy: p.Remedy, Now: ms(tx.now), TenantID: tx.tenant, RequestID: request,
	}))
}

// follow makes the requests that an export answers stand as it does.
func (tx *Tx) follow(export string) error {
	return tx.q.FollowExport(tx.ctx, gen.FollowExportParams{TenantID: tx.tenant, ExportID: export})
}

// GoOnAs says that an export which has completed goes on as another: requests
// that it answers are the other's from now on, and its end is told to nobody.
func (tx *Tx) GoOnAs(export, next string) error {
	if err := tx.q.GoOnAs(tx.ctx, gen.GoOnAsParams{Next: next, TenantID: tx.tenant, ExportID: export}); err != nil {
		return err
	}
	_, err := tx.q.DropSettled(tx.ctx, gen.DropSettledParams{TenantID: tx.tenant, ExportID: export, SettledID: math.MaxInt64})
	return err
}

// settleAt notes that an export has come to rest.
func (tx *Tx) settleAt(x *Export, when time.Time) error {
	return tx.q.InsertSettled(tx.ctx, gen.InsertSettledParams{TenantID: tx.tenant, ExportID: x.ID, State: string(x.State), At: ms(when)})
}

// A Settled export has come to rest, and nobody was told yet.
type Settled struct {
	ID     int64
	Tenant string
	Export string
	State  string    // in which it came to rest; it may have been resumed since
	At     time.Time // when; it is the export's StateAt unless it was resumed
}

// Settled gives the exports that have come to rest and were not told, the
// first first, at most limit.
func (s *Store) Settled(ctx context.Context, limit int) ([]Settled, error) {
	rows, err := s.queries().ListSettled(ctx, int64(limit))
	if err != nil {
		return nil, Explain(fmt.Errorf("list settled exports: %w", err))
	}
	list := make([]Settled, len(rows))
	for i, r := range rows {
		list[i] = Settled{ID: r.SettledID, Tenant: r.TenantID, Export: r.ExportID, State: r.State, At: at(r.At)}
	}
	return list, nil
}

// Told forgets that an export has come to rest, once or several times up to
// that one. It is ErrFenced when that was done before.
func (tx *Tx) Told(x Settled) error {
	return fenced(tx.q.DropSettled(tx.ctx, gen.DropSettledParams{TenantID: tx.tenant, ExportID: x.Export, SettledID: x.ID}))
}

// A TypeTotal sums up the output files of one type and section.
type TypeTotal struct {
	Type, Section                               string
	Files, Bytes, Lines, Delivered, Quarantined int64
}

// TypeTotals sums up the output files of an export by type.
func (s *Scope) TypeTotals(ctx context.Context, export string) ([]TypeTotal, error) {
	rows, err := s.store.queries().TypeTotals(ctx, gen.TypeTotalsParams{TenantID: s.tenant, ExportID: export})
	if err != nil {
		return nil, Explain(fmt.Errorf("sum up output files by type: %w", err))
	}
	totals := make([]TypeTotal, len(rows))
	for i, r := range rows {
		totals[i] = TypeTotal{r.ResourceType, r.Section, r.Files, r.Bytes, r.Lines, r.Delivered, r.Quarantined}
	}
	return totals, nil
}

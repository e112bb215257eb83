package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// A Scope is one tenant's part of the ledger. No row of another tenant can be
// read or written through it (I7).
type Scope struct {
	store  *Store
	tenant string
}

// In gives the part of the ledger that belongs to tenant.
func (s *Store) In(tenant string) *Scope { return &Scope{store: s, tenant: tenant} }

// Export gives one export of the tenant; it is the problem Usage when the
// tenant has no such export.
func (s *Scope) Export(ctx context.Context, id string) (Export, error) {
	r, err := s.store.queries().GetExport(ctx, gen.GetExportParams{TenantID: s.tenant, ExportID: id})
	return s.one(r, err, "export "+id)
}

// Latest gives the tenant's latest export; ok is false when it has none.
func (s *Scope) Latest(ctx context.Context) (x Export, ok bool, err error) {
	r, err := s.store.queries().LatestExport(ctx, s.tenant)
	if errors.Is(err, sql.ErrNoRows) {
		return x, false, nil
	}
	x, err = s.one(r, err, "an export")
	return x, err == nil, err
}

func (s *Scope) one(r gen.Export, err error, what string) (Export, error) {
	if errors.Is(err, sql.ErrNoRows) {
		return Export{}, problem.New(problem.Usage, "there is no "+what,
			"List the exports with bulkhead status "+s.tenant+".").For(s.tenant)
	}
	if err != nil {
		return Export{}, Explain(fmt.Errorf("read %s: %w", what, err))
	}
	return exportOf(r)
}

// Following gives the export that goes on where x ended: x itself, unless x is
// a completed link of a chain, such as a roster.
func (s *Scope) Following(ctx context.Context, x Export) (string, error) {
	if x.Purpose == Delivery || x.Purpose == Replay || x.State != life.Completed {
		return x.ID, nil
	}
	latest, ok, err := s.Latest(ctx)
	if err != nil || !ok {
		return x.ID, err
	}
	return latest.ID, nil
}

// LastKickoff gives when a kick-off for the same level or group was last sent
// by another export, or the zero time.
func (s *Scope) LastKickoff(ctx context.Context, x Export) (time.Time, error) {
	t, err := s.store.queries().LastKickoff(ctx, gen.LastKickoffParams{
		TenantID: s.tenant, Endpoint: x.Endpoint, Level: x.Level, GroupID: x.Group, ExportID: x.ID,
	})
	return at(t), Explain(err)
}

// Releasing reports whether the endpoint is still to be told to forget an
// export that ended since a time; release is that step's kind.
func (s *Scope) Releasing(ctx context.Context, endpoint, release string, since time.Time) (bool, error) {
	n, err := s.store.queries().Releasing(ctx, gen.ReleasingParams{TenantID: s.tenant, Release: release, Endpoint: endpoint, Since: ms(since)})
	return n > 0, Explain(err)
}

// LatestCompleted gives the tenant's latest export that completed, replays
// aside; ok is false when none did.
func (s *Scope) LatestCompleted(ctx context.Context) (x Export, ok bool, err error) {
	r, err := s.store.queries().LatestCompleted(ctx, s.tenant)
	if errors.Is(err, sql.ErrNoRows) {
		return x, false, nil
	}
	x, err = s.one(r, err, "a completed export")
	return x, err == nil, err
}

// OpenSteps counts the steps of a kind of an export that are not done.
func (s *Scope) OpenSteps(ctx context.Context, export, kind string) (int64, error) {
	n, err := s.store.queries().OpenSteps(ctx, gen.OpenStepsParams{TenantID: s.tenant, ExportID: export, Kind: kind})
	return n, Explain(err)
}

// Exports gives the tenant's latest exports, newest first, at most limit.
func (s *Scope) Exports(ctx context.Context, limit int) ([]Export, error) {
	rows, err := s.store.queries().ListExports(ctx, gen.ListExportsParams{TenantID: s.tenant, Limit: int64(limit)})
	if err != nil {
		return nil, Explain(fmt.Errorf("list exports: %w", err))
	}
	return exportsOf(rows)
}

// Files gives the output files of an export in manifest order.
func (s *Scope) Files(ctx context.Context, export string) ([]File, error) {
	rows, err := s.store.queries().ListFiles(ctx, gen.ListFilesParams{TenantID: s.tenant, ExportID: export})
	if err != nil {
		return nil, Explain(fmt.Errorf("list output files: %w", err))
	}
	return filesOf(rows), nil
}

// FileTotals sums up the output files of an export.
func (s *Scope) FileTotals(ctx context.Context, export string) (FileTotals, error) {
	r, err := s.store.queries().FileTotals(ctx, gen.FileTotalsParams{TenantID: s.tenant, ExportID: export})
	return FileTotals(r), Explain(err)
}

// File gives one output file of an export.
func (s *Scope) File(ctx context.Context, export, name string) (File, error) {
	r, err := s.store.queries().GetFile(ctx, gen.GetFileParams{TenantID: s.tenant, ExportID: export, File: name})
	if err != nil {
		return File{}, Explain(fmt.Errorf("read output file %s: %w", name, err))
	}
	return fileOf(r), nil
}

// Parts gives the staged parts of an export in the order of their files.
func (s *Scope) Parts(ctx context.Context, export string) ([]Part, error) {
	rows, err := s.store.queries().ListParts(ctx, gen.ListPartsParams{TenantID: s.tenant, ExportID: export})
	if err != nil {
		return nil, Explain(fmt.Errorf("list staged parts: %w", err))
	}
	parts := make([]Part, len(rows))
	for i, r := range rows {
		parts[i] = Part{Table: r.TableName, Key: r.PartKey, Rows: r.RowCount}
	}
	return parts, nil
}

// Publications gives the sinks that have an export.
func (s *Scope) Publications(ctx context.Context, export string) ([]Publication, error) {
	rows, err := s.store.queries().ListPublications(ctx, gen.ListPublicationsParams{TenantID: s.tenant, ExportID: export})
	if err != nil {
		return nil, Explain(fmt.Errorf("list publications: %w", err))
	}
	done := make([]Publication, len(rows))
	for i, r := range rows {
		done[i] = Publication{Sink: r.Sink, Receipt: []byte(r.Receipt), PublishedAt: at(r.PublishedAt)}
	}
	return done, nil
}

// Watermark gives where the next incremental export of a stream begins; ok is
// false before the stream's first export has completed.
func (s *Scope) Watermark(ctx context.Context, stream string) (w Watermark, ok bool, err error) {
	r, err := s.store.queries().GetWatermark(ctx, gen.GetWatermarkParams{TenantID: s.tenant, Stream: stream})
	return watermarkOf(r, err)
}

func watermarkOf(r gen.Watermark, err error) (Watermark, bool, error) {
	if errors.Is(err, sql.ErrNoRows) {
		return Watermark{}, false, nil
	}
	if err != nil {
		return Watermark{}, false, Explain(fmt.Errorf("read watermark: %w", err))
	}
	return Watermark{Since: r.Since, Export: r.ExportID, MovedAt: at(r.MovedAt), FullAt: at(r.FullAt)}, true, nil
}

// OtherStreams gives the type sets, each a JSON array, of the tenant's exports
// from another endpoint, level or group than this one's that have reached a
// sink, or may have.
func (s *Scope) OtherStreams(ctx context.Context, x Export) ([]string, error) {
	types, err := s.store.queries().OtherStreams(ctx, gen.OtherStreamsParams{
		TenantID: s.tenant, Endpoint: x.Endpoint, Level: x.Level, GroupID: x.Group,
	})
	if err != nil {
		return nil, Explain(fmt.Errorf("list cohorts: %w", err))
	}
	return types, nil
}

// Timeline gives what happened to an export, in order.
func (s *Scope) Timeline(ctx context.Context, export string) ([]Entry, error) {
	rows, err := s.store.queries().ListEvents(ctx, gen.ListEventsParams{TenantID: s.tenant, ExportID: export})
	if err != nil {
		return nil, Explain(fmt.Errorf("list events: %w", err))
	}
	entries := make([]Entry, len(rows))
	for i, r := range rows {
		entries[i] = Entry{At: at(r.At), Actor: r.Actor, Kind: r.Kind, Detail: r.Detail}
	}
	return entries, nil
}

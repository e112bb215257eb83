package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// AuditRows gives so many rows of a chain at most that come after a row, in
// order.
func (s *Store) AuditRows(ctx context.Context, tenant string, after, most int64) ([]audit.Entry, error) {
	rows, err := s.queries().ListAudit(ctx, gen.ListAuditParams{TenantID: tenant, After: after, Most: most})
	if err != nil {
		return nil, Explain(fmt.Errorf("read the record: %w", err))
	}
	entries := make([]audit.Entry, len(rows))
	for i, r := range rows {
		entries[i] = entryOf(r)
	}
	return entries, nil
}

// AuditEnd gives the end of a chain as the ledger remembers it; ok is false for
// a chain without one.
func (s *Store) AuditEnd(ctx context.Context, tenant string) (h audit.Head, ok bool, err error) {
	return s.In(tenant).AuditHead(ctx)
}

// AuditWatched gives what is known of the chains that bulkhead has verified by
// itself, the house's first.
func (s *Store) AuditWatched(ctx context.Context) ([]audit.Watched, error) {
	rows, err := s.queries().AuditWatched(ctx)
	if err != nil {
		return nil, Explain(fmt.Errorf("read what is known of the record: %w", err))
	}
	list := make([]audit.Watched, len(rows))
	for i, r := range rows {
		list[i] = audit.Watched{
			Tenant: r.TenantID, End: audit.Head{Tenant: r.TenantID, Seq: r.EndSeq, Hash: r.EndHash}, Walked: audit.Head{Tenant: r.TenantID, Seq: r.WalkedSeq, Hash: r.WalkedHash},
			VerifiedAt: at(r.VerifiedAt), WholeAt: at(r.WholeAt), FoundAt: at(r.FoundAt),
		}
		if r.Fault != "" {
			list[i].Fault = &audit.Fault{Tenant: r.TenantID, Seq: r.FaultSeq, What: r.Fault}
		}
	}
	return list, nil
}

// PutAuditWatched keeps what is known of chains, in one transaction.
func (s *Store) PutAuditWatched(ctx context.Context, list []audit.Watched) error {
	if len(list) == 0 {
		return nil
	}
	return s.inTx(ctx, func(tx *sql.Tx) error {
		for _, w := range list {
			if err := putAuditWatched(ctx, gen.New(tx), w); err != nil {
				return err
			}
		}
		return nil
	})
}

func putAuditWatched(ctx context.Context, q *gen.Queries, w audit.Watched) error {
	p := gen.PutAuditWatchedParams{
		TenantID: w.Tenant, EndSeq: w.End.Seq, EndHash: w.End.Hash, WalkedSeq: w.Walked.Seq, WalkedHash: w.Walked.Hash,
		VerifiedAt: ms(w.VerifiedAt), WholeAt: ms(w.WholeAt), FoundAt: ms(w.FoundAt),
	}
	if w.Fault != nil {
		p.FaultSeq, p.Fault = w.Fault.Seq, w.Fault.What
	}
	if err := q.PutAuditWatched(ctx, p); err != nil {
		return fmt.Errorf("keep what is known of %s: %w", audit.ChainName(w.Tenant), err)
	}
	return nil
}

// AuditFound keeps that a chain is broken, and then puts that on its record: a
// chain whose end was forged may take no row.
func (s *Store) AuditFound(ctx context.Context, w audit.Watched) error {
	if err := s.PutAuditWatched(ctx, []audit.Watched{w}); err != nil {
		return err
	}
	ev := audit.Event{Action: audit.RecordVerified, Outcome: audit.Failed, Reason: w.Fault.What, Facts: map[string]any{"up_to": w.Fault.Seq - 1}}
	return s.Record(audit.As(ctx, audit.Identity{Actor: audit.Service}), ev, w.Tenant)
}

// AuditExamined gives when a person last had a chain walked that was whole, or
// signed it; by chain. Chains that nobody examined are not there.
func (s *Store) AuditExamined(ctx context.Context) (map[string]time.Time, error) {
	rows, err := s.queries().LastReviews(ctx)
	if err != nil {
		return nil, Explain(fmt.Errorf("read who looked the record over: %w", err))
	}
	when := map[string]time.Time{}
	for _, r := range rows {
		if t := at(r.At); r.Outcome == audit.Done && r.Actor != audit.Service && t.After(when[r.TenantID]) {
			when[r.TenantID] = t
		}
	}
	return when, nil
}

package store

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// Audit puts an event on record in the tenant's chain, in this transaction: no
// act without its record, no record of what was rolled back. Who acts is what
// the context of the transaction says, unless the event does.
func (tx *Tx) Audit(ev audit.Event) error {
	head, err := chainHead(tx.ctx, tx.q, tx.tenant)
	if err != nil {
		return err
	}
	return putOnRecord(tx.ctx, tx.q, head, ev, tx.now)
}

// Record puts an event on record in the chains of several tenants, or of the
// house, at once: in all of them or in none.
func (s *Store) Record(ctx context.Context, ev audit.Event, tenants ...string) error {
	return s.inTx(ctx, func(sqlTx *sql.Tx) error {
		q, now := gen.New(sqlTx), time.Now()
		for _, tenant := range tenants {
			head, err := chainHead(ctx, q, tenant)
			if err != nil {
				return err
			}
			if err := putOnRecord(ctx, q, head, ev, now); err != nil {
				return err
			}
		}
		return nil
	})
}

func putOnRecord(ctx context.Context, q *gen.Queries, head audit.Head, ev audit.Event, now time.Time) error {
	e, err := audit.Next(ctx, head, ev, now)
	if err != nil {
		return err
	}
	if err := q.InsertAudit(ctx, gen.InsertAuditParams{
		TenantID: e.Tenant, Seq: e.Seq, At: ms(e.At), Actor: e.Actor, Source: e.Source, RequestID: e.Request, ExportID: e.Export,
		Action: string(e.Action), Object: e.Object, Outcome: e.Outcome, Reason: e.Reason, Rule: e.Rule, Facts: e.Facts,
		PrevHash: e.Prev, Hash: e.Hash,
	}); err != nil {
		return fmt.Errorf("put %s on record: %w", e.Action, err)
	}
	return q.PutAuditHead(ctx, gen.PutAuditHeadParams{TenantID: e.Tenant, Seq: e.Seq, Hash: e.Hash})
}

// chainHead gives the end of a chain; a ledger that has lost it is asked for
// its last row.
func chainHead(ctx context.Context, q *gen.Queries, tenant string) (audit.Head, error) {
	head := audit.Head{Tenant: tenant}
	r, err := q.AuditHead(ctx, tenant)
	if errors.Is(err, sql.ErrNoRows) {
		var last gen.LastAuditRow
		if last, err = q.LastAudit(ctx, tenant); errors.Is(err, sql.ErrNoRows) {
			return head, nil
		}
		r = gen.AuditHeadRow(last)
	}
	if err != nil {
		return head, fmt.Errorf("read the end of %s: %w", audit.ChainName(tenant), err)
	}
	head.Seq, head.Hash = r.Seq, r.Hash
	return head, nil
}

// recordPage is how many rows of the record are held at a time.
const recordPage = 1000

// Audit gives the rows of the tenant's chain after a row, in order. The
// sequence may be walked once; it ends with the first error.
func (s *Scope) Audit(ctx context.Context, after int64) iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) {
		for {
			rows, err := s.store.queries().ListAudit(ctx, gen.ListAuditParams{TenantID: s.tenant, After: after, Most: recordPage})
			if err != nil {
				yield(audit.Entry{}, Explain(fmt.Errorf("read the record: %w", err)))
				return
			}
			for _, r := range rows {
				if !yield(entryOf(r), nil) {
					return
				}
				after = r.Seq
			}
			if len(rows) < recordPage {
				return
			}
		}
	}
}

func entryOf(r gen.Audit) audit.Entry {
	when := at(r.At).UTC()
	return audit.Entry{
		Tenant: r.TenantID, Seq: r.Seq, At: when, Time: audit.Instant(when), Actor: r.Actor, Source: r.Source, Request: r.RequestID,
		Export: r.ExportID, Action: audit.Action(r.Action), Object: r.Object, Outcome: r.Outcome, Reason: r.Reason, Rule: r.Rule,
		Facts: r.Facts, Prev: r.PrevHash, Hash: r.Hash,
	}
}

// AuditHead gives the end of the tenant's chain as the ledger remembers it;
// ok is false for a chain without one.
func (s *Scope) AuditHead(ctx context.Context) (h audit.Head, ok bool, err error) {
	r, err := s.store.queries().AuditHead(ctx, s.tenant)
	if errors.Is(err, sql.ErrNoRows) {
		return h, false, nil
	}
	return audit.Head{Tenant: s.tenant, Seq: r.Seq, Hash: r.Hash}, err == nil, Explain(err)
}

// AuditChains gives the tenants whose chains have rows, the house's first if
// it has any.
func (s *Store) AuditChains(ctx context.Context) ([]string, error) {
	chains, err := s.queries().AuditChains(ctx)
	return chains, Explain(err)
}

// AuditFaults walks a tenant's chain, also while it grows. It returns the
// chain's last right row, and its first fault or nil.
func (s *Store) AuditFaults(ctx context.Context, tenant string, anchors []audit.Anchor) (audit.Head, *audit.Fault, error) {
	scope, walk := s.In(tenant), audit.NewWalk(tenant, anchors)
	for {
		from := walk.Head().Seq
		for e, err := range scope.Audit(ctx, from) {
			if err != nil {
				return walk.Head(), nil, err
			}
			if f := walk.Take(e); f != nil {
				return walk.Head(), f, nil
			}
		}
		end, ok, err := scope.AuditHead(ctx)
		if err != nil {
			return walk.Head(), nil, err
		}
		if !ok {
			return walk.Head(), walk.Forgotten(), nil
		}
		if reached := walk.Head().Seq; end.Seq <= reached || reached == from { // otherwise rows came meanwhile
			return walk.Head(), walk.End(&end), nil
		}
	}
}

// Anchors keep the ends of the chains in a file beside the ledger.
func (s *Store) Anchors(path string) *audit.Anchors {
	return &audit.Anchors{Path: path, Moved: s.movedHeads, Anchored: s.setAnchored}
}

// AnchorsOf gives where the anchors of a ledger's chains are kept.
func AnchorsOf(ledger string) string {
	return filepath.Join(filepath.Dir(ledger), "audit-anchors.ndjson")
}

func (s *Store) movedHeads(ctx context.Context, since time.Time) ([]audit.Head, error) {
	rows, err := s.queries().MovedAuditHeads(ctx, ms(since))
	if err != nil {
		return nil, Explain(fmt.Errorf("read the ends of the record: %w", err))
	}
	heads := make([]audit.Head, len(rows))
	for i, r := range rows {
		heads[i] = audit.Head{Tenant: r.TenantID, Seq: r.Seq, Hash: r.Hash}
	}
	return heads, nil
}

func (s *Store) setAnchored(ctx context.Context, heads []audit.Head) error {
	return s.inTx(ctx, func(sqlTx *sql.Tx) error {
		q, now := gen.New(sqlTx), ms(time.Now())
		for _, h := range heads {
			if err := q.SetAnchored(ctx, gen.SetAnchoredParams{Seq: h.Seq, At: now, TenantID: h.Tenant}); err != nil {
				return err
			}
		}
		return nil
	})
}

// Keyed gives a hash of a text under a key of the tenant's that never leaves
// the ledger: the same text has the same hash, and nobody without the key can
// try which text it is of.
func (tx *Tx) Keyed(text []byte) (string, error) {
	key, err := tx.q.AuditKey(tx.ctx, tx.tenant)
	if errors.Is(err, sql.ErrNoRows) {
		key = make([]byte, 32)
		rand.Read(key) //nolint:errcheck // it never fails
		err = tx.q.PutAuditKey(tx.ctx, gen.PutAuditKeyParams{TenantID: tx.tenant, Key: key})
	}
	if err != nil {
		return "", fmt.Errorf("read the key of the record: %w", err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(text)
	return hex.EncodeToString(mac.Sum(nil)), nil
}

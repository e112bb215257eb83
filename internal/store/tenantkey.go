package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// A TenantKey is what the ledger knows of a key that encrypts what is kept of a
// practice. The key itself is never in the ledger.
type TenantKey struct {
	ID          uint32
	CreatedAt   time.Time
	RetiredAt   time.Time // since then another one encrypts; zero while it does
	DestroyedAt time.Time // since then nothing opens what it encrypted; zero while something does
}

// Keys gives the tenant's keys, the oldest first.
func (s *Scope) Keys(ctx context.Context) ([]TenantKey, error) {
	rows, err := s.store.queries().ListTenantKeys(ctx, s.tenant)
	if err != nil {
		return nil, Explain(fmt.Errorf("list the practice's keys: %w", err))
	}
	return keysOf(rows), nil
}

func keysOf(rows []gen.TenantKey) []TenantKey {
	list := make([]TenantKey, len(rows))
	for i, r := range rows {
		list[i] = TenantKey{ID: uint32(r.KeyID), CreatedAt: at(r.CreatedAt), RetiredAt: at(r.RetiredAt), DestroyedAt: at(r.DestroyedAt)}
	}
	return list
}

// TenantsWithKeys gives the tenants that have keys, or had some.
func (s *Store) TenantsWithKeys(ctx context.Context) ([]string, error) {
	list, err := s.queries().TenantsWithKeys(ctx)
	return list, Explain(err)
}

// PutKeys records how the tenant's keys stand, and puts each change on record
// in its chain. A key that is destroyed stays so, and one that keys does not
// name is left as it is. It writes nothing when nothing changed.
func (tx *Tx) PutKeys(keys []TenantKey) error {
	rows, err := tx.q.ListTenantKeys(tx.ctx, tx.tenant)
	if err != nil {
		return fmt.Errorf("list the practice's keys: %w", err)
	}
	known := keysOf(rows)
	for _, k := range keys {
		if err := tx.putKey(k, known); err != nil {
			return err
		}
		known = append(known, k)
	}
	return nil
}

func (tx *Tx) putKey(k TenantKey, known []TenantKey) error {
	i := slices.IndexFunc(known, func(o TenantKey) bool { return o.ID == k.ID })
	ev := audit.Event{Object: strconv.FormatUint(uint64(k.ID), 10), Facts: map[string]any{"for": "encryption at rest"}}
	alive := func(o TenantKey) bool { return o.DestroyedAt.IsZero() }
	switch {
	case i < 0 && !k.DestroyedAt.IsZero():
		ev.Action = audit.KeyDestroyed
	case i < 0 && !slices.ContainsFunc(known, alive):
		ev.Action = audit.KeyCreated
	case i < 0:
		ev.Action = audit.KeyRotated
	case !known[i].DestroyedAt.IsZero():
		return nil
	case !k.DestroyedAt.IsZero():
		ev.Action = audit.KeyDestroyed
	case ms(known[i].RetiredAt) == ms(k.RetiredAt):
		return nil
	}
	err := tx.q.PutTenantKey(tx.ctx, gen.PutTenantKeyParams{
		TenantID: tx.tenant, KeyID: int64(k.ID), CreatedAt: ms(k.CreatedAt), RetiredAt: ms(k.RetiredAt), DestroyedAt: ms(k.DestroyedAt),
	})
	if err != nil || ev.Action == "" { // the key that took over is on record
		return err
	}
	return tx.Audit(ev)
}

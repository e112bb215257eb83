package look

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// rowsLooked is how many rows of the record one search looks at.
const rowsLooked = 20_000

// HouseName is how the house's own chain is named by those who ask for it.
const HouseName = "house"

// A TrailSearch is what somebody looks for in the record.
type TrailSearch struct {
	Chain         string // a practice's, or HouseName; empty: all that who asks may examine
	Actor, Action string // empty: any
	Since, Until  time.Time
	Below         int64 // only rows before this one; 0: from the latest
}

// Examined gives the chains that who asks may examine: nil means all of them. A
// chain that is named must be there: what is put on record stays so.
func (rd *Reader) Examined(ctx context.Context, chain string) ([]string, error) {
	actor := access.ActorOf(ctx)
	if chain == HouseName {
		chain = audit.House
	} else if chain == "" {
		if actor.May(access.Examine, "") {
			return nil, nil
		}
		some := []string{}
		for _, g := range actor.Grants {
			if actor.May(access.Examine, g.Tenant) && g.Tenant != access.Every {
				some = append(some, g.Tenant)
			}
		}
		return some, nil
	}
	if !actor.May(access.Examine, chain) {
		return nil, access.ErrNotFound
	}
	if chain == audit.House {
		return []string{chain}, nil
	}
	_, known, err := rd.Store.Standing(ctx, chain)
	if err != nil || !known {
		return nil, cmp.Or(err, access.ErrNotFound)
	}
	return []string{chain}, nil
}

// SearchTrail searches the record. That somebody did is on record before
// anything is read, in the chains that they look at, or the house's for all.
func (rd *Reader) SearchTrail(ctx context.Context, t TrailSearch) (store.Found, error) {
	chains, err := rd.Examined(ctx, t.Chain)
	if err != nil {
		return store.Found{}, err
	}
	looked := chains
	if looked == nil {
		looked = []string{audit.House}
	}
	if err := rd.Store.Record(ctx, audit.Event{Action: audit.RecordRead, Reason: "search"}, looked...); err != nil {
		return store.Found{}, err
	}
	return rd.Store.AuditSearch(ctx, store.AuditSearch{
		Tenants: chains, Actor: t.Actor, Action: audit.Action(t.Action), Since: t.Since, Until: t.Until, Below: t.Below, Looked: rowsLooked,
	})
}

// Chains gives how the chains stand that who asks may examine: those that
// nobody looked over for longest first.
func (rd *Reader) Chains(ctx context.Context) ([]store.Chain, error) {
	all, err := rd.Store.AuditStandings(ctx)
	if err != nil {
		return nil, err
	}
	actor := access.ActorOf(ctx)
	all = slices.DeleteFunc(all, func(c store.Chain) bool { return !actor.May(access.Examine, c.Tenant) })
	broken := func(c store.Chain) int {
		if c.Verified.By != "" && !c.Whole {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(all, func(a, b store.Chain) int {
		return cmp.Or(cmp.Compare(broken(a), broken(b)), a.Reviewed.At.Compare(b.Reviewed.At), cmp.Compare(a.Tenant, b.Tenant))
	})
	return all, nil
}

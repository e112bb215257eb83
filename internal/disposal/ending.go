package disposal

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// What of a whole practice is destroyed at the end of its agreement, as
// store.Disposal's Area.
const (
	ofSinks   = "sink/"    // and the name of the sink
	ofUnknown = "unknown " // and the kind of the area, of an export that the ledger does not know
	ofLedger  = "ledger"
	ofKey     = "key"
)

// An ending is the end of one practice's agreement on its way.
type ending struct {
	*Keeper
	tenant *config.Tenant
	files  *blob.Scope
	ledger *store.Scope
	facts  Facts
	of     store.Ending
	wish   Wish
	result *Result
}

// end destroys everything of a practice whose agreement is over, once it is due:
// files, rows in sinks, what the ledger has of patients, the key; and certifies
// it. Each part is recorded before it goes and after it is gone.
func (k *Keeper) end(ctx context.Context, t *config.Tenant, f Facts, w Wish, r *Result) error {
	scope, err := k.Files.Tenant(t.ID)
	if err != nil {
		return err
	}
	e := &ending{k, t, scope, k.Store.In(t.ID), f, *r.Ending, w, r}
	due := f.decide(agreement.Kept{Kind: agreement.KindDelivered, Ended: f.OverAt, Returned: f.Returned})
	if !due.Due {
		r.Waits = Says(due)
		return nil
	}
	if err := e.begin(ctx, due); err != nil || r.Waits != "" {
		return err
	}
	for _, part := range []func(context.Context) error{e.areas, e.leftovers, e.sinks, e.rows, e.key, e.certify} {
		if r.More = r.More || w.spent(); r.More {
			return nil
		}
		if err := part(ctx); err != nil || r.More || r.Waits != "" {
			return err
		}
	}
	return nil
}

// begin makes it durable that from here on things are destroyed. While an
// export is under way they are not.
func (e *ending) begin(ctx context.Context, due agreement.Disposal) error {
	err := e.ledger.Do(ctx, func(tx *store.Tx) error {
		open, err := tx.OpenExportsOfTenant()
		if err != nil {
			return err
		}
		if open > 0 {
			e.result.Waits = "an export of the practice has not ended yet: stop it with bulkhead cancel " + e.tenant.ID
			return nil
		}
		began, err := tx.BeginEnding(e.of)
		if err != nil || !began {
			return err
		}
		return tx.Audit(audit.Event{Action: audit.Policy, Object: stage, Outcome: audit.Allowed, Rule: string(due.Rule), Reason: e.of.Rule})
	})
	if err != nil {
		return err
	}
	return e.at("ending begun")
}

func (e *ending) areas(ctx context.Context) error {
	for _, v := range Look(e.facts) {
		gone := len(e.result.Gone)
		if err := e.area(ctx, place{e.files, e.ledger, v, e.of.ID}, e.wish, e.result); err != nil || e.result.More {
			return err
		}
		if len(e.result.Gone) == gone {
			e.result.Waits = "export " + v.Export.ID + " has moved meanwhile"
			return nil
		}
	}
	return nil
}

// leftovers destroys files in the practice's folders that the ledger does not
// know, as after a ledger from a backup; first those whose destruction a process
// before had begun.
func (e *ending) leftovers(ctx context.Context) error {
	all, err := e.ledger.Disposals(ctx)
	if err != nil {
		return err
	}
	for _, d := range all {
		if kind, ok := strings.CutPrefix(d.Area, ofUnknown); ok && d.Ending == e.of.ID && d.EndedAt.IsZero() {
			if err := e.takeLeftover(ctx, d, agreement.Kind(kind)); err != nil {
				return err
			}
		}
	}
	for p, err := range e.Files.Places(ctx) {
		if err != nil {
			return err
		}
		if p.Tenant != e.tenant.ID || !p.Named() { // I7
			continue
		}
		if err := e.leftover(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (e *ending) leftover(ctx context.Context, p blob.Place) error {
	i := slices.IndexFunc(Areas, func(a Area) bool { return a.Files == p.Area })
	of := place{e.files, e.ledger, Verdict{Export: store.Export{ID: p.Export}, Area: Areas[i]}, e.of.ID}
	items, err := list(ctx, of)
	if err != nil || len(items) == 0 {
		return err
	}
	d, err := e.part(p.Export, ofUnknown+string(Areas[i].Kind), items)
	if err != nil {
		return err
	}
	if err := e.ledger.Do(ctx, func(tx *store.Tx) error { _, err := tx.BeginDisposal(d); return err }); err != nil {
		return err
	}
	return e.takeLeftover(ctx, d, Areas[i].Kind)
}

// takeLeftover destroys what is written down of them.
func (e *ending) takeLeftover(ctx context.Context, d store.Disposal, kind agreement.Kind) error {
	if err := e.at("leftover begun"); err != nil {
		return err
	}
	area, _ := Of(kind)
	if err := e.files.DeleteExport(ctx, area.Files, d.Export); err != nil {
		return err
	}
	if err := e.at("leftover removed"); err != nil {
		return err
	}
	return e.gone(ctx, d)
}

// part makes what is recorded of a part of the ending.
func (e *ending) part(export, area string, items []Item) (store.Disposal, error) {
	d := store.Disposal{Export: export, Area: area, Ending: e.of.ID, Rule: string(agreement.AgreementOver), Files: int64(len(items))}
	for _, i := range items {
		d.Bytes += i.Bytes
	}
	var err error
	d.Listing, err = json.Marshal(items)
	return d, err
}

func (e *ending) gone(ctx context.Context, d store.Disposal) error {
	return e.ledger.Do(ctx, func(tx *store.Tx) error { _, err := tx.EndDisposal(d); return err })
}

// done reports whether a part of the practice has begun to go, and is gone, in
// this ending.
func (e *ending) done(area string) (begun, ended bool) {
	for _, m := range e.facts.Marks {
		if m.Export == "" && m.Area == area && m.Ending == e.of.ID {
			return true, !m.EndedAt.IsZero()
		}
	}
	return false, false
}

// sinks erases the practice from every sink that can.
func (e *ending) sinks(ctx context.Context) error {
	sinks := e.Sinks()
	for _, name := range slices.Sorted(maps.Keys(sinks)) {
		eraser, ok := sinks[name].(sink.Eraser)
		begun, ended := e.done(ofSinks + name)
		if !ok || ended {
			continue
		}
		if e.result.More = e.wish.spent(); e.result.More {
			return nil
		}
		if err := e.sink(ctx, name, eraser, begun); err != nil {
			return fmt.Errorf("erase the practice from sink %s: %w", name, err)
		}
	}
	return nil
}

func (e *ending) sink(ctx context.Context, name string, from sink.Eraser, begun bool) error {
	d := store.Disposal{Area: ofSinks + name, Ending: e.of.ID, Rule: string(agreement.AgreementOver)}
	if begun {
		all, err := e.ledger.Disposals(ctx)
		if err != nil {
			return err
		}
		d = all[slices.IndexFunc(all, func(o store.Disposal) bool { return o.Area == d.Area && o.Ending == d.Ending })]
	} else {
		rows, err := from.Count(ctx, e.tenant.ID)
		if err != nil {
			return err
		}
		if d, err = e.part("", d.Area, tables(rows)); err != nil {
			return err
		}
		if err := e.ledger.Do(ctx, func(tx *store.Tx) error { _, err := tx.BeginDisposal(d); return err }); err != nil {
			return err
		}
	}
	if err := e.at("sink counted"); err != nil {
		return err
	}
	if err := from.Erase(ctx, e.tenant.ID); err != nil {
		return err
	}
	if err := e.at("sink erased"); err != nil {
		return err
	}
	return e.gone(ctx, d)
}

// tables gives counts of rows as a listing, by name.
func tables(rows map[string]int64) []Item {
	items := []Item{}
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		items = append(items, Item{Name: name, Rows: rows[name]})
	}
	return items
}

// rows empties the ledger of what it has of the practice's patients, and its
// log: also where the process before died in between.
func (e *ending) rows(ctx context.Context) error {
	if _, ended := e.done(ofLedger); !ended {
		if err := e.dropRows(ctx); err != nil {
			return err
		}
		if err := e.at("rows dropped"); err != nil {
			return err
		}
	}
	if err := e.Store.Truncate(ctx); err != nil {
		return err
	}
	return e.at("rows forgotten")
}

func (e *ending) dropRows(ctx context.Context) error {
	return e.ledger.Do(ctx, func(tx *store.Tx) error {
		rows, err := tx.Forget()
		if err != nil {
			return err
		}
		d, err := e.part("", ofLedger, tables(rows))
		if err != nil {
			return err
		}
		if _, err := tx.BeginDisposal(d); err != nil {
			return err
		}
		_, err = tx.EndDisposal(d)
		return err
	})
}

// key destroys the key of the practice, so that copies elsewhere cannot be read.
func (e *ending) key(ctx context.Context) error {
	begun, ended := e.done(ofKey)
	keys, err := e.ledger.Keys(ctx)
	if err != nil || len(keys) == 0 || e.Shred == nil || ended { // without keys nothing was encrypted
		return err
	}
	items := make([]Item, len(keys))
	for i, key := range keys {
		items[i] = Item{Name: fmt.Sprint(key.ID)}
	}
	d, err := e.part("", ofKey, items)
	if err != nil {
		return err
	}
	if !begun {
		if err := e.ledger.Do(ctx, func(tx *store.Tx) error { _, err := tx.BeginDisposal(d); return err }); err != nil {
			return err
		}
	}
	if err := e.Shred.Shred(ctx, e.tenant.ID); err != nil {
		return fmt.Errorf("destroy the practice's key: %w", err)
	}
	if err := e.at("key destroyed"); err != nil {
		return err
	}
	return e.gone(ctx, d)
}

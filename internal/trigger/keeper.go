package trigger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// Work is what requests need of the engine.
type Work interface {
	// Request writes the intent of an export and returns its id; with an id and
	// a problem it was recorded as denied.
	Request(ctx context.Context, tenant string, w export.Wish) (string, error)
}

// Options are what a keeper needs. The first three are required.
type Options struct {
	Config func() *config.Config // the one in force now
	Store  *store.Store
	Work   func() Work // asked whenever it is needed: the engine is made after its followers

	// Ended, when set, is told of each export that has come to rest, once it is
	// written that others are told. It may be told twice, or not at all where
	// the process ends.
	Ended func(ctx context.Context, x store.Export)
	// Nudge, when set, is called when there is something to send.
	Nudge func()

	// Point, for tests, is called in the transaction that takes a request up
	// ("request: taken") and after it ("request: committed"), in that which
	// writes call-backs ("end: written") and after it ("end: committed"); its
	// error takes the place of what would have come next. Nil in production.
	Point func(name string) error
}

// A Keeper takes requests up and writes what is told of ends. It is a follower
// of the engine. It may be used concurrently.
type Keeper struct {
	o Options

	mu      sync.Mutex     // held while it follows
	waiting map[int64]bool // requests that were checked and wait for their practice
	pruned  time.Time
}

// New makes a keeper. Nothing happens before CatchUp.
func New(o Options) *Keeper { return &Keeper{o: o} }

const (
	atOnce      = 1000 // requests, or ends, of one look
	untakenMost = 1000 // requests of one practice that may wait
	remember    = 400 * 24 * time.Hour
)

// CatchUp takes up new requests and writes the call-backs of exports that have
// come to rest. A request that cannot be taken is refused with words; the
// error is trouble with the ledger.
func (k *Keeper) CatchUp(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	err := errors.Join(k.takeUp(ctx), k.tell(ctx))
	if next, e := k.o.Store.NextCallback(ctx); e != nil {
		err = errors.Join(err, e)
	} else if !next.IsZero() && !next.After(time.Now()) && k.o.Nudge != nil {
		k.o.Nudge()
	}
	if now := time.Now(); err == nil && now.Sub(k.pruned) > 24*time.Hour {
		k.pruned = now
		return k.o.Store.PruneRequests(ctx, now.Add(-remember))
	}
	return err
}

// takeUp answers the new requests of practices that have no export under way.
// Those of one practice that wish the same are answered by one export; others
// wait until it has ended. Trouble with one practice keeps no other waiting.
func (k *Keeper) takeUp(ctx context.Context) error {
	list, err := k.o.Store.NewRequests(ctx, atOnce)
	if err != nil {
		return err
	}
	cfg, taken := k.o.Config(), map[string]bool{}
	waiting := map[int64]bool{}
	var failed error
	for i, r := range list {
		if ctx.Err() != nil {
			return errors.Join(failed, ctx.Err())
		}
		switch {
		case taken[r.Tenant]:
			continue // answered with one before it, or its turn comes
		case r.Busy && k.waiting[r.ID]:
			waiting[r.ID] = true
			continue
		}
		settled, err := k.settle(ctx, cfg, r.ExportRequest)
		if err == nil && (settled || r.Busy) {
			waiting[r.ID] = !settled
			continue
		}
		taken[r.Tenant] = true
		if err == nil {
			err = k.startWith(ctx, cfg, r.ExportRequest, list[i+1:])
		}
		if failed = errors.Join(failed, err); everybodys(err) {
			return failed
		}
	}
	k.waiting = waiting
	return failed
}

// everybodys reports whether trouble is of the ledger as a whole, not of one
// practice's rows.
func everybodys(err error) bool {
	p, ok := errors.AsType[*problem.Problem](err)
	return ok && (p.Code.Kind() == problem.StorageFull.Kind() || p.Code == problem.StorageUnwritable || p.Code == problem.LedgerDamaged)
}

// startWith begins the export that answers a request, and those after it that
// wish the same.
func (k *Keeper) startWith(ctx context.Context, cfg *config.Config, r store.ExportRequest, after []store.NewRequest) error {
	same := []store.ExportRequest{r}
	for _, o := range after {
		if !o.Wishes(r) {
			continue
		}
		settled, err := k.settle(ctx, cfg, o.ExportRequest)
		if err != nil {
			return err
		}
		if !settled {
			same = append(same, o.ExportRequest)
		}
	}
	return k.start(ctx, same)
}

// settle answers a request that needs no new export: it is refused, or repeats
// one that has its export. It reports whether it did.
func (k *Keeper) settle(ctx context.Context, cfg *config.Config, r store.ExportRequest) (bool, error) {
	if p := check(cfg, r); p != nil {
		return true, k.refuse(ctx, r, p)
	}
	if r.Reference == "" {
		return false, nil
	}
	known, ok, err := k.o.Store.In(r.Tenant).Asked(ctx, r)
	switch {
	case err != nil || !ok:
		return false, err
	case !known.Wishes(r):
		return true, k.refuse(ctx, r, otherwise(r, known))
	case known.Export == "":
		return false, nil // it is new too: they are taken up together
	}
	return true, lost(k.o.Store.In(r.Tenant).Do(ctx, func(tx *store.Tx) error {
		return k.answer(tx, r, known.Export)
	}))
}

// lost makes nothing of a request that somebody else has answered meanwhile.
func lost(err error) error {
	if errors.Is(err, store.ErrFenced) {
		return nil
	}
	return err
}

// answer binds a request to its export, on record.
func (k *Keeper) answer(tx *store.Tx, r store.ExportRequest, export string) error {
	if err := tx.Answer(r.ID, export); err != nil {
		return err
	}
	return tx.Audit(audit.Event{
		Action: audit.RequestTaken, Actor: actor(r), Object: strconv.FormatInt(r.ID, 10), Export: export, Outcome: audit.Allowed,
		Facts: map[string]any{"kind": r.Kind},
	})
}

// refuse ends a request without an export, on record, and writes the call-back
// that tells it where that is allowed. What is said of a practice that is not
// configured stands in the house's record.
func (k *Keeper) refuse(ctx context.Context, r store.ExportRequest, p *problem.Problem) error {
	ev := audit.Event{Action: audit.RequestTaken, Actor: actor(r), Object: strconv.FormatInt(r.ID, 10), Outcome: audit.Refused, Reason: string(p.Code)}
	err := k.o.Store.In(r.Tenant).Do(ctx, func(tx *store.Tx) error {
		if err := tx.Refuse(r.ID, p); err != nil {
			return err
		}
		if to, at, ok := k.o.Config().Callback(r.Tenant, r.Callback); ok && r.Callback != "" {
			r.State, r.Code, r.Problem, r.Remedy, r.StartedAt, r.EndedAt = store.RequestRefused, string(p.Code), p.Summary, p.Remedy, tx.Now(), tx.Now()
			if err := tx.CallBack(refusalOf(r, to.Name, at, tx.Now())); err != nil {
				return err
			}
		}
		if p.Code == problem.TenantUnknown {
			return nil
		}
		return tx.Audit(ev)
	})
	if err == nil && p.Code == problem.TenantUnknown {
		err = k.o.Store.Record(ctx, ev, audit.House)
	}
	return lost(err)
}

// start begins the export that answers requests of one practice that wish the
// same: in one transaction it is written and they are answered.
func (k *Keeper) start(ctx context.Context, same []store.ExportRequest) error {
	first := same[0]
	w := wish(first)
	w.Answers = func(tx *store.Tx, id string) error {
		for _, r := range same {
			if err := k.answer(tx, r, id); err != nil {
				return err
			}
		}
		return k.at("request: taken")
	}
	id, err := k.o.Work().Request(audit.As(ctx, audit.Identity{Actor: w.By}), first.Tenant, w)
	if id != "" {
		return k.at("request: committed") // a denied one is answered, too
	}
	if errors.Is(err, store.ErrFenced) {
		return nil
	}
	p, ok := errors.AsType[*problem.Problem](err)
	if !ok || p.Code.Kind() == problem.StorageFull.Kind() {
		return fmt.Errorf("take up request %d: %w", first.ID, err)
	}
	if open, e := k.o.Store.In(first.Tenant).UnderWay(ctx); e != nil || open > 0 {
		return e // another export came first; they wait for its end
	}
	for _, r := range same {
		if err := k.refuse(ctx, r, p); err != nil {
			return err
		}
	}
	return nil
}

func (k *Keeper) at(name string) error {
	if k.o.Point == nil {
		return nil
	}
	return k.o.Point(name)
}

// Ask writes a request that is taken up within seconds, and gives it with its
// number. The same reference of the same caller gives the request that is
// there. What cannot be taken is a problem, and nothing is written.
func (k *Keeper) Ask(ctx context.Context, r store.ExportRequest) (store.ExportRequest, error) {
	if p := check(k.o.Config(), r); p != nil {
		return r, p
	}
	scope := k.o.Store.In(r.Tenant)
	if n, err := scope.Untaken(ctx); err != nil || n >= untakenMost {
		if err == nil {
			err = problem.New(problem.Usage, fmt.Sprintf("%d requests of this practice wait already", n), "Wait until they are taken up; several that ask for the same are one export.").For(r.Tenant)
		}
		return r, err
	}
	err := scope.Do(ctx, func(tx *store.Tx) error {
		known, ok, err := k.repeated(tx, r)
		if err != nil || ok {
			r = known
			return err
		}
		if r.ID, err = tx.Ask(r); err != nil {
			return err
		}
		r.State = store.RequestNew
		return tx.Audit(audit.Event{Action: audit.RequestTaken, Actor: actor(r), Object: strconv.FormatInt(r.ID, 10), Facts: map[string]any{"kind": r.Kind}})
	})
	return r, err
}

// repeated gives the request that r repeats.
func (k *Keeper) repeated(tx *store.Tx, r store.ExportRequest) (known store.ExportRequest, ok bool, err error) {
	if r.Reference == "" {
		return known, false, nil
	}
	known, ok, err = tx.Asked(r)
	if ok && !known.Wishes(r) {
		return known, ok, otherwise(r, known)
	}
	return known, ok, err
}

// errRepeated says that a request has its export already.
var errRepeated = errors.New("the request was made before")

// Start begins the export that a request asks for at once and gives its id.
// The same reference of the same caller gives the export that is there. What
// cannot be taken, or may not begin, is a problem.
func (k *Keeper) Start(ctx context.Context, r store.ExportRequest) (string, error) {
	if p := check(k.o.Config(), r); p != nil {
		return "", p
	}
	w := wish(r)
	w.Answers = func(tx *store.Tx, id string) error {
		_, ok, err := k.repeated(tx, r)
		if err != nil || ok {
			return cmp.Or(err, errRepeated)
		}
		if r.ID, err = tx.Ask(r); err != nil {
			return err
		}
		if err := tx.Answer(r.ID, id); err != nil {
			return err
		}
		return k.at("request: taken")
	}
	known, ok, err := k.o.Store.In(r.Tenant).Asked(ctx, r) // also while the export runs, which stands in the way of another
	if err == nil && !ok {
		id, refused := k.o.Work().Request(ctx, r.Tenant, w)
		if refused == nil || id != "" {
			return id, refused
		}
		if known, ok, err = k.o.Store.In(r.Tenant).Asked(ctx, r); err == nil && !ok { // the same may have come at the same moment
			err = refused
		}
	}
	switch {
	case err != nil || !ok:
		return "", err
	case !known.Wishes(r):
		return "", otherwise(r, known)
	case known.State == string(life.Denied):
		return known.Export, problem.New(problem.Code(known.Code), known.Problem, known.Remedy).For(r.Tenant)
	}
	return known.Export, nil
}
